"""A change of a webhook endpoint, and what goes on record for it."""

from __future__ import annotations

from uuid import UUID

import msgspec

from vendorpay.domain.audit import NewEntry
from vendorpay.domain.events import EventDraft
from vendorpay.domain.webhooks import EndpointState, LiveSecret


class EndpointChange(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint as it is to be. The bytes of a new secret are made when it is written, and are in no value."""

    state: EndpointState
    entries: tuple[NewEntry, ...]
    events: tuple[EventDraft, ...]
    born: bool = False
    secret_id: UUID | None = None
    """Set when there is a new secret."""
    recovered: bool = False
    """What failed before counts no more: it is enabled anew, or deleted."""
    ended: tuple[LiveSecret, ...] = ()
    """Secrets that get an end, or an earlier one."""
