"""What may be written of a plan: by what was ordered, by the mode, a hold and the brake."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from shared.applying import Applier
from shared.core.applied import AppliedChange, ChangeStatus, foreseen
from shared.core.desired import Desired
from shared.core.guard import Brake
from shared.core.model import Actual, ActualResource, Resource, Wants
from shared.core.modes import Mode
from shared.core.naming import unit_hash
from shared.core.orders import NO_ORDER, Hold, Order
from shared.core.outlook import Outlook, begun
from shared.core.plan import Change, make_plan
from shared.core.resource_ids import AccountId
from shared.core.single_flight import Claim
from shared.planning import _permitted
from tests.builders import API, NOW, SERVICE, UNIT, a_deployment, an_account, as_actual, desired_of

ACCOUNT = an_account(a_deployment())
DESIRED = desired_of(ACCOUNT)
GROWN = desired_of(an_account(a_deployment(), a_deployment("second")))
GONE = desired_of(None)
HOLD = Hold("rollback", "rolled back", NOW)
CLAIM = Claim(UNIT, gen=1, owner="me", epoch=1)
BRAKE = Brake(most=1, most_percent=50)


def an_outlook(desired: Desired = DESIRED, stands: Sequence[Resource] = ()) -> Outlook:
    actual = {it.path: as_actual(it) for it in stands}
    plan = make_plan(desired, actual, owner="default", unit=unit_hash(UNIT))
    return Outlook(UNIT, ACCOUNT, Actual(SERVICE, actual), desired, plan)


def kept(desired: Desired) -> Desired:
    """Of what is no longer wanted nothing is taken off."""
    return replace(desired, mode=Mode.UPSERT_ONLY)


def at_work(desired: Desired) -> Desired:
    """ARM has begun to change what is served."""
    return replace(
        desired,
        verdicts=tuple(
            replace(it, rules={}, keeps=frozenset({"azure-openai"})) for it in desired.verdicts
        ),
    )


LOOK = an_outlook()
BEGUN = begun(Order(digest=LOOK.digest), LOOK.plan)
STANDING = DESIRED.resources
LAST = begun(BEGUN, an_outlook(DESIRED, STANDING[:-1]).plan)
REMOVAL = begun(Order(), an_outlook(GONE, STANDING).plan)


@pytest.mark.parametrize(
    ("order", "outlook", "is_held"),
    [
        (NO_ORDER, LOOK, False),
        (Order(digest=LOOK.digest), LOOK, False),
        (Order(digest=LOOK.digest), an_outlook(GROWN), True),
        (BEGUN, LOOK, False),
        (BEGUN, an_outlook(DESIRED, DESIRED.resources[:1]), False),  # part of it is done
        (BEGUN, an_outlook(DESIRED, DESIRED.resources), False),  # all of it is
        (BEGUN, an_outlook(GROWN), True),  # more than was agreed to
        (BEGUN, an_outlook(GONE), True),  # none of it was written, and nobody wants it now
        (BEGUN, an_outlook(kept(GONE), STANDING[:1]), True),  # nor the rest
        (BEGUN, an_outlook(at_work(replace(DESIRED, resources=()))), False),  # it may come back
        (LAST, an_outlook(DESIRED, STANDING[:-1]), False),
        (LAST, an_outlook(kept(GONE), STANDING[:-1]), True),
        (REMOVAL, an_outlook(GONE, STANDING), False),
        (REMOVAL, an_outlook(GONE), False),
        (REMOVAL, an_outlook(kept(GONE), STANDING), True),
        (REMOVAL, an_outlook(DESIRED, STANDING), True),
    ],
)
def test_an_agreed_plan_is_written_and_nothing_else(
    order: Order, outlook: Outlook, *, is_held: bool
) -> None:
    assert bool(_permitted(outlook, replace(CLAIM, order=order), BRAKE).held) is is_held


@pytest.mark.parametrize("order", [Order(digest=LOOK.digest), BEGUN, Order(rollback="s")])
def test_what_somebody_ordered_goes_past_mode_and_brake(order: Order) -> None:
    careful = replace(LOOK, wanted=replace(DESIRED, mode=Mode.OBSERVE))
    large = replace(LOOK, wanted=replace(DESIRED, lost=frozenset("abc"), served=3))

    for outlook in (careful, large):
        found = _permitted(outlook, replace(CLAIM, order=order), BRAKE)
        assert (found.held, found.observes) == ("", False)


@pytest.mark.parametrize("go_ahead", [True, False])
def test_the_brake_wants_a_go_ahead(*, go_ahead: bool) -> None:
    large = replace(LOOK, wanted=replace(DESIRED, lost=frozenset("abc"), served=3))

    found = _permitted(large, replace(CLAIM, go_ahead=go_ahead), BRAKE)

    assert bool(found.held) is not go_ahead


def test_what_was_rolled_back_is_only_observed() -> None:
    assert _permitted(LOOK, replace(CLAIM, hold=HOLD), BRAKE).observes
    assert not _permitted(LOOK, replace(CLAIM, hold=HOLD, order=BEGUN), BRAKE).observes


class _Willing:
    """A gateway that takes whatever it is given."""

    async def actual(
        self, unit: AccountId, wants: Wants, *, until: float, known: frozenset[str] = frozenset()
    ) -> Actual:
        raise NotImplementedError

    async def apply(self, change: Change, *, until: float) -> None:
        """Do nothing."""

    async def owned_units(self, owner: str) -> tuple[AccountId, ...]:
        raise NotImplementedError

    async def apis_at(self, paths: frozenset[str], *, until: float) -> tuple[ActualResource, ...]:
        raise NotImplementedError

    async def operations_in_use(self, *, until: float) -> int:
        raise NotImplementedError


ALL_GONE = make_plan(
    desired_of(None),
    {it.path: as_actual(it) for it in DESIRED.resources},
    owner="default",
    unit=unit_hash(UNIT),
)
THEIRS = {API: replace(as_actual(DESIRED.resources[0]), path=API, body={})}
BLOCKED = make_plan(DESIRED, THEIRS, owner="default", unit=unit_hash(UNIT))


@pytest.mark.parametrize("status", [ChangeStatus.REJECTED, ChangeStatus.POSTPONED])
@pytest.mark.parametrize("plan", [LOOK.plan, BLOCKED, ALL_GONE], ids=["new", "blocked", "gone"])
async def test_what_is_foreseen_of_a_plan_is_what_applying_it_does(
    plan: tuple[Change, ...], status: ChangeStatus
) -> None:
    for refused in (None, *plan):
        withheld = {refused.path: AppliedChange(refused, status)} if refused else {}

        done = await Applier(_Willing()).apply(plan, withheld=withheld, until=0.0)

        assert foreseen(plan, withheld) == done
