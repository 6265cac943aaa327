"""Endpoints of outside subscribers: every change on record, the secret known to nobody else, nothing lost while off."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest

from tests.usecases.endpoints import (
    URL,
    ask_replay,
    create,
    creation,
    delete,
    deliver,
    endpoint_in,
    in_line,
    last_position,
    number_events,
    patch,
    rotate,
)
from tests.usecases.world import ADMIN, ORG, World, a_caller, a_key
from vendorpay.domain.errors import (
    IdempotencyKeyReused,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
)
from vendorpay.domain.roles import Role
from vendorpay.domain.webhooks import ENDPOINTS_MAX, DisableReason, EndpointStatus
from vendorpay.store import webhooks
from vendorpay.usecases import list_webhook_endpoints, replay_events, tidy_webhooks

pytestmark = pytest.mark.anyio

STRANGER = a_caller(Role.ADMIN, org_id="somebody-else")


def record_of(world: World, endpoint_id: UUID) -> list[tuple[str, str | None, str | None, str | None]]:
    found = world.rows(
        "SELECT action, previous_status, new_status, reason_code FROM payment_audit_log "
        "WHERE subject_type = 'webhook_endpoint' AND subject_id = %s ORDER BY seq",
        endpoint_id,
    )
    return [(row["action"], row["previous_status"], row["new_status"], row["reason_code"]) for row in found]


def events_of(world: World, endpoint_id: UUID) -> list[tuple[str, Any]]:
    found = world.rows(
        "SELECT event_type, detail FROM outbox WHERE aggregate_type = 'webhook_endpoint' AND aggregate_id = %s "
        "ORDER BY sequence",
        endpoint_id,
    )
    return [(row["event_type"], row["detail"]) for row in found]


async def test_a_new_endpoint_is_on_record_like_a_payment(world: World) -> None:
    endpoint = await create(world, event_types=("PaymentApproved", "PaymentApproved"), description="the ledger")
    assert endpoint.url == URL
    assert endpoint.event_types == ("PaymentApproved",)
    assert (endpoint.status, endpoint.version) == (EndpointStatus.ENABLED, 1)
    assert record_of(world, endpoint.endpoint_id) == [("webhook_endpoint_created", None, "enabled", None)]
    ((kind, detail),) = events_of(world, endpoint.endpoint_id)
    assert kind == "WebhookEndpointCreated"
    assert detail == {
        "eventId": detail["eventId"],
        "sequence": 1,
        "occurredAt": detail["occurredAt"],
        "version": "1",
        "endpointId": str(endpoint.endpoint_id),
        "eventTypes": ["PaymentApproved"],
        "createdBy": ADMIN.sub,
    }
    (entry,) = world.rows("SELECT content_digest FROM payment_audit_log WHERE subject_id = %s", endpoint.endpoint_id)
    assert entry["content_digest"] == endpoint.digest


async def test_a_secret_is_stored_where_only_the_service_reads_it(world: World) -> None:
    endpoint = await create(world, key=a_key("once"))
    shown = await list_webhook_endpoints.secret(world.deps, ADMIN, endpoint.secrets[0].secret_id)
    assert shown is not None
    (row,) = world.rows("SELECT secret FROM webhook_secrets WHERE endpoint_id = %s", endpoint.endpoint_id)
    assert len(row["secret"]) == 32
    for table in ("commands", "outbox", "payment_audit_log", "webhook_endpoints", "subscriptions"):
        dump = world.rows(f"SELECT t::text AS all_of_it FROM {table} t")
        assert not any(shown.removeprefix("whsec_") in one["all_of_it"] for one in dump)
        assert not any(row["secret"].hex() in one["all_of_it"] for one in dump)
    with (
        psycopg.connect(world.urls.readonly) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT secret FROM webhook_secrets")
    assert await list_webhook_endpoints.secret(world.deps, STRANGER, endpoint.secrets[0].secret_id) is None


async def test_the_same_key_creates_one_endpoint_and_another_request_under_it_none(world: World) -> None:
    command = creation(world, key=a_key("once"))
    first, again = await world.submit(command), await world.submit(creation(world, key=a_key("once")))
    assert (again.replayed, again.answer) == (True, first.answer)
    with pytest.raises(IdempotencyKeyReused):
        await world.submit(creation(world, key=a_key("once", "other")))
    assert world.count("webhook_endpoints") == 1


@pytest.mark.parametrize(
    "url", ["http://receiver.example/", "https://127.0.0.1/", "https://localhost/", "https://u:p@receiver.example/"]
)
async def test_a_url_that_leads_inside_is_refused_by_name(world: World, url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await create(world, url=url)
    assert [fault.field for fault in refused.value.faults] == ["url"]
    endpoint = await create(world)
    with pytest.raises(InvalidRequest):
        await patch(world, endpoint.endpoint_id, url=url)


async def test_an_organisation_has_at_most_twenty_even_when_many_ask_at_once(world: World) -> None:
    asked = await asyncio.gather(
        *(world.submit(creation(world)) for _ in range(ENDPOINTS_MAX + 5)), return_exceptions=True
    )
    assert sum(isinstance(one, LimitExceeded) for one in asked) == 5
    made = [endpoint_in(one) for one in asked if not isinstance(one, BaseException)]
    assert len(made) == ENDPOINTS_MAX
    await create(world, by=STRANGER)
    await delete(world, made[0].endpoint_id)
    await create(world)  # a deleted one does not count


async def test_a_change_names_what_it_changes_and_needs_the_version_that_was_seen(world: World) -> None:
    endpoint = await create(world, description="old")
    with pytest.raises(PreconditionRequired):
        await patch(world, endpoint.endpoint_id, conditional=False, max_in_flight=3)
    with pytest.raises(PreconditionFailed):
        await patch(world, endpoint.endpoint_id, versions=frozenset({2}), max_in_flight=3)
    changed = await patch(
        world, endpoint.endpoint_id, versions=frozenset({1}), max_in_flight=3, description=None, event_types=()
    )
    assert (changed.version, changed.max_in_flight, changed.description) == (2, 3, None)
    assert record_of(world, endpoint.endpoint_id)[1:] == [("webhook_endpoint_updated", "enabled", "enabled", None)]
    assert events_of(world, endpoint.endpoint_id)[1][1]["changes"] == ["description", "maxInFlight"]
    same = await patch(world, endpoint.endpoint_id, max_in_flight=3)
    assert same == changed
    assert len(record_of(world, endpoint.endpoint_id)) == 2


async def test_other_organisations_find_nothing(world: World) -> None:
    endpoint = await create(world)
    for attempt in (
        patch(world, endpoint.endpoint_id, by=STRANGER, max_in_flight=2),
        delete(world, endpoint.endpoint_id, by=STRANGER),
        rotate(world, endpoint.endpoint_id, by=STRANGER),
        ask_replay(world, endpoint.endpoint_id, 0, by=STRANGER),
        list_webhook_endpoints.get(world.deps, STRANGER, endpoint.endpoint_id),
        patch(world, uuid4(), max_in_flight=2),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await list_webhook_endpoints.endpoints(world.deps, STRANGER) == []


async def test_a_deleted_endpoint_is_gone_and_what_waited_or_was_dead_is_cancelled(world: World) -> None:
    """Else its dead letters would be counted, and warned of, for ever."""
    endpoint, kept = await create(world), await create(world)
    await world.create()
    number_events(world)
    world.rows("UPDATE deliveries SET state = 'dead', settled_at = now() WHERE event_type = 'PaymentCreated'")
    assert [state for *_, state in in_line(world, endpoint.endpoint_id)] == ["pending", "pending", "dead"]
    await delete(world, endpoint.endpoint_id)
    with pytest.raises(NotFound):
        await list_webhook_endpoints.get(world.deps, ADMIN, endpoint.endpoint_id)
    with pytest.raises(NotFound):
        await patch(world, endpoint.endpoint_id, status="enabled")
    await world.create()
    number_events(world)
    assert await tidy_webhooks.step(world.deps) is False
    assert [state for *_, state in in_line(world, endpoint.endpoint_id)] == ["cancelled"] * 3
    assert "cancelled" not in {state for *_, state in in_line(world, kept.endpoint_id)}
    assert record_of(world, endpoint.endpoint_id)[-1] == ("webhook_endpoint_deleted", "enabled", "deleted", None)
    assert events_of(world, endpoint.endpoint_id)[-1][0] == "WebhookEndpointDeleted"
    stays = "SELECT deleted_at IS NOT NULL AS deleted FROM webhook_endpoints WHERE endpoint_id = %s"
    assert world.rows(stays, endpoint.endpoint_id) == [{"deleted": True}]


async def test_while_it_is_disabled_nothing_is_queued_and_enabling_loses_nothing(world: World) -> None:
    endpoint = await create(world, event_types=("PaymentCreated",))
    first = (await world.create()).payment_id
    number_events(world)
    # Committed, but without a position yet, when it is switched off.
    unnumbered = (await world.create()).payment_id
    off = await patch(world, endpoint.endpoint_id, status="disabled")
    assert (off.status, off.disabled_reason) == (EndpointStatus.DISABLED, DisableReason.REQUESTED)
    meanwhile = (await world.create()).payment_id
    number_events(world)
    assert len(in_line(world, endpoint.endpoint_id)) == 1
    assert await replay_events.step(world.deps) is False

    on = await patch(world, endpoint.endpoint_id, status="enabled")
    assert (on.status, on.disabled_reason, on.disabled_at) == (EndpointStatus.ENABLED, None, None)
    view = await list_webhook_endpoints.get(world.deps, ADMIN, endpoint.endpoint_id)
    assert view.replay is not None
    while await replay_events.step(world.deps):
        pass
    after = (await world.create()).payment_id
    number_events(world)
    lined_up = world.rows(
        "SELECT aggregate_id, state FROM deliveries WHERE subscription_id = %s ORDER BY position", endpoint.endpoint_id
    )
    assert {row["aggregate_id"] for row in lined_up} == {first, unnumbered, meanwhile, after}
    assert {row["state"] for row in lined_up} == {"pending"}
    assert (await list_webhook_endpoints.get(world.deps, ADMIN, endpoint.endpoint_id)).replay is None
    assert [kind for kind, _ in events_of(world, endpoint.endpoint_id)] == [
        "WebhookEndpointCreated",
        "WebhookEndpointDisabled",
        "WebhookEndpointEnabled",
    ]


async def test_enabling_makes_what_had_failed_due_at_once_and_sends_nothing_twice(world: World) -> None:
    endpoint = await create(world, event_types=("PaymentCreated",))
    for _ in range(3):
        await world.create()
    number_events(world)
    deliver(world, "position = (SELECT min(position) FROM deliveries)")
    world.rows("UPDATE deliveries SET attempts = 4, due_at = now() + interval '9 hours' WHERE state = 'pending'")
    world.rows(
        "INSERT INTO webhook_failures (endpoint_id, org_id, failing_since) VALUES (%s, %s, now() - interval '2 days')",
        endpoint.endpoint_id,
        ORG,
    )
    await patch(world, endpoint.endpoint_id, status="disabled")
    await patch(world, endpoint.endpoint_id, status="enabled")
    while await replay_events.step(world.deps):
        pass
    found = world.rows("SELECT state, attempts, due_at <= now() AS due FROM deliveries ORDER BY position")
    assert [row["state"] for row in found] == ["delivered", "pending", "pending"]
    assert [(row["attempts"], row["due"]) for row in found[1:]] == [(0, True)] * 2
    assert world.count("webhook_failures") == 0


async def test_a_replay_puts_everything_after_a_position_in_line_once_more_in_batches(world: World) -> None:
    endpoint = await create(world)
    payments = [(await world.create()).payment_id for _ in range(5)]
    for payment_id in payments:
        await world.approve(payment_id)
    number_events(world)
    deliver(world)
    last = last_position(world)
    assert last == 11
    await ask_replay(world, endpoint.endpoint_id, 3)
    with pytest.raises(InvalidRequest):
        await ask_replay(world, endpoint.endpoint_id, last + 1)
    steps = 0
    async with world.database.reading() as connection:
        while await webhooks.replay(connection, ORG, endpoint.endpoint_id, limit=3):
            steps += 1
    assert steps == 2
    states = world.rows("SELECT position, state, attempts FROM deliveries ORDER BY position")
    assert [row["state"] for row in states] == ["delivered"] * 3 + ["pending"] * 8
    assert all(row["attempts"] == 0 for row in states[3:])
    assert record_of(world, endpoint.endpoint_id)[-1][0] == "webhook_replay_requested"


async def test_a_new_endpoint_may_begin_at_an_earlier_position(world: World) -> None:
    for _ in range(3):
        await world.create()
    number_events(world)
    with pytest.raises(InvalidRequest):
        await create(world, from_position=4)
    endpoint = await create(world, from_position=1)
    plain = await create(world)
    number_events(world)
    while await replay_events.step(world.deps):
        pass
    assert [kind for kind, *_ in in_line(world, endpoint.endpoint_id)] == [
        "PaymentCreated",
        "PaymentCreated",
        "WebhookEndpointCreated",
        "WebhookEndpointCreated",
    ]
    assert [kind for kind, *_ in in_line(world, plain.endpoint_id)] == ["WebhookEndpointCreated"] * 2


async def test_rotation_keeps_the_older_secrets_for_a_while_and_three_at_most(world: World) -> None:
    endpoint = await create(world)
    rotated = await rotate(world, endpoint.endpoint_id, hours=24)
    assert len(rotated.secrets) == 2
    assert rotated.secrets[0].expires_at is None
    assert rotated.secrets[1].secret_id == endpoint.secrets[0].secret_id
    assert rotated.secrets[1].expires_at == rotated.updated_at + timedelta(hours=24)
    for _ in range(3):
        rotated = await rotate(world, endpoint.endpoint_id)
        assert len(rotated.secrets) == 3
    shown = await list_webhook_endpoints.get(world.deps, ADMIN, endpoint.endpoint_id)
    assert [one.secret_id for one in shown.secrets] == [one.secret_id for one in rotated.secrets]
    leaked = await rotate(world, endpoint.endpoint_id, hours=0)
    assert len(leaked.secrets) == 1
    assert {action for action, *_ in record_of(world, endpoint.endpoint_id)[1:]} == {"webhook_secret_rotated"}
    world.clock.advance(hours=25)
    assert len((await list_webhook_endpoints.get(world.deps, ADMIN, endpoint.endpoint_id)).secrets) == 1


async def test_changes_of_one_endpoint_at_once_come_one_after_the_other(world: World) -> None:
    endpoint = await create(world)
    changed = await asyncio.gather(*(patch(world, endpoint.endpoint_id, max_in_flight=n) for n in range(11, 31)))
    assert sorted(one.version for one in changed) == list(range(2, 22))
    (row,) = world.rows("SELECT audit_seq, event_seq, version FROM webhook_endpoints")
    assert (row["audit_seq"], row["event_seq"], row["version"]) == (21, 21, 21)


async def test_an_endpoint_changes_while_the_sequencer_works_on_and_payments_go_by(patient_world: World) -> None:
    """The feed's lock is only tried in a batch: a pass that holds it makes its own command wait, and no payment."""
    endpoint = await create(patient_world)
    with psycopg.connect(patient_world.urls.superuser) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('vendorpay.sequencer.feed', 0))")
        waiting = asyncio.create_task(patch(patient_world, endpoint.endpoint_id, status="disabled"))
        await asyncio.sleep(0.05)
        for _ in range(5):
            await asyncio.wait_for(patient_world.create(), 30)
        assert not waiting.done()
        connection.rollback()
    assert (await waiting).status is EndpointStatus.DISABLED


async def test_an_answer_is_the_endpoint_as_it_can_be_read(world: World) -> None:
    endpoint = await create(world)
    view = await list_webhook_endpoints.get(world.deps, ADMIN, endpoint.endpoint_id)
    facts = msgspec.structs.asdict(view)
    fares = ("failing_since", "pending", "oldest_pending_at", "last_error", "replay")
    assert [facts.pop(name) for name in fares] == [None, 0, None, None, None]
    assert facts == msgspec.structs.asdict(endpoint)
    assert await list_webhook_endpoints.endpoints(world.deps, ADMIN) == [view]


async def test_the_audit_verifier_reads_the_chains_of_endpoints_too(world: World) -> None:
    endpoint = await create(world)
    await rotate(world, endpoint.endpoint_id)
    await patch(world, endpoint.endpoint_id, status="disabled")
    await world.create()
    report = await world.audit()
    assert report.clean, report
    with psycopg.connect(world.urls.superuser) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE webhook_endpoints SET audit_seq = audit_seq - 1")
    assert not (await world.audit()).clean
