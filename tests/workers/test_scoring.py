"""Every payment is scored by its event, whichever way it came: the gate opens, or a case does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import (
    ADMIN,
    ORG,
    OTHER_DISPATCHER,
    SERVICE,
    World,
    a_caller,
    a_new_payment,
    a_patch,
    open_world,
    work_completed,
)
from tests.workers.relaying import a_relay, eventually, number, running, states
from vendorpay.adapters.embedded_fraud import EmbeddedFraud
from vendorpay.domain.errors import FraudReviewRequired, ScorePending
from vendorpay.domain.fraud.facts import FraudFacts
from vendorpay.domain.fraud.finding import Assessment
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.rule_set import DEFAULT, RuleSet, Thresholds
from vendorpay.domain.fraud_cases import CaseReason, Decision
from vendorpay.domain.fraud_listing import Listing, ListingKind
from vendorpay.domain.fraud_rule_sets import StoredRuleSet, UseMode
from vendorpay.domain.fraud_thresholds import Cuts
from vendorpay.domain.new_listing import NewListing
from vendorpay.domain.payment import Payment
from vendorpay.domain.roles import Caller, Role
from vendorpay.ports import NoScore
from vendorpay.usecases import (
    create_payments,
    fraud_cases,
    fraud_rule_sets,
    read_audit_log,
    read_payment,
    record_event,
    score_payment,
)
from vendorpay.usecases.backtest_fraud import backtest
from vendorpay.usecases.consume_events import ConsumerTarget
from vendorpay.usecases.fraud_listings import ConfirmListing, ListVendor
from vendorpay.usecases.fraud_rule_sets import EndShadow, UseRuleSet
from vendorpay.workers.routes import ROUTES, switched_off

pytestmark = pytest.mark.anyio

OTHER_ADMIN = a_caller(Role.ADMIN, "admin-2")
FIVE_THOUSAND = {"basePrice": 500_000, "mileageCharge": 0}


class Moody(EmbeddedFraud):
    """The embedded engine, that fails, dawdles or breaks while it is told to."""

    mood = "well"
    asked = 0

    async def score(self, row: FraudRow, facts: FraudFacts, rule_set: RuleSet, snoozed: Collection[str]) -> Assessment:
        self.asked += 1
        if self.mood == "away":
            raise NoScore("the engine is away")
        if self.mood == "slow":
            await asyncio.sleep(60)
        if self.mood == "broken":
            raise ZeroDivisionError
        return await super().score(row, facts, rule_set, snoozed)


@asynccontextmanager
async def scoring_world(
    urls: DatabaseUrls, provider: EmbeddedFraud | None = None, *, thresholds: Cuts | None = None
) -> AsyncIterator[World]:
    """A process whose payments are scored by a relay of its own."""
    async with (
        open_world(urls, fraud_provider=provider or EmbeddedFraud()) as world,
        running(a_relay(world, ConsumerTarget(replace(world.deps, fraud_thresholds=thresholds), ROUTES))),
    ):
        await eventually(lambda: world.count("subscriptions") == 1)
        yield world


async def by_event(world: World, **detail: object) -> UUID:
    """The payment of a WorkCompleted event, which waits for its score."""
    raw = work_completed(detail=detail)
    recorded = await record_event.record(world.deps, SERVICE, [raw], None)
    (result,) = recorded.results
    assert result.payment_id is not None
    return result.payment_id


async def scored(world: World, payment_id: UUID) -> Payment:
    """The payment once its present content was judged."""
    number(world)
    waiting = "SELECT 1 FROM payments WHERE payment_id = %s AND fraud_status IS NULL"
    await eventually(lambda: not world.rows(waiting, payment_id), within_s=5)
    return await read_payment.get(world.deps, ADMIN, payment_id)


async def test_fault_45_a_new_vendors_5000_is_flagged_and_nobody_can_approve_it(database_urls: DatabaseUrls) -> None:
    async with scoring_world(database_urls) as world:
        payment_id = await by_event(world, pricing=FIVE_THOUSAND)
        with pytest.raises(ScorePending):
            await world.approve(payment_id)
        payment = await scored(world, payment_id)
        assert payment.fraud_score is not None
        assert payment.fraud_score >= 0.7
        assert payment.fraud_status == "flagged"
        assert {"high_amount", "new_vendor"} <= {reason.code for reason in payment.fraud_reasons}
        for person in (ADMIN, OTHER_DISPATCHER):
            with pytest.raises(FraudReviewRequired):
                await world.approve(payment_id, by=person)
        entries = await read_audit_log.entries(world.deps, ADMIN, payment_id)
        assert [entry.action for entry in entries] == ["payment_created", "payment_scored", "fraud_case_opened"]
        assert entries[1].actor_id == "system:fraud-scoring"
        events = world.rows("SELECT event_type, detail FROM outbox ORDER BY sequence")
        assert [event["event_type"] for event in events] == ["PaymentCreated", "PaymentScored", "FraudDetected"]
        assert events[2]["detail"]["fraudReasons"][0] in ("high_amount", "new_vendor")
        (kept,) = world.rows("SELECT * FROM fraud_scores")
        assert (kept["provider"], kept["rule_set_version"], kept["shadow"]) == ("embedded", "1", False)
        assert kept["facts"]["amount"]["amount_cents"] == 500_000
        assert kept["duration_us"] < 2_000_000
        assert "fraud" not in payment.metadata
        assert (await world.audit()).clean


async def test_fault_11_every_way_in_is_scored(database_urls: DatabaseUrls) -> None:
    """One that a person posts, one of an event, one of a bulk, one that a driver pays."""
    async with scoring_world(database_urls) as world:
        ids = [(await world.create()).payment_id, await by_event(world)]
        done = await create_payments.create(world.deps, ADMIN, [a_new_payment()], None)
        ids += [one.payment_id for one in done if not isinstance(one, Exception) and one.payment_id]
        ids.append(await by_event(world, payerType="driver_ic", driverId=str(uuid4())))
        payments = [await scored(world, payment_id) for payment_id in ids]
        assert all(payment.fraud_score is not None for payment in payments)
        assert world.count("fraud_scores") == world.count("fraud_history") == 4
        for payment in payments[:3]:
            assert payment.fraud_status != "flagged", payment.fraud_reasons
            assert (await world.approve(payment.payment_id)).status == "approved"


async def test_new_content_is_scored_again_and_nobody_edits_out_of_a_case(database_urls: DatabaseUrls) -> None:
    async with scoring_world(database_urls) as world:
        payment_id = (await world.create()).payment_id
        await scored(world, payment_id)
        edited = await world.update(payment_id, a_patch(lines=((1, 900_000),)))
        assert (edited.fraud_score, edited.fraud_status, edited.fraud_reasons) == (None, None, ())
        with pytest.raises(ScorePending):
            await world.approve(payment_id)
        flagged = await scored(world, payment_id)
        assert flagged.fraud_status == "flagged"
        back = await world.update(payment_id, a_patch(lines=((1, 10_500),)))
        assert back.fraud_status is None
        with pytest.raises(FraudReviewRequired):
            await world.approve(payment_id)
        harmless = await scored(world, payment_id)
        assert harmless.fraud_status != "flagged"
        with pytest.raises(FraudReviewRequired):
            await world.approve(payment_id)
        assert world.rows("SELECT content_version FROM fraud_scores ORDER BY 1") == [
            {"content_version": 1},
            {"content_version": 2},
            {"content_version": 3},
        ]


@pytest.mark.parametrize("mood", ["away", "slow", "broken"])
async def test_fault_2_a_score_that_is_not_to_be_had_is_seen_and_had_later(
    mood: str, database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is swallowed: the payment is flagged and says why; once the provider is back, it goes on by itself."""
    monkeypatch.setattr(score_payment, "PROVIDER_S_MAX", 0.05)
    provider = Moody()
    provider.mood = mood
    async with scoring_world(database_urls, provider) as world:
        payment_id = (await world.create()).payment_id
        payment = await scored(world, payment_id)
        assert (payment.fraud_score, payment.fraud_status) == (None, "flagged")
        assert [reason.code for reason in payment.fraud_reasons] == ["fraud_detection_error"]
        with pytest.raises(FraudReviewRequired):
            await world.approve(payment_id)
        assert await score_payment.step(world.deps) is False
        assert world.count("fraud_scores") == 1, "a try that fails again changes nothing"
        provider.mood = "well"
        assert await score_payment.step(world.deps) is False
        payment = await read_payment.get(world.deps, ADMIN, payment_id)
        assert payment.fraud_status != "flagged"
        assert payment.fraud_score is not None
        assert (await world.approve(payment_id)).status == "approved"
        (case,) = world.rows("SELECT status, cause FROM fraud_cases")
        assert case == {"status": "superseded", "cause": "error"}
        assert (await world.audit()).clean


