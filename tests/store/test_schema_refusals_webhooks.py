"""Webhook endpoints: on record like payments, one thing with their subscription, their secrets for nobody else's eyes;
or the database refuses.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import Row, new_id, new_payment, now, write
from tests.store.endpoint_rows import EndpointRows, a_change, a_new_endpoint, a_secret, put, put_entry, put_event
from tests.store.refusals import DENIED, Attempt, Refusal, expect_refusal, table
from vendorpay.domain.webhooks import ENDPOINTS_MAX, SECRETS_LIVE_MAX

OFF: Row = {"status": "disabled", "disabled_reason": "requested", "disabled_at": now(), "disabled_position": 7}
Spoil = Callable[[EndpointRows], object]


def born(spoil: Spoil = lambda _: None, **columns: Any) -> Attempt:
    def attempt(connection: Connection[TupleRow]) -> None:
        rows = a_new_endpoint(**columns)
        spoil(rows)
        put(connection, rows)

    return attempt


def unrecorded(rows: EndpointRows) -> None:
    rows.entries.clear()
    rows.secrets.clear()  # which would be missed first


def changed(spoil: Spoil = lambda _: None, *, action: str = "webhook_endpoint_updated", **sets: Any) -> Attempt:
    def attempt(connection: Connection[TupleRow]) -> None:
        rows = a_change(put(connection, a_new_endpoint()), action=action, **sets)
        spoil(rows)
        put(connection, rows)

    return attempt


def afterwards(statement: str) -> Attempt:
    """One statement on a stored endpoint, whose columns are its parameters."""
    return lambda connection: connection.execute(statement.encode(), put(connection, a_new_endpoint()))


def inactive(rows: EndpointRows) -> None:
    rows.subscription["active"] = False


def deleted_then_changed(connection: Connection[TupleRow]) -> None:
    rows = a_change(put(connection, a_new_endpoint()), status="deleted", deleted_at=now())
    inactive(rows)
    put(connection, a_change(put(connection, rows)))


def too_many(connection: Connection[TupleRow]) -> None:
    for _ in range(ENDPOINTS_MAX + 1):
        put(connection, a_new_endpoint())


def too_many_secrets(connection: Connection[TupleRow]) -> None:
    rows = a_new_endpoint()
    endpoint = put(connection, rows)
    for _ in range(SECRETS_LIVE_MAX):
        newest, rows = rows.secrets[-1], a_change(endpoint, action="webhook_secret_rotated")
        rows.ended.append({**newest, "expires_at": now() + timedelta(hours=24)})
        rows.secrets.append(a_secret(endpoint))
        endpoint = put(connection, rows)


def subscription_alone(connection: Connection[TupleRow]) -> None:
    connection.execute(
        "INSERT INTO subscriptions (subscription_id, kind, name, org_id, shards, created_at)"
        " VALUES (%s, 'webhook', 'alone', 'roadcall', 1, now())",
        [uuid4()],
    )


def truncated(name: str) -> Attempt:
    return lambda connection: connection.execute(f"TRUNCATE {name} CASCADE".encode())


def secret_then(sets: str) -> Attempt:
    return afterwards(f"UPDATE webhook_secrets SET {sets} WHERE endpoint_id = %(endpoint_id)s")


def one_more_secret(connection: Connection[TupleRow]) -> None:
    endpoint = put(connection, a_new_endpoint())
    put(connection, EndpointRows(endpoint=endpoint, subscription={}, sets={}, secrets=[a_secret(endpoint)]))


def of_a_payment(connection: Connection[TupleRow]) -> None:
    """An endpoint's event or entry under a payment's label."""
    rows = a_change(put(connection, a_new_endpoint()))
    rows.events[0]["aggregate_type"] = "payment"
    put(connection, rows)


def entry_alone(connection: Connection[TupleRow]) -> None:
    endpoint = put(connection, a_new_endpoint())
    rows = EndpointRows(endpoint=endpoint, subscription={}, sets={})
    put_entry(rows, dict(endpoint), "webhook_endpoint_updated")
    put(connection, rows)


def event_alone(connection: Connection[TupleRow]) -> None:
    endpoint = put(connection, a_new_endpoint())
    rows = EndpointRows(endpoint=endpoint, subscription={}, sets={})
    put_event(rows, dict(endpoint), "WebhookEndpointUpdated")
    put(connection, rows)


def entry_of_nothing(connection: Connection[TupleRow]) -> None:
    rows = EndpointRows(endpoint={**a_new_endpoint().endpoint}, subscription={}, sets={})
    put_entry(rows, {**rows.endpoint, "audit_seq": 0, "audit_head": bytes(32)}, "webhook_endpoint_updated")
    put(connection, rows)


def entry_under_another_type(rows: EndpointRows) -> None:
    assert rows.sets is not None
    target = {**rows.sets, "audit_seq": rows.endpoint["audit_seq"], "audit_head": rows.endpoint["audit_head"]}
    rows.entries.clear()
    put_entry(rows, target, "vendor_updated", subject_type="vendor")
    rows.sets.update(audit_seq=target["audit_seq"], audit_head=target["audit_head"])


REFUSALS = (
    Refusal(
        "17",
        "an endpoint without its audit entry",
        born(unrecorded),
        "webhook_endpoints_change_is_audited",
    ),
    Refusal(
        "13", "an endpoint without its event", born(lambda r: r.events.clear()), "webhook_endpoints_change_is_published"
    ),
    Refusal(
        "17",
        "a change without its audit entry",
        changed(lambda r: r.entries.clear()),
        "webhook_endpoints_change_is_audited",
    ),
    Refusal("17", "a change that keeps audit_seq", changed(audit_seq=1), "webhook_endpoints_change_is_audited"),
    Refusal(
        "13", "a change without its event", changed(lambda r: r.events.clear()), "webhook_endpoints_change_is_published"
    ),
    Refusal("13", "a change that keeps event_seq", changed(event_seq=1), "webhook_endpoints_change_is_published"),
    Refusal("17", "an entry that no endpoint points at", entry_alone, "webhook_endpoints_linked"),
    Refusal("17", "an entry of an endpoint that is not there", entry_of_nothing, "webhook_endpoints_linked"),
    Refusal(
        "17", "an endpoint's entry under another type", changed(entry_under_another_type), "webhook_endpoints_linked"
    ),
    Refusal("13", "an event that no endpoint points at", event_alone, "outbox_dense"),
    Refusal("13", "an endpoint's event as a payment's", of_a_payment, "outbox_dense"),
    Refusal("15", "a skipped version", changed(version=3), "webhook_endpoints_version_counts"),
    Refusal(
        "15",
        "a new owner",
        afterwards("UPDATE webhook_endpoints SET org_id = 'x' WHERE endpoint_id = %(endpoint_id)s"),
        DENIED,
    ),
    Refusal("15", "a deleted one that changes", deleted_then_changed, "webhook_endpoints_deleted_is_final"),
    Refusal(
        "15", "the row removed", afterwards("DELETE FROM webhook_endpoints WHERE endpoint_id = %(endpoint_id)s"), DENIED
    ),
    Refusal("15", "more than twenty", too_many, "webhook_endpoints_limited"),
    Refusal("15", "one that is born disabled", born(inactive, **OFF), "webhook_endpoints_born_enabled"),
    Refusal(
        "15",
        "disabled without a reason",
        changed(inactive, **{**OFF, "disabled_reason": None}),
        "webhook_endpoints_disabled_whole",
    ),
    Refusal(
        "15",
        "disabled without its position",
        changed(inactive, **{**OFF, "disabled_position": None}),
        "webhook_endpoints_disabled_whole",
    ),
    Refusal("15", "enabled with a reason", changed(disabled_reason="gone"), "webhook_endpoints_disabled_whole"),
    Refusal(
        "15",
        "an unknown reason",
        changed(inactive, **{**OFF, "disabled_reason": "mood"}),
        "webhook_endpoints_disabled_reason_known",
    ),
    Refusal("15", "an unknown status", changed(status="asleep"), "webhook_endpoints_status_known"),
    Refusal("15", "deleted without a date", changed(inactive, status="deleted"), "webhook_endpoints_deleted_has_date"),
    Refusal("15", "disabled, but still told", changed(**OFF), "webhook_endpoints_subscribed"),
    Refusal("15", "enabled, but not told", changed(inactive), "webhook_endpoints_subscribed"),
    Refusal(
        "15",
        "a subscription switched off by itself",
        afterwards("UPDATE subscriptions SET active = false WHERE subscription_id = %(endpoint_id)s"),
        "webhook_endpoints_subscribed",
    ),
    Refusal(
        "15",
        "a subscription of another organisation's",
        born(lambda r: r.subscription.update(org_id="other")),
        "webhook_endpoints_subscribed",
    ),
    Refusal(
        "15",
        "more than one shard, and so more than one sender",
        born(lambda r: r.subscription.update(shards=2)),
        "webhook_endpoints_subscribed",
    ),
    Refusal(
        "15",
        "a subscription without its endpoint",
        subscription_alone,
        "webhook_endpoints_subscribed",
    ),
    Refusal(
        "15",
        "event types with nothing among them",
        afterwards("UPDATE subscriptions SET event_types = ARRAY['a', NULL] WHERE subscription_id = %(endpoint_id)s"),
        "subscriptions_event_types_few",
    ),
    Refusal(
        "20",
        "an id of another moment",
        born(endpoint_id=new_id(now() - timedelta(days=1))),
        "webhook_endpoints_id_dated",
    ),
    Refusal("15", "a URL that is none", changed(url="ftp://receiver.example"), "webhook_endpoints_url_scheme"),
    Refusal("15", "a URL with a fragment", changed(url="https://receiver.example/#x"), "webhook_endpoints_url_scheme"),
    Refusal("15", "a URL without end", changed(url="https://" + "a" * 2000), "webhook_endpoints_url_short"),
    Refusal("15", "more in flight than fifty", changed(max_in_flight=51), "webhook_endpoints_max_in_flight_range"),
    Refusal("15", "none in flight", changed(max_in_flight=0), "webhook_endpoints_max_in_flight_range"),
    Refusal("15", "a digest that is none", changed(digest="x"), "webhook_endpoints_digest_is_sha256"),
    Refusal("15", "an endpoint without a secret", born(lambda r: r.secrets.clear()), "webhook_endpoints_has_secret"),
    Refusal(
        "15",
        "two secrets without an end",
        born(lambda r: r.secrets.append(a_secret(r.endpoint))),
        "webhook_endpoints_has_secret",
    ),
    Refusal(
        "15",
        "a secret that can be guessed",
        born(lambda r: r.secrets[0].update(secret=b"short")),
        "webhook_secrets_long",
    ),
    Refusal("15", "four live secrets", too_many_secrets, "webhook_secrets_limited"),
    Refusal(
        "15",
        "a secret that no entry tells of",
        changed(lambda r: r.secrets.append(a_secret(r.endpoint, expires_at=now() + timedelta(days=1)))),
        "webhook_secrets_on_record",
    ),
    Refusal("15", "another secret under the same id", secret_then("secret = '\\x00'"), DENIED),
    Refusal("15", "a secret that lives again", secret_then("expires_at = NULL"), "webhook_secrets_only_ended"),
    Refusal("15", "the only secret given an end", secret_then("expires_at = now()"), "webhook_endpoints_has_secret"),
    Refusal("15", "a second secret without an end", one_more_secret, "webhook_endpoints_has_secret"),
    Refusal(
        "15",
        "a live secret that is forgotten",
        afterwards("DELETE FROM webhook_secrets WHERE endpoint_id = %(endpoint_id)s"),
        "webhook_secrets_only_expired_deleted",
    ),
    Refusal(
        "15",
        "a count of no failures",
        afterwards("INSERT INTO webhook_failures VALUES (%(endpoint_id)s, %(org_id)s, now(), 0)"),
        "webhook_failures_counted",
    ),
    Refusal(
        "15",
        "failures of another organisation's",
        afterwards("INSERT INTO webhook_failures VALUES (%(endpoint_id)s, 'other', now(), 1)"),
        "webhook_failures_endpoint_fkey",
    ),
    *(
        Refusal("20", f"{name} truncated", truncated(name), DENIED)
        for name in ("webhook_endpoints", "webhook_secrets", "webhook_failures")
    ),
)


@pytest.mark.parametrize("refusal", table(*REFUSALS))
def test_the_database_refuses(refusal: Refusal, app_connection: Connection[TupleRow]) -> None:
    expect_refusal(app_connection, refusal.attempt, refusal.name)


@pytest.mark.parametrize("name", ["webhook_endpoints", "webhook_secrets", "webhook_failures"])
def test_even_the_owner_cannot_truncate(name: str, owner_connection: Connection[TupleRow]) -> None:
    expect_refusal(owner_connection, lambda c: c.execute(f"TRUNCATE {name} CASCADE".encode()), "append_only")


def test_even_the_owner_cannot_remove_an_endpoint_or_give_it_to_somebody_else(
    owner_connection: Connection[TupleRow],
) -> None:
    for statement, name in (
        ("DELETE FROM webhook_endpoints WHERE endpoint_id = %(endpoint_id)s", "append_only"),
        (
            "UPDATE webhook_endpoints SET org_id = 'x' WHERE endpoint_id = %(endpoint_id)s",
            "webhook_endpoints_identity_fixed",
        ),
    ):
        expect_refusal(owner_connection, afterwards(statement), name)


def test_those_who_only_read_do_not_see_secrets(readonly_connection: Connection[TupleRow]) -> None:
    readonly_connection.execute("SELECT FROM webhook_endpoints, webhook_failures")
    expect_refusal(readonly_connection, lambda c: c.execute("SELECT FROM webhook_secrets"), DENIED)


def test_what_is_refused_above_is_otherwise_taken(app_connection: Connection[TupleRow]) -> None:
    """The rows that the table spoils are good ones: else it would prove nothing."""
    endpoint = put(app_connection, a_new_endpoint())
    off = a_change(endpoint, **OFF)
    inactive(off)
    endpoint = put(app_connection, off)
    on = a_change(endpoint, status="enabled", disabled_reason=None, disabled_at=None, disabled_position=None)
    on.subscription["active"] = True
    assert put(app_connection, on)["version"] == 3
    rows = a_new_endpoint(org_id="other")
    endpoint = put(app_connection, rows)
    rotation = a_change(endpoint, action="webhook_secret_rotated")
    rotation.ended.append({**rows.secrets[0], "expires_at": now() + timedelta(hours=1)})
    rotation.secrets.append(a_secret(endpoint))
    assert put(app_connection, rotation)["audit_seq"] == 2
    assert write(app_connection, new_payment())["version"] == 1
