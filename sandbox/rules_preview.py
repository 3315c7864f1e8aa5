"""``python -m sandbox rules``: what a rules file means for a world, before anybody's traffic does.

Nothing is started: the world is put into the ARM emulator's store and read back as the app reads
ARM. The gateway is taken to have the products, backends, loggers and the cache that the file names;
its tier is that of the world's first one.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sandbox.arm.apim.provider import ApimProvider
from sandbox.arm.compose import arm_app
from sandbox.arm.dispatch import Dispatcher
from sandbox.arm.ids import ResourcePath
from sandbox.arm.provider import Request
from sandbox.arm.server import FRONT_DOOR
from sandbox.contracts import Json
from sandbox.world import World
from shared.adapters.inventory import API_VERSION, parse_account
from shared.core.choices import Choices, ContentSafety
from shared.core.features import Gateway, account_features
from shared.core.model import Account, Deployment, GatewayFacts, Service
from shared.core.policy_features import Limit
from shared.core.resource_ids import AccountId
from shared.core.rulebook import (
    BadTag,
    RuleBook,
    account_choices,
    deployment_choices,
    names,
    wants,
)
from shared.core.states import Verdict
from shared.core.surfaces import SURFACES
from shared.core.verdicts import Terms, judge
from shared.errors import ConfigError
from shared.rules_file import read_rules_file

ACCOUNTS = "Microsoft.CognitiveServices/accounts"
INVALID, PROBLEMS = 1, 3
_WIDTH = 160  # of the tables where there is no terminal to ask


@dataclass(frozen=True, slots=True)
class DeploymentPreview:
    """One deployment; *problem* is a tag that means nothing, *reason* what becomes of it."""

    name: str
    model: str
    kind: str
    state: str
    reason: str
    surfaces: tuple[str, ...]
    token_limit: str
    content_safety: str
    because: tuple[str, ...]
    problem: str | None


@dataclass(frozen=True, slots=True)
class AccountPreview:
    """One account; *paths* by surface, of those that some deployment is served on."""

    name: str
    resource_group: str
    paths: dict[str, str]
    products: tuple[str, ...]
    role: str
    left_out: tuple[str, ...]
    because: tuple[str, ...]
    problem: str | None
    deployments: tuple[DeploymentPreview, ...]


def run(file: Path, world: Path | None, *, as_json: bool) -> int:
    """Print what *file* means; the exit code says how well that is."""
    try:
        book = read_rules_file(file)
    except ConfigError as exc:
        Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(str(exc))
        return INVALID
    previews = preview(book, World.load(world) if world else mixed_world())
    if as_json:
        print(json.dumps([asdict(it) for it in previews], indent=2))
    else:
        _show(previews)
    return PROBLEMS if any(map(_has_problem, previews)) else 0


def _has_problem(account: AccountPreview) -> bool:
    return bool(account.problem) or any(it.problem for it in account.deployments)


def preview(book: RuleBook, world: World) -> tuple[AccountPreview, ...]:
    sku = world.gateways[0].sku if world.gateways else "Developer"
    return tuple(_account(book, account, _gateway(book, sku)) for account in read_accounts(world))


def mixed_world() -> World:
    """Something of each kind, in two accounts with tags."""
    return World.load(Path(__file__).with_name("mixed_world.json"))


def read_accounts(world: World) -> Iterator[Account]:
    """The world's accounts, as the app would read them."""
    app = arm_app(world, extra=[ApimProvider])
    dispatcher = app[FRONT_DOOR].dispatcher
    store = dispatcher.context.store
    for entry in sorted(store.of_type(ACCOUNTS), key=lambda it: it.id.lower()):
        deployments = _get(dispatcher, f"{entry.id}/deployments")["value"]
        yield parse_account(AccountId.parse(entry.id), _get(dispatcher, entry.id), deployments)


def _get(dispatcher: Dispatcher, path: str) -> Json:
    where = dispatcher.canonical(ResourcePath.parse(path))
    body: Json = dispatcher.handle(Request("GET", where, api_version=API_VERSION)).body
    return body