async def test_fault_2_a_payment_of_which_no_event_tells_is_scored_by_the_timer(database_urls: DatabaseUrls) -> None:
    """On a new database events may be numbered before the scorer has its subscription; dead letters are as silent."""
    async with open_world(database_urls, fraud_provider=EmbeddedFraud()) as world:
        early = (await world.create()).payment_id
        number(world)
        consumer = ConsumerTarget(world.deps, ROUTES)
        await consumer.prepare()
        later = (await world.create()).payment_id
        number(world)
        assert world.count("deliveries") == 1
        gates = "SELECT fraud_gate FROM payments ORDER BY payment_id"
        assert await score_payment.step(world.deps) is False
        assert [row["fraud_gate"] for row in world.rows(gates)] == ["score_pending"] * 2, "it may yet be told of"
        world.clock.advance(seconds=score_payment.LEFT_OUT_AFTER.total_seconds() + 1)
        assert await score_payment.step(world.deps) is False
        assert [row["fraud_gate"] for row in world.rows(gates)] == ["clear", "score_pending"]
        assert (await world.approve(early)).status == "approved"
        world.rows("UPDATE deliveries SET state = 'dead', settled_at = now() RETURNING 1")
        assert await score_payment.step(world.deps) is False
        assert (await world.approve(later)).status == "approved"
        assert (await world.audit()).clean


