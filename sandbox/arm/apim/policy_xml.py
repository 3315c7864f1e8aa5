"""Policy documents as a tree, and how the service writes them: re-indented, with CRLF."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal
from xml.sax.saxutils import escape

type Format = Literal["xml", "rawxml"]
type Node = "Element | Text | Comment"


@dataclass(frozen=True, slots=True)
class Text:
    value: str


@dataclass(frozen=True, slots=True)
class Comment:
    value: str


@dataclass(frozen=True, slots=True)
class Element:
    """``line`` and ``column`` are those of the name, counted from one, as the service reports."""

    name: str
    attributes: dict[str, str]
    line: int
    column: int
    children: list[Node] = field(default_factory=list)

    @property
    def elements(self) -> tuple["Element", ...]:
        return tuple(c for c in self.children if isinstance(c, Element))

    @property
    def text(self) -> str:
        return "".join(c.value for c in self.children if isinstance(c, Text)).strip()

    def walk(self) -> Iterator["Element"]:
        yield self
        for child in self.elements:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class PolicyTree:
    root: Element
    prologue: tuple[Comment, ...] = ()  # comments before the root


def serialise(tree: PolicyTree, content_format: Format) -> str:
    """Write a document as the service stores it: re-indented, with CRLF line ends.

    That it does both: github.com/hashicorp/terraform-provider-azurerm/pull/4140. Two spaces are
    seen in the REST reference's examples (rest/api/apimanagement/api-policy/get); that ``rawxml``
    is indented by tabs is UNVERIFIED.
    """
    indent = "  " if content_format == "xml" else "\t"
    raw = content_format == "rawxml"
    lines = [f"<!--{comment.value}-->" for comment in tree.prologue]
    lines += _lines(tree.root, indent, 0, raw=raw)
    return "\r\n".join(line.replace("\r\n", "\n").replace("\n", "\r\n") for line in lines)


def is_expression(value: str) -> bool:
    return value.lstrip().startswith(("@(", "@{"))


def _lines(element: Element, indent: str, depth: int, *, raw: bool) -> Iterator[str]:
    pad = indent * depth
    attributes = "".join(
        f' {name}="{_attribute(value, raw=raw)}"' for name, value in element.attributes.items()
    )
    children = [c for c in element.children if not isinstance(c, Text) or c.value.strip()]
    if not children:
        yield f"{pad}<{element.name}{attributes} />"
    elif all(isinstance(child, Text) for child in children):
        text = _content("".join(c.value for c in children if isinstance(c, Text)), raw=raw)
        yield f"{pad}<{element.name}{attributes}>{text}</{element.name}>"
    else:
        yield f"{pad}<{element.name}{attributes}>"
        for child in children:
            match child:
                case Element():
                    yield from _lines(child, indent, depth + 1, raw=raw)
                case Comment():
                    yield f"{pad}{indent}<!--{child.value}-->"
                case Text():
                    yield f"{pad}{indent}{_content(child.value.strip(), raw=raw)}"
        yield f"{pad}</{element.name}>"


def _attribute(value: str, *, raw: bool) -> str:
    if raw and is_expression(value):
        return value
    return escape(value, {'"': "&quot;", "\n": "&#xA;", "\r": "&#xD;", "\t": "&#x9;"})


def _content(value: str, *, raw: bool) -> str:
    return value if raw and is_expression(value) else escape(value)
