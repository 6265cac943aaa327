"""A payment that would be born wrong is refused by the database, whoever's bug it is."""

from datetime import timedelta
from uuid import uuid4

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import APPROVER, new_id, new_payment, now, write
from tests.store.refusals import Refusal, birth, born_with, expect_refusal, table

BIG = 10**12

BIRTHS = table(
    Refusal("44", "an amount of nothing", birth(lambda r: None, lines=[(1, 0)]), "payments_amount_positive"),
    Refusal("44", "a negative amount", born_with(amount_cents=-1), "payments_amount_positive"),
    Refusal("41", "above 10^13", birth(lambda r: None, lines=[(10, BIG), (1, 1)]), "payments_amount_positive"),
    Refusal("8", "an amount that is not the lines'", born_with(amount_cents=999_999), "payments_line_sum"),
    Refusal("8", "no lines", birth(lambda r: r.lines.clear()), "payments_line_sum"),
    Refusal("8", "no lines, and none counted", born_with(line_count=0), "payments_line_count_limited"),
    Refusal("8", "201 lines counted", born_with(line_count=201), "payments_line_count_limited"),
    Refusal("8", "a line that is not counted", born_with(line_count=1), "payments_line_sum"),
    Refusal("8", "201 lines", birth(lambda r: None, lines=[(1, 1)] * 201), "payment_line_items_line_no_limited"),
    Refusal(
        "8", "lines of another content", birth(lambda r: r.lines[0].update(content_version=2)), "payments_line_sum"
    ),
    Refusal(
        "8",
        "a line number above 200",
        birth(lambda r: r.lines[0].update(line_no=201)),
        "payment_line_items_line_no_limited",
    ),
    Refusal("8", "one line number twice", birth(lambda r: r.lines[0].update(line_no=2)), "payment_line_items_pkey"),
    Refusal("8", "quantity 0", birth(lambda r: r.lines[0].update(quantity=0)), "payment_line_items_quantity_limited"),
    Refusal(
        "8",
        "quantity above a million",
        birth(lambda r: r.lines[0].update(quantity=1_000_001)),
        "payment_line_items_quantity_limited",
    ),
    Refusal(
        "8",
        "a negative price",
        birth(lambda r: r.lines[0].update(unit_price_cents=-1)),
        "payment_line_items_unit_price_limited",
    ),
    Refusal(
        "8",
        "a price above 10^12",
        birth(lambda r: r.lines[0].update(unit_price_cents=BIG + 1)),
        "payment_line_items_unit_price_limited",
    ),
    Refusal(
        "8",
        "a line without words",
        birth(lambda r: r.lines[0].update(description="")),
        "payment_line_items_description_length",
    ),
    Refusal(
        "8",
        "a line of 256 characters",
        birth(lambda r: r.lines[0].update(description="x" * 256)),
        "payment_line_items_description_length",
    ),
    Refusal(
        "11",
        "a line of another organisation",
        birth(lambda r: r.lines[0].update(org_id="other")),
        "payment_line_items_payment_fkey",
    ),
    Refusal("17", "no audit entry", birth(lambda r: r.entries.clear()), "payments_change_is_audited"),
    Refusal(
        "17", "a head that is not the entry's", born_with(audit_head=bytes(31) + b"x"), "payments_change_is_audited"
    ),
    Refusal("17", "a head of 31 bytes", born_with(audit_head=bytes(31)), "payments_chain_begun"),
    Refusal("13", "no event", birth(lambda r: r.events.clear()), "payments_change_is_published"),
    Refusal("42", "a currency nobody has", born_with(currency="ZZZ"), "payments_currency_known"),
    Refusal("42", "gold", born_with(currency="XAU"), "payments_currency_known"),
    Refusal("42", "a currency in lower case", born_with(currency="usd"), "payments_currency_known"),
    Refusal("6", "metadata that is a list", born_with(metadata=[1]), "payments_metadata_is_object"),
    Refusal("6", "a payer type nobody has", born_with(payer_type="bank"), "payments_payer_type_known"),
    Refusal(
        "6",
        "a driver's without the driver",
        born_with(payer_type="driver_ic", required_approvals=0),
        "payments_driver_has_payer",
    ),
    Refusal(
        "6",
        "a driver's that wants approvals",
        born_with(payer_type="driver_ic", payer_id=uuid4()),
        "payments_required_approvals_by_payer",
    ),
    Refusal(
        "6", "a back office's that wants none", born_with(required_approvals=0), "payments_pending_lacks_approvals"
    ),
    Refusal(
        "6", "a back office's that wants 21", born_with(required_approvals=21), "payments_required_approvals_by_payer"
    ),
    Refusal("6", "a digest that is none", born_with(digest="AB" * 32), "payments_digest_is_sha256"),
    Refusal("6", "no organisation", born_with(org_id=""), "payments_org_id_named"),
    Refusal("10", "a bill number of 65 characters", born_with(reference="x" * 65), "payments_reference_short"),
    Refusal("6", "a gate nobody knows", born_with(fraud_gate="open"), "payments_fraud_gate_known"),
    Refusal(
        "6", "a score above 1", born_with(fraud_score=1.01, fraud_status="flagged"), "payments_fraud_score_is_share"
    ),
    Refusal("6", "a fraud status nobody knows", born_with(fraud_status="fine"), "payments_fraud_status_known"),
    Refusal("6", "fewer than no holds", born_with(open_holds=-1), "payments_open_holds_not_negative"),
    Refusal("79", "a status nobody knows", born_with(status="refunded"), "payments_status_known"),
    Refusal(
        "6",
        "approved at birth",
        born_with(status="approved", approvals_valid=1, approved_by=APPROVER, approved_at=now()),
        "payments_born_pending",
    ),
    Refusal(
        "6", "an approval counted at birth", born_with(approvals_valid=1, required_approvals=2), "payments_born_pending"
    ),
    Refusal("6", "version 2 at birth", born_with(version=2), "payments_born_pending"),
    Refusal(
        "6",
        "a content newer than the version",
        born_with(content_version=2, edited_by="creator"),
        "payments_versions_positive",
    ),
    Refusal(
        "12",
        "an id that is a v4",
        birth(lambda r: r.payment.update(payment_id=uuid4())),
        "payments_id_is_v7_of_created_at",
    ),
    Refusal(
        "20",
        "an id of another month",
        birth(lambda r: r.payment.update(payment_id=new_id(now() - timedelta(days=40)))),
        "payments_id_is_v7_of_created_at",
    ),
)


