"""How things stand is told truly, asked seldom, and a database that is away is news and no error."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from tests import database as rows_of_tests
from tests.database import DatabaseUrls
from tests.usecases.tampering import attacking
from tests.usecases.world import ORG, SERVICE, World, a_caller, a_new_payment, a_patch, open_world, work_completed
from vendorpay.adapters.embedded_fraud import EmbeddedFraud
from vendorpay.domain.payment import PayerType
from vendorpay.domain.roles import Role
from vendorpay.entrypoints.ids import system_now
from vendorpay.metrics import Series, families
from vendorpay.store import queries
from vendorpay.store import standing as store_standing
from vendorpay.store.db import Connection
from vendorpay.store.standing import Standing
from vendorpay.usecases import read_standing, score_payment, write_checkpoint
from vendorpay.usecases.read_standing import AWAY, StandingReader
from vendorpay.usecases.record_event import record

pytestmark = pytest.mark.anyio

KINDS = (("consumer", True), ("webhook", True), ("webhook", False))
DELIVERY = """
INSERT INTO deliveries (delivery_id, subscription_id, shard, org_id, position, aggregate_id, sequence, event_id,
                        event_type, state, due_at, created_at, settled_at)
SELECT uuid7_of(at), %s, 0, 'roadcall', 1, gen_random_uuid(), 1, gen_random_uuid(), 'PaymentCreated', %s,
       now() - make_interval(mins => %s), at, CASE %s WHEN 'pending' THEN NULL ELSE at END
FROM (SELECT now() - make_interval(mins => %s) AS at) made
"""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does when the database is slow, some tests say; the others are not about how fast this machine is."""
    monkeypatch.setattr(read_standing, "PATIENCE_S", 60.0)


def subscription(world: World, kind: str, *, active: bool) -> UUID:
    """A subscription that nobody serves."""
    made = uuid4()
    with psycopg.connect(world.urls.superuser) as connection:
        connection.execute("SET session_replication_role = replica")  # there is no endpoint behind a webhook's
        connection.execute(
            "INSERT INTO subscriptions (subscription_id, kind, name, org_id, shards, active, created_at)"
            " VALUES (%s, %s, %s, %s, 1, %s, now())",
            (made, kind, str(made), "roadcall" if kind == "webhook" else None, active),
        )
    return made


def number(world: World) -> None:
    """A pass of the sequencer over each stream."""
    for stream in ("feed", "audit"):
        world.rows("SELECT number_stream(%s, 100, NULL)", stream)


async def standing(world: World) -> dict[str, float]:
    """As a scrape would see it, without what was found before."""
    return told(await StandingReader(world.deps).values())


def told(values: Mapping[Series, list[float]]) -> dict[str, float]:
    return {":".join((name.removeprefix("vendorpay_"), *labels)): value for (name, labels), (value,) in values.items()}


async def test_everything_that_is_promised_is_told_even_of_an_empty_database(world: World) -> None:
    found = await StandingReader(world.deps).values()
    assert {name for name, _ in found} == {family.name for family in families.STANDING}
    for name, labels in found:
        (family,) = (each for each in families.STANDING if each.name == name)
        assert len(labels) == len(family.labels)
    numbers = told(found)
    assert numbers.pop("database_up") == 1
    assert numbers.pop("partition_months_left") == 24
    assert set(numbers.values()) == {0.0}


async def test_what_waits_for_approval_is_counted_and_the_oldest_of_any_organisation_found(world: World) -> None:
    assert (await standing(world))["approvals_oldest_pending_seconds"] == 0
    for minutes, org in ((90, "z-org"), (60, "a-org"), (30, "m-org")):
        world.clock.at = system_now() - timedelta(minutes=minutes)
        await world.create(by=a_caller(Role.DISPATCHER, org_id=org))
    decided = await world.create()
    await world.approve(decided.payment_id)
    await world.create(a_new_payment(payer_type=PayerType.DRIVER_IC, payer_id=uuid4()))
    found = await standing(world)
    assert found["approvals_pending"] == 3
    assert found["approvals_oldest_pending_seconds"] == pytest.approx(90 * 60, abs=30)


async def test_whatever_has_waited_for_its_score_for_too_long_is_told(database_urls: DatabaseUrls) -> None:
    """Nothing stays unscored unseen: neither what is new, nor new content of a payment whose case is open."""
    async with open_world(database_urls, fraud_provider=EmbeddedFraud()) as world:
        world.clock.at -= timedelta(minutes=10)
        flagged = (await world.create(a_new_payment(lines=((1, 900_000),)))).payment_id
        await scored(world, flagged)
        assert (await unscored(world)) == (0, 0)
        world.clock.at += timedelta(minutes=5)
        await world.update(flagged, a_patch(lines=((1, 950_000),)))
        count, oldest_s = await unscored(world)
        assert (count, 299 < oldest_s < 360) == (1, True), "its gate says review_required, and it has no score"
        world.clock.at -= timedelta(minutes=2)
        await world.create()
        count, oldest_s = await unscored(world)
        assert (count, 419 < oldest_s < 480) == (2, True)
        for payment in world.rows("SELECT payment_id FROM payments"):
            await scored(world, payment["payment_id"])
        assert (await unscored(world)) == (0, 0)


