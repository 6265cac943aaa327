"""Every payment is scored by its event, whichever way it came: the gate opens, or a case does."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import (
    ADMIN,
    ORG,
    OTHER_DISPATCHER,
    World,
    a_new_payment,
    a_patch,
    open_world,
)
from tests.workers.relaying import a_relay, eventually, number, running, states
from tests.workers.scoring import FIVE_THOUSAND, Moody, by_event, scored, scoring_world
from vendorpay.adapters.embedded_fraud import EmbeddedFraud
from vendorpay.domain.errors import FraudReviewRequired, ScorePending
from vendorpay.domain.fraud_cases import CaseReason, Decision
from vendorpay.usecases import (
    create_payments,
    fraud_cases,
    read_audit_log,
    read_payment,
    score_payment,
)
from vendorpay.usecases.consume_events import ConsumerTarget
from vendorpay.workers.routes import ROUTES, switched_off

pytestmark = pytest.mark.anyio


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
