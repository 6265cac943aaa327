"""Creating a payment: what is there afterwards, and what is refused."""

import msgspec
import pytest

from tests.usecases.world import ADMIN, DISPATCHER, SERVICE, World, a_caller, a_new_payment, payment_in
from vendorpay.domain import new_payment
from vendorpay.domain.errors import DuplicatePayment
from vendorpay.domain.payment import PayerType, content_digest
from vendorpay.domain.roles import Caller, Role
from vendorpay.usecases import read_payment

pytestmark = pytest.mark.anyio


async def test_a_new_payment_waits_for_approval_with_its_lines_and_digest(world: World) -> None:
    new = a_new_payment(lines=((3, 500), (1, 1)), reference="INV-7", metadata={"a": [1, 2.5, "x", None]})
    made = await world.create(new)
    assert (made.status, made.version, made.content_version) == ("pending_approval", 1, 1)
    assert [(line.line_no, line.quantity, line.unit_price_cents, line.total_cents) for line in made.line_items] == [
        (1, 3, 500, 1500),
        (2, 1, 1, 1),
    ]
    assert made.digest == content_digest(
        incident_id=new.incident_id,
        vendor_id=new.vendor_id,
        payer_type="back_office",
        payer_id=None,
        amount_cents=1501,
        currency="USD",
        payee_account_version=0,
        lines=made.line_items,
    )
    assert made.created_by == DISPATCHER.sub
    assert made.org_id == DISPATCHER.org_id


async def test_the_answer_is_the_payment_as_it_is_read_afterwards(world: World) -> None:
    made = await world.create(a_new_payment(metadata={"photoCount": 2, "nested": {"ok": True}}))
    assert await read_payment.get(world.deps, DISPATCHER, made.payment_id) == made


async def test_fault_11_payment_audit_event_and_command_are_one_transaction(world: World) -> None:
    made = await world.create()
    audit = world.rows("SELECT * FROM payment_audit_log WHERE payment_id = %s", made.payment_id)
    assert [(row["seq"], row["action"], row["previous_status"], row["new_status"]) for row in audit] == [
        (1, "payment_created", None, "pending_approval")
    ]
    assert audit[0]["content_digest"] == made.digest
    outbox = world.rows("SELECT * FROM outbox WHERE aggregate_id = %s", made.payment_id)
    assert [(row["sequence"], row["event_type"]) for row in outbox] == [(1, "PaymentCreated")]
    detail = outbox[0]["detail"]
    assert (detail["paymentId"], detail["amountCents"], detail["status"], detail["sequence"], detail["version"]) == (
        str(made.payment_id),
        made.amount_cents,
        "pending_approval",
        1,
        "1",
    )
    commands = world.rows("SELECT * FROM commands")
    assert [row["payment_id"] for row in commands] == [made.payment_id]
    assert msgspec.json.decode(commands[0]["answer"])["paymentId"] == str(made.payment_id)
    created = {row["xmin"] for row in world.rows("SELECT xmin::text FROM payments")}
    for table in ("payment_line_items", "payment_audit_log", "outbox", "commands"):
        assert {row["xmin"] for row in world.rows(f"SELECT xmin::text FROM {table}")} == created, table


@pytest.mark.parametrize(
    ("caller", "actor_type"),
    [(DISPATCHER, "user"), (ADMIN, "admin"), (SERVICE, "system")],
)
async def test_fault_72_the_audit_log_names_the_real_actor(world: World, caller: Caller, actor_type: str) -> None:
    made = await world.create(by=caller)
    (entry,) = world.rows("SELECT actor_id, actor_type FROM payment_audit_log WHERE payment_id = %s", made.payment_id)
    assert entry == {"actor_id": caller.sub, "actor_type": actor_type}


async def test_fault_1_an_actor_that_is_no_uuid_creates_payments(world: World) -> None:
    made = await world.create(by=a_caller(Role.SERVICE, "system:eventbridge"))
    assert made.created_by == "system:eventbridge"


async def test_fault_43_an_amount_that_is_not_the_sum_of_its_lines_is_refused_by_check_and_by_the_database(
    world: World,
) -> None:
    wrong = a_new_payment(amount_cents=1)
    faults = new_payment.check({name: getattr(wrong, name) for name in wrong.__struct_fields__})
    assert [fault.field for fault in faults] == ["amountCents"]
    with pytest.raises(Exception, match="line items"):
        await world.create(wrong)
    assert world.count("payments") == world.count("commands") == 0