async def unscored(world: World) -> tuple[float, float]:
    """How many payments wait for a score, and for how many seconds the oldest."""
    found = await standing(world)
    return found["unscored_payments"], found["unscored_oldest_seconds"]


async def scored(world: World, payment_id: UUID) -> None:
    command = await score_payment.scored(world.deps, ORG, payment_id, None)
    assert command is not None
    await world.submit(command)


async def test_the_sequencers_lag_is_the_age_of_the_first_event_without_a_position(world: World) -> None:
    world.clock.at = system_now() - timedelta(minutes=5)
    await world.create()
    world.clock.at = system_now()
    await world.create()
    found = await standing(world)
    for stream in ("feed", "audit"):
        assert found[f"sequencer_lag_seconds:{stream}"] == pytest.approx(300, abs=30)
        assert found[f"sequencer_position:{stream}"] == 0
    number(world)
    found = await standing(world)
    for stream in ("feed", "audit"):
        assert found[f"sequencer_lag_seconds:{stream}"] == 0
        assert found[f"sequencer_position:{stream}"] == 2


async def test_an_event_that_was_committed_late_counts_although_later_ones_have_their_position(world: World) -> None:
    with psycopg.connect(world.urls.app) as slow:
        rows_of_tests.write(slow, rows_of_tests.new_payment(created_at=rows_of_tests.now() - timedelta(minutes=10)))
        await world.create()
        number(world)
        found = await standing(world)
        assert (found["sequencer_lag_seconds:feed"], found["sequencer_position:feed"]) == (0, 1)
        slow.commit()
    found = await standing(world)
    for stream in ("feed", "audit"):
        assert found[f"sequencer_lag_seconds:{stream}"] == pytest.approx(600, abs=30)
    number(world)
    found = await standing(world)
    assert (found["sequencer_lag_seconds:feed"], found["sequencer_position:feed"]) == (0, 2)


async def test_a_transaction_that_is_under_way_is_no_lag(world: World) -> None:
    with psycopg.connect(world.urls.app) as slow:
        rows_of_tests.write(slow, rows_of_tests.new_payment(created_at=rows_of_tests.now() - timedelta(minutes=10)))
        assert (await standing(world))["sequencer_lag_seconds:feed"] == 0
        slow.rollback()
    assert (await standing(world))["sequencer_lag_seconds:feed"] == 0


async def test_rejected_events_are_counted_until_they_are_resolved(world: World) -> None:
    await record(world.deps, SERVICE, [b"no event", work_completed(source="new.source")], None)
    assert (await standing(world))["quarantine_open"] == 2
    world.rows("UPDATE quarantine SET resolved_at = now(), resolved_by = 'me' WHERE raw = 'no event'")
    assert (await standing(world))["quarantine_open"] == 1


async def test_deliveries_are_told_apart_by_kind_and_what_is_switched_off_is_nobodys_wait(world: World) -> None:
    ours, theirs, off = (subscription(world, kind, active=active) for kind, active in KINDS)
    for subscribed, minutes, due, state in (
        (ours, 10, 5, "pending"),
        (ours, 20, -5, "pending"),
        (theirs, 30, 1, "pending"),
        (theirs, 40, 1, "dead"),
        (theirs, 50, 1, "delivered"),
        (off, 60, 60, "pending"),
        (off, 70, 60, "dead"),
    ):
        world.rows(DELIVERY, subscribed, state, due, state, minutes)
    found = await standing(world)
    assert [found[f"deliveries_pending:{kind}"] for kind in ("consumer", "webhook")] == [2, 1]
    assert [found[f"deliveries_dead:{kind}"] for kind in ("consumer", "webhook")] == [0, 2]
    assert found["deliveries_oldest_pending_seconds:consumer"] == pytest.approx(20 * 60, abs=30)
    assert found["deliveries_oldest_pending_seconds:webhook"] == pytest.approx(30 * 60, abs=30)
    assert found["deliveries_overdue_seconds:consumer"] == pytest.approx(5 * 60, abs=30)
    assert found["deliveries_overdue_seconds:webhook"] == pytest.approx(60, abs=30)


async def test_a_delivery_that_waits_for_the_one_before_it_is_not_overdue(world: World) -> None:
    ours = subscription(world, "consumer", active=True)
    world.rows(DELIVERY, ours, "pending", 5, "pending", 10)
    world.rows("UPDATE deliveries SET blocked = true")
    found = await standing(world)
    assert found["deliveries_overdue_seconds:consumer"] == 0
    assert found["deliveries_oldest_pending_seconds:consumer"] == pytest.approx(10 * 60, abs=30)