async def test_a_step_ends_in_time_though_the_provider_dawdles_with_each_and_the_next_goes_on(
    database_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function has seconds for its steps: one that is cut off would begin anew, and approve and escalate nothing."""
    monkeypatch.setattr(score_payment, "PROVIDER_S_MAX", 0.05)
    monkeypatch.setattr(score_payment, "STEP_S_MAX", 0.04)
    provider = Moody()
    provider.mood = "slow"
    async with open_world(database_urls, fraud_provider=provider) as world:
        for _ in range(3):
            await world.create()
        number(world)
        await ConsumerTarget(world.deps, ROUTES).prepare()
        world.clock.advance(seconds=score_payment.LEFT_OUT_AFTER.total_seconds() + 1)
        for done in (1, 2, 3):
            assert await score_payment.step(world.deps) is True
            assert (world.count("fraud_scores"), provider.asked) == (done, done)
        provider.mood = "well"
        monkeypatch.setattr(score_payment, "STEP_S_MAX", 10.0)
        assert await score_payment.step(world.deps) is False
        assert world.rows("SELECT DISTINCT status FROM fraud_cases") == [{"status": "superseded"}]


async def test_fault_2_what_waits_when_scoring_is_switched_off_is_scored_by_the_timer(
    database_urls: DatabaseUrls,
) -> None:
    """Its event stays in line for a consumer that is no more; an edit behind an open case, too, has its score."""
    async with open_world(database_urls, fraud_provider=EmbeddedFraud()) as world:
        await ConsumerTarget(world.deps, ROUTES).prepare()
        flagged = (await world.create(a_new_payment(lines=((1, 900_000),)))).payment_id
        first = await score_payment.scored(world.deps, ORG, flagged, None)
        assert first is not None
        await world.submit(first)
        waiting = (await world.create()).payment_id
        await world.update(flagged, a_patch(lines=((1, 10_500),)))
        number(world)
        world.clock.advance(seconds=score_payment.LEFT_OUT_AFTER.total_seconds() + 1)
        await score_payment.step(world.deps)
        scores = "SELECT payment_id FROM fraud_scores ORDER BY scored_at, payment_id"
        assert [row["payment_id"] for row in world.rows(scores)] == [flagged], "their events are on their way"
        await ConsumerTarget(world.deps, ROUTES, switched_off=switched_off(scoring=False)).prepare()
        await score_payment.step(world.deps)
        assert {row["payment_id"] for row in world.rows(scores)[1:]} == {flagged, waiting}
        assert (await world.approve(waiting)).status == "approved"
        with pytest.raises(FraudReviewRequired):
            await world.approve(flagged)
        number(world)
        await ConsumerTarget(world.deps, ROUTES).prepare()
        async with running(a_relay(world, ConsumerTarget(world.deps, ROUTES))):
            await eventually(lambda: set(states(world)) == {"delivered"})
        assert world.count("fraud_scores") == 3, "events that come after all find nothing to do"


async def test_fault_46_a_score_that_comes_late_finds_what_it_was_for_or_does_nothing(
    database_urls: DatabaseUrls,
) -> None:
    async with open_world(database_urls, fraud_provider=EmbeddedFraud()) as world:
        payment_id = (await world.create()).payment_id
        late = await score_payment.scored(world.deps, ORG, payment_id, None)
        assert late is not None
        await world.update(payment_id, a_patch(lines=((1, 900_000),)))
        await world.submit(late)
        assert world.count("fraud_scores") == 0, "it was of the content before"
        again = await score_payment.scored(world.deps, ORG, payment_id, None)
        twin = await score_payment.scored(world.deps, ORG, payment_id, None)
        assert again is not None
        assert twin is not None
        await asyncio.gather(world.submit(again), world.submit(twin))
        assert world.count("fraud_scores") == world.count("fraud_cases") == 1
        rejected = (await world.create(a_new_payment(lines=((1, 900_000),)))).payment_id
        command = await score_payment.scored(world.deps, ORG, rejected, None)
        assert command is not None
        await world.reject(rejected)
        await world.submit(command)
        assert world.rows("SELECT fraud_gate, fraud_case_id FROM payments WHERE payment_id = %s", rejected) == [
            {"fraud_gate": "review_required", "fraud_case_id": None}
        ]
        assert (await world.audit()).clean


async def test_a_score_on_its_way_to_what_is_confirmed_to_be_fraud_opens_nothing(database_urls: DatabaseUrls) -> None:
    """Origin 46: the content is edited into something harmless, and the case is confirmed before that is scored."""
    async with open_world(database_urls, fraud_provider=EmbeddedFraud()) as world:
        payment_id = (await world.create(a_new_payment(lines=((1, 900_000),)))).payment_id
        first = await score_payment.scored(world.deps, ORG, payment_id, None)
        assert first is not None
        await world.submit(first)
        await world.update(payment_id, a_patch(lines=((1, 10_500),)))
        late = await score_payment.scored(world.deps, ORG, payment_id, None)
        assert late is not None
        (case,) = world.rows("SELECT case_id FROM fraud_cases")
        decision, why = Decision.CONFIRMED, CaseReason.INFLATED
        await fraud_cases.decide(world.deps, ADMIN, case["case_id"], None, decision=decision, reason_code=why)
        await world.submit(late)
        (row,) = world.rows("SELECT status, fraud_gate, fraud_status FROM payments")
        assert row == {"status": "rejected", "fraud_gate": "review_required", "fraud_status": "medium_risk"}
        assert (await world.audit()).clean


async def test_an_event_that_comes_twice_is_one_score(database_urls: DatabaseUrls) -> None:
    async with scoring_world(database_urls) as world:
        for _ in range(3):
            await world.create()
        number(world)
        await eventually(lambda: world.count("fraud_scores") == 3)
        await eventually(lambda: states(world) == {"delivered": 3})
        world.rows("UPDATE deliveries SET state = 'pending', settled_at = NULL")
        await eventually(lambda: states(world) == {"delivered": 3})
        assert world.count("fraud_scores") == 3


async def test_where_nothing_is_scored_payments_are_born_clear(world: World) -> None:
    payment_id = (await world.create()).payment_id
    async with running(a_relay(world, ConsumerTarget(world.deps, ROUTES))):
        await eventually(lambda: world.count("subscriptions") == 1)
    assert (await world.approve(payment_id)).status == "approved"
    assert await score_payment.scored(world.deps, ORG, payment_id, None) is None


async def listed(world: World, vendor_id: UUID, kind: ListingKind, signal: str | None = None) -> None:
    """A vendor that somebody listed for a day."""
    new = NewListing(
        vendor_id=vendor_id,
        kind=kind,
        signal=signal,
        reason_code=CaseReason.KNOWN_PATTERN,
        expires_at=world.clock() + timedelta(days=1),
    )
    done = await world.submit(ListVendor(command_id=world.new_command_id(), caller=ADMIN, new=new))
    if kind is not ListingKind.BLOCK:
        await confirmed(world, msgspec.json.decode(done.answer, type=Listing))


async def confirmed(world: World, listing: Listing) -> None:
    """A second person agrees."""
    command_id = world.new_command_id()
    await world.submit(ConfirmListing(command_id=command_id, caller=OTHER_ADMIN, listing_id=listing.listing_id))


async def using(world: World, rule_set_id: UUID, mode: UseMode, by: Caller) -> None:
    """A rule set is used from now on."""
    await world.submit(UseRuleSet(command_id=world.new_command_id(), caller=by, rule_set_id=rule_set_id, mode=mode))


async def judged(world: World, vendor_id: UUID, cents: int) -> tuple[str | None, set[str]]:
    """The status of a new payment of a vendor, and the codes of its reasons."""
    made = (await world.create(a_new_payment(vendor_id=vendor_id, lines=((1, cents),)))).payment_id
    payment = await scored(world, made)
    return payment.fraud_status, {reason.code for reason in payment.fraud_reasons}


async def test_what_people_say_of_a_vendor_is_heeded_until_it_ends(database_urls: DatabaseUrls) -> None:
    async with scoring_world(database_urls) as world:
        blocked, trusted, snoozed, late = (uuid4() for _ in range(4))
        await listed(world, blocked, ListingKind.BLOCK)
        for vendor in (trusted, late):
            await listed(world, vendor, ListingKind.ALLOW)
        await listed(world, snoozed, ListingKind.SNOOZE, "high_amount")
        status, codes = await judged(world, blocked, 10_500)
        assert (status, "vendor_blocked" in codes) == ("flagged", True)
        status, codes = await judged(world, trusted, 900_000)
        assert (status, "vendor_allowed" in codes) == ("high_risk", True)
        assert "high_amount" in codes
        status, codes = await judged(world, snoozed, 900_000)
        assert "high_amount" not in codes
        world.clock.advance(days=2)
        status, codes = await judged(world, late, 90_000_000)
        assert (status, "vendor_allowed" in codes) == ("flagged", False), "trust has an end"
        assert (await world.audit()).clean


async def test_a_rule_set_in_shadow_is_kept_beside_and_touches_nothing(database_urls: DatabaseUrls) -> None:
    async with scoring_world(database_urls) as world:
        strict = RuleSet(version="strict", thresholds=Thresholds(medium=0.01, high=0.02, flagged=0.03))
        done = await fraud_rule_sets.propose(world.deps, ADMIN, strict, None)
        rule_set_id = msgspec.json.decode(done.answer, type=StoredRuleSet).rule_set_id
        await using(world, rule_set_id, UseMode.SHADOW, ADMIN)
        assert (await judged(world, uuid4(), 10_500))[0] != "flagged"
        rows = world.rows("SELECT shadow, status, rule_set_version FROM fraud_scores ORDER BY shadow")
        assert [(row["shadow"], row["rule_set_version"]) for row in rows] == [(False, "1"), (True, "strict")]
        assert rows[1]["status"] == "flagged"
        assert world.count("fraud_cases") == 0
        await world.submit(EndShadow(command_id=world.new_command_id(), caller=OTHER_ADMIN, rule_set_id=rule_set_id))
        await judged(world, uuid4(), 10_500)
        assert world.count("fraud_scores") == 3, "it is tried no more"
        await using(world, rule_set_id, UseMode.LIVE, OTHER_ADMIN)
        assert (await judged(world, uuid4(), 10_500))[0] == "flagged"
        assert (await world.audit()).clean
        kinds = world.rows("SELECT event_type FROM outbox WHERE aggregate_type = 'fraud_rule_set' ORDER BY sequence")
        assert [row["event_type"] for row in kinds] == [
            "FraudRuleSetProposed",
            "FraudRuleSetShadowed",
            "FraudRuleSetShadowEnded",
            "FraudRuleSetActivated",
        ]


async def test_trust_counts_when_a_second_person_has_confirmed_it(database_urls: DatabaseUrls) -> None:
    """One admin alone would otherwise let any vendor past the scorer; a block counts at once."""
    async with scoring_world(database_urls) as world:
        vendor = uuid4()
        new = NewListing(
            vendor_id=vendor,
            kind=ListingKind.ALLOW,
            reason_code=CaseReason.KNOWN_PATTERN,
            expires_at=world.clock() + timedelta(days=1),
        )
        done = await world.submit(ListVendor(command_id=world.new_command_id(), caller=ADMIN, new=new))
        assert "vendor_allowed" not in (await judged(world, vendor, 900_000))[1]
        await confirmed(world, msgspec.json.decode(done.answer, type=Listing))
        assert "vendor_allowed" in (await judged(world, vendor, 800_000))[1]
        actions = world.rows(
            "SELECT action, actor_id, new_status FROM payment_audit_log WHERE subject_type = 'fraud_listing'"
            " ORDER BY seq"
        )
        assert [tuple(row.values()) for row in actions] == [
            ("fraud_listing_added", ADMIN.sub, "proposed"),
            ("fraud_listing_confirmed", OTHER_ADMIN.sub, "active"),
        ]
        kinds = world.rows("SELECT event_type FROM outbox WHERE aggregate_type = 'fraud_listing' ORDER BY sequence")
        assert [row["event_type"] for row in kinds] == ["FraudListingAdded", "FraudListingConfirmed"]
        assert (await world.audit()).clean


async def test_twins_that_are_scored_at_the_same_time_are_found_whatever_the_order_of_their_events(
    database_urls: DatabaseUrls,
) -> None:
    """The later one is scored first; the earlier one's row is there all the same."""
    async with open_world(database_urls, fraud_provider=EmbeddedFraud()) as world:
        vendor, incident = uuid4(), uuid4()
        first = await world.create(a_new_payment(vendor_id=vendor, incident_id=incident))
        second = await world.create(a_new_payment(vendor_id=vendor, incident_id=incident, reference="again"))
        command = await score_payment.scored(world.deps, ORG, second.payment_id, None)
        assert command is not None
        assert "duplicate_exact" in {reason.code for reason in command.verdict.reasons}
        assert command.verdict.status == "flagged"
        assert await score_payment.scored(world.deps, ORG, first.payment_id, None) is not None


async def test_a_backtest_judges_what_is_stored_and_names_what_would_change(database_urls: DatabaseUrls) -> None:
    async with scoring_world(database_urls) as world:
        frauds = [await by_event(world, pricing=FIVE_THOUSAND) for _ in range(2)]
        honest = await by_event(world)
        for payment_id in (*frauds, honest):
            await scored(world, payment_id)
        cases = await fraud_cases.page(world.deps, ADMIN, status=None, assignee=None, limit=10, cursor=None)
        decisions = (Decision.CONFIRMED, Decision.CLEARED)
        for case, decision in zip(cases.cases, decisions, strict=True):
            await fraud_cases.decide(
                world.deps, ADMIN, case.case_id, None, decision=decision, reason_code=CaseReason.OTHER
            )
        start, end = datetime(2025, 12, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
        same = await backtest(world.database, ORG, DEFAULT, start=start, end=end)
        assert (same.scored, same.flagged, same.changed_count) == (3, 2, 0)
        assert (same.precision, same.recall) == (0.5, 1.0), "of two that people decided, one was fraud"
        lenient = RuleSet(version="lenient", thresholds=Thresholds(medium=0.97, high=0.98, flagged=1.0))
        other = await backtest(world.database, ORG, lenient, start=start, end=end)
        assert (other.flagged, other.recall, other.changed_count) == (0, 0.0, 2)
        assert {one.payment_id for one in other.changed} == set(frauds)
        assert (await backtest(world.database, "elsewhere", DEFAULT, start=start, end=end)).scored == 0
        assert (await backtest(world.database, ORG, DEFAULT, start=end, end=end)).scored == 0


async def test_the_thresholds_of_the_setting_decide(database_urls: DatabaseUrls) -> None:
    """And each score says by which it was called what it was."""
    async with scoring_world(database_urls) as world:
        status, _ = await judged(world, uuid4(), 10_500)
        (usual,) = world.rows("SELECT rule_set_version FROM fraud_scores")
        assert (status == "flagged", usual["rule_set_version"]) == (False, "1")
    async with scoring_world(database_urls, thresholds=(0.01, 0.02, 0.03)) as world:
        status, _ = await judged(world, uuid4(), 900_000)
        rows = world.rows("SELECT rule_set_version FROM fraud_scores ORDER BY scored_at")
        assert (status, rows[-1]["rule_set_version"]) == ("flagged", "1-0.01-0.02-0.03")
