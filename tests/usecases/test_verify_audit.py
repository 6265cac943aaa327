"""The verifier: silent on what the service wrote, and naming the row for whatever a superuser changed afterwards."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

import msgspec
import psycopg
import pytest

from tests.usecases.tampering import drop_checks
from tests.usecases.world import ADMIN, OTHER_DISPATCHER, World, a_caller, a_new_payment, rounds, seeded
from vendorpay.domain.audit_check import AuditFault
from vendorpay.domain.errors import VendorPayError
from vendorpay.domain.payment import Payment
from vendorpay.domain.roles import Role
from vendorpay.usecases import read_audit_log
from vendorpay.usecases.verify_audit import verify

pytestmark = pytest.mark.anyio

IN_ENTRY_2 = "UPDATE payment_audit_log SET {} WHERE subject_id = %(id)s AND seq = 2"
TAMPERED_ENTRIES = {
    name: IN_ENTRY_2.format(change)
    for name, change in {
        "log_id": "log_id = gen_random_uuid()",
        "org_id": "org_id = 'another'",
        "subject_type": "subject_type = 'vendor', payment_id = NULL",
        "seq": "seq = 9",
        "action": "action = 'payment_rejected'",
        "actor_id": "actor_id = 'somebody else'",
        "actor_type": "actor_type = 'admin'",
        "previous_status": "previous_status = 'failed'",
        "new_status": "new_status = 'cancelled'",
        "reason_code": "reason_code = 'other'",
        "content_digest": "content_digest = repeat('0', 64)",
        "notes_digest": "notes_digest = sha256('other')",
        "timestamp": '"timestamp" = "timestamp" + interval \'1 microsecond\'',
        "canonical": "canonical = canonical || ' ', hash = sha256(prev_hash || canonical || ' ')",
        "prev_hash": "prev_hash = sha256('x'), hash = sha256(sha256('x') || canonical)",
    }.items()
}
TAMPERED_CHAINS = {
    "a middle entry is removed": "DELETE FROM payment_audit_log WHERE subject_id = %(id)s AND seq = 2",
    "the first entry is removed": "DELETE FROM payment_audit_log WHERE subject_id = %(id)s AND seq = 1",
    "the newest entry is removed": "DELETE FROM payment_audit_log WHERE subject_id = %(id)s AND seq = 3",
    "all entries are removed": "DELETE FROM payment_audit_log WHERE subject_id = %(id)s",
    "an entry is forged at the end": """
        INSERT INTO payment_audit_log
        SELECT gen_random_uuid(), org_id, subject_type, subject_id, payment_id, 4, action, actor_id, actor_type,
               previous_status, new_status, reason_code, content_digest, NULL, "timestamp", canonical, hash,
               sha256(hash || canonical), xid
        FROM payment_audit_log WHERE subject_id = %(id)s AND seq = 3""",
    "two entries change places": """
        UPDATE payment_audit_log SET seq = CASE seq WHEN 2 THEN 102 ELSE 103 END
        WHERE subject_id = %(id)s AND seq IN (2, 3);
        UPDATE payment_audit_log SET seq = CASE seq WHEN 102 THEN 3 ELSE 2 END
        WHERE subject_id = %(id)s AND seq > 100""",
    "a text is changed": "UPDATE audit_texts SET text = 'other' WHERE subject_id = %(id)s AND seq = 2",
    "a salt is changed": "UPDATE audit_texts SET salt = sha256('x') WHERE subject_id = %(id)s AND seq = 2",
    "a text is removed with its row": "DELETE FROM audit_texts WHERE subject_id = %(id)s AND seq = 2",
    "a text is added": "INSERT INTO audit_texts SELECT org_id, subject_id, 1, salt, text FROM audit_texts"
    " WHERE subject_id = %(id)s AND seq = 2",
}
TAMPERED_PAYMENTS = {
    "the amount": "UPDATE payments SET amount_cents = amount_cents + 1 WHERE payment_id = %(id)s",
    "the currency": "UPDATE payments SET currency = 'JPY' WHERE payment_id = %(id)s",
    "the job": "UPDATE payments SET incident_id = gen_random_uuid() WHERE payment_id = %(id)s",
    "the payer": "UPDATE payments SET payer_id = gen_random_uuid() WHERE payment_id = %(id)s",
    "who created it": "UPDATE payments SET created_by = 'x' WHERE payment_id = %(id)s",
    "who approved it": "UPDATE payments SET approved_by = 'x' WHERE payment_id = %(id)s",
    "the vendor": "UPDATE payments SET vendor_id = gen_random_uuid() WHERE payment_id = %(id)s",
    "the payee's account": "UPDATE payments SET payee_account_version = 1 WHERE payment_id = %(id)s",
    "the status": "UPDATE payments SET status = 'approved' WHERE payment_id = %(id)s",
    "the organisation": "UPDATE payments SET org_id = 'another' WHERE payment_id = %(id)s",
    "the digest": "UPDATE payments SET digest = repeat('0', 64) WHERE payment_id = %(id)s",
    "the head": "UPDATE payments SET audit_head = sha256('x') WHERE payment_id = %(id)s",
    "the head's number": "UPDATE payments SET audit_seq = 4 WHERE payment_id = %(id)s",
    "a line's price": "UPDATE payment_line_items SET unit_price_cents = 1 WHERE payment_id = %(id)s AND line_no = 1",
    "a line's words": "UPDATE payment_line_items SET description = 'x' WHERE payment_id = %(id)s AND line_no = 1",
    "a line's quantity": "UPDATE payment_line_items SET quantity = 7 WHERE payment_id = %(id)s AND line_no = 2",
    "a line that is gone": "DELETE FROM payment_line_items WHERE payment_id = %(id)s AND line_no = 2",
    "the whole row": "DELETE FROM payments WHERE payment_id = %(id)s",
    "that somebody approved it": "UPDATE payments SET approved_by = NULL WHERE payment_id = %(id)s",
    "an approval that is gone": "DELETE FROM approvals WHERE payment_id = %(id)s",
    "an approval that is voided": "UPDATE approvals SET voided_at = now() WHERE payment_id = %(id)s",
    "whose approval it is": "UPDATE approvals SET approver_id = 'x' WHERE payment_id = %(id)s",
    "an approval's entry": "UPDATE approvals SET audit_seq = 1 WHERE payment_id = %(id)s",
    "as what somebody approved": "UPDATE approvals SET approver_role = 'admin' WHERE payment_id = %(id)s",
    "when somebody approved": "UPDATE approvals SET approved_at = now() WHERE payment_id = %(id)s",
    "in whose name somebody approved": "UPDATE approvals SET on_behalf_of = 'x' WHERE payment_id = %(id)s",
}
HELD = "WHERE payment_id = %(id)s AND released_at IS NULL"
FREE = "WHERE payment_id = %(id)s AND released_at IS NOT NULL"
TAMPERED_HOLDS = {
    "an open hold that is gone": f"DELETE FROM holds {HELD}; UPDATE payments SET open_holds = 0"
    " WHERE payment_id = %(id)s",
    "a released hold that is gone": f"DELETE FROM holds {FREE}",
    "a hold released by the back door": "UPDATE holds SET released_at = now(), released_by = 'dispatcher-1',"
    f" release_audit_seq = 1 {HELD}; UPDATE payments SET open_holds = 0 WHERE payment_id = %(id)s",
    "a hold that was released and is open": "UPDATE holds SET released_at = NULL, released_by = NULL,"
    f" release_audit_seq = NULL {FREE}",
    "who placed a hold": f"UPDATE holds SET placed_by = 'x' {HELD}",
    "who released a hold": f"UPDATE holds SET released_by = 'x' {FREE}",
    "the entry of a hold": f"UPDATE holds SET audit_seq = 1 {HELD}",
    "how many holds are open": "UPDATE payments SET open_holds = 0 WHERE payment_id = %(id)s",
}


async def _three_entries(world: World) -> Payment:
    made = await world.create()
    await world.approve(made.payment_id, notes="looked at it")
    return await world.cancel(made.payment_id)


def _tamper(world: World, statements: str, payment_id: UUID) -> None:
    """As a superuser, with every trigger and foreign key switched off."""
    with psycopg.connect(world.urls.superuser) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements.split(";"):
            assert connection.execute(statement.encode(), {"id": payment_id}).rowcount > 0


async def _held(world: World) -> Payment:
    """One hold that was released, and one that is open."""
    made = await world.create()
    for command in (world.hold, world.release, world.hold):
        await world.submit(command(made.payment_id))
    return made


async def _found(world: World) -> Sequence[AuditFault]:
    report = await world.audit()
    assert not report.clean
    assert report.broken == len(report.faults)
    return report.faults


async def _assert_found(world: World, name: str, statements: str) -> None:
    """Tampers with one payment among others, and expects the verifier to name it and no other."""
    victim = await (_held(world) if name in TAMPERED_HOLDS else _three_entries(world))
    _tamper(world, statements, victim.payment_id)
    faults = await _found(world)
    assert [fault.subject_id for fault in faults] == [victim.payment_id], name
    alone = await verify(world.database, victim.payment_id)
    assert alone.faults == tuple(faults), name
    _forget(world, victim.payment_id)
    assert (await world.audit()).clean, f"after {name}"


def _forget(world: World, payment_id: UUID) -> None:
    """Removes every trace, which nothing but a checkpoint outside could notice."""
    with psycopg.connect(world.urls.superuser) as connection:
        connection.execute("SET session_replication_role = replica")
        for table, column in (
            ("audit_texts", "subject_id"),
            ("payment_audit_log", "subject_id"),
            ("payment_line_items", "payment_id"),
            ("approvals", "payment_id"),
            ("holds", "payment_id"),
            ("payments", "payment_id"),
        ):
            connection.execute(f"DELETE FROM {table} WHERE {column} = %s".encode(), [payment_id])


@pytest.mark.parametrize(
    "table",
    [TAMPERED_ENTRIES, TAMPERED_CHAINS, TAMPERED_PAYMENTS, TAMPERED_HOLDS],
    ids=["entry", "chain", "row", "hold"],
)
async def test_fault_59_every_tampering_is_found_and_names_its_payment(world: World, table: dict[str, str]) -> None:
    drop_checks(world.urls.superuser)
    for _ in range(3):
        await _three_entries(world)  # honest neighbours, before and after the victim
    for name, statements in table.items():
        await _assert_found(world, name, statements)


async def test_the_entry_that_was_changed_is_named(world: World) -> None:
    victim = await _three_entries(world)
    log_id = (await read_audit_log.entries(world.deps, ADMIN, victim.payment_id))[1].log_id
    _tamper(world, IN_ENTRY_2.format("actor_id = 'x'"), victim.payment_id)
    (fault,) = await _found(world)
    assert (fault.seq, fault.log_id) == (2, log_id)


async def test_erased_words_are_reported_and_are_no_fault(world: World) -> None:
    made = await _three_entries(world)
    with psycopg.connect(world.urls.app) as connection:
        connection.execute("UPDATE audit_texts SET salt = NULL, text = NULL WHERE subject_id = %s", [made.payment_id])
    report = await world.audit()
    assert (report.clean, report.erased, report.entries) == (True, 2, 3)
    assert {line.notes for line in await read_audit_log.entries(world.deps, ADMIN, made.payment_id)} == {None}


async def test_an_empty_database_and_an_unknown_payment_are_clean(world: World) -> None:
    assert (await world.audit()).chains == 0
    assert (await verify(world.database, uuid4())).chains == 0


async def test_whatever_the_service_does_at_random_verifies(world: World) -> None:
    chance = seeded("random commands")
    made = [(await world.create(a_new_payment(lines=((2, 3),) * chance.randint(1, 9)))).payment_id for _ in range(20)]
    refused = done = 0
    for _ in range(rounds(quick=40, soak=5000)):
        person = a_caller(chance.choice([Role.ADMIN, Role.DISPATCHER]), f"person-{chance.randrange(5)}")
        act = chance.choice([world.approve, world.reject, world.cancel])
        words = chance.choice(["", "x", "日本\n", "'; --", "\\", "a" * 2000])
        try:
            await act(chance.choice(made), by=person, notes=words)
            done += 1
        except VendorPayError:
            refused += 1
    report = await world.audit()
    assert report.clean, report.faults
    assert (report.chains, report.entries) == (20, 20 + done)
    assert refused


async def test_the_verifier_sees_one_moment_while_others_write(world: World) -> None:
    await world.create()
    stop = asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            made = await world.create()
            await world.approve(made.payment_id, by=OTHER_DISPATCHER, notes="n")
            await world.cancel(made.payment_id)

    writers = [asyncio.create_task(write()) for _ in range(3)]
    for _ in range(rounds(quick=8, soak=40)):
        report = await world.audit()
        assert report.clean, report.faults
        assert report.chains > 0
    stop.set()
    await asyncio.gather(*writers)


async def test_progress_counts_up_to_all_chains(world: World) -> None:
    for _ in range(3):
        await world.create()
    told: list[tuple[str, int, int]] = []
    await verify(world.database, None, lambda what, done, total: told.append((what, done, total)))
    assert told[:3] == [("chains", 1, 3), ("chains", 2, 3), ("chains", 3, 3)]


async def test_a_report_can_be_sent_as_json(world: World) -> None:
    await world.create()
    assert msgspec.json.decode(msgspec.json.encode(await world.audit())) == {
        "chains": 1,
        "entries": 1,
        "erased": 0,
        "broken": 0,
        "faults": [],
        "missingMonths": [],
        "checkpoints": {
            "stored": 0,
            "documents": 0,
            "provedTo": 0,
            "madeAt": None,
            "entriesSince": 0,
            "backdatedSince": 0,
            "broken": 0,
            "faults": [],
        },
    }
