"""What can be refused without running an expression: unknown names and members.

A compiler would see them when the policy is saved; so should whoever wrote it, whether or not a
request comes along that way.
"""

from collections.abc import Iterable
from functools import lru_cache

from lark import Token, Tree

from sandbox.gateway.csharp.errors import ExpressionRefused
from sandbox.gateway.csharp.grammar import Node, parse, place
from sandbox.gateway.csharp.members import KNOWN, STATICS

_MEMBERS = ("member", "maybe_member", "call", "maybe_call")
_GLOBALS = frozenset({"context", *STATICS})


@lru_cache(maxsize=4096)
def checked(expression: str) -> Node:
    """The expression's tree.

    Raises:
        ExpressionRefused: naming what is not in this C#.
    """
    tree = parse(expression)
    for node in _of(tree, _MEMBERS):
        name = member_name(node)
        if name not in KNOWN:
            raise ExpressionRefused(f"'.{name}' {place(node)} is not in the C# of this gateway.")
    _resolve(tree, frozenset())
    if tree.data == "block" and not _returns(tree.children[-1]):
        # The page: all code paths of a multi-statement expression must end with a return.
        raise ExpressionRefused("Not all code paths of the policy expression return a value.")
    return tree


def member_name(node: Node) -> str:
    """The member that a suffix names, without its type argument."""
    return str(node.children[0]).partition("<")[0].strip()


def _of(tree: Node, kinds: Iterable[str]) -> list[Node]:
    wanted = frozenset(kinds)
    return list(tree.find_pred(lambda node: node.data in wanted))


def _resolve(node: Node | Token, names: frozenset[str]) -> frozenset[str]:
    """Check the names in *node*; which ones there are after it. A block's own end with it."""
    if not isinstance(node, Tree):
        return names
    match node.data:
        case "declare":
            _resolve(node.children[2], names)
            return names | {_new(str(node.children[1]), node, names)}
        case "foreach":
            _resolve(node.children[2], names)
            _resolve(node.children[3], names | {_new(str(node.children[1]), node, names)})
            return names
        case "block" | "body" | "for_":
            inner = names
            for child in node.children:
                inner = _resolve(child, inner)
            return names
        case "name":
            _known(str(node.children[0]), node, names | _GLOBALS)
        case "assign" | "add" | "increment":
            _known(str(node.children[0]), node, names)
    for child in node.children:
        _resolve(child, names)
    return names


def _known(name: str, node: Node, names: frozenset[str]) -> None:
    if name not in names:
        raise ExpressionRefused(f"The name '{name}' {place(node)} does not exist here.")


def _new(name: str, node: Node, names: frozenset[str]) -> str:
    if name in names | _GLOBALS:
        raise ExpressionRefused(f"The name '{name}' {place(node)} is declared twice.")
    return name


def _returns(node: Node | Token) -> bool:
    if not isinstance(node, Tree):
        return False
    match node.data:
        case "return_":
            return True
        case "body":
            return bool(node.children) and _returns(node.children[-1])
        case "if_" | "try_":
            parts = [it for it in node.children[-2:] if isinstance(it, Tree)]
            complete = node.data == "try_" or node.children[2] is not None
            return complete and all(_returns(it) for it in parts)
    return False
