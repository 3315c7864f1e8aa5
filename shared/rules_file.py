"""Reads the rules file: YAML to a RuleBook, or every problem in one message.

YAML 1.2, as editors read it: `off` is a word (a role's mode), 2024-11-20 is no date and 0613 no
number (versions of models).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from shared.core import choices
from shared.core.rules import RULE_SAYS, Match, Rule, RuleBook
from shared.errors import ConfigError

type Place = tuple[str | int, ...]

_PAGE = "docs/settings.md"
# Of pydantic's errors (docs.pydantic.dev/latest/errors/validation_errors), for people.
_WORDS: Mapping[str, str] = {
    "missing": "is missing",
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "string_type": "must be text, in quotes",
    "invalid_key": "must be text, in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
}


def read_rules_file(path: Path | None) -> RuleBook:
    """Read the file; None is for no file, which means the defaults.

    Raises:
        ConfigError: names every problem, its place and its cure, in one message.
    """
    if path is None:
        return RuleBook()
    document = _document(path)
    try:
        return RuleBook.model_validate({} if document is None else document)
    except ValidationError as exc:
        raise _refused(path, _problems(exc, document)) from None


def _refused(path: Path, problems: Iterable[str]) -> ConfigError:
    lines = "".join(f"\n  - {problem}" for problem in problems)
    return ConfigError(f"{path.name} can't be used:{lines}")


def _document(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except OSError as exc:
        raise _refused(path, [f"can't be read: {exc.strerror}"]) from exc
    except UnicodeDecodeError as exc:
        raise _refused(path, ["is no UTF-8 text"]) from exc
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise _refused(path, [f"{where}{exc.problem}"]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as exc:
        raise _refused(path, ["is no YAML that can be read"]) from exc


class _Loader(yaml.SafeLoader):
    """Safe, YAML 1.2's plain words, and no key twice."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    raise yaml.composer.ComposerError(
                        None, None, f"the key {_shown(key.value)} is there twice", key.start_mark
                    )
                seen.add((key.tag, key.value))
        return node


# The core schema of YAML 1.2 (yaml.org/spec/1.2.2, 10.3.2), without octal and hexadecimal numbers
# and without leading zeros.
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ("~", "n", "N", "")),
    ("int", r"0|-?[1-9][0-9]*", "-0123456789"),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?)", "-0123456789"),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), list(_first)
    )


def _problems(error: ValidationError, document: Any) -> list[str]:
    """One line for each place: the members of a union complain one by one."""
    found: dict[Place, list[Mapping[str, Any]]] = {}
    for item in error.errors(include_url=False, include_input=False):
        found.setdefault(_place(item["loc"], item["type"], document), []).append(dict(item))
    inner = [place for place in found if not _has_inner(place, found)]
    return [f"{_dotted(place)}{_said(place, found[place], document)}" for place in inner]


def _has_inner(place: Place, places: Iterable[Place]) -> bool:
    return any(len(it) > len(place) and it[: len(place)] == place for it in places)


def _place(loc: Place, kind: str, document: Any) -> Place:
    """*loc* without pydantic's own words for members of unions: as the file has it."""
    place: list[str | int] = []
    for part in loc:
        is_key = isinstance(document, Mapping) and part in document
        if is_key or (isinstance(document, list) and isinstance(part, int)):
            document = document[part]
            place.append(part)
    if kind in ("missing", "rules") and loc[-1] not in place[-1:]:
        place.append(loc[-1])
    return tuple(place)


def _dotted(place: Place) -> str:
    text = "".join(f"[{it}]" if isinstance(it, int) else f".{_shown(it)}" for it in place)
    return f"{text.removeprefix('.')}: " if place else ""


def _shown(text: str) -> str:
    """What a person wrote where a name was expected."""
    return text if re.fullmatch(r"[\w.:-]{1,64}", text) else repr(text[:64])


def _said(place: Place, errors: Sequence[Mapping[str, Any]], document: Any) -> str:
    if place and _at(document, place) is None and errors[0]["type"] not in ("missing", "rules"):
        return "is empty: fill it in or remove it"
    kept = [it for it in errors if it["type"] != "too_short"] or errors
    said = list(dict.fromkeys(_message(place, it) for it in kept))
    return ", or ".join([said[0], *(it.removeprefix("must be ") for it in said[1:])])


def _at(document: Any, place: Place) -> Any:
    for part in place:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def _message(place: Place, error: Mapping[str, Any]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(str(place[-1]))
    if kind == "model_type" and error["loc"][-1:] == ("on",):
        return "must be `true`, `false` or a mapping"
    if kind == "string_pattern_mismatch":
        return f"must be {RULE_SAYS[context['pattern']]}"
    if kind in _WORDS:
        return _WORDS[kind].format(**context).replace("'", "`").replace("False", "`false`")
    return str(error["msg"]).removeprefix("Value error, ")


def _unknown(name: str) -> str:
    known = {field for model in _models() for field in model.model_fields}
    if name in known:
        return f"does not belong here: see {_PAGE}"
    close = get_close_matches(name.lower().replace("-", "_"), sorted(known), n=1)
    return f"is no setting: did you mean {close[0]}?" if close else f"is no setting: see {_PAGE}"


def _models() -> list[type[BaseModel]]:
    found = [it for it in vars(choices).values() if isinstance(it, type)]
    return [RuleBook, Rule, Match, *(it for it in found if issubclass(it, BaseModel))]
