"""Changes of a stored payment: along the moves, counted, on record, with its content; or the database refuses."""

from typing import Any

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import (
    APPROVER,
    CREATOR,
    Row,
    Rows,
    approving,
    change,
    holding,
    in_status,
    line_items,
    moving,
    new_payment,
    now,
    releasing,
    stored,
    write,
)
from tests.store.refusals import DENIED, Refusal, expect_refusal, sets, spoiled, sql, table, update
from vendorpay.domain.lifecycle import ENDED, MOVES, PaymentStatus

OTHER_DIGEST = "cd" * 32


def new_content(payment: Row, lines: tuple[tuple[int, int], ...] = ((1, 7),), **columns: Any) -> Rows:
    """The rows of an edit: new lines under the next content_version, all approvals voided."""
    version = payment["content_version"] + 1
    rows = change(
        payment,
        actor=CREATOR,
        content_version=version,
        digest=OTHER_DIGEST,
        line_count=len(lines),
        amount_cents=sum(quantity * price for quantity, price in lines),
        edited_by=CREATOR,
        **{"status": "pending_approval", "approvals_valid": 0, "approved_by": None, "approved_at": None, **columns},
    )
    rows.lines = line_items(payment, lines, content_version=version)
    rows.voids_approvals = True
    return rows


def unpublish(_: Row, rows: Rows) -> None:
    rows.events.clear()
    sets(rows, event_seq=1)


IDENTITY = (
    "payment_id",
    "org_id",
    "incident_id",
    "vendor_id",
    "payer_type",
    "payer_id",
    "currency",
    "created_by",
    "created_at",
)

CHANGES = table(
    Refusal("8", "another amount", update(amount_cents=999_999), "payments_content_versioned"),
    Refusal("8", "another digest", update(digest=OTHER_DIGEST), "payments_content_versioned"),
    Refusal("8", "another line count", update(line_count=1), "payments_content_versioned"),
    Refusal(
        "53", "another account of the payee", update("approved", payee_account_version=1), "payments_content_versioned"
    ),
    Refusal(
        "43", "new content without its lines", spoiled(new_content, lambda p, r: r.lines.clear()), "payments_line_sum"
    ),
    Refusal(
        "43",
        "new content with lines of another sum",
        spoiled(new_content, lambda p, r: sets(r, amount_cents=8)),
        "payments_line_sum",
    ),
    Refusal(
        "7",
        "new content by nobody",
        spoiled(new_content, lambda p, r: sets(r, edited_by=None)),
        "payments_edited_by_named",
    ),
    Refusal(
        "7",
        "new content by somebody who left no entry",
        spoiled(new_content, lambda p, r: sets(r, edited_by="somebody-else")),
        "payments_editor_on_record",
    ),
    Refusal("7", "an editor without an edit", update(edited_by=APPROVER), "payments_edited_by_named"),
    Refusal(
        "8",
        "a content_version jumped over",
        spoiled(lambda p: change(p, version=2, content_version=3), lambda p, r: None),
        "payments_content_versioned",
    ),
    Refusal(
        "8",
        "a content_version taken back",
        spoiled(lambda p: change(p, content_version=0), lambda p, r: None),
        "payments_content_versioned",
    ),
    Refusal(
        "8",
        "new content that stays approved",
        spoiled(
            lambda p: new_content(p, status="approved", approvals_valid=1, approved_by=APPROVER, approved_at=now()),
            lambda p, r: None,
            "approved",
        ),
        "payments_content_versioned",
    ),
    Refusal(
        "8",
        "new content that keeps its approvals",
        spoiled(lambda p: new_content(p, approvals_valid=1), lambda p, r: None, "approved"),
        "payments_content_versioned",
    ),
    Refusal(
        "8",
        "new content with the old approvals unvoided",
        spoiled(new_content, lambda p, r: setattr(r, "voids_approvals", False), "approved"),
        "payments_approvals_counted",
    ),
    *(
        Refusal(
            "8",
            f"new content of a {status} payment",
            spoiled(lambda p: new_content(p, status=p["status"]), lambda p, r: None, status),
            "payments_content_versioned",
        )
        for status in ("processing", "completed", "failed", "rejected", "cancelled", "reversed")
    ),
    Refusal(
        "8",
        "a line added later",
        sql(
            "INSERT INTO payment_line_items VALUES (gen_random_uuid(), %(org_id)s, %(payment_id)s, 1, 3, 'more', 1, 5)"
        ),
        "payments_line_sum",
    ),
    Refusal(
        "8",
        "a line for nothing added later",
        sql(
            "INSERT INTO payment_line_items VALUES (gen_random_uuid(), %(org_id)s, %(payment_id)s, 1, 3, 'more', 1, 0)"
        ),
        "payments_line_sum",
    ),
    Refusal(
        "8",
        "a line prepared for the next content",
        sql(
            "INSERT INTO payment_line_items VALUES (gen_random_uuid(), %(org_id)s, %(payment_id)s, 2, 1, 'more', 1, 5)"
        ),
        "payments_line_sum",
    ),
    Refusal("8", "a line changed", sql("UPDATE payment_line_items SET description = 'other'"), DENIED),
    Refusal("8", "a line deleted", sql("DELETE FROM payment_line_items"), DENIED),
    Refusal("6", "the version not counted up", update(version=1), "payments_version_counts"),
    Refusal("6", "a version jumped over", update(version=3), "payments_version_counts"),
    Refusal(
        "7",
        "fewer approvals required",
        spoiled(lambda p: change(p, required_approvals=1), lambda p, r: None, required_approvals=2),
        "payments_required_approvals_kept",
    ),
    Refusal(
        "7",
        "more approvals required than an approved payment has",
        update("approved", required_approvals=2),
        "payments_approved_by_enough",
    ),
    Refusal(
        "17",
        "a change without an audit entry",
        spoiled(change, lambda p, r: r.entries.clear()),
        "payments_change_is_audited",
    ),
    Refusal("17", "a change that does not move the chain on", update(audit_seq=1), "payments_change_is_audited"),
    Refusal("17", "a head that is not the entry's", update(audit_head=bytes(32)), "payments_change_is_audited"),
    Refusal(
        "13",
        "an event number without its event",
        spoiled(change, lambda p, r: r.events.clear()),
        "payments_change_is_published",
    ),
    Refusal("13", "an event number taken back", update(event_seq=0), "payments_change_is_audited"),
    Refusal(
        "27",
        "a move without its event",
        spoiled(lambda p: moving(p, "rejected"), unpublish),
        "payments_change_is_published",
    ),
    Refusal(
        "6",
        "processing without its date",
        spoiled(lambda p: moving(p, "processing"), lambda p, r: sets(r, processed_at=None), "approved"),
        "payments_processed_has_date",
    ),
    Refusal(
        "6",
        "completed without its date",
        spoiled(lambda p: moving(p, "completed"), lambda p, r: sets(r, completed_at=None), "processing"),
        "payments_completed_has_date",
    ),
    Refusal(
        "4",
        "processing with an open hold",
        spoiled(lambda p: moving(p, "processing"), lambda p, r: sets(r, open_holds=1), "approved"),
        "payments_not_held",
    ),
    Refusal(
        "46",
        "processing with an open case",
        spoiled(lambda p: moving(p, "processing"), lambda p, r: sets(r, fraud_gate="review_required"), "approved"),
        "payments_fraud_gate",
    ),
    Refusal(
        "10",
        "a paid job freed by another bill number",
        update("completed", reference="other"),
        "payments_identity_fixed",
    ),
    *(
        Refusal("6", f"another {column}", sql(f"UPDATE payments SET {column} = {column}"), DENIED)
        for column in IDENTITY
    ),
    Refusal("58", "a payment deleted", sql("DELETE FROM payments WHERE payment_id = %(payment_id)s"), DENIED),
)


