"""The options that commands share: a dataclass for each group, and its fields are the options."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from onramp.errors import CliError
from shared.core.modes import Mode


def option(help_: str, *names: str, panel: str, metavar: str = "", env: str | None = None) -> Any:
    """An option; *names* if its parameter's does not do, no *metavar* if it takes no value."""
    return typer.Option(*names, envvar=env, metavar=metavar, help=help_, rich_help_panel=panel)


_of_app = partial(option, panel="Against a deployed app")
_direct = partial(option, panel="Directly, with your own sign-in (az login)")
_target = partial(option, panel="Which accounts")
_output = partial(option, panel="Output")

_App = Annotated[
    str, _of_app("The app: https://<name>.azurewebsites.net", metavar="URL", env="ONRAMP_APP")
]
_Key = Annotated[
    str,
    _of_app(
        "A function key of the app; use the variable, for others see command lines",
        metavar="KEY",
        env="ONRAMP_KEY",
    ),
]
_Audience = Annotated[
    str,
    _of_app(
        "Where Entra guards the app: for whom your token is, api://<client id>",
        metavar="URI",
        env="ONRAMP_AUDIENCE",
    ),
]


@dataclass(frozen=True, slots=True)
class Deployed:
    """Where the app is, for what only an app can do."""

    app: _App = ""
    key: _Key = ""
    audience: _Audience = ""


@dataclass(frozen=True, slots=True)
class Where:
    """Where the command works: a deployed app, or the gateway itself."""

    app: _App = ""
    key: _Key = ""
    audience: _Audience = ""
    gateway: Annotated[
        str,
        _direct("Resource id of the API Management service", metavar="ID", env="ONRAMP_GATEWAY_ID"),
    ] = ""
    subscriptions: Annotated[
        str,
        _direct(
            "Where the accounts are, with commas between; the gateway's own if not given",
            metavar="IDS",
            env="ONRAMP_SUBSCRIPTIONS",
        ),
    ] = ""
    rules: Annotated[
        Path | None,
        _direct(
            "The rules file; onramp.yaml here, if there is one",
            metavar="FILE",
            env="ONRAMP_RULES_FILE",
        ),
    ] = None
    mode: Annotated[
        Mode,
        _direct(
            "What accounts without a tag do: sync, upsert-only, observe",
            metavar="MODE",
            env="ONRAMP_MODE",
        ),
    ] = Mode.SYNC
    owner: Annotated[
        str,
        _direct("Name in the owner marks, as the app's own", metavar="NAME", env="ONRAMP_OWNER"),
    ] = "default"
    grace_hours: Annotated[
        int,
        _direct(
            "How long what is gone from ARM answers 410, as the app's own",
            metavar="HOURS",
            env="ONRAMP_GRACE_HOURS",
        ),
    ] = 24
    arm_endpoint: Annotated[
        str,
        _direct(
            "Azure Resource Manager, of another cloud or of the sandbox",
            metavar="URL",
            env="ONRAMP_ARM_ENDPOINT",
        ),
    ] = "https://management.azure.com"

    @property
    def deployed(self) -> Deployed:
        return Deployed(self.app, self.key, self.audience)

    def settled(self, on_command_line: frozenset[str]) -> "Where":
        """With one place, not two: what is on the command line goes before the environment.

        Raises:
            CliError: nobody can tell which of two is meant.
        """
        if not (self.app and self.gateway):
            return self
        named = on_command_line & {"app", "gateway"}
        if len(named) != 1:
            raise CliError(
                "both an app (--app, ONRAMP_APP) and a gateway (--gateway, ONRAMP_GATEWAY_ID) "
                "are given",
                "Name the one that is meant as an option.",
            )
        return replace(self, gateway="") if "app" in named else replace(self, app="")


@dataclass(frozen=True, slots=True)
class Target:
    """What the command is about."""

    account: Annotated[
        str, _target("One account: its name, or its resource id", metavar="ACCOUNT")
    ] = ""
    deployment: Annotated[
        str,
        _target(
            "The account of one deployment: account/deployment, or its resource id",
            metavar="DEPLOYMENT",
        ),
    ] = ""
    everything: Annotated[bool, _target("Every watched account", "--all")] = False

    @property
    def is_given(self) -> bool:
        return bool(self.account or self.deployment or self.everything)

    def check(self) -> None:
        if sum(map(bool, (self.account, self.deployment, self.everything))) > 1:
            raise CliError("--account, --deployment and --all exclude each other", "Name one.")


@dataclass(frozen=True, slots=True)
class Output:
    """How the command answers."""

    json: Annotated[
        bool | None,
        typer.Option(
            "--json/--text",
            metavar="",
            help="As JSON, or as text; text on a terminal and JSON on a pipe if not given",
            rich_help_panel="Output",
            show_default=False,
        ),
    ] = None
    debug: Annotated[bool, _output("Show the traceback of errors", "--debug")] = False


def with_options(command: Callable[..., int]) -> Callable[..., int]:
    """*command* as typer takes it: each dataclass among its parameters becomes its fields."""
    groups = {name: hint for name, hint in get_type_hints(command).items() if is_dataclass(hint)}

    @wraps(command)
    def run(ctx: typer.Context, **given: Any) -> int:
        named = frozenset(
            name
            for name in given
            if getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"
        )
        made = {name: _made(group, given, named) for name, group in groups.items()}
        return command(**given, **made)

    own = inspect.signature(command).parameters.values()
    parameters = [
        inspect.Parameter("ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
        *(it.replace(kind=inspect.Parameter.KEYWORD_ONLY) for it in own if it.name not in groups),
        *(it for group in groups.values() for it in _parameters(group)),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {it.name: it.annotation for it in parameters}
    del run.__wrapped__
    run.__doc__ = flowing(command.__doc__ or "")
    return run


def flowing(text: str) -> str:
    """Each paragraph as one line: typer keeps line breaks, and the terminal may be narrower."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(" ".join(it.split()) for it in paragraphs)


def _made(group: Any, given: dict[str, Any], named: frozenset[str]) -> Any:
    values: Mapping[str, Any] = {it.name: given.pop(it.name) for it in fields(group)}
    made = group(**values)
    return made.settled(named) if isinstance(made, Where) else made


def _parameters(group: Any) -> Iterator[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    for it in fields(group):
        yield inspect.Parameter(
            it.name, inspect.Parameter.KEYWORD_ONLY, default=it.default, annotation=hints[it.name]
        )
