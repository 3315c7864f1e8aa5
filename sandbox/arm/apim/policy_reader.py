"""Reads policy documents: ``xml`` is XML, ``rawxml`` is what people write in the portal.

In ``rawxml`` an attribute or a text that is a policy expression, ``@(...)`` or ``@{...}``, holds C#
as it stands, quotes and angle brackets included (.NET reference, PolicyContentFormat.RawXml). No
XML parser reads that, so this one does, and keeps line and column of every element for messages.

The wording of syntax errors is .NET's XmlReader's, which the service passes on (for example
github.com/Azure/azure-powershell/issues/12836).
"""

import re
import sys
from collections.abc import Iterator

from sandbox.arm.apim.csharp import UnbalancedError, end_of_expression
from sandbox.arm.apim.policy_xml import Comment, Element, Format, PolicyTree, Text, is_expression

_NAME = re.compile(r"[A-Za-z_][\w.\-]*(?::[A-Za-z_][\w.\-]*)?")
_ENTITY = re.compile(r"&(#x[0-9a-fA-F]+|#\d+|[A-Za-z]+);")
_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_SPACE = " \t\r\n"
_MAX_DEPTH = 128  # protects this process; the service's own limit is unknown


class PolicySyntaxError(Exception):
    """The text is no XML document."""


def parse(text: str, content_format: Format) -> PolicyTree:
    """Read a document.

    Raises:
        PolicySyntaxError: with a message in the words of .NET's XmlReader.
    """
    # Line ends are normalised first, as XML demands (w3.org/TR/xml, 2.11).
    normal = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return _Parser(normal, raw=content_format == "rawxml").document()


