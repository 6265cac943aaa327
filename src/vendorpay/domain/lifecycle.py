"""The life of a payment: one table of moves, one of actions; nothing else decides what may follow what.

The trigger `payments_check_update` of the schema states MOVES again; a test compares the two, cell by cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from vendorpay.domain.errors import AlreadyDecided, InvalidTransition


class PaymentStatus(StrEnum):
    """Where a payment stands."""

    PENDING_APPROVAL = "pending_approval"
    APPROVED = "approved"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    REVERSED = "reversed"


class Action(StrEnum):
    """What a person can do to a payment that exists."""

    APPROVE = "approve"
    REJECT = "reject"
    CANCEL = "cancel"
    UPDATE = "update"
    HOLD = "hold"
    RELEASE = "release"
    UNDO_APPROVAL = "undo-approval"


_S = PaymentStatus

MOVES: Final[Mapping[PaymentStatus, frozenset[PaymentStatus]]] = {
    _S.PENDING_APPROVAL: frozenset({_S.APPROVED, _S.REJECTED, _S.CANCELLED}),
    _S.APPROVED: frozenset({_S.PROCESSING, _S.CANCELLED, _S.PENDING_APPROVAL}),  # back: approval undone or voided
    _S.PROCESSING: frozenset({_S.COMPLETED, _S.FAILED}),
    _S.FAILED: frozenset({_S.PROCESSING, _S.CANCELLED}),
    _S.COMPLETED: frozenset({_S.REVERSED, _S.FAILED}),  # failed: the bank sent it back
    _S.REJECTED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.REVERSED: frozenset(),
}
assert MOVES.keys() == set(PaymentStatus)

ENDED: Final = frozenset({_S.REJECTED, _S.CANCELLED, _S.REVERSED})
"""Statuses that free the job for another payment; a payment in any other status is live (contract 4.3)."""

_BEFORE_PAYOUT: Final = frozenset({_S.PENDING_APPROVAL, _S.APPROVED})
_NOT_MOVING: Final = _BEFORE_PAYOUT | {_S.FAILED}

ACTIONS: Final[Mapping[Action, frozenset[PaymentStatus]]] = {
    Action.APPROVE: frozenset({_S.PENDING_APPROVAL}),
    Action.REJECT: frozenset({_S.PENDING_APPROVAL}),
    Action.CANCEL: _NOT_MOVING,
    Action.UPDATE: _BEFORE_PAYOUT,
    Action.HOLD: _NOT_MOVING,
    Action.RELEASE: _NOT_MOVING,
    Action.UNDO_APPROVAL: _BEFORE_PAYOUT,
}
"""From which statuses an action is possible (contract, the last table of section 3)."""

_DECISIONS: Final = frozenset({Action.APPROVE, Action.REJECT})
_UNDER_WAY: Final = frozenset({_S.PROCESSING, _S.FAILED})


def allow(action: Action, status: PaymentStatus) -> None:
    """Passes when `action` is possible in `status`; else raises AlreadyDecided or InvalidTransition."""
    if status in ACTIONS[action]:
        return
    if action in _DECISIONS and status not in _UNDER_WAY:
        raise AlreadyDecided(status=status)
    raise InvalidTransition(status=status, action=action)


def move(status: PaymentStatus, target: PaymentStatus) -> PaymentStatus:
    """`target`, when the table has that move; else raises InvalidTransition. Every status change goes through here."""
    if target not in MOVES[status]:
        raise InvalidTransition(status=status, action=f"move to {target}")
    return target
