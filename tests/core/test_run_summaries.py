"""A run as a list tells it."""

from typing import Any

from shared.core.records import CauseRecord, RunAnswer, RunState, UnitRunRecord
from shared.core.run_summaries import run_summary

AT = "2026-11-23T12:00:00Z"
REIMPORT = CauseRecord(kind="reimport")


def a_unit(number: int, status: RunState = "succeeded", **more: Any) -> UnitRunRecord:
    known = {"finished": AT, "causes": (REIMPORT,), "writes": 1, "planned": 2, **more}
    return UnitRunRecord(
        unit_id=f"{number:012}", account=f"/x/{number}", status=status, started=AT, **known
    )


def a_run(*units: UnitRunRecord) -> RunAnswer:
    return RunAnswer(id="0" * 32, status="failed", started=AT, writes=7, arm_calls=9, units=units)


def test_a_run_of_one_account_is_told_whole_but_for_its_changes_and_notes() -> None:
    unit = a_unit(1, "failed", error="it broke", drifted=("apis/a",), notes=("a note",))

    found = run_summary(a_run(unit)).model_dump(exclude_defaults=True)

    assert found == {
        "id": "0" * 32,
        "status": "failed",
        "started": AT,
        "writes": 7,
        "planned": 2,
        "arm_calls": 9,
        "causes": ({"kind": "reimport"},),
        "count": {"failed": 1},
        "errors": 1,
        "units": (
            {
                "unit_id": "000000000001",
                "account": "/x/1",
                "status": "failed",
                "started": AT,
                "finished": AT,
                "drifted": ("apis/a",),
                "error": "it broke",
            },
        ),
    }


def test_of_many_accounts_those_come_first_that_want_somebody() -> None:
    units = [a_unit(number) for number in range(400)]
    units[300] = a_unit(300, "running", finished="")
    units[301] = a_unit(301, drifted=("apis/a",))
    units[302] = a_unit(302, "failed", error="it broke")

    found = run_summary(a_run(*units))

    assert [int(it.unit_id) for it in found.units[:5]] == [302, 301, 300, 0, 1]
    assert (len(found.units), len(found.left_out), found.errors) == (20, 380, 1)
    assert found.count == {"succeeded": 398, "running": 1, "failed": 1}
    assert found.planned == 800
    assert found.causes == (REIMPORT,)
    told = {it.unit_id for it in found.units} | {*found.left_out}
    assert told == {it.unit_id for it in units}


def test_however_many_causes_there_are_few_are_told() -> None:
    causes = tuple(CauseRecord(kind="event", event_id=str(number)) for number in range(30))

    found = run_summary(a_run(a_unit(1, causes=causes), a_unit(2, causes=causes)))

    assert found.causes == causes[:20]
