"""Runs a parsed expression against ``context``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lark import Token, Tree

from sandbox.gateway.csharp.check import checked, member_name
from sandbox.gateway.csharp.errors import CSharpError, ExpressionRefused
from sandbox.gateway.csharp.grammar import Node, place
from sandbox.gateway.csharp.members import METHODS, PROPERTIES, STATICS, index
from sandbox.gateway.csharp.operators import int32, related, same, summed, unescaped
from sandbox.gateway.csharp.values import Char, JToken, Method, Record, cast, name_of

_MAX_STEPS = 200_000  # of loops; real gateways stop an expression too, at a time unknown


def evaluate(expression: str, context: Record) -> Any:
    """The value of ``@(...)`` or ``@{...}``.

    Raises:
        ExpressionRefused: it uses what this C# does not have.
        CSharpError: what C# would throw.
    """
    tree = checked(expression)
    run = _Run({"context": context, **STATICS})
    if tree.data == "single":
        return run.value(tree.children[0])
    for statement in tree.children:
        if (ended := run.step(statement)) is not None:
            return ended.value
    raise ExpressionRefused("The policy expression returned nothing.")


@dataclass(frozen=True, slots=True)
class _Returned:
    value: Any


@dataclass(slots=True)
class _Run:
    names: dict[str, Any]
    steps: int = field(default=0)

    def value(self, node: Node | Token) -> Any:
        assert isinstance(node, Tree)  # noqa: S101  # tokens never stand where a value is meant
        try:
            return _VALUES[node.data](self, node)
        except RecursionError:
            raise ExpressionRefused("The policy expression is nested too deeply.") from None

    def truth(self, node: Node | Token) -> bool:
        found = self.value(node)
        if not isinstance(found, bool):
            raise ExpressionRefused(f"{_at(node)} is {name_of(found)} where bool is needed.")
        return found

    def step(self, node: Node | Token) -> _Returned | None:
        assert isinstance(node, Tree)  # noqa: S101
        self.steps += 1
        if self.steps > _MAX_STEPS:
            raise ExpressionRefused("The policy expression runs for too long.")
        return _STEPS[node.data](self, node)


def _block(run: _Run, node: Node) -> _Returned | None:
    for statement in node.children:
        if (ended := run.step(statement)) is not None:
            return ended
    return None


def _declare(run: _Run, node: Node) -> None:
    run.names[str(node.children[1])] = run.value(node.children[2])


def _assign(run: _Run, node: Node) -> None:
    name, value = str(node.children[0]), run.value(node.children[1])
    before = run.names.get(name)
    if None not in (before, value) and name_of(before) != name_of(value):
        raise ExpressionRefused(f"'{name}' is {name_of(before)} and can't be {name_of(value)}.")
    run.names[name] = value


def _add(run: _Run, node: Node) -> None:
    name = str(node.children[0])
    run.names[name] = summed(run.names.get(name), "+", run.value(node.children[1]), place(node))


def _increment(run: _Run, node: Node) -> None:
    name = str(node.children[0])
    run.names[name] = summed(run.names.get(name), "+", 1, place(node))


def _if(run: _Run, node: Node) -> _Returned | None:
    condition, then, otherwise = node.children
    if run.truth(condition):
        return run.step(then)
    return run.step(otherwise) if isinstance(otherwise, Tree) else None


def _for(run: _Run, node: Node) -> _Returned | None:
    first, condition, after, body = node.children
    run.step(first)
    while run.truth(condition):
        if (ended := run.step(body)) is not None:
            return ended
        run.step(after)
    return None


def _foreach(run: _Run, node: Node) -> _Returned | None:
    _type, name, many, body = node.children
    values = run.value(many)
    if isinstance(values, JToken) and isinstance(values.value, list):
        values = tuple(JToken(it) for it in values.value)
    if not isinstance(values, tuple):
        raise ExpressionRefused(f"foreach over {name_of(values)} is not in this C#.")
    for value in values:
        run.names[str(name)] = value
        if (ended := run.step(body)) is not None:
            return ended
    return None


def _try(run: _Run, node: Node) -> _Returned | None:
    try:
        return run.step(node.children[0])
    except CSharpError:
        return run.step(node.children[1])


def _return(run: _Run, node: Node) -> _Returned:
    return _Returned(run.value(node.children[0]))


def _conditional(run: _Run, node: Node) -> Any:
    condition, then, otherwise = node.children
    return run.value(then if run.truth(condition) else otherwise)


def _coalesced(run: _Run, node: Node) -> Any:
    first = run.value(node.children[0])
    return run.value(node.children[1]) if first is None else first


def _equal(run: _Run, node: Node) -> bool:
    left, sign, right = node.children
    return same(run.value(left), run.value(right), place(node)) == (str(sign) == "==")


def _related(run: _Run, node: Node) -> bool:
    left, sign, right = node.children
    return related(run.value(left), str(sign), run.value(right), place(node))


def _summed(run: _Run, node: Node) -> Any:
    left, sign, right = node.children
    return summed(run.value(left), str(sign), run.value(right), place(node))


def _chain(run: _Run, node: Node) -> Any:
    """``a.b?.c[d]``: where a ``?`` finds null, all the rest of the chain is null."""
    value = run.value(node.children[0])
    for suffix in node.children[1:]:
        assert isinstance(suffix, Tree)  # noqa: S101
        if value is None and suffix.data.startswith("maybe_"):
            return None
        value = _SUFFIXES[suffix.data.removeprefix("maybe_")](run, value, suffix)
    return value


def _not_null(value: Any, node: Node) -> Any:
    if value is None:
        raise CSharpError("NullReferenceException", f"null {place(node)}")
    return value


def _member(_run: _Run, value: Any, node: Node) -> Any:
    name = member_name(node)
    owner = _not_null(value, node)
    if isinstance(owner, Record) and name in owner.properties:
        return owner.properties[name]()
    found = PROPERTIES.get(type(owner), {}).get(name)
    if found is None:
        raise ExpressionRefused(f"{name_of(owner)} has no '{name}' here, {place(node)}.")
    return found(owner)


def _call(run: _Run, value: Any, node: Node) -> Any:
    name, (token, args) = member_name(node), node.children
    owner = _not_null(value, node)
    methods = owner.methods if isinstance(owner, Record) else METHODS.get(type(owner), {})
    method = methods.get(name)
    generic = str(token).partition("<")[2].rstrip(" >").strip()
    if method is None or method.generic != bool(generic):
        raise ExpressionRefused(f"{name_of(owner)} has no '{token}()' here, {place(node)}.")
    assert isinstance(args, Tree)  # noqa: S101
    given = _arguments(run, args, method, f"'{token}' {place(node)}")
    first = () if isinstance(owner, Record) else (owner,)
    return method.run(*((generic,) if generic else ()), *first, *given)


def _arguments(run: _Run, args: Node, method: Method, what: str) -> list[Any]:
    found: list[Any] = []
    for arg in filter(None, args.children):
        assert isinstance(arg, Tree)  # noqa: S101
        if arg.data == "named":
            if str(arg.children[0]) != dict(enumerate(method.named)).get(len(found)):
                raise ExpressionRefused(f"{what} has no argument '{arg.children[0]}' there.")
            arg = arg.children[1]  # noqa: PLW2901
        found.append(run.value(arg))
    enough = len(method.takes) - method.optional <= len(found) <= len(method.takes)
    fits = all(_fits(it, takes) for it, takes in zip(found, method.takes, strict=False))
    if not (enough and fits):
        kinds = ", ".join(name_of(it) for it in found)
        raise ExpressionRefused(f"{what} does not take ({kinds}) in the C# of this gateway.")
    return found


def _fits(value: Any, takes: type | tuple[type, ...]) -> bool:
    return isinstance(value, takes) and not (takes is int and isinstance(value, bool))


def _index(run: _Run, value: Any, node: Node) -> Any:
    owner, at = _not_null(value, node), run.value(node.children[0])
    if isinstance(owner, Record) and owner.index is not None:
        return owner.index(at)
    return index(owner, at)


_SUFFIXES: Mapping[str, Callable[[_Run, Any, Node], Any]] = {
    "member": _member,
    "call": _call,
    "index": _index,
}


def _string(_run: _Run, node: Node) -> str:
    return unescaped(str(node.children[0])[1:-1])


def _verbatim(_run: _Run, node: Node) -> str:
    return str(node.children[0])[2:-1].replace('""', '"')


def _character(_run: _Run, node: Node) -> Char:
    return Char(unescaped(str(node.children[0])[1:-1]))


def _cast(run: _Run, node: Node) -> Any:
    to = str(node.children[0]).strip("() \t\r\n")
    return cast(run.value(node.children[1]), to)


def _array(run: _Run, node: Node) -> tuple[str, ...]:
    values = tuple(run.value(it) for it in node.children)
    if not all(isinstance(it, str) for it in values):
        raise ExpressionRefused(f"Arrays {place(node)} are of strings in the C# of this gateway.")
    return values


def _at(node: Node | Token) -> str:
    return f"The part {place(node)}" if isinstance(node, Tree) else str(node)


_STEPS: Mapping[str, Callable[[_Run, Node], _Returned | None]] = {
    "body": _block,
    "declare": _declare,
    "assign": _assign,
    "add": _add,
    "increment": _increment,
    "if_": _if,
    "for_": _for,
    "foreach": _foreach,
    "try_": _try,
    "return_": _return,
}
_VALUES: Mapping[str, Callable[[_Run, Node], Any]] = {
    "conditional": _conditional,
    "coalesced": _coalesced,
    "either": lambda run, node: run.truth(node.children[0]) or run.truth(node.children[1]),
    "both": lambda run, node: run.truth(node.children[0]) and run.truth(node.children[1]),
    "equal": _equal,
    "related": _related,
    "sum": _summed,
    "not_": lambda run, node: not run.truth(node.children[0]),
    "cast": _cast,
    "chain": _chain,
    "name": lambda run, node: run.names[str(node.children[0])],
    "string": _string,
    "verbatim": _verbatim,
    "character": _character,
    "integer": lambda _run, node: int32(int(str(node.children[0]))),
    "true": lambda _run, _node: True,
    "false": lambda _run, _node: False,
    "null": lambda _run, _node: None,
    "array": _array,
}
