"""Between a webhook endpoint's rows and the domain's value of it."""

from __future__ import annotations

import msgspec
from psycopg.rows import DictRow

from vendorpay.domain.payment import Chains
from vendorpay.domain.webhooks import DisableReason, EndpointState, EndpointStatus, LiveSecret, Replay, WebhookEndpoint

_secrets = msgspec.json.Decoder(tuple[LiveSecret, ...])

_PLAIN = (
    *("endpoint_id", "org_id", "url", "description", "max_in_flight", "disabled_at", "version", "created_by"),
    *("created_at", "updated_at"),
)


def endpoint_of(row: DictRow, children: DictRow) -> WebhookEndpoint:
    """The endpoint in a row of `@endpoint`; `children` are its secrets, as JSON, without what is secret."""
    reason = row["disabled_reason"]
    return WebhookEndpoint(
        **{name: row[name] for name in _PLAIN},
        event_types=tuple(row["event_types"]),
        status=EndpointStatus(row["status"]),
        disabled_reason=None if reason is None else DisableReason(reason),
        secrets=_secrets.decode(children["secrets"]) if children["secrets"] else (),
    )


def state_of(row: DictRow, children: DictRow) -> EndpointState:
    """The same with what its rules need."""
    after = row["replay_after"]
    return EndpointState(
        endpoint=endpoint_of(row, children),
        chains=Chains(audit_seq=row["audit_seq"], audit_head=row["audit_head"], event_seq=row["event_seq"]),
        disabled_position=row["disabled_position"],
        replay=None if after is None else Replay(after=after, until=row["replay_until"], again=row["replay_again"]),
        deleted_at=row["deleted_at"],
    )
