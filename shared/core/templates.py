"""What an account's APIs are called: templates of the rules file, filled in.

Only the file's own words, names that passed an allowlist and slugs are ever put in. A tag chooses
among the values that the file allows; its own text goes nowhere.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.core.choices import Choices
from shared.core.model import Account
from shared.core.rules import TAG_FIELD, TEMPLATES, RuleBook, lower_keys, plain_region
from shared.core.surfaces import Surface

# path and displayName of ApiContractProperties: ApiManagement/models.tsp in
# Azure/azure-rest-api-specs (specification/apimanagement).
_MAX_PATH, _MAX_DISPLAY_NAME = 400, 300
_FIELD = re.compile(r"\{([^{}]+)\}")
_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9_.-]*")
_QUOTABLE = re.compile(r"[A-Za-z0-9._-]{0,20}")


class BadTag(ValueError):
    """A tag, or another name, that a template can't use; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Names:
    """Of an API; *path* is below the gateway, without a slash at either end."""

    path: str
    display_name: str
    description: str


def names(book: RuleBook, choices: Choices, account: Account, surface: Surface) -> Names:
    """What the account's API of *surface* is called.

    Raises:
        BadTag: a template uses a tag that the account lacks or that has no allowed value, or the
            path is too long for API Management.
    """
    words = _words(account) | _tag_words(book, choices, account)
    below = _filled(choices.path, words | {"surface": surface.name})
    path = f"{below}/{surface.path_suffix}".strip("/")
    if len(path) > _MAX_PATH:
        raise BadTag(f"the path is longer than {_MAX_PATH} characters: shorten `path`")
    texts = words | {"surface": surface.title}
    display_name = _filled(choices.display_name, texts)[:_MAX_DISPLAY_NAME]
    return Names(path, display_name, _filled(choices.description, texts))


def template_problem(book: RuleBook, choices: Choices, account: Account) -> str | None:
    """Why the account's tags can't fill in the templates, if so."""
    try:
        _tag_words(book, choices, account)
    except BadTag as exc:
        return str(exc)
    return None


def bad_tag(name: str, value: str, known: Iterable[str], *, whose: str) -> str:
    """What is wrong with a tag; of foreign text at most a harmless beginning is repeated."""
    words = ", ".join(known)
    choice = f"which is none of {words}" if words else "and the rules file has none to choose from"
    quotable = _QUOTABLE.match(value)
    beginning = quotable[0] if quotable else ""
    shown = f"'{beginning}'" if beginning == value else f"'{beginning}…'"
    return f"tag {name} of the {whose} is {shown}, {choice}"


def _words(account: Account) -> dict[str, str]:
    name = account.id.name
    return {
        "account": name if _ACCOUNT.fullmatch(name) else _slug(name) or "account",
        "resource_group": _slug(account.id.resource_group) or "group",
        "region": _slug(plain_region(account.location)) or "region",
    }


def _tag_words(book: RuleBook, choices: Choices, account: Account) -> dict[str, str]:
    used = {
        name.lower(): name
        for template in TEMPLATES
        for name in TAG_FIELD.findall(getattr(choices, template))
    }
    allowed, tags = lower_keys(book.tags), lower_keys(account.tags)
    return {
        f"tag.{key}": _allowed(name, tags.get(key), allowed.get(key, ()))
        for key, name in used.items()
    }


def _allowed(name: str, value: str | None, known: tuple[str, ...]) -> str:
    if value is None:
        raise BadTag(f"the account has no tag {name}: set it to one of {', '.join(known)}")
    for word in known:
        if word == value.strip().lower():
            return word
    raise BadTag(bad_tag(name, value, known, whose="account"))


def _filled(template: str, words: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda field: words[field[1].lower()], template)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
