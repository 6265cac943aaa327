"""What people tell the scorer counts: listings of vendors, rule sets, and the thresholds of the setting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import (
    ADMIN,
    ORG,
    World,
    a_caller,
    a_new_payment,
)
from tests.workers.scoring import FIVE_THOUSAND, by_event, scored, scoring_world
from vendorpay.domain.fraud.rule_set import DEFAULT, RuleSet, Thresholds
from vendorpay.domain.fraud_cases import CaseReason, Decision
from vendorpay.domain.fraud_listing import Listing, ListingKind
from vendorpay.domain.fraud_rule_sets import StoredRuleSet, UseMode
from vendorpay.domain.new_listing import NewListing
from vendorpay.domain.roles import Caller, Role
from vendorpay.usecases import (
    fraud_cases,
    fraud_rule_sets,
)
from vendorpay.usecases.backtest_fraud import backtest
from vendorpay.usecases.fraud_listings import ConfirmListing, ListVendor
from vendorpay.usecases.fraud_rule_sets import EndShadow, UseRuleSet

pytestmark = pytest.mark.anyio

OTHER_ADMIN = a_caller(Role.ADMIN, "admin-2")


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