@pytest.mark.parametrize("refusal", CHANGES)
def test_a_change_is_refused(refusal: Refusal, app_connection: Connection[TupleRow]) -> None:
    expect_refusal(app_connection, refusal.attempt, refusal.name)


@pytest.mark.parametrize("target", list(PaymentStatus))
@pytest.mark.parametrize("source", list(PaymentStatus))
def test_fault_35_a_payment_moves_only_along_the_table(
    source: PaymentStatus, target: PaymentStatus, app_connection: Connection[TupleRow]
) -> None:
    """The trigger and vendorpay.domain.lifecycle.MOVES say the same, cell by cell."""
    payment = in_status(app_connection, source)
    assert payment["status"] == source
    if target in MOVES[source]:
        assert write(app_connection, moving(payment, target))["status"] == target
    elif target is source:
        assert write(app_connection, change(payment))["status"] == source
    else:
        forbidden = change(payment, status=target)
        expect_refusal(app_connection, lambda connection: write(connection, forbidden), "payments_moves")


def test_fault_79_the_database_knows_exactly_the_statuses_of_the_domain(owner_connection: Connection[TupleRow]) -> None:
    row = owner_connection.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'payments_status_known'"
    ).fetchone()
    assert row is not None
    assert {word for word in row[0].split("'") if word.replace("_", "").isalpha() and word.islower()} - {"text"} == {
        status.value for status in PaymentStatus
    }


@pytest.mark.parametrize("status", list(PaymentStatus))
def test_a_job_is_free_for_another_payment_once_the_first_ended(
    status: PaymentStatus, app_connection: Connection[TupleRow]
) -> None:
    first = in_status(app_connection, status, reference="bill-1")
    job = {name: first[name] for name in ("incident_id", "vendor_id", "reference")}
    if status in ENDED:
        assert write(app_connection, new_payment(**job))["status"] == "pending_approval"
        return
    write(app_connection, new_payment(**{**job, "reference": "bill-2"}))
    write(app_connection, new_payment(**job, org_id="other"))
    expect_refusal(app_connection, lambda c: write(c, new_payment(**job)), "payments_one_live_per_job")


@pytest.mark.parametrize("status", ["pending_approval", "approved"])
def test_new_content_waits_for_approval_again(status: str, app_connection: Connection[TupleRow]) -> None:
    payment = write(app_connection, new_content(in_status(app_connection, status)))
    assert (payment["status"], payment["content_version"], payment["approvals_valid"]) == ("pending_approval", 2, 0)
    assert write(app_connection, approving(payment))["status"] == "approved"


@pytest.mark.parametrize("bad_one", [0, 1])
def test_two_updates_in_one_statement_are_both_looked_at(bad_one: int, app_connection: Connection[TupleRow]) -> None:
    """As the service writes edits beside other changes: a check that saw the rows of one update alone would pass."""
    first, second = (in_status(app_connection, "pending_approval") for _ in range(2))
    both = [new_content(first), change(second)]
    both[bad_one].entries.clear()
    rule = ("payments_editor_on_record", "payments_change_is_audited")[bad_one]
    expect_refusal(app_connection, lambda connection: write(connection, *both), rule)
    first, second = (in_status(app_connection, "pending_approval") for _ in range(2))
    assert write(app_connection, new_content(first), change(second))["content_version"] == 2
    assert stored(app_connection, second["payment_id"])["version"] == 2


def test_a_hold_on_an_approved_payment_is_set_and_released(app_connection: Connection[TupleRow]) -> None:
    held = write(app_connection, holding(in_status(app_connection, "approved")))
    released = write(app_connection, releasing(held))
    assert write(app_connection, moving(released, "processing"))["status"] == "processing"