class _Parser:
    """One pass over the text; ``_at`` is the next character."""

    def __init__(self, text: str, *, raw: bool) -> None:
        self._text = text
        self._raw = raw
        self._at = 0

    def document(self) -> PolicyTree:
        prologue = list(self._misc())
        if not self._here("<"):
            where = self._where()
            if self._at >= len(self._text):
                raise PolicySyntaxError("Root element is missing.")
            raise PolicySyntaxError(f"Data at the root level is invalid. {where}")
        root = self._element()
        list(self._misc())
        if self._at < len(self._text):
            kind = "There are multiple root elements." if self._here("<") else ""
            raise PolicySyntaxError(
                f"{kind or 'Data at the root level is invalid.'} {self._where()}"
            )
        return PolicyTree(root, tuple(prologue))

    def _misc(self) -> Iterator[Comment]:
        while True:
            self._skip_space()
            if self._here("<!--"):
                yield self._comment()
            elif self._here("<?"):
                self._until("?>")
            elif self._here("<!"):
                raise PolicySyntaxError(
                    "For security reasons DTD is prohibited in this XML document. To enable DTD "
                    "processing set the DtdProcessing property on XmlReaderSettings to Parse and "
                    "pass the settings into XmlReader.Create method."
                )
            else:
                return

    def _element(self) -> Element:
        """Elements are kept on a stack, so that depth costs no recursion."""
        root = self._open()
        if root[1]:
            return root[0]
        stack = [root[0]]
        while stack:
            self._text_into(stack[-1])
            if self._at >= len(self._text):
                raise PolicySyntaxError(
                    "Unexpected end of file has occurred. The following elements are not closed: "
                    f"{', '.join(e.name for e in reversed(stack))}. {self._where()}"
                )
            if self._here("</"):
                self._close(stack.pop())
            elif self._here("<!--"):
                stack[-1].children.append(self._comment())
            elif self._here("<![CDATA["):
                stack[-1].children.append(Text(self._until("]]>")[len("<![CDATA[") : -3]))
            elif self._here("<?"):
                self._until("?>")
            else:
                child, closed = self._open()
                stack[-1].children.append(child)
                if not closed:
                    stack.append(child)
                if len(stack) > _MAX_DEPTH:
                    raise PolicySyntaxError(f"The document is nested too deeply. {self._where()}")
        return root[0]

    def _open(self) -> tuple[Element, bool]:
        self._at += 1
        line, column = self._position(self._at)
        name = self._name()
        attributes: dict[str, str] = {}
        while True:
            spaced = self._skip_space()
            if self._here("/>"):
                self._at += 2
                return Element(name, attributes, line, column), True
            if self._here(">"):
                self._at += 1
                return Element(name, attributes, line, column), False
            if not spaced:
                raise PolicySyntaxError(
                    f"'{self._peek()}' is an unexpected token. Expecting white space. "
                    f"{self._where()}"
                )
            where = self._where()
            key, value = self._one_attribute()
            if key in attributes:
                raise PolicySyntaxError(f"'{key}' is a duplicate attribute name. {where}")
            attributes[key] = value

    def _one_attribute(self) -> tuple[str, str]:
        key = self._name()
        self._skip_space()
        self._expect("=")
        self._skip_space()
        quote = self._peek()
        if quote not in ("'", '"'):
            raise PolicySyntaxError(
                f"'{quote}' is an unexpected token. The expected token is '\"' or '''. "
                f"{self._where()}"
            )
        self._at += 1
        start = self._at
        end = self._text.find(quote, self._expression_end(start) or start)
        if end < 0:
            raise PolicySyntaxError(f"There is an unclosed literal string. {self._where()}")
        self._at = end + 1
        value = self._text[start:end]
        if self._raw and is_expression(value):
            return key, self._decode_expression(value)
        if "<" in value:
            self._at = start + value.index("<")
            raise PolicySyntaxError(
                f"'<', hexadecimal value 0x3C, is an invalid attribute character. {self._where()}"
            )
        return key, self._decode(value, start)

    def _text_into(self, element: Element) -> None:
        start = self._at
        expression_end = self._expression_end(start)
        end = self._text.find("<", expression_end or start)
        end = len(self._text) if end < 0 else end
        value = self._text[start:end]
        if expression_end is None:
            value = self._decode(value, start)
        else:
            value = self._decode_expression(value)
        self._at = end
        if value:
            element.children.append(Text(value))

    def _expression_end(self, start: int) -> int | None:
        """Where the expression that begins here, after white space, ends in ``rawxml``."""
        if not self._raw:
            return None
        begin = start
        while self._text[begin : begin + 1] in tuple(_SPACE):
            begin += 1
        if not self._text.startswith(("@(", "@{"), begin):
            return None
        try:
            end = end_of_expression(self._text, begin)
        except UnbalancedError as exc:
            self._at = begin
            raise PolicySyntaxError(f"{exc} {self._where()}") from exc
        while self._text[end : end + 1] in tuple(_SPACE):
            end += 1
        return end

    def _decode_expression(self, value: str) -> str:
        """Predefined entities inside a raw expression count as already encoded (UNVERIFIED)."""
        return _ENTITY.sub(lambda m: _ENTITIES.get(m[1], m[0]), value)

    def _decode(self, value: str, start: int) -> str:
        def one(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("#"):
                code = int(name[2:], 16) if name[1] == "x" else int(name[1:])  # noqa: FURB166
                if code <= sys.maxunicode:
                    return chr(code)
            elif name in _ENTITIES:
                return _ENTITIES[name]
            self._at = start + match.start() + 1
            raise PolicySyntaxError(f"Reference to undeclared entity '{name}'. {self._where()}")

        stray = re.search(r"&(?!#x[0-9a-fA-F]+;|#\d+;|[A-Za-z]+;)", value)
        if stray:
            self._at = start + stray.end()
            raise PolicySyntaxError(f"An error occurred while parsing EntityName. {self._where()}")
        return _ENTITY.sub(one, value)

    def _close(self, element: Element) -> None:
        self._at += 2
        where = self._where()
        name = self._name()
        if name != element.name:
            raise PolicySyntaxError(
                f"The '{element.name}' start tag on line {element.line} position {element.column} "
                f"does not match the end tag of '{name}'. {where}"
            )
        self._skip_space()
        self._expect(">")

    def _comment(self) -> Comment:
        return Comment(self._until("-->")[4:-3])

    def _until(self, mark: str) -> str:
        end = self._text.find(mark, self._at)
        if end < 0:
            raise PolicySyntaxError(f"Unexpected end of file has occurred. {self._where()}")
        start, self._at = self._at, end + len(mark)
        return self._text[start : self._at]

    def _name(self) -> str:
        match = _NAME.match(self._text, self._at)
        if match is None:
            char = self._peek()
            raise PolicySyntaxError(
                f"Name cannot begin with the '{char}' character, hexadecimal value "
                f"0x{ord(char or ' '):02X}. {self._where()}"
            )
        self._at = match.end()
        return match[0]

    def _expect(self, char: str) -> None:
        if not self._here(char):
            raise PolicySyntaxError(
                f"'{self._peek()}' is an unexpected token. The expected token is '{char}'. "
                f"{self._where()}"
            )
        self._at += len(char)

    def _skip_space(self) -> bool:
        start = self._at
        while self._peek() and self._peek() in _SPACE:
            self._at += 1
        return self._at > start

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _here(self, mark: str) -> bool:
        return self._text.startswith(mark, self._at)

    def _position(self, index: int) -> tuple[int, int]:
        before = self._text[:index]
        return before.count("\n") + 1, index - (before.rfind("\n") + 1) + 1

    def _where(self) -> str:
        line, column = self._position(self._at)
        return f"Line {line}, position {column}."
