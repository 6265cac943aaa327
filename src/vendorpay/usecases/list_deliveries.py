"""List the deliveries to a webhook endpoint with every try: what was answered, how long it took, what went wrong."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from vendorpay.domain.errors import NotFound
from vendorpay.domain.roles import Caller
from vendorpay.domain.webhooks import EndpointStatus
from vendorpay.store import webhooks
from vendorpay.usecases import cursor as cursors
from vendorpay.usecases.deps import Deps

_KIND: Final = "deliveries"
ATTEMPTS_SHOWN_MAX: Final = 50
"""How many tries of one delivery are shown, the newest; a round of tries has ten."""


class DeliveryState(StrEnum):
    """Waiting to be sent (again), arrived, given up, or no longer wanted."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    CANCELLED = "cancelled"


class DeliveryFilter(StrEnum):
    """One of the states; or `failing`, which is pending and was tried in vain at least once."""

    PENDING = "pending"
    FAILING = "failing"
    DELIVERED = "delivered"
    DEAD = "dead"
    CANCELLED = "cancelled"


class Attempt(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One try: the `status` it was answered with, or the `error` that kept one from coming.

    `answer` is the beginning of what the receiver said.
    """

    attempt: int
    at: datetime
    duration_ms: int
    status: int | None
    error: str | None
    answer: str | None


class Delivery(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One event on its way to one endpoint; `dueAt` is when it is tried (again) at the earliest, while it waits.

    It waits longer when it is `paused`, for the endpoint is disabled or a replay is still being put in line; and when
    it `waitsFor` another delivery, the first of its payment that is pending.
    """

    delivery_id: UUID
    event_id: UUID
    event_type: str
    position: int
    aggregate_id: UUID
    sequence: int
    state: DeliveryState
    waits_for: UUID | None
    paused: bool
    due_at: datetime | None
    settled_at: datetime | None
    last_error: str | None
    created_at: datetime
    attempts: tuple[Attempt, ...]


class DeliveryPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One page, and the cursor of the next one when there is more."""

    deliveries: tuple[Delivery, ...]
    next_cursor: str | None


_attempts = msgspec.json.Decoder(tuple[Attempt, ...])


async def page(
    deps: Deps,
    caller: Caller,
    endpoint_id: UUID,
    *,
    state: DeliveryFilter | None,
    limit: int,
    cursor: str | None = None,
) -> DeliveryPage:
    """Newest first. Raises NotFound for an endpoint that is deleted or another organisation's, InvalidRequest for a
    foreign cursor.
    """
    before = cursors.before(_KIND, cursor)
    org_id = caller.scope().org_id
    async with deps.database.reading() as connection:
        endpoint = await webhooks.endpoint(connection, org_id, endpoint_id)
        if endpoint is None:
            raise NotFound(subject="webhook endpoint", id=endpoint_id)
        found = await webhooks.deliveries(
            connection,
            org_id,
            endpoint_id,
            states=[one.value for one in DeliveryState] if state is None else [state.value],
            before=before,
            limit=limit + 1,
            attempts=ATTEMPTS_SHOWN_MAX,
        )
    paused = endpoint.state.endpoint.status is not EndpointStatus.ENABLED or endpoint.state.replay is not None
    shown, more = cursors.cut(_KIND, found, limit, lambda row: row["delivery_id"])
    return DeliveryPage(deliveries=tuple(_shown(row, paused=paused) for row in shown), next_cursor=more)


def _shown(row: DictRow, *, paused: bool) -> Delivery:
    state = DeliveryState(row["state"])
    attempts = _attempts.decode(row["attempts"])
    paused = paused and state is DeliveryState.PENDING
    return Delivery(**{**row, "state": state, "paused": paused, "attempts": attempts})
