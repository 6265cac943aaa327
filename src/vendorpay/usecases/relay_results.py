"""From what a target says to what is recorded of it: counted, tried again after a pause, or given up."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from vendorpay.domain.errors import DatabaseUnavailable, IdempotencyInFlight, IssuerUnavailable, Overloaded
from vendorpay.domain.retries import Schedule, chance_of, pause_s
from vendorpay.store.deliveries import Said
from vendorpay.usecases.relay_in_hand import Handed
from vendorpay.usecases.relay_target import Dead, Delivered, Failed, Paused, Result

NOBODYS_FAULT: Final = (DatabaseUnavailable, Overloaded, IssuerUnavailable, IdempotencyInFlight)
PAUSED_S_MIN: Final = 0.1
PAUSED_S_MAX: Final = 3600.0


def result_of(error: Exception) -> Result:
    """What an error means that a target raised: its words are not kept, for they may quote a row."""
    if isinstance(error, NOBODYS_FAULT):
        return Paused(reason=error.code)
    return Failed(reason=f"it raised {type(error).__name__}")


def said_of(handed: Handed, result: Result, schedule: Schedule, attempted_at: datetime) -> Said:
    """What is to be recorded. What failed for the last time is dead."""
    state, counted, wait_s = "pending", 1, 0.0
    log = None if isinstance(result, Paused) else result.log
    match result:
        case Delivered():
            state = "delivered"
        case Dead():
            state = "dead"
        case Failed():
            attempt = handed.attempts + 1
            next_s = pause_s(schedule, attempt, chance_of(handed.delivery_id, attempt), result.retry_after_s)
            state, wait_s = ("dead", 0.0) if next_s is None else ("pending", next_s)
        case Paused():
            counted, wait_s = 0, min(max(PAUSED_S_MIN, result.retry_after_s), PAUSED_S_MAX)
    return Said(
        delivery_id=handed.delivery_id,
        shard=handed.lease.shard,
        epoch=handed.lease.epoch,
        attempts=handed.attempts,
        counted=counted,
        state=state,
        pause_s=wait_s,
        reason=None if isinstance(result, Delivered) else result.reason,
        attempted_at=attempted_at,
        duration_ms=log.duration_ms if log else None,
        status=log.status if log else None,
        error=log.error if log else None,
        answer=log.answer if log else None,
    )
