"""Rows of a valid webhook endpoint, as the service writes them by one statement, for tests that spoil one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Composable, Identifier, Placeholder
from psycopg.types.json import Json

from tests.database import DIGEST, Row, new_id, now
from vendorpay.domain.audit import GENESIS, canonical_bytes, link


@dataclass(kw_only=True)
class EndpointRows:
    """What one statement writes; `sets` are the columns of an update, None when the endpoint is new."""

    endpoint: Row
    subscription: Row
    sets: Row | None = None
    secrets: list[Row] = field(default_factory=list)
    ended: list[Row] = field(default_factory=list)
    entries: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)


def a_new_endpoint(**columns: Any) -> EndpointRows:
    """The rows of a valid endpoint; `columns` win over the defaults."""
    at = now()
    endpoint: Row = {
        "endpoint_id": new_id(at),
        "org_id": "roadcall",
        "url": "https://receiver.example/hooks",
        "max_in_flight": 10,
        "digest": DIGEST,
        "created_by": "admin-1",
        "created_at": at,
        "updated_at": at,
        **columns,
    }
    subscription = {
        "subscription_id": endpoint["endpoint_id"],
        "kind": "webhook",
        "name": str(endpoint["endpoint_id"]),
        "org_id": endpoint["org_id"],
        "shards": 1,
        "created_at": at,
    }
    rows = EndpointRows(endpoint=endpoint, subscription=subscription)
    endpoint["audit_seq"], endpoint["audit_head"], endpoint["event_seq"] = 0, GENESIS, 0
    put_entry(rows, endpoint, "webhook_endpoint_created")
    put_event(rows, endpoint, "WebhookEndpointCreated")
    rows.secrets.append(a_secret(endpoint))
    return rows


def a_secret(endpoint: Row, **columns: Any) -> Row:
    """A secret of an endpoint."""
    ids = {"secret_id": uuid4(), "org_id": endpoint["org_id"], "endpoint_id": endpoint["endpoint_id"]}
    return {**ids, "secret": b"s" * 32, "created_at": endpoint["updated_at"], **columns}


def put_entry(rows: EndpointRows, target: Row, action: str, **columns: Any) -> None:
    """Puts the next audit entry into `rows`, and its seq and hash into `target`."""
    seq, head = target["audit_seq"] + 1, target["audit_head"]
    facts: Row = {
        "log_id": uuid4(),
        "org_id": rows.endpoint["org_id"],
        "subject_type": "webhook_endpoint",
        "subject_id": rows.endpoint["endpoint_id"],
        "payment_id": None,
        "seq": seq,
        "action": action,
        "actor_id": "admin-1",
        "actor_type": "admin",
        "previous_status": None,
        "new_status": "enabled",
        "reason_code": None,
        "content_digest": rows.endpoint["digest"],
        "notes_digest": None,
        "timestamp": rows.endpoint["updated_at"],
        **columns,
    }
    canonical = canonical_bytes(**facts)
    rows.entries.append({**facts, "canonical": canonical, "prev_hash": head, "hash": link(head, canonical)})
    target["audit_seq"], target["audit_head"] = seq, link(head, canonical)


def put_event(rows: EndpointRows, target: Row, event_type: str) -> None:
    """Puts the endpoint's next event into `rows`, and its number into `target`."""
    target["event_seq"] += 1
    rows.events.append(
        {
            "org_id": rows.endpoint["org_id"],
            "aggregate_type": "webhook_endpoint",
            "aggregate_id": rows.endpoint["endpoint_id"],
            "sequence": target["event_seq"],
            "event_id": uuid4(),
            "event_type": event_type,
            "detail": Json({}),
            "occurred_at": rows.endpoint["updated_at"],
        }
    )


def a_change(endpoint: Row, *, action: str = "webhook_endpoint_updated", **sets: Any) -> EndpointRows:
    """The rows of a change of a stored endpoint: next version, audit entry and event, and `sets` over them."""
    counters: Row = {name: endpoint[name] for name in ("audit_seq", "audit_head", "event_seq")}
    target = {"version": endpoint["version"] + 1, **counters}
    rows = EndpointRows(endpoint=endpoint, subscription={}, sets=target)
    put_entry(rows, target, action)
    put_event(rows, target, "WebhookEndpointUpdated")
    target.update(sets)
    return rows


def put(connection: Connection[TupleRow], rows: EndpointRows) -> Row:
    """Writes everything by one statement; the endpoint's row as it is stored then."""
    parts: list[Composable] = []
    values: list[Any] = []
    endpoint_id = rows.endpoint["endpoint_id"]
    if rows.sets is None:
        _insert(parts, values, "subscriptions", rows.subscription)
        _insert(parts, values, "webhook_endpoints", rows.endpoint)
    else:
        for table, key, sets in (
            ("subscriptions", "subscription_id", rows.subscription),
            ("webhook_endpoints", "endpoint_id", rows.sets),
        ):
            if sets:
                names = SQL(", ").join(SQL("{} = %s").format(Identifier(name)) for name in sets)
                parts.append(SQL("UPDATE {} SET {} WHERE {} = %s").format(Identifier(table), names, Identifier(key)))
                values += [*sets.values(), endpoint_id]
    for secret in rows.ended:
        parts.append(SQL("UPDATE webhook_secrets SET expires_at = %s WHERE secret_id = %s"))
        values += [secret["expires_at"], secret["secret_id"]]
    for table, found in (
        ("webhook_secrets", rows.secrets),
        ("payment_audit_log", rows.entries),
        ("outbox", rows.events),
    ):
        for row in found:
            _insert(parts, values, table, row)
    steps = SQL(", ").join(
        SQL("{} AS ({})").format(Identifier(f"step_{number}"), part) for number, part in enumerate(parts)
    )
    connection.execute(SQL("WITH {} SELECT").format(steps), values)
    return stored_endpoint(connection, endpoint_id)


def stored_endpoint(connection: Connection[TupleRow], endpoint_id: Any) -> Row:
    """The endpoint's row, all columns of it."""
    cursor = connection.execute("SELECT * FROM webhook_endpoints WHERE endpoint_id = %s", [endpoint_id])
    found = cursor.fetchone()
    assert found is not None
    assert cursor.description is not None
    return {column.name: value for column, value in zip(cursor.description, found, strict=True)}


def _insert(parts: list[Composable], values: list[Any], table: str, row: Row) -> None:
    names = SQL(", ").join(map(Identifier, row))
    places = SQL(", ").join([Placeholder()] * len(row))
    parts.append(SQL("INSERT INTO {} ({}) VALUES ({})").format(Identifier(table), names, places))
    values += row.values()