@pytest.mark.parametrize("refusal", BIRTHS)
def test_a_payment_is_not_born_with(refusal: Refusal, app_connection: Connection[TupleRow]) -> None:
    expect_refusal(app_connection, refusal.attempt, refusal.name)


@pytest.mark.parametrize("cents", [1, 2**31 - 1, 2**31, 10**13])
def test_fault_41_amounts_far_above_an_integer_are_stored_to_the_cent(
    cents: int, app_connection: Connection[TupleRow]
) -> None:
    lines = [(10, BIG)] if cents == 10 * BIG else [(1, cents)]
    assert write(app_connection, new_payment(lines=lines))["amount_cents"] == cents


def test_two_hundred_lines_of_the_largest_size_are_stored(app_connection: Connection[TupleRow]) -> None:
    payment = write(app_connection, new_payment(lines=[(1, 0)] * 199 + [(1_000_000, 10**7)]))
    assert payment["amount_cents"] == 10**13


def test_a_drivers_payment_needs_no_approval_and_names_the_driver(app_connection: Connection[TupleRow]) -> None:
    payment = write(app_connection, new_payment(payer_type="driver_ic", payer_id=uuid4()))
    assert (payment["required_approvals"], payment["status"]) == (0, "pending_approval")


def test_two_payments_of_one_statement_must_both_be_right(app_connection: Connection[TupleRow]) -> None:
    """Statement triggers look at every row: one right payment does not cover for a wrong neighbour."""
    right, wrong = new_payment(), new_payment()
    wrong.entries.clear()
    for rows in ("lines", "entries", "events"):
        getattr(right, rows).extend(getattr(wrong, rows))
    columns = ", ".join(right.payment)
    places = ", ".join(["%s"] * len(right.payment))

    def both(connection: Connection[TupleRow]) -> None:
        write(connection, right)
        connection.execute(f"INSERT INTO payments ({columns}) VALUES ({places})".encode(), list(wrong.payment.values()))

    expect_refusal(app_connection, both, "outbox_dense")
