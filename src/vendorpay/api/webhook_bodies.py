"""The request bodies, queries and answers of the operations on webhook endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vendorpay.api.queries import PageQuery
from vendorpay.domain.errors import FieldFault
from vendorpay.domain.published import EVENT_TYPES, unknown_types
from vendorpay.domain.webhook_urls import url_fault
from vendorpay.domain.webhooks import (
    SECRET_OVERLAP_H,
    EndpointPatch,
    EndpointStatus,
    OverlapHours,
    Position,
    WebhookEndpoint,
)
from vendorpay.usecases.list_deliveries import DeliveryFilter
from vendorpay.usecases.list_webhook_endpoints import EndpointView

_STATUSES = (EndpointStatus.ENABLED.value, EndpointStatus.DISABLED.value)


class RotateBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """For how many hours the older secrets still sign; 0 for those that somebody else has got hold of."""

    expires_in_hours: OverlapHours = SECRET_OVERLAP_H


class ReplayBody(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Everything after this position of the feed is sent again; 0 for all there is."""

    from_position: Position


class DeliveriesQuery(PageQuery, frozen=True, kw_only=True, rename="camel"):
    """Which deliveries; `failing` are those that wait and were tried in vain."""

    state: DeliveryFilter | None = None


class EndpointWithSecret(WebhookEndpoint, frozen=True, kw_only=True, rename="camel"):
    """An endpoint and its newest secret, which is shown this once.

    `secret` is null when the request is repeated after the secret has been replaced and forgotten.
    """

    secret: str | None


class EndpointList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An organisation's endpoints, oldest first; there are at most twenty."""

    endpoints: tuple[EndpointView, ...]


def check_new(fields: Mapping[str, Any]) -> list[FieldFault]:
    """Event types that there are not, and URLs that are none; where a URL may lead is a matter of settings."""
    faults = [*_type_faults(fields.get("event_types", ()))]
    if "url" in fields and (words := url_fault(fields["url"], to_private=True)) is not None:
        faults.append(FieldFault("url", words))
    return faults


def check_patch(fields: Mapping[str, Any]) -> list[FieldFault]:
    """The same for what is given, and that something is."""
    given = {name: value for name, value in fields.items() if value is not msgspec.UNSET}
    faults = check_new(given)
    if len(fields) == len(EndpointPatch.__struct_fields__) and not given:
        faults.append(FieldFault("$", "must name something to change"))
    if given.get("status", _STATUSES[0]) not in _STATUSES:
        faults.append(FieldFault("status", f"must be one of {', '.join(_STATUSES)}"))
    return faults


def _type_faults(names: tuple[str, ...]) -> list[FieldFault]:
    unknown = set(unknown_types(names))
    words = f"is not a type that is published; known are {', '.join(EVENT_TYPES)}"
    return [FieldFault(f"eventTypes[{n}]", words) for n, name in enumerate(names) if name in unknown]
