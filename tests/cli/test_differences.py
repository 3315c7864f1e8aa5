"""What of a plan is told apart: long values where they differ, roles by their names."""

from io import StringIO

import pytest
from rich.console import Console

from onramp.show_plan import View, show_plans
from shared.core.records import ChangeRecord, DriftRecord, PlanRecord, PlansAnswer

ACCOUNT = (
    "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg-ai/providers/"
    "Microsoft.CognitiveServices/accounts/contoso"
)
GUID = f"{'1' * 8}-1111-1111-1111-{'1' * 12}"
ROLE = f"{ACCOUNT}/providers/Microsoft.Authorization/roleAssignments/{GUID}"


def text(change: ChangeRecord, *, full: bool = False) -> str:
    plan = PlanRecord(unit_id="1", account=ACCOUNT, digest="d", mode="sync", changes=(change,))
    out = StringIO()
    console = Console(file=out, width=200, highlight=False, markup=False)
    for part in show_plans(PlansAnswer(writes=1, plans=(plan,)), View(full=full)):
        console.print(part)
    return out.getvalue()


@pytest.mark.parametrize("full", [True, False])
def test_long_values_are_shown_where_they_differ(*, full: bool) -> None:
    drift = DriftRecord(
        field="properties.description", desired=f"{'x' * 280} ours", actual=f"{'x' * 280} theirs"
    )
    change = ChangeRecord(action="update", path="apis/a", reason="differs", drift=(drift,))

    shown = text(change, full=full)

    assert "xxx theirs" in shown
    assert "xxx ours" in shown


def test_a_role_assignment_is_named_by_its_role_and_account() -> None:
    reason = "role Cognitive Services User for the gateway: does not exist"
    shown = text(ChangeRecord(action="create", path=ROLE, reason=reason))

    assert "role assignment" in shown
    assert "on contoso" in shown
    assert reason in shown
    assert GUID not in shown
