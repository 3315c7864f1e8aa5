"""How it looks: help, its page in docs, and a plan as text."""

import inspect
from io import StringIO
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from typer.main import get_command

from onramp.commands import app
from onramp.screen import harmless
from onramp.show_plan import View, show_plans
from shared.core.records import ChangeRecord, DecisionRecord, DriftRecord, PlanRecord, PlansAnswer
from tests.cli.terminal import ROOT, run

PAGE = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
COMMANDS = getattr(get_command(app), "commands")  # noqa: B009 - typer's group has no public type
ACCOUNT = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-ai/providers/"
    "Microsoft.CognitiveServices/accounts/{}"
)
API = "contoso-azure-openai-83e5d6f649e0"
DIFF = (
    "--- stands",
    "+++ desired",
    "@@ -1,3 +1,3 @@",
    " <inbound>",
    '-<llm-token-limit tokens-per-minute="1000" />',
    '+<llm-token-limit tokens-per-minute="80000" counter-key="@(context.Subscription.Id)" />',
    *(f" <!-- {number} -->" for number in range(38)),
)


def change(action: str, path: str, reason: str = "as it should be", **more: object) -> ChangeRecord:
    return ChangeRecord.model_validate({"action": action, "path": path, "reason": reason, **more})


PLANS = PlansAnswer(
    writes=4,
    plans=(
        PlanRecord(
            unit_id="83e5d6f649e0",
            account=ACCOUNT.format("contoso"),
            digest="0123456789abcdef",
            mode="sync",
            held="would take 6 of 6 deployments off the gateway (a, b). If that is right, release",
            writes=4,
            changes=(
                change("keep", f"backends/{API}-ai-endpoint"),
                change("create", "apis/contoso-anthropic-83e5d6f649e0", "does not exist"),
                change("blocked", "apis/hand-made", "exists without our owner mark"),
                change(
                    "update",
                    f"apis/{API}",
                    "differs in properties.displayName",
                    drift=(
                        DriftRecord(
                            field="properties.displayName", desired="contoso", actual="by hand"
                        ),
                    ),
                ),
                change("update", f"apis/{API}/policies/policy", "differs", policy_diff=DIFF),
                change("create", f"products/starter/apis/{API}", "does not exist"),
                change("delete", "apis/contoso-cohere-83e5d6f649e0", "no deployment needs it"),
            ),
            deployments=(
                DecisionRecord(name="gpt-4o", state="applied", reason="onboarded"),
                DecisionRecord(name="sora", state="quarantined", reason="no enabled surface"),
            ),
            notes=("token metrics are left out: the gateway has no logger",),
        ),
        PlanRecord(
            unit_id="1d0acba00899",
            account=ACCOUNT.format("closed"),
            digest="",
            mode="",
            error="GET answered 403 AuthorizationFailed; check its role assignments",
        ),
    ),
)


def as_text(answer: PlansAnswer, width: int) -> str:
    out = StringIO()
    console = Console(file=out, width=width, highlight=False, markup=False)
    for part in show_plans(harmless(answer), View(rest="--full shows")):
        console.print(part)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


@pytest.mark.parametrize("width", [80, 120])
def test_a_plan_looks_as_it_was_agreed(width: int) -> None:
    """To look anew: delete the file, run this, and read what it wrote."""
    file = Path(__file__).with_name(f"plan-{width}.txt")
    shown = as_text(PLANS, width)
    if not file.exists():
        file.write_text(shown, encoding="utf-8")
        pytest.fail(f"{file.name} was written anew: read it")

    assert shown == file.read_text(encoding="utf-8")
    assert max(map(cell_len, shown.splitlines())) <= width


