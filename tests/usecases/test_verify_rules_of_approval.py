"""The verifiers on the chains of policies and delegations: silent on what was done, naming what was changed since."""

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.usecases import other_verifier
from tests.usecases.tampering import attacking, drop_checks
from tests.usecases.test_delegations import end, give
from tests.usecases.test_policies import ONE, OTHER_ADMIN, a_policy, activate, propose
from tests.usecases.world import ADMIN, OTHER_DISPATCHER, World, a_new_payment
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
}
"""What a superuser does to a row, and whose subject it is; each is done to a row of its own."""


async def test_policies_and_delegations_verify_and_each_tampering_with_them_is_found(
    ruled_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_checks(ruled_world.urls.superuser)
    before = await ruled_world.create(a_new_payment())
    subjects = {"policy": await _policies(ruled_world), "delegation": await _delegations(ruled_world)}
    await ruled_world.approve(before.payment_id)

    clean = await ruled_world.audit()
    assert (clean.clean, clean.chains) == (True, 1 + sum(map(len, subjects.values()))), clean
    assert _other(ruled_world, tmp_path, monkeypatch)[0] == 0

    for subject, attacks in TAMPERED.items():
        for (what, statement), subject_id in zip(attacks.items(), subjects[subject], strict=True):
            with attacking(ruled_world.urls.superuser) as attacker:
                attacker.do(f"{statement} WHERE {subject}_id = %(id)s", id=subject_id)
            report = await verify(ruled_world.database, subject_id)
            assert [(fault.subject_type, fault.subject_id) for fault in report.faults] == [(subject, subject_id)], what
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


def _other(world: World, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    with psycopg.connect(world.urls.superuser, row_factory=dict_row) as superuser:
        superuser.execute("SET timezone = 'UTC'")
        exports = other_verifier.exported(superuser, folder / "exports")
    return other_verifier.asked(exports, None, monkeypatch)
