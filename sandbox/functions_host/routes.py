"""Route templates of HTTP triggers: ASP.NET Core's classic routing, as the host uses it.

learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates and #route-constraints.
Literals ignore case. A parameter that does not satisfy its constraint is "no match" (404).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

_TOKEN = re.compile(r"\{\{|\}\}|\{((?:[^{}]|\{\{|\}\})+)\}")
_PARAMETER = re.compile(
    r"(?P<star>\*{0,2})(?P<name>[^:=?*/]+)"
    r"(?P<constraints>(?::[^:=?(]+(?:\((?:[^()]|\([^()]*\))*\))?)*)"
    r"(?:=(?P<default>.*?))?(?P<optional>\?)?"
)
_CONSTRAINT = re.compile(r":([^:(]+)(?:\(((?:[^()]|\([^()]*\))*)\))?")


@dataclass(frozen=True, slots=True)
class _Parameter:
    name: str
    checks: tuple[Callable[[str], bool], ...]
    default: str | None


@dataclass(frozen=True, slots=True)
class Route:
    """A compiled template."""

    template: str
    _pattern: re.Pattern[str]
    _parameters: tuple[_Parameter, ...]

    def match(self, path: str) -> Mapping[str, str] | None:
        """The route parameters of a path (without leading slash), or None for no match."""
        found = self._pattern.fullmatch(path.strip("/"))
        if found is None:
            return None
        values: dict[str, str] = {}
        for index, parameter in enumerate(self._parameters):
            value = found.group(f"p{index}") or parameter.default
            if value is None:
                continue
            if not all(check(value) for check in parameter.checks):
                return None
            values[parameter.name] = value
        return values


def compile_route(template: str) -> Route:
    """Compile a template; ValueError when ASP.NET would refuse it."""
    parameters: list[_Parameter] = []
    pattern = ""
    for segment in template.strip("/").split("/"):
        pattern += _segment_pattern(segment, parameters, leading=not pattern)
    names = [parameter.name.casefold() for parameter in parameters]
    if len(set(names)) != len(names):
        raise ValueError(f"route {template!r} uses a parameter name twice")
    return Route(template, re.compile(pattern, re.IGNORECASE | re.DOTALL), tuple(parameters))


def _segment_pattern(segment: str, parameters: list[_Parameter], *, leading: bool) -> str:
    slash = "" if leading else "/"
    whole = _TOKEN.fullmatch(segment)
    if whole is not None and whole[1]:
        spec = _parse_parameter(whole[1])
        group = f"(?P<p{len(parameters)}>{'.*' if spec['star'] else '[^/]+'})"
        parameters.append(_parameter(spec))
        droppable = spec["star"] or spec["optional"] or spec["default"] is not None
        return f"(?:{slash}{group})?" if droppable else slash + group
    return slash + _mixed_pattern(segment, parameters)


def _mixed_pattern(segment: str, parameters: list[_Parameter]) -> str:
    pattern, position = "", 0
    for token in _TOKEN.finditer(segment):
        pattern += re.escape(segment[position : token.start()])
        if token[1] is None:
            pattern += re.escape(token[0][0])
        else:
            pattern += f"(?P<p{len(parameters)}>[^/]+?)"
            parameters.append(_parameter(_parse_parameter(token[1])))
        position = token.end()
    rest = segment[position:]
    if "{" in rest or "}" in rest:
        raise ValueError(f"route segment {segment!r} has an unmatched brace")
    return pattern + re.escape(rest)


def _parse_parameter(text: str) -> Mapping[str, str | None]:
    match = _PARAMETER.fullmatch(text.replace("{{", "{").replace("}}", "}"))
    if match is None:
        raise ValueError(f"{{{text}}} is not a valid route parameter")
    return match.groupdict()


def _parameter(spec: Mapping[str, str | None]) -> _Parameter:
    checks = (
        _check(name.strip(), arguments)
        for name, arguments in _CONSTRAINT.findall(spec["constraints"] or "")
    )
    return _Parameter(str(spec["name"]), tuple(checks), spec["default"])


def _check(name: str, arguments: str) -> Callable[[str], bool]:
    if name in _PLAIN:
        return _PLAIN[name]
    if name == "regex":
        # RegexRouteConstraint searches, ignoring case; it does not anchor.
        try:
            wanted = re.compile(arguments, re.IGNORECASE)
        except re.PatternError as exc:
            raise ValueError(f"route constraint regex({arguments}): {exc}") from exc
        return lambda value: wanted.search(value) is not None
    if name not in _WITH_ARGUMENTS:
        raise ValueError(f"unknown route constraint '{name}'")
    test = _WITH_ARGUMENTS[name]
    limits = [int(argument) for argument in arguments.split(",")]

    def check(value: str) -> bool:
        return test(value, limits)

    return check


def _converts(convert: Callable[[str], object]) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        try:
            convert(value)
        except ValueError:
            return False
        return True

    return check


def _integer(bits: int) -> Callable[[str], bool]:
    def check(value: str) -> bool:
        if re.fullmatch(r"[+-]?\d+", value) is None:
            return False
        limit = 1 << (bits - 1)
        return -limit <= int(value) < limit

    return check


def _numeric(value: str, limits: list[int], test: Callable[[int, list[int]], bool]) -> bool:
    return _integer(64)(value) and test(int(value), limits)


_GUID = re.compile(r"\{?[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\}?", re.IGNORECASE)

_PLAIN: Mapping[str, Callable[[str], bool]] = {
    "int": _integer(32),
    "long": _integer(64),
    "bool": lambda value: value.casefold() in {"true", "false"},
    "alpha": lambda value: re.fullmatch(r"[a-zA-Z]*", value) is not None,
    "guid": lambda value: _GUID.fullmatch(value) is not None,
    "datetime": _converts(datetime.fromisoformat),  # .NET accepts more spellings than ISO 8601
    "decimal": _converts(float),
    "double": _converts(float),
    "float": _converts(float),
    "required": bool,
}
_WITH_ARGUMENTS: Mapping[str, Callable[[str, list[int]], bool]] = {
    "minlength": lambda value, limits: len(value) >= limits[0],
    "maxlength": lambda value, limits: len(value) <= limits[0],
    "length": lambda value, limits: limits[0] <= len(value) <= limits[-1],
    "min": lambda value, limits: _numeric(value, limits, lambda n, ls: n >= ls[0]),
    "max": lambda value, limits: _numeric(value, limits, lambda n, ls: n <= ls[0]),
    "range": lambda value, limits: _numeric(value, limits, lambda n, ls: ls[0] <= n <= ls[1]),
}