def test_of_several_accounts_those_with_nothing_to_do_take_one_line() -> None:
    calm = [
        PLANS.plans[0].model_copy(
            update={
                "account": ACCOUNT.format(f"calm-{number}"),
                "held": "",
                "changes": (change("keep", "apis/x"),),
                "deployments": (
                    DecisionRecord(name="gpt-4o", state="applied", reason="onboarded"),
                ),
            }
        )
        for number in range(3)
    ]
    parked = DecisionRecord(name="sora", state="quarantined", reason="no enabled surface")
    troubled = calm[2].model_copy(update={"deployments": (parked,)})

    all_calm = as_text(PlansAnswer(writes=0, plans=tuple(calm)), 80)
    one_troubled = as_text(PlansAnswer(writes=0, plans=(*calm[:2], troubled)), 80)
    alone = as_text(PlansAnswer(writes=0, plans=(calm[0],)), 80)

    assert all_calm == (
        "= keep: calm-0, calm-1, calm-2 (--full shows them)\n\nPlan: nothing to do on 3 accounts.\n"
    )
    assert "= keep: calm-0, calm-1 (" in one_troubled
    assert "! quarantined   sora" in one_troubled
    assert "✓ applied   gpt-4o" in alone


@pytest.mark.parametrize(
    ("reason", "is_by_hand"),
    [
        ("exists without our owner mark", True),
        ("path contoso/openai is taken by API x (adopt takes it over)", True),
        ("path contoso/openai is taken by API x of the installation b: give one another", False),
    ],
)
def test_what_adopt_refuses_is_not_said_to_be_taken_over(reason: str, *, is_by_hand: bool) -> None:
    blocked = change("blocked", "apis/x", reason)
    plan = PLANS.plans[0].model_copy(update={"changes": (blocked,)})

    shown = as_text(PlansAnswer(writes=0, plans=(plan,)), 80)

    assert ("python -m onramp adopt --help" in shown) is is_by_hand


def test_accounts_without_a_plan_are_not_said_to_have_nothing_to_do() -> None:
    shown = as_text(PlansAnswer(writes=0, plans=PLANS.plans[1:]), 80)

    assert "No plan: 1 account could not be looked at." in shown
    assert "nothing to do" not in shown


def test_two_long_lines_are_shown_where_they_differ() -> None:
    lines = tuple(f"{it}<set-body>{'x' * 100}{it}</set-body>" for it in "-+")
    update = change("update", f"apis/{API}/policies/policy", policy_diff=("@@ 1 @@", *lines))
    plan = PLANS.plans[0].model_copy(update={"changes": (update,)})

    shown = as_text(PlansAnswer(writes=1, plans=(plan,)), 80).splitlines()

    minus, plus = (next(it for it in shown if it.startswith(f"    {sign}.")) for sign in "-+")
    assert minus.endswith("x-</set-body>")
    assert plus.endswith("x+</set-body>")


def test_names_of_others_do_not_steer_the_terminal() -> None:
    evil = DecisionRecord(name="x\x1b[2J\u202e", state="applied", reason="\x9b31m\r\n")
    plan = PLANS.plans[0].model_copy(update={"deployments": (evil,)})

    shown = as_text(PLANS.model_copy(update={"plans": (plan,)}), 80)

    assert not any(it in shown for it in ("\x1b", "\x9b", "\r", "\u202e"))


@pytest.mark.parametrize("command", ["", *COMMANDS])
async def test_help_fits_eighty_columns(command: str) -> None:
    ran = await run(*filter(None, (command,)), "--help", env={"COLUMNS": "80"})

    assert (ran.code, ran.err) == (0, "")
    assert max(map(cell_len, ran.out.splitlines())) <= 80
    assert not any(line.rstrip().endswith("…") for line in ran.out.splitlines())


async def test_without_a_word_it_tells_how_it_is_used() -> None:
    ran = await run(env={})

    assert ran.code == 0
    assert "Usage" in ran.out


async def test_it_knows_its_version() -> None:
    ran = await run("--version", env={})

    assert ran.out.startswith("model-onramp ")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_on_its_page(name: str) -> None:
    options = [one for it in COMMANDS[name].params for one in it.opts if one.startswith("--")]

    assert f"## {name}" in PAGE
    assert [it for it in options if f"`{it}" not in PAGE] == []


def test_every_command_says_what_it_does() -> None:
    assert [name for name, it in COMMANDS.items() if not inspect.cleandoc(it.help or "")] == []
