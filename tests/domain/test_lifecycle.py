"""A payment walks along the table of moves alone, and each action is possible where the contract says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vendorpay.domain.errors import AlreadyDecided, InvalidTransition, VendorPayError
from vendorpay.domain.lifecycle import ENDED, MOVES, Action, PaymentStatus, allow, move

OK, DECIDED, INVALID = None, AlreadyDecided, InvalidTransition
# The last table of section 3 of the contract; the columns after `failed` are completed, rejected, cancelled, reversed.
CONTRACT: dict[str, tuple[type[VendorPayError] | None, ...]] = {
    "approve": (OK, DECIDED, INVALID, INVALID, DECIDED, DECIDED, DECIDED, DECIDED),
    "reject": (OK, DECIDED, INVALID, INVALID, DECIDED, DECIDED, DECIDED, DECIDED),
    "cancel": (OK, OK, INVALID, OK, INVALID, INVALID, INVALID, INVALID),
    "update": (OK, OK, INVALID, INVALID, INVALID, INVALID, INVALID, INVALID),  # section 3: pending_approval or approved
    "hold": (OK, OK, INVALID, OK, INVALID, INVALID, INVALID, INVALID),
    "release": (OK, OK, INVALID, OK, INVALID, INVALID, INVALID, INVALID),
    "undo-approval": (OK, OK, INVALID, INVALID, INVALID, INVALID, INVALID, INVALID),
}
STATUSES = ("pending_approval", "approved", "processing", "failed", "completed", "rejected", "cancelled", "reversed")
CELLS = [
    (action, status, wanted) for action, row in CONTRACT.items() for status, wanted in zip(STATUSES, row, strict=True)
]


@pytest.mark.parametrize(("action", "status", "wanted"), CELLS)
def test_fault_80_an_action_is_possible_or_refused_as_the_contract_says(
    action: str, status: str, wanted: type[VendorPayError] | None
) -> None:
    if wanted is None:
        allow(Action(action), PaymentStatus(status))
        return
    with pytest.raises(wanted) as caught:
        allow(Action(action), PaymentStatus(status))
    assert type(caught.value) is wanted
    assert status in str(caught.value)


def test_the_table_above_has_every_action_and_status() -> None:
    assert (set(CONTRACT), set(STATUSES)) == (set(Action), set(PaymentStatus))


@given(st.lists(st.sampled_from(PaymentStatus), max_size=30))
def test_fault_35_a_walk_never_leaves_the_table(wishes: list[PaymentStatus]) -> None:
    status = PaymentStatus.PENDING_APPROVAL
    for wish in wishes:
        if wish in MOVES[status]:
            status = move(status, wish)
            assert status is wish
        else:
            with pytest.raises(InvalidTransition):
                move(status, wish)
    if status in ENDED:
        assert MOVES[status] == frozenset()


def test_a_payment_that_ended_goes_nowhere_and_only_those_go_nowhere() -> None:
    assert {status for status, targets in MOVES.items() if not targets} == ENDED


def test_every_status_can_be_reached() -> None:
    reached = {PaymentStatus.PENDING_APPROVAL}
    for _ in PaymentStatus:
        reached |= {target for status in reached for target in MOVES[status]}
    assert reached == set(PaymentStatus)
