"""The verifier on chains that are no payment's: silent on what the service wrote, naming what was changed."""

from pathlib import Path

import pytest

from tests.usecases import endpoints
from tests.usecases.tampering import attacking, drop_checks
from tests.usecases.world import World
from vendorpay.adapters.checkpoint_folder import CheckpointFolder
from vendorpay.adapters.checkpoint_reading import documents_in
from vendorpay.usecases import write_checkpoint
from vendorpay.usecases.verify_audit import verify

pytestmark = pytest.mark.anyio

TAMPERED = {
    "where it is sent": "UPDATE webhook_endpoints SET url = 'https://thief.example/' WHERE endpoint_id = %(id)s",
    "what is sent": "UPDATE subscriptions SET event_types = '{PaymentCreated}' WHERE subscription_id = %(id)s",
    "how many at once": "UPDATE webhook_endpoints SET max_in_flight = 49 WHERE endpoint_id = %(id)s",
    "the digest": "UPDATE webhook_endpoints SET digest = repeat('0', 64) WHERE endpoint_id = %(id)s",
    "the status": "UPDATE webhook_endpoints SET status = 'enabled' WHERE endpoint_id = %(id)s",
    "the head": "UPDATE webhook_endpoints SET audit_head = sha256('x') WHERE endpoint_id = %(id)s",
    "the organisation": "UPDATE webhook_endpoints SET org_id = 'another' WHERE endpoint_id = %(id)s",
    "an entry": "UPDATE payment_audit_log SET actor_id = 'x' WHERE subject_id = %(id)s AND seq = 1",
    "the newest entry is removed": "DELETE FROM payment_audit_log WHERE subject_id = %(id)s AND seq = 3",
    "the whole row": "DELETE FROM webhook_endpoints WHERE endpoint_id = %(id)s",
}


async def test_an_endpoints_life_verifies_and_each_tampering_with_it_is_found(world: World, tmp_path: Path) -> None:
    drop_checks(world.urls.superuser)
    await world.create()
    kept = await endpoints.create(world, event_types=("PaymentApproved",))
    await endpoints.rotate(world, kept.endpoint_id)
    await world.create()
    for _ in TAMPERED:
        made = await endpoints.create(world)
        await endpoints.patch(world, made.endpoint_id, max_in_flight=3)
        await endpoints.patch(world, made.endpoint_id, status="disabled")
    deleted = await endpoints.create(world)
    await endpoints.delete(world, deleted.endpoint_id)
    await write_checkpoint.make(world.database, world.clock, most=10)
    await write_checkpoint.hand_over(world.database, CheckpointFolder(tmp_path), world.clock)
    clean = await verify(world.database, None, documents=documents_in(tmp_path))
    assert (clean.clean, clean.chains, clean.checkpoints.entries_since) == (True, 4 + len(TAMPERED), 0), clean
    rows = world.rows("SELECT endpoint_id FROM webhook_endpoints WHERE status = 'disabled'")
    for (what, statement), row in zip(TAMPERED.items(), rows, strict=True):
        with attacking(world.urls.superuser) as attacker:
            attacker.do(statement, id=row["endpoint_id"])
        report = await verify(world.database, row["endpoint_id"])
        assert [(fault.subject_type, fault.subject_id) for fault in report.faults] == [
            ("webhook_endpoint", row["endpoint_id"])
        ], what
    assert (await world.audit()).broken == len(TAMPERED)
