"""Deliver an event to a webhook endpoint: signed, once, without following it anywhere; and say what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from vendorpay import __version__, observe
from vendorpay.domain.errors import VendorPayError
from vendorpay.domain.feed import FeedEvent, positioned_detail
from vendorpay.domain.retries import WEBHOOKS, Schedule
from vendorpay.domain.webhook_signature import signed_headers
from vendorpay.domain.webhooks import DisableReason
from vendorpay.ports import WebhookAnswer, WebhookRequest, WebhookSender
from vendorpay.store import webhooks
from vendorpay.store.webhooks import Sending
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.disable_webhook_endpoint import DisableWebhookEndpoint, relay_of
from vendorpay.usecases.relay_target import AttemptLog, Delivered, Due, Failed, Paused, Result

TIMEOUT_S: Final = 15.0
FAILING_MAX: Final = timedelta(days=3)
FAILED_TRIES_MIN: Final = 10
"""An endpoint is disabled after so long without a success, when it was tried so often meanwhile. Already after so many
tries it gets one request at a time."""
BEHIND_S: Final = 0.2
"""How long an event waits that was chosen while earlier ones were still being put in line."""
_GONE: Final = 410
_UNSIGNED_S: Final = 60.0
"""How long an event waits for a secret to sign with."""
_USER_AGENT: Final = f"vendorpay/{__version__}"


class _Payload(msgspec.Struct, frozen=True, kw_only=True):
    """The body: an event as Standard Webhooks shapes it."""

    type: str
    timestamp: datetime
    data: msgspec.Raw


class WebhookTarget:
    """What the relay hands the events of webhook endpoints to (a Target)."""

    def __init__(
        self, deps: Deps, sender: WebhookSender, *, schedule: Schedule = WEBHOOKS, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._deps = deps
        self._sender = sender
        self._schedule = schedule
        self._timeout_s = timeout_s

    @property
    def kind(self) -> str:
        """Webhook endpoints."""
        return "webhook"

    @property
    def names(self) -> frozenset[str] | None:
        """All of them."""
        return None

    @property
    def schedule(self) -> Schedule:
        """Ten tries over three days, unless it was made with another one."""
        return self._schedule

    async def prepare(self) -> None:
        """Nothing: endpoints are subscribed by whoever creates them."""

    async def at_once(self, subscription_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """How many requests each may be sent at once: one, while it does nothing but fail. Left out are those that are
        disabled, and those for which earlier events are still being put in line.
        """
        async with self._deps.database.reading() as connection:
            return await webhooks.limits(connection, subscription_ids, failing=FAILED_TRIES_MIN)

    async def deliver(self, due: Due) -> Result:
        """One POST, and what came of it; the last one after long failure, and where nobody is at home any more."""
        sending = await self._sending(due, self._deps.now())
        if not sending.enabled:
            return Paused(reason="the endpoint is disabled")
        if sending.replaying or sending.overtaking:
            return Paused(reason="earlier events are being put in line", retry_after_s=BEHIND_S)
        if not sending.secrets:  # a bug, or somebody's SQL: what is not signed tells the receiver nothing
            org_id, endpoint_id = due.event.org_id, due.subscription_id
            observe.warning("a webhook endpoint has nothing to sign with", org_id=org_id, endpoint_id=endpoint_id)
            return Paused(reason="the endpoint has no live secret", retry_after_s=_UNSIGNED_S)
        body = payload(due.event)
        headers = (
            ("content-type", "application/json"),
            ("user-agent", _USER_AGENT),
            *signed_headers(sending.secrets, webhook_id=str(due.event.event_id), sent_at=self._deps.now(), body=body),
        )
        answer = await self._sender.send(
            WebhookRequest(url=sending.url, headers=headers, body=body, timeout_s=self._timeout_s)
        )
        result = result_of(answer)
        await self._keep_count(sending, due, answer, arrived=isinstance(result, Delivered))
        return result

    async def _sending(self, due: Due, now: datetime) -> Sending:
        event = due.event
        async with self._deps.database.reading() as connection:
            return await webhooks.sending(
                connection,
                event.org_id,
                due.subscription_id,
                aggregate_id=event.aggregate_id,
                sequence=event.sequence,
                now=now,
            )

    async def _keep_count(self, sending: Sending, due: Due, answer: WebhookAnswer, *, arrived: bool) -> None:
        org_id, endpoint_id = due.event.org_id, due.subscription_id
        if arrived and not sending.failing:
            return
        async with self._deps.database.reading() as connection:
            if arrived:
                if await webhooks.forget_failures(connection, org_id, endpoint_id):
                    observe.info("a webhook endpoint works again", org_id=org_id, endpoint_id=endpoint_id)
                return
            failure = await webhooks.count_failure(
                connection, org_id, endpoint_id, tries=FAILED_TRIES_MIN, seconds=FAILING_MAX.total_seconds()
            )
        if failure.first:  # later ones are in the log of its deliveries
            facts = {"status": answer.status, "event_id": due.event.event_id}
            observe.warning("a webhook endpoint fails", org_id=org_id, endpoint_id=endpoint_id, **facts)
        if answer.status == _GONE:
            await self._disable(org_id, endpoint_id, DisableReason.GONE)
        elif failure.too_long:
            await self._disable(org_id, endpoint_id, DisableReason.FAILING)

    async def _disable(self, org_id: str, endpoint_id: UUID, reason: DisableReason) -> None:
        command = DisableWebhookEndpoint(
            command_id=self._deps.new_id(self._deps.now()),
            caller=relay_of(org_id),
            endpoint_id=endpoint_id,
            reason=reason,
        )
        try:
            await self._deps.commands.submit(command)
        except VendorPayError as error:  # the next try that fails comes here again
            observe.warning(
                "a webhook endpoint could not be disabled", org_id=org_id, endpoint_id=endpoint_id, code=error.code
            )
        else:
            observe.warning(
                "a webhook endpoint was disabled", org_id=org_id, endpoint_id=endpoint_id, reason_code=reason.value
            )


def payload(event: FeedEvent) -> bytes:
    """The body of a webhook: the event's own JSON with its position, under its type and time."""
    at = event.occurred_at.astimezone(UTC)
    return msgspec.json.encode(_Payload(type=event.event_type, timestamp=at, data=positioned_detail(event)))


def result_of(answer: WebhookAnswer) -> Result:
    """What an answer means: 2xx is delivered, anything else is tried again, redirects included."""
    log = AttemptLog(
        duration_ms=answer.duration_ms, status=answer.status, error=answer.error, answer=answer.answer or None
    )
    if answer.status is not None and 200 <= answer.status <= 299:
        return Delivered(log=log)
    reason = answer.error if answer.status is None else f"answered with status {answer.status}"
    return Failed(reason=reason or "no answer", retry_after_s=answer.retry_after_s, log=log)
