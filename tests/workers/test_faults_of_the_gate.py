"""What went wrong between a payment's birth and its approval elsewhere, each tried on the whole of ours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import ADMIN, ORG, OTHER_DISPATCHER, World, a_patch
from tests.workers.scoring import FIVE_THOUSAND, by_event, scored, scoring_world
from vendorpay.domain.fraud.rule_set import DEFAULT
from vendorpay.domain.fraud_cases import CaseReason, CaseStatus, Decision
from vendorpay.usecases import fraud_cases, read_payment
from vendorpay.usecases.backtest_fraud import backtest
from vendorpay.usecases.fraud_cases import CaseView

pytestmark = pytest.mark.anyio


async def open_cases(world: World) -> Sequence[CaseView]:
    """The queue."""
    page = await fraud_cases.page(world.deps, ADMIN, status=CaseStatus.OPEN, assignee=None, limit=10, cursor=None)
    return page.cases


async def test_fault_67_a_score_leaves_what_is_known_of_the_work(database_urls: DatabaseUrls) -> None:
    async with scoring_world(database_urls) as world:
        payment_id = await by_event(world, pricing=FIVE_THOUSAND)
        before = (await read_payment.get(world.deps, ADMIN, payment_id)).metadata
        assert {"workCompletedAt", "serviceType", "duration", "photoCount", "notes"} <= before.keys()
        after = await scored(world, payment_id)
        assert (after.fraud_status, after.metadata) == ("flagged", before)
        (row,) = world.rows("SELECT metadata FROM payments")
        assert row["metadata"] == before


async def test_fault_16_what_is_not_known_is_kept_as_unknown_and_never_as_nought(database_urls: DatabaseUrls) -> None:
    """Every vendor looked one day old and never paid; here the first bill has no median, and its reason says so."""
    async with scoring_world(database_urls) as world:
        payment = await scored(world, await by_event(world, pricing=FIVE_THOUSAND))
        (row,) = world.rows("SELECT facts FROM fraud_scores")
        amounts = row["facts"]["amount"]
        assert [amounts[name] for name in ("vendor", "peers", "level", "vendor_mileage")] == [None] * 4
        assert "high_amount" in {reason.code for reason in payment.fraud_reasons}, "the rule set's prior decided"


async def test_fault_78_a_payment_is_no_part_of_its_own_statistics_nor_are_other_currencies(
    database_urls: DatabaseUrls,
) -> None:
    """Its row is in the history before its windows are read, so only the question can leave it out: when it is scored
    first, and when new content is scored, of which the history has had another before.
    """
    async with scoring_world(database_urls) as world:
        vendor = str(uuid4())
        usual = [{"basePrice": 12_000 + number, "mileageCharge": 800} for number in range(4)]
        for pricing in usual:
            await scored(world, await by_event(world, vendorId=vendor, pricing=pricing))
        in_yen = await by_event(world, vendorId=vendor, currency="JPY", pricing=FIVE_THOUSAND)
        await scored(world, in_yen)
        last = await by_event(world, vendorId=vendor, pricing=FIVE_THOUSAND)
        await scored(world, last)
        await world.update(last, a_patch(lines=((1, 700_000),)))
        await scored(world, last)
        found = world.rows("SELECT facts FROM fraud_scores WHERE payment_id = %s ORDER BY content_version", last)
        assert len(found) == 2
        for row in found:
            assert row["facts"]["habits"]["rows"] == 5, "the four, and the one in yen; never itself"
        first = found[0]["facts"]["amount"]["vendor"]["usual"]
        assert first["count"] == 4, "sums are compared with those of its own currency"
        assert first["most"] < 13_000
        (yen,) = world.rows("SELECT facts FROM fraud_scores WHERE payment_id = %s", in_yen)
        assert yen["facts"]["amount"]["vendor"] is None


async def test_fault_69_whatever_is_flagged_can_be_cleared_and_then_leaves_the_list(
    database_urls: DatabaseUrls,
) -> None:
    """There was no way to clear a flag, so that paid and cancelled payments stood there for ever, and a status filter
    added rows. A payment that is over has its case decided, too: that is a label.
    """
    async with scoring_world(database_urls) as world:
        ids = [await by_event(world, pricing=FIVE_THOUSAND) for _ in range(3)]
        for payment_id in ids:
            assert (await scored(world, payment_id)).fraud_status == "flagged"
        cases = {case.payment_id: case.case_id for case in await open_cases(world)}
        assert cases.keys() == set(ids)
        await world.cancel(ids[0])
        first = await fraud_cases.flagged(world.deps, ADMIN, limit=2, cursor=None)
        rest = await fraud_cases.flagged(world.deps, ADMIN, limit=2, cursor=first.next_cursor)
        assert [payment.payment_id for payment in (*first.payments, *rest.payments)] == ids, "each on one page"
        assert (first.next_cursor is None, rest.next_cursor) == (False, None)
        for number, decision in enumerate((Decision.CLEARED, Decision.CONFIRMED, Decision.CLEARED)):
            case_id = cases[ids[number]]
            await fraud_cases.decide(
                world.deps, OTHER_DISPATCHER, case_id, None, decision=decision, reason_code=CaseReason.OTHER
            )
            flagged = await fraud_cases.flagged(world.deps, ADMIN, limit=10, cursor=None)
            assert [payment.payment_id for payment in flagged.payments] == ids[number + 1 :]
            assert {case.payment_id for case in await open_cases(world)} == set(ids[number + 1 :])
        ended = [(await read_payment.get(world.deps, ADMIN, payment_id)).status for payment_id in ids]
        assert ended == ["cancelled", "rejected", "pending_approval"]
        assert (await world.audit()).clean


async def test_fault_100_our_own_guesses_are_no_labels(database_urls: DatabaseUrls) -> None:
    """The manual's query took `fraud_status = 'flagged'` for fraud: a model that learns to agree with itself."""
    async with scoring_world(database_urls) as world:
        for payment_id in [await by_event(world, pricing=FIVE_THOUSAND) for _ in range(3)]:
            await scored(world, payment_id)
        start, end = datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
        nobody = await backtest(world.database, ORG, DEFAULT, start=start, end=end)
        assert (nobody.flagged, nobody.confirmed, nobody.cleared) == (3, 0, 0)
        first, second, _ = await open_cases(world)
        for case, decision in ((first, Decision.CLEARED), (second, Decision.CLEARED)):
            await fraud_cases.decide(
                world.deps, OTHER_DISPATCHER, case.case_id, None, decision=decision, reason_code=CaseReason.OTHER
            )
        people = await backtest(world.database, ORG, DEFAULT, start=start, end=end)
        assert (people.flagged, people.confirmed, people.cleared, people.precision) == (3, 0, 2, 0.0)