def _gateway(book: RuleBook, sku: str) -> Gateway:
    wanted = wants(book)
    facts = GatewayFacts(
        loggers=tuple(dict.fromkeys(_loggers(book))) or ("any",),
        has_cache=True,
        backends=frozenset(map(str.lower, wanted.backends)),
        products=frozenset(map(str.lower, wanted.products)),
    )
    return Gateway(Service(sku, "Succeeded", {"": "the gateway's own"}), facts)


def _loggers(book: RuleBook) -> Iterator[str]:
    for part in (book.defaults, *(patch for _place, patch in book.patches())):
        metric = getattr(part, "token_metric", None)
        if metric and metric.logger:
            yield metric.logger


def _account(book: RuleBook, account: Account, gateway: Gateway) -> AccountPreview:
    chosen = account_choices(book, account)
    choices = chosen.choices
    features = account_features(account, choices, gateway)
    terms = Terms(account, book, chosen, gateway, features)
    verdicts = {it.name: it for it in judge(terms, served=frozenset())}
    deployments = tuple(
        _deployment(book, account, it, verdicts[it.name]) for it in account.deployments
    )
    return AccountPreview(
        name=account.id.name,
        resource_group=account.id.resource_group,
        paths=_paths(book, choices, account, deployments),
        products=tuple(it.id for it in choices.products),
        role=choices.role.mode if not choices.access_key else "off: access key",
        left_out=features.left_out,
        because=chosen.because,
        problem=chosen.problem,
        deployments=deployments,
    )


def _paths(
    book: RuleBook, choices: Choices, account: Account, deployments: Sequence[DeploymentPreview]
) -> dict[str, str]:
    used = {name for it in deployments for name in it.surfaces}
    try:
        return {
            name: names(book, choices, account, surface).path
            for name, surface in SURFACES.items()
            if name in used
        }
    except BadTag:
        return {}


def _deployment(
    book: RuleBook, account: Account, deployment: Deployment, verdict: Verdict
) -> DeploymentPreview:
    chosen, model = deployment_choices(book, account, deployment), deployment.model
    rules = list(verdict.rules.values())
    return DeploymentPreview(
        name=deployment.name,
        model=f"{model.format} {model.name} {model.version}",
        kind=verdict.kind.value,
        state=verdict.state.value,
        reason=verdict.reason,
        surfaces=tuple(verdict.rules),
        token_limit=_limit(next((it.limit for it in rules if it.limit), None)),
        content_safety=_safety(next((it.safety for it in rules if it.safety), None)),
        because=chosen.because,
        problem=chosen.problem,
    )


def _limit(limit: Limit | None) -> str:
    if limit is None:
        return ""
    rate = f"{limit.tokens_per_minute:,} a minute" if limit.tokens_per_minute else ""
    quota = f"{limit.quota[0]:,} {limit.quota[1].lower()}" if limit.quota else ""
    return f"{', '.join(filter(None, (rate, quota)))} per {limit.counter_key}"


def _safety(safety: ContentSafety | None) -> str:
    return f"by {safety.backend}" if safety else ""


def _show(previews: Sequence[AccountPreview]) -> None:
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDTH
    for account in previews:
        console.print(_table(account))
        console.print()


def _table(account: AccountPreview) -> Table:
    table = Table(title=_title(account), title_justify="left", show_lines=True, expand=False)
    for column in ("deployment", "kind", "becomes", "surfaces", "limit", "safety", "because"):
        table.add_column(column, overflow="fold")
    for it in account.deployments:
        table.add_row(
            f"{it.name}\n{it.model}",
            it.kind,
            f"{it.state}: {it.reason}",
            "\n".join(it.surfaces),
            it.token_limit,
            it.content_safety,
            "\n".join(it.because) or "defaults",
        )
    return table


def _title(account: AccountPreview) -> str:
    lines = [
        f"{account.name} in {account.resource_group}",
        *(f"  /{path}" for path in account.paths.values()),
        f"  products: {', '.join(account.products) or 'none'}; role: {account.role}",
        f"  because: {', '.join(account.because) or 'defaults'}",
        *(f"  left out: {it}" for it in account.left_out),
        *([f"  PROBLEM: {account.problem}"] if account.problem else []),
    ]
    return "\n".join(lines)
