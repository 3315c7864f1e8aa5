"""What should stand in the gateway for one account: pure, same input, same output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from shared.core.features import Gateway, account_features
from shared.core.making import Made, Maker, kept_paths, leftover, paths_of, shared_paths
from shared.core.model import Account, Resource
from shared.core.modes import Mode, account_mode
from shared.core.observed import Observed, Rules
from shared.core.parts import Part, gone_verdicts, names_of, part_of
from shared.core.probes import Probe
from shared.core.rulebook import BadTag, Names, account_choices, deployment_choices, names
from shared.core.standing import served_names
from shared.core.states import DeploymentState, Verdict
from shared.core.surfaces import SURFACES
from shared.core.verdicts import Terms, judge

_GONE = "ARM does not have this account"


@dataclass(frozen=True, slots=True)
class Desired:
    """What should stand.

    Attributes:
        retained: Paths that are left as they stand with all that belongs to them, because a
            deployment that is gone still answers there, or nobody can tell what is right.
        lost: Deployments, lower-cased, that some surface serves now and would no longer.
        served: How many are served now.
        notes: What was left out or kept, and why.
        probes: How to prove each deployment that is served anew, by lower-cased name.
    """

    resources: tuple[Resource, ...]
    verdicts: tuple[Verdict, ...]
    mode: Mode
    retained: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    served: int = 0
    notes: tuple[str, ...] = ()
    probes: Mapping[str, tuple[Probe, ...]] = field(default_factory=dict)


def desired(observed: Observed, rules: Rules) -> Desired:
    """What should stand for the unit that was observed."""
    account = observed.account
    if account is None:  # and its tags with it
        return _of_nothing(observed, rules, observed.last_mode or rules.mode)
    mode, notes = account_mode(account.tags, rules.mode)
    terms, named = _terms(account, observed, rules)
    verdicts = judge(terms, served=served_names(observed.standing))
    if terms.chosen.problem:
        return _as_it_stands(observed, verdicts, mode, (*notes, terms.chosen.problem))
    maker = Maker(observed, rules, terms, named)
    verdicts = _with_room(verdicts, maker, mode)
    verdicts = tuple(_with_resources(verdict, terms) for verdict in verdicts)
    parts = {it.name: part_of(observed, it.name, verdicts, rules, mode) for it in terms.surfaces}
    shared, said = maker.shared(parts)
    made = [maker.surface(SURFACES[name], part) for name, part in parts.items()]
    found = _desired(observed, mode, parts, [*made, shared])
    gone = gone_verdicts(parts, names_of(verdicts), rules)
    notes = (*notes, *terms.features.left_out, *said)
    return replace(found, verdicts=(*verdicts, *gone), notes=notes, probes=maker.probes(parts))


def _of_nothing(observed: Observed, rules: Rules, mode: Mode) -> Desired:
    parts = {name: part_of(observed, name, (), rules, mode) for name in SURFACES}
    made = [leftover(observed, SURFACES[name], part) for name, part in parts.items()]
    found = _desired(observed, mode, parts, made)
    return replace(found, verdicts=gone_verdicts(parts, frozenset(), rules), notes=(_GONE,))


def _as_it_stands(
    observed: Observed, verdicts: Sequence[Verdict], mode: Mode, notes: tuple[str, ...]
) -> Desired:
    """Nobody can tell where the account's APIs belong, so nothing of it is touched."""
    paths = (path for surface in SURFACES.values() for path in paths_of(observed.unit, surface))
    retained = frozenset((*paths, *kept_paths(observed)))
    return Desired((), tuple(verdicts), mode, retained, notes=notes)


def _terms(account: Account, observed: Observed, rules: Rules) -> tuple[Terms, Mapping[str, Names]]:
    """What holds for all of the account, and its APIs' names by surface."""
    gateway = Gateway(observed.service, observed.facts)
    terms = Terms(account, rules.book, account_choices(rules.book, account), gateway)
    choices = terms.chosen.choices
    if terms.chosen.problem or not _onboards(terms):
        return terms, {}
    try:
        named = {it: names(rules.book, choices, account, SURFACES[it]) for it in SURFACES}
    except BadTag as exc:
        return replace(terms, chosen=replace(terms.chosen, problem=str(exc))), {}
    return replace(terms, features=account_features(account, choices, gateway)), named


def _onboards(terms: Terms) -> bool:
    """Whether any of the account is chosen; what nobody wants needs no name."""
    chosen = (deployment_choices(terms.book, terms.account, it) for it in terms.account.deployments)
    return terms.chosen.choices.onboard or any(it.choices.onboard for it in chosen)


def _with_room(verdicts: tuple[Verdict, ...], maker: Maker, mode: Mode) -> tuple[Verdict, ...]:
    """The verdicts, less the surfaces whose policies have no room for them."""
    for surface in maker.terms.surfaces:
        part = part_of(maker.observed, surface.name, verdicts, maker.rules, mode)
        full = maker.without_room(surface, part)
        if full:
            verdicts = tuple(
                _left_out(it, surface.name, maker.observed) if it.name.lower() in full else it
                for it in verdicts
            )
    return verdicts


def _left_out(verdict: Verdict, surface: str, observed: Observed) -> Verdict:
    """What is served goes on as it stands, which there was room for."""
    standing = observed.standing.get(surface)
    is_served = standing is not None and verdict.name.lower() in standing.rules.served
    keeps = verdict.keeps | {surface} if is_served else verdict.keeps
    rules = {name: rule for name, rule in verdict.rules.items() if name != surface}
    why = f"no room in the policy of {surface}: use another account, or fewer deployments"
    if rules or keeps:
        return replace(verdict, rules=rules, keeps=keeps, reason=f"{verdict.reason}; {why}")
    return replace(verdict, rules={}, state=DeploymentState.QUARANTINED, reason=why)


def _with_resources(verdict: Verdict, terms: Terms) -> Verdict:
    unit = terms.account.id
    paths = [path for name in verdict.rules for path in paths_of(unit, SURFACES[name])]
    key = shared_paths(unit)[:1] if paths and terms.chosen.choices.access_key else ()
    return replace(verdict, resources=(*paths, *key))


def _desired(
    observed: Observed, mode: Mode, parts: Mapping[str, Part], made: Sequence[Made]
) -> Desired:
    lost = {
        name
        for surface, api in observed.standing.items()
        for name in api.rules.served
        if surface not in parts or name not in {**parts[surface].live, **parts[surface].kept}
        if mode is not Mode.UPSERT_ONLY  # what its policy no longer says is kept as it stands
    }
    return Desired(
        resources=tuple(resource for it in made for resource in it.resources),
        verdicts=(),
        mode=mode,
        retained=frozenset(path for it in made for path in it.retained),
        lost=frozenset(lost),
        served=len(served_names(observed.standing)),
    )