async def test_a_second_live_payment_for_the_same_job_is_refused_with_the_first_ones_id(world: World) -> None:
    new = a_new_payment()
    made = await world.create(new)
    with pytest.raises(DuplicatePayment) as caught:
        await world.create(new, by=ADMIN)
    assert caught.value.existing_payment_id == made.payment_id
    assert world.count("payments") == 1
    assert world.count("commands") == 1, "a refusal writes nothing"


@pytest.mark.parametrize("status", ["approved", "processing", "completed", "failed"])
async def test_a_payment_under_way_or_paid_keeps_its_job(world: World, status: str) -> None:
    payment_id = await world.in_status(status)
    stored = await read_payment.get(world.deps, DISPATCHER, payment_id)
    with pytest.raises(DuplicatePayment):
        await world.create(a_new_payment(incident_id=stored.incident_id, vendor_id=stored.vendor_id))


@pytest.mark.parametrize("status", ["rejected", "cancelled", "reversed"])
async def test_a_payment_that_ended_frees_its_job(world: World, status: str) -> None:
    payment_id = await world.in_status(status)
    stored = await read_payment.get(world.deps, DISPATCHER, payment_id)
    again = await world.create(a_new_payment(incident_id=stored.incident_id, vendor_id=stored.vendor_id))
    assert again.payment_id != payment_id
    assert again.status == "pending_approval"


async def test_a_reference_makes_a_second_bill_possible_and_only_one(world: World) -> None:
    first = a_new_payment()
    await world.create(first)
    second = msgspec.structs.replace(first, reference="INV-2")
    await world.create(second)
    with pytest.raises(DuplicatePayment):
        await world.create(second)


async def test_organisations_do_not_share_jobs(world: World) -> None:
    new = a_new_payment()
    await world.create(new)
    other = await world.create(new, by=a_caller(Role.DISPATCHER, org_id="another"))
    assert other.org_id == "another"


async def test_fault_74_a_drivers_payment_keeps_its_payer_and_needs_no_approval(strict_world: World) -> None:
    driver = a_new_payment().incident_id
    made = await strict_world.create(a_new_payment(payer_type=PayerType.DRIVER_IC, payer_id=driver))
    assert (made.payer_id, made.required_approvals, made.approved_by) == (driver, 0, None)
    back_office = await strict_world.create()
    assert back_office.required_approvals == 2


async def test_a_drivers_payment_without_a_payer_is_refused_by_check() -> None:
    wrong = a_new_payment(payer_type=PayerType.DRIVER_IC)
    faults = new_payment.check({name: getattr(wrong, name) for name in wrong.__struct_fields__})
    assert [fault.field for fault in faults] == ["payerId"]


async def test_text_arrives_as_it_was_sent(world: World) -> None:
    """Rows go in as array literals: whatever has a meaning there must come out unchanged."""
    for text in (
        '"',
        "\\",
        "{",
        "}",
        ",",
        "NULL",
        "null",
        '\\"',
        "a,b",
        " ",
        "\\x00",
        "é",
        "日本",
        "%s",
        "%(x)s",
        "😀",
    ):
        new = a_new_payment(lines=((1, 5),), reference=text, metadata={text: text})
        items = (msgspec.structs.replace(new.line_items[0], description=text),)
        made = await world.create(msgspec.structs.replace(new, line_items=items))
        found = await read_payment.get(world.deps, DISPATCHER, made.payment_id)
        assert found.reference == found.line_items[0].description == text
        assert found.metadata == {text: text}


async def test_two_hundred_lines_and_the_largest_amounts_go_in(world: World) -> None:
    many = await world.create(a_new_payment(lines=[(1, 1)] * 200))
    assert len(many.line_items) == 200
    large = await world.create(a_new_payment(lines=[(10, 10**12)]))
    assert large.amount_cents == 10**13


async def test_the_answer_of_a_command_is_stored_as_it_was_given(world: World) -> None:
    done = await world.submit(world.creation())
    (row,) = world.rows("SELECT answer FROM commands WHERE payment_id = %s", payment_in(done).payment_id)
    assert row["answer"] == done.answer
    assert not done.replayed