async def test_what_waits_for_an_endpoint_that_fails_is_pending_and_not_overdue(world: World) -> None:
    """Its owner has to act, not the operator: a relay is at work."""
    theirs = subscription(world, "webhook", active=True)
    world.rows(DELIVERY, theirs, "pending", 5, "pending", 10)
    world.rows("ALTER TABLE webhook_failures DROP CONSTRAINT webhook_failures_endpoint_fkey")
    world.rows("INSERT INTO webhook_failures (endpoint_id, org_id, failing_since) VALUES (%s, 'o', now())", theirs)
    found = await standing(world)
    assert found["deliveries_overdue_seconds:webhook"] == 0
    assert found["deliveries_oldest_pending_seconds:webhook"] == pytest.approx(10 * 60, abs=30)


async def test_expired_keys_are_counted_by_the_databases_clock(world: World) -> None:
    world.clock.advance(days=-31)
    await world.create()
    assert (await standing(world))["keys_expired"] == 0
    world.rows("UPDATE commands SET recorded_at = recorded_at - interval '31 days'")
    assert (await standing(world))["keys_expired"] == 1


async def test_the_oldest_entry_that_no_checkpoint_covers_is_told_once_there_are_checkpoints(world: World) -> None:
    for minutes in (90, 60, 30):
        world.clock.at = system_now() - timedelta(minutes=minutes)
        await world.create()
        number(world)
        if minutes == 90:
            assert (await standing(world))["checkpoint_uncovered_seconds"] == 0
            await write_checkpoint.make(world.database, world.clock, most=1)
            assert (await standing(world))["checkpoint_uncovered_seconds"] == 0
    assert (await standing(world))["checkpoint_uncovered_seconds"] == pytest.approx(60 * 60, abs=30)
    with attacking(world.urls.superuser) as attacker:
        attacker.do("DELETE FROM payment_audit_log WHERE seq = 1 AND \"timestamp\" < now() - interval '45 minutes'")
    assert (await standing(world))["checkpoint_uncovered_seconds"] == pytest.approx(30 * 60, abs=30)


async def test_however_often_it_is_asked_the_database_is_asked_once_in_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    real = store_standing.look

    async def counted(connection: Connection) -> Standing:
        nonlocal looks
        looks += 1
        return await real(connection)

    monkeypatch.setattr(store_standing, "look", counted)
    monkeypatch.setattr(read_standing, "FRESH_S", 3600.0)
    reader = StandingReader(world.deps)
    at_once = await asyncio.gather(*(reader.values() for _ in range(50)))
    await world.create()
    assert all(values == at_once[0] for values in at_once)
    assert told(await reader.values())["approvals_pending"] == 0
    assert looks == 1
    monkeypatch.setattr(read_standing, "FRESH_S", 0.0)
    assert told(await reader.values())["approvals_pending"] == 1
    assert looks == 2


async def test_a_database_that_cannot_be_reached_is_told_as_away(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_standing, "PATIENCE_S", 0.2)
    async with open_world(database_urls, app_url="postgresql://vendorpay_app@127.0.0.1:1/nowhere") as away:
        reader = StandingReader(away.deps)
        assert await asyncio.wait_for(reader.values(), 20) == AWAY
        assert told(AWAY) == {"database_up": 0}


async def test_a_database_in_which_no_migration_ran_is_told_as_away(empty_database_urls: DatabaseUrls) -> None:
    async with open_world(empty_database_urls) as empty:
        assert await StandingReader(empty.deps).values() == AWAY


async def test_a_database_that_does_not_answer_holds_no_scrape(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_standing, "PATIENCE_S", 0.2)
    reader = StandingReader(world.deps)
    with psycopg.connect(world.urls.superuser) as other:
        other.execute("LOCK TABLE payments IN ACCESS EXCLUSIVE MODE")
        assert await reader.values() == AWAY
        assert await reader.values() == AWAY
        other.rollback()
    async with asyncio.timeout(30):
        while (values := await reader.values()) == AWAY:
            await asyncio.sleep(0.01)
    assert told(values)["database_up"] == 1


async def test_no_number_takes_a_look_at_all_rows(world: World) -> None:
    """On tables that the planner has never seen, and knows nothing of."""
    for name, statement in queries.load("standing.sql").items():
        if not name.endswith("_max"):
            plan = "\n".join(row["QUERY PLAN"] for row in world.rows(f"EXPLAIN {statement}"))
            for table in ("payments", "outbox_y", "payment_audit_log_y", "deliveries", "commands", "feed_positions"):
                assert f"Seq Scan on {table}" not in plan, plan
