"""The verifiers on chains of policies, delegations, listings, rule sets: silent but for what was changed since."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest
from psycopg.rows import dict_row

from tests.usecases import other_verifier
from tests.usecases.tampering import attacking, drop_checks
from tests.usecases.test_delegations import end, give
from tests.usecases.test_policies import ONE, OTHER_ADMIN, a_policy, activate, propose
from tests.usecases.world import ADMIN, OTHER_DISPATCHER, World, a_new_payment
from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.domain.fraud_cases import CaseReason
from vendorpay.domain.fraud_listing import Listing, ListingKind
from vendorpay.domain.fraud_rule_sets import StoredRuleSet, UseMode
from vendorpay.domain.new_listing import NewListing
from vendorpay.usecases import fraud_rule_sets
from vendorpay.usecases.fraud_listings import ConfirmListing, ListVendor
from vendorpay.usecases.fraud_rule_sets import UseRuleSet
from vendorpay.usecases.verify_audit import verify

pytestmark = pytest.mark.anyio

TAMPERED = {
    "policy": {
        "what it asks for": """UPDATE policies SET document = jsonb_set(document, '{rules,0,name}', '"anything"')""",
        "who proposed it": "UPDATE policies SET proposed_by = 'nobody'",
        "who activated it": "UPDATE policies SET activated_by = 'nobody'",
        "that it was never activated": "UPDATE policies SET activated_by = NULL, activated_at = NULL",
        "its organisation": "UPDATE policies SET org_id = 'another'",
        "the whole row": "DELETE FROM policies",
    },
    "delegation": {
        "who acts": "UPDATE delegations SET delegate_id = 'nobody'",
        "for whom": "UPDATE delegations SET delegator_id = 'nobody'",
        "as what": "UPDATE delegations SET delegator_role = 'dispatcher'",
        "until when": "UPDATE delegations SET ends_at = ends_at + interval '1 day'",
        "from when on": "UPDATE delegations SET starts_at = starts_at - interval '1 day'",
        "who ended it": "UPDATE delegations SET ended_by = 'nobody'",
        "that it was ended": "UPDATE delegations SET ended_by = NULL, ended_at = NULL",
    },
    "listing": {
        "which vendor": "UPDATE fraud_listings SET vendor_id = gen_random_uuid()",
        "as what": "UPDATE fraud_listings SET kind = 'block'",
        "until when": "UPDATE fraud_listings SET expires_at = expires_at + interval '1 day'",
        "who listed it": "UPDATE fraud_listings SET listed_by = 'nobody'",
        "who confirmed it": "UPDATE fraud_listings SET confirmed_by = 'nobody'",
        "that it was confirmed": "UPDATE fraud_listings SET confirmed_by = NULL, confirmed_at = NULL",
        "the whole row": "DELETE FROM fraud_listings",
    },
    "rule_set": {
        "what it says": "UPDATE fraud_rule_sets SET document = jsonb_set(document, '{thresholds,flagged}', '0.99')",
        "who brought it": "UPDATE fraud_rule_sets SET proposed_by = 'nobody'",
        "what it is used for": "UPDATE fraud_rule_sets SET stage = 'live'",
        "the whole row": "DELETE FROM fraud_rule_sets",
    },
}
"""What a superuser does to a row, and whose subject it is; each is done to a row of its own."""


async def test_what_is_no_payment_verifies_and_each_tampering_with_it_is_found(
    ruled_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_checks(ruled_world.urls.superuser)
    before = await ruled_world.create(a_new_payment())
    subjects = {
        "policy": await _policies(ruled_world),
        "delegation": await _delegations(ruled_world),
        "listing": await _listings(ruled_world),
        "rule_set": await _rule_sets(ruled_world),
    }
    await ruled_world.approve(before.payment_id)

    clean = await ruled_world.audit()
    assert (clean.clean, clean.chains) == (True, 1 + sum(map(len, subjects.values()))), clean
    assert _other(ruled_world, tmp_path, monkeypatch)[0] == 0

    for subject, attacks in TAMPERED.items():
        for (what, statement), subject_id in zip(attacks.items(), subjects[subject], strict=True):
            with attacking(ruled_world.urls.superuser) as attacker:
                attacker.do(f"{statement} WHERE {subject}_id = %(id)s", id=subject_id)
            report = await verify(ruled_world.database, subject_id)
            kind = subject if subject in {"policy", "delegation"} else f"fraud_{subject}"
            assert [(fault.subject_type, fault.subject_id) for fault in report.faults] == [(kind, subject_id)], what
    code, said = _other(ruled_world, tmp_path, monkeypatch)
    named = {UUID(word) for line in said.splitlines() for word in line.split() if word.count("-") == 4}
    of_the_organisation = subjects["policy"][list(TAMPERED["policy"]).index("its organisation")]
    everyone = {each for found in subjects.values() for each in found}
    assert (code, named) == (1, everyone - {of_the_organisation})  # the export's heads do not say whose they are


async def _policies(world: World) -> list[UUID]:
    """As many versions as there are attacks on one, each of which was active once."""
    found = []
    for number in range(len(TAMPERED["policy"])):
        rule = {"name": f"rule {number}", "when": {"currencies": ["USD"], "maxAmountCents": 1 + number}, "anyOf": ONE}
        active = await activate(world, await propose(world, a_policy(rule)))
        assert (active.proposed_by, active.activated_by) == (ADMIN.sub, OTHER_ADMIN.sub)
        assert active.policy_id is not None
        found.append(active.policy_id)
    return found


async def _delegations(world: World) -> list[UUID]:
    """As many delegations as there are attacks on one; those whose end is attacked were ended."""
    found = []
    for what in TAMPERED["delegation"]:
        given = await give(world, OTHER_DISPATCHER, starts_at=world.clock() + timedelta(hours=1))
        if "ended" in what:
            given = await end(world, given)
        found.append(given.delegation_id)
    return found


async def _listings(world: World) -> list[UUID]:
    """As many listings as there are attacks on one, each of which a second person confirmed."""
    found = []
    for _ in TAMPERED["listing"]:
        new = NewListing(
            vendor_id=uuid4(),
            kind=ListingKind.ALLOW,
            reason_code=CaseReason.KNOWN_PATTERN,
            expires_at=world.clock() + timedelta(days=1),
        )
        done = await world.submit(ListVendor(command_id=world.new_command_id(), caller=ADMIN, new=new))
        listing_id = msgspec.json.decode(done.answer, type=Listing).listing_id
        command_id = world.new_command_id()
        await world.submit(ConfirmListing(command_id=command_id, caller=OTHER_ADMIN, listing_id=listing_id))
        found.append(listing_id)
    return found


async def _rule_sets(world: World) -> list[UUID]:
    """As many rule sets as there are attacks on one, each of which was tried."""
    found = []
    for number in range(len(TAMPERED["rule_set"])):
        done = await fraud_rule_sets.propose(world.deps, ADMIN, RuleSet(version=f"v{number}"), None)
        rule_set_id = msgspec.json.decode(done.answer, type=StoredRuleSet).rule_set_id
        command_id = world.new_command_id()
        await world.submit(
            UseRuleSet(command_id=command_id, caller=ADMIN, rule_set_id=rule_set_id, mode=UseMode.SHADOW)
        )
        found.append(rule_set_id)
    return found


def _other(world: World, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    with psycopg.connect(world.urls.superuser, row_factory=dict_row) as superuser:
        superuser.execute("SET timezone = 'UTC'")
        exports = other_verifier.exported(superuser, folder / "exports")
    return other_verifier.asked(exports, None, monkeypatch)
