"""What becomes of each deployment, and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from shared.core.choices import Choices
from shared.core.features import AccountFeatures, Gateway, deployment_rule
from shared.core.model import Account, Deployment
from shared.core.model_kinds import ModelKind, model_kind
from shared.core.policy_documents import DeploymentRule
from shared.core.resource_ids import is_deployment_name
from shared.core.rulebook import Chosen, RuleBook, deployment_choices
from shared.core.states import DeploymentState, Verdict
from shared.core.surfaces import SURFACES, Protocol, Surface, backend_url

_ENDED_BADLY = frozenset({"failed", "canceled", "disabled"})
_ACCOUNT_KINDS = frozenset({"openai", "aiservices"})


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for every deployment of an account."""

    account: Account
    book: RuleBook
    chosen: Chosen
    gateway: Gateway
    features: AccountFeatures = field(default_factory=AccountFeatures)

    @property
    def surfaces(self) -> tuple[Surface, ...]:
        """Those that the choice allows, the last resorts last."""
        wanted = self.chosen.choices.surfaces
        allowed = [it for it in SURFACES.values() if wanted == "auto" or it.family in wanted]
        return tuple(sorted(allowed, key=lambda it: it.is_fallback))

    def reachable(self, deployment: Deployment) -> tuple[Surface, ...]:
        """The surfaces that are to serve it; in ``auto`` a last resort only if no other does."""
        by_key = bool(self.chosen.choices.access_key)
        fits = [
            surface
            for surface in self.surfaces
            if surface.serves(deployment)
            and backend_url(self.account, surface, by_key=by_key)
            and (surface.protocol is Protocol.HTTP or self.gateway.has("websocket"))
        ]
        first = [surface for surface in fits if not surface.is_fallback]
        return tuple(first if first and self.chosen.choices.surfaces == "auto" else fits)


def judge(terms: Terms, *, served: frozenset[str]) -> tuple[Verdict, ...]:
    """The verdicts on what ARM has, by name; *served* are the names that the gateway serves now."""
    deployments = sorted(terms.account.deployments, key=lambda item: item.name.lower())
    return tuple(_verdict(deployment, terms, served) for deployment in deployments)


def _account_problem(account: Account, choices: Choices) -> str | None:
    if account.kind.lower() not in _ACCOUNT_KINDS:
        return f"accounts of kind {account.kind} have no model deployments to onboard"
    if account.custom_subdomain is None and not choices.access_key:
        return (
            "the account has no custom subdomain, which a managed identity needs: "
            "az cognitiveservices account update --custom-domain <name>"
        )
    return None


def _verdict(deployment: Deployment, terms: Terms, served: frozenset[str]) -> Verdict:
    kind = model_kind(deployment.model, deployment.capabilities)
    chosen = deployment_choices(terms.book, terms.account, deployment)
    reachable = terms.reachable(deployment)
    state, reason = _state(deployment, kind, reachable, terms, chosen)
    applied = state is DeploymentState.APPLIED
    doubtful = _doubtful(deployment, kind, terms, chosen)
    kept = doubtful if deployment.name.lower() in served else frozenset[str]()
    if kept and not applied:
        state, reason = DeploymentState.APPLIED, f"kept as it was: {reason}"
    rules, left_out = _rules(deployment, reachable if applied else (), terms, chosen.choices)
    words = "; ".join((reason, *left_out))
    return Verdict(
        deployment.name,
        state,
        words,
        kind,
        deployment,
        rules,
        kept,
        because=chosen.because,
    )


def _rules(
    deployment: Deployment, surfaces: Sequence[Surface], terms: Terms, choices: Choices
) -> tuple[Mapping[str, DeploymentRule], tuple[str, ...]]:
    """By surface; and what is left out on each of them."""
    made = {
        surface.name: deployment_rule(
            deployment, surface, choices, gateway=terms.gateway, shared=terms.features
        )
        for surface in surfaces
    }
    everywhere = Counter(why for _rule, reasons in made.values() for why in reasons)
    left_out = dict.fromkeys(
        why if everywhere[why] == len(made) else f"{why} (on {name})"
        for name, (_rule, reasons) in made.items()
        for why in reasons
    )
    return {name: rule for name, (rule, _reasons) in made.items()}, tuple(left_out)


def _state(
    deployment: Deployment,
    kind: ModelKind,
    fits: Sequence[Surface],
    terms: Terms,
    chosen: Chosen,
) -> tuple[DeploymentState, str]:
    state = deployment.provisioning_state
    problem = _account_problem(terms.account, terms.chosen.choices) or terms.chosen.problem
    bad, out = DeploymentState.QUARANTINED, DeploymentState.EXCLUDED
    obstacles = (
        (problem is not None, bad, problem or ""),
        (chosen.problem is not None, bad, chosen.problem or ""),
        (not chosen.choices.onboard, out, f"not to be onboarded: {chosen.kept_out_by}"),
        (
            not is_deployment_name(deployment.name),
            bad,
            "the name has characters outside the allowlist",
        ),
        (
            deployment.sku.lower().endswith("batch"),
            bad,
            f"{deployment.sku} serves no online requests",
        ),
        (state.lower() in _ENDED_BADLY, bad, f"ARM says {state}: create it again, or delete it"),
        (not fits and _is_ready(deployment), bad, _unserved(deployment, kind, terms)),
    )
    for holds, verdict, reason in obstacles:
        if holds:
            return verdict, reason
    if not _is_ready(deployment):
        return DeploymentState.SEEN, f"ARM says {state}"
    return DeploymentState.APPLIED, "onboarded"


def _unserved(deployment: Deployment, kind: ModelKind, terms: Terms) -> str:
    what = f"{deployment.model.format} {deployment.model.name} (kind {kind.value})"
    sockets = [it for it in terms.surfaces if it.serves(deployment)]
    if sockets and all(it.protocol is Protocol.WEBSOCKET for it in sockets):
        sku = terms.gateway.service.sku
        if not terms.gateway.has("websocket"):
            return f"tier {sku} has no WebSocket APIs, which {what} needs"
    return f"no enabled surface serves {what}"


def _is_ready(deployment: Deployment) -> bool:
    return deployment.provisioning_state.lower() == "succeeded"


def _doubtful(
    deployment: Deployment, kind: ModelKind, terms: Terms, chosen: Chosen
) -> frozenset[str]:
    """The surfaces that may lack nothing but a fact to serve the deployment.

    Answers can lack capabilities or endpoints for a while, and a tag can be misspelt. What is
    served is given up for a 404, a fact or a decision, never for the lack of one.
    """
    surfaces, account = terms.surfaces, terms.account
    everywhere = frozenset(surface.name for surface in surfaces)
    if not account.endpoints or chosen.problem or terms.chosen.problem:
        return everywhere
    if not chosen.choices.onboard or deployment.sku.lower().endswith("batch"):
        return frozenset()
    if _account_problem(account, terms.chosen.choices) is not None:
        return frozenset()
    if kind is ModelKind.UNKNOWN or not _is_ready(deployment):
        return everywhere
    return frozenset(
        surface.name
        for surface in surfaces
        if surface.serves(deployment) and not account.endpoints.keys() & set(surface.endpoint_names)
    )
