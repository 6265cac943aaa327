"""What was rejected: listed with its reason, and replayed by today's rules."""

import asyncio
from uuid import UUID

import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import ADMIN, SERVICE, SOURCES, World, a_caller, a_key, open_world, work_completed
from vendorpay.domain.errors import FourEyes, IdempotencyKeyReused, InvalidRequest, NotFound
from vendorpay.domain.roles import Role
from vendorpay.usecases import list_payments, list_quarantine
from vendorpay.usecases.record_event import Verdict, record
from vendorpay.usecases.replay_quarantined import replay

pytestmark = pytest.mark.anyio


async def _quarantined(world: World, raw: bytes) -> UUID:
    await record(world.deps, SERVICE, [raw], None)
    (row,) = world.rows("SELECT quarantine_id FROM quarantine WHERE raw = %s", raw)
    found: UUID = row["quarantine_id"]
    return found


async def test_a_rejected_event_is_listed_with_everything_known_of_it(world: World) -> None:
    raw = work_completed(source="new.source")
    await _quarantined(world, raw)
    (one,) = (await list_quarantine.page(world.deps, ADMIN, limit=10)).quarantined
    assert (one.raw.encode(), one.times_seen, one.publisher) == (raw, 1, SERVICE.sub)
    assert [fault.field for fault in one.errors] == ["source"]
    assert "source" in one.reason
    assert one.first_seen_at == one.last_seen_at


async def test_the_list_is_oldest_first_by_pages_and_of_ones_own_organisation(world: World) -> None:
    stranger = a_caller(Role.ADMIN, org_id="another")
    await record(world.deps, stranger, [b"of another"], None)
    raws = [f"bad {number}".encode() for number in range(7)]
    for raw in raws:
        await record(world.deps, SERVICE, [raw], None)
    seen: list[str] = []
    cursor = None
    while True:
        page = await list_quarantine.page(world.deps, ADMIN, limit=3, cursor=cursor)
        seen += [one.raw for one in page.quarantined]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == [raw.decode() for raw in raws]
    assert [one.raw for one in (await list_quarantine.page(world.deps, stranger, limit=9)).quarantined] == [
        "of another"
    ]


async def test_a_cursor_of_another_list_is_refused(world: World) -> None:
    for _ in range(2):
        await world.create()
    page = await list_payments.page(world.deps, ADMIN, list_payments.PaymentFilter(), limit=1)
    for cursor in (page.next_cursor, "", "x", "é", "AAAA" * 7):
        with pytest.raises(InvalidRequest):
            await list_quarantine.page(world.deps, ADMIN, limit=1, cursor=cursor)


async def test_an_event_that_fits_by_now_becomes_a_payment_and_leaves_the_list(
    world: World, database_urls: DatabaseUrls
) -> None:
    raw = work_completed(id="late", source="new.source")
    quarantine_id = await _quarantined(world, raw)
    async with open_world(database_urls, sources=SOURCES | {"new.source"}) as grown:
        result, replayed = await replay(grown.deps, ADMIN, quarantine_id, None)
        assert (result.id, result.result, replayed) == ("late", Verdict.ACCEPTED, False)
        assert (await list_quarantine.page(grown.deps, ADMIN, limit=9)).quarantined == ()
        (row,) = world.rows("SELECT resolved_by, payment_id FROM quarantine")
        assert row == {"resolved_by": ADMIN.sub, "payment_id": result.payment_id}
        (entry,) = world.rows("SELECT actor_id, actor_type FROM payment_audit_log")
        assert entry == {"actor_id": ADMIN.sub, "actor_type": "admin"}
        assert result.payment_id is not None
        with pytest.raises(FourEyes):
            await grown.approve(result.payment_id, by=ADMIN)
        again, _ = await replay(grown.deps, ADMIN, quarantine_id, None)
        assert (again.result, again.payment_id) == (Verdict.DUPLICATE, result.payment_id)
        (delivered,) = (await record(grown.deps, SERVICE, [raw], None)).results
        assert delivered.result == Verdict.DUPLICATE
        assert world.count("payments") == 1


async def test_replaying_at_once_in_two_processes_makes_one_payment(database_urls: DatabaseUrls) -> None:
    async with open_world(database_urls) as one, open_world(database_urls, sources=SOURCES | {"new"}) as two:
        quarantine_id = await _quarantined(one, work_completed(source="new"))
        async with open_world(database_urls, sources=SOURCES | {"new"}) as three:
            answers = await asyncio.gather(
                *(replay(world.deps, ADMIN, quarantine_id, None) for world in (two, three) for _ in range(4))
            )
        assert sorted(result.result for result, _ in answers) == ["accepted"] + ["duplicate"] * 7
        assert one.count("payments") == 1


async def test_an_event_that_still_does_not_fit_stays(world: World) -> None:
    quarantine_id = await _quarantined(world, work_completed(source="new.source"))
    for key, before in ((None, False), (a_key("k"), False), (a_key("k"), True)):
        result, replayed = await replay(world.deps, ADMIN, quarantine_id, key)
        assert (result.result, replayed) == (Verdict.REJECTED, before)
    assert len((await list_quarantine.page(world.deps, ADMIN, limit=9)).quarantined) == 1


async def test_a_replay_under_a_key_is_answered_again(world: World, database_urls: DatabaseUrls) -> None:
    quarantine_id = await _quarantined(world, work_completed(source="new"))
    other_id = await _quarantined(world, work_completed(source="new"))
    async with open_world(database_urls, sources=SOURCES | {"new"}) as grown:
        first = await replay(grown.deps, ADMIN, quarantine_id, a_key("k", "one"))
        again = await replay(grown.deps, ADMIN, quarantine_id, a_key("k", "one"))
        assert again == (first[0], True)
        with pytest.raises(IdempotencyKeyReused):
            await replay(grown.deps, ADMIN, other_id, a_key("k", "other"))


async def test_what_another_organisation_quarantined_is_not_found(world: World) -> None:
    quarantine_id = await _quarantined(world, b"bad")
    for caller, asked in ((a_caller(Role.ADMIN, org_id="another"), quarantine_id), (ADMIN, world.new_command_id())):
        with pytest.raises(NotFound):
            await replay(world.deps, caller, asked, None)
