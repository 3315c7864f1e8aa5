"""Where an API's calls go, read off its policies in the order in which API Management runs them.

A call starts out for the API's serviceUrl with the path of its operation. The policies of the
operation, the API, the product and the whole gateway then run one inside the other, the outer one
where the inner one says ``<base />`` (learn.microsoft.com/azure/api-management/set-edit-policies).
Every branch of a ``choose`` is taken, so that what is found is what calls *can* reach.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree as ET

from shared.core.policy_tree import (
    is_expression,
    parse_policy,
    put_in_fragments,
    put_in_named_values,
    strings_in,
    unknown_named_value,
    words_of,
)
from shared.core.survey import GatewaySurvey, SurveyedApi, SurveyedBackend, SurveyedOperation

# An address in the middle of an expression, with or without its scheme.
_ADDRESS = re.compile(
    r"(?:https?|wss?)://[^\s\"'<>\\,;()]+"
    r"|(?<![a-z0-9.-])[a-z0-9][a-z0-9.-]{0,253}\.azure\.(?:com|us|cn)\b[^\s\"'<>\\,;()]*",
    re.IGNORECASE,
)
_OPEN_HOST = re.compile(r"[a-z]+://[^/]*\{", re.IGNORECASE)  # OpenAPI's {endpoint}, {{a secret}}
_NAMED_IN_PATH = re.compile(r"/deployments/[^/{}]+/")
_ELSEWHERE = ("sf-", "dapr-")  # Service Fabric and Dapr: no account is behind these
_RUN_AS_THEY_STAND = frozenset({"include-fragment", "limit-concurrency"})
_QUERY_VALUE = re.compile(r"([?&][\w.-]+=)[^&\"'\s]+")  # may be a key: ?code=…
_SHOWN = 200  # characters of an expression, enough to find it


@dataclass(frozen=True, slots=True)
class Lead:
    """One way out of the gateway.

    Attributes:
        url: "" where only *resource_id* tells, or nothing does.
        template: What is put after the URL; "" where that can be anything.
    """

    url: str
    resource_id: str = ""
    template: str = ""


type State = frozenset[Lead]  # where a call can be headed for at one point of its policies


@dataclass(frozen=True, slots=True)
class Leads:
    """All ways out of one API, and what of it was not understood, in words."""

    leads: frozenset[Lead]
    unclear: frozenset[str]


def leads_of(api: SurveyedApi, survey: GatewaySurvey) -> Leads:
    unclear = {api.unread} - {""}
    backends = {it.name.lower(): it for it in survey.backends}
    leads: set[Lead] = set()
    without_product = {"of the gateway": survey.policy}
    with_products = (
        {f"of product {it.name}": it.policy, **without_product}
        for it in survey.products
        if it.has(api)
    )
    for outermost in (without_product, *with_products):
        outer = _roots({"of the API": api.policy, **outermost}, survey, unclear)
        for operation in api.operations or (SurveyedOperation(""),):
            whose = f"of operation {operation.name}"
            inner = _roots({whose: operation.policy}, survey, unclear)
            walk = _Walk((*inner, *outer), survey.named_values, backends, leads, unclear)
            walk.run(Lead(api.service_url, template=operation.template))
    found = {replace(it, url=put_in_named_values(it.url, survey.named_values)) for it in leads}
    unclear.update(_shown(f"its address is {it.url}") for it in found if _OPEN_HOST.match(it.url))
    return Leads(frozenset(found), frozenset(unclear))


def _roots(
    documents: Mapping[str, str], survey: GatewaySurvey, unclear: set[str]
) -> tuple[ET.Element, ...]:
    roots = []
    for whose, text in documents.items():
        root = parse_policy(text) if text.strip() else None
        if root is not None:
            missing = put_in_fragments(root, survey.fragments)
            unclear.update(f"the policy fragment {it} can't be read" for it in missing)
            roots.append(root)
        elif text.strip():
            unclear.add(f"the policy {whose} can't be read as XML")
    return tuple(roots)


@dataclass(frozen=True, slots=True)
class _Walk:
    """One operation's way through its policies.

    Attributes:
        roots: Its policies, the innermost first.
        leads: Filled with every way out.
        entered: Sections that were run: ``<base />`` stands once in each.
        guessed: What an expression can choose among, once one was met.
    """

    roots: tuple[ET.Element, ...]
    named_values: Mapping[str, str]
    backends: Mapping[str, SurveyedBackend]
    leads: set[Lead]
    unclear: set[str]
    entered: set[tuple[str, int]] = field(default_factory=set)
    guessed: set[Lead] = field(default_factory=set)

    def run(self, start: Lead) -> None:
        self._section("backend", 0, self._section("inbound", 0, frozenset({start})))

    def _section(self, name: str, level: int, state: State) -> State:
        if (name, level) in self.entered:
            return state
        self.entered.add((name, level))
        if level == len(self.roots):
            if name == "backend":  # the whole gateway's policy forwards, if it isn't known
                self.leads.update(state)
            return state
        section = self.roots[level].find(name)
        if section is None:
            return self._section(name, level + 1, state)
        return self._steps(section, (name, level), state)

    def _steps(self, parent: ET.Element, place: tuple[str, int], state: State) -> State:
        for step in parent:
            match step.tag:
                case "base":
                    state = self._section(place[0], place[1] + 1, state)
                case "set-backend-service":
                    state = self._redirected(step, state)
                case "rewrite-uri":
                    state = self._rewritten(step, state)
                case "forward-request":
                    self.leads.update(state)
                case "return-response":
                    return frozenset()
                case "send-request" | "send-one-way-request":
                    self._sent(step, state)
                case "choose":
                    state = self._branches(step, place, state)
                case "retry":  # a second round starts out from where the first one led
                    again = (self._redirected(it, state) for it in step.iter("set-backend-service"))
                    state = self._steps(step, place, state.union(*again))
                case _:
                    inside = self._steps(step, place, state)
                    state = inside if step.tag in _RUN_AS_THEY_STAND else state | inside
        return state

    def _branches(self, choose: ET.Element, place: tuple[str, int], state: State) -> State:
        found = [self._steps(branch, place, state) for branch in choose]
        if choose.find("otherwise") is None:
            found.append(state)
        return frozenset[Lead]().union(*found)

    def _redirected(self, step: ET.Element, state: State) -> State:
        targets = self._targets(step) or (Lead(""),)
        return frozenset(
            replace(target, template=it.template) for it in state for target in targets
        )

    def _targets(self, step: ET.Element) -> tuple[Lead, ...]:
        for attribute in ("backend-id", "base-url"):
            text = self._filled(step.get(attribute, ""))
            if text and self._is_open(text):
                self._doubt(f"{attribute} is {text}")
                return self._guesses()
            if text:
                return self._backend(text) if attribute == "backend-id" else (Lead(text),)
        if not any(it.startswith(_ELSEWHERE) for it in step.attrib):
            self._doubt("a set-backend-service names no backend")
        return ()

    def _backend(self, name: str) -> tuple[Lead, ...]:
        backend = self.backends.get(name.lower())
        if backend is None:
            self._doubt(f"there is no backend {name}")
            return ()
        members = [self.backends.get(it.lower()) for it in backend.members]
        if None in members:
            self._doubt(f"the pool {name} has a member that does not exist")
        single = members if backend.members else [backend]
        return tuple(Lead(it.url, it.resource_id) for it in single if it is not None)

    def _guesses(self) -> tuple[Lead, ...]:
        """All backends and addresses that the policies name: an expression chooses among such."""
        if self.guessed:
            return tuple(self.guessed)
        words = [self._filled(word) for root in self.roots for word in words_of(root)]
        names = {word.lower() for word in words}
        names.update(it.lower() for word in words for it in strings_in(word))
        backends = (self._backend(name) for name in sorted(names & self.backends.keys()))
        addresses = {it[0] for word in words for it in _ADDRESS.finditer(word)}
        self.guessed.update(lead for found in backends for lead in found)
        self.guessed.update(map(Lead, addresses), {Lead("")})
        return tuple(self.guessed)

    def _rewritten(self, step: ET.Element, state: State) -> State:
        text = self._filled(step.get("template", ""))
        templates = _paths_in(text) if self._is_open(text) else {text}
        return frozenset(replace(it, template=new) for it in state for new in templates)

    def _sent(self, step: ET.Element, state: State) -> None:
        """A policy can make calls of its own, and hand on what they answer."""
        text = self._filled(step.findtext("set-url") or "")
        if not state or not text:
            return
        addresses = [it[0] for it in _ADDRESS.finditer(text)] if self._is_open(text) else [text]
        if not addresses:
            self._doubt(f"the address of a {step.tag} is {text}")
        self.leads.update(map(Lead, addresses))

    def _filled(self, text: str) -> str:
        return put_in_named_values(text, self.named_values)

    def _is_open(self, text: str) -> bool:
        return is_expression(text) or unknown_named_value(text) is not None

    def _doubt(self, words: str) -> None:
        self.unclear.add(_shown(words))


def _shown(words: str) -> str:
    shown = _QUERY_VALUE.sub(r"\1…", " ".join(words.split()))
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _paths_in(expression: str) -> Iterable[str]:
    """The paths that an expression rewrites to; "" is among them unless it writes each out."""
    named = [it for it in strings_in(expression) if "/deployments" in it]
    return {match[0] if (match := _NAMED_IN_PATH.search(it)) else "" for it in named} or {""}
