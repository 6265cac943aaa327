"""Approvals: enough of them, by other people, of this very content, on record; or the database refuses."""

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import (
    APPROVER,
    CREATOR,
    Row,
    Rows,
    approval,
    approving,
    change,
    flagging,
    holding,
    in_status,
    line_items,
    moving,
    new_payment,
    now,
    write,
)
from tests.store.refusals import DENIED, Refusal, approve, expect_refusal, sets, spoiled, sql, table, update

OTHER_DIGEST = "cd" * 32


def held(connection: Connection[TupleRow]) -> Row:
    return write(connection, holding(in_status(connection, "pending_approval")))


def flagged(connection: Connection[TupleRow]) -> Row:
    return write(connection, flagging(in_status(connection, "pending_approval")))


def exchange(payment: Row, rows: Rows) -> None:
    rows.voids_approvals = True
    rows.approvals.append(approval(payment, "late"))


def edited(connection: Connection[TupleRow]) -> Row:
    payment = in_status(connection, "pending_approval")
    lines = line_items(payment, ((1, 7),), content_version=2)
    rows = change(payment, content_version=2, digest=OTHER_DIGEST, line_count=1, amount_cents=7, edited_by=APPROVER)
    rows.lines = lines
    return write(connection, rows)


def first_approval(payment: Row) -> Rows:
    """One of the two that it needs."""
    rows = change(payment, approvals_valid=1, required_approvals=2)
    rows.approvals.append(approval(payment))
    return rows


def by_the_creator(_: Row, rows: Rows) -> None:
    rows.approvals.clear()
    sets(rows, approved_by=CREATOR)


APPROVALS = table(
    Refusal("52", "approved by its editor", lambda c: write(c, approving(edited(c))), "payments_four_eyes_of_editor"),
    Refusal(
        "52",
        "a first approval by its editor",
        lambda c: write(c, first_approval(edited(c))),
        "approvals_four_eyes",
    ),
    Refusal("4", "an open hold", lambda c: write(c, approving(held(c))), "payments_not_held"),
    Refusal("4", "a hold set by the approval itself", approve(lambda p, r: sets(r, open_holds=1)), "payments_not_held"),
    Refusal("45", "no score yet", approve(lambda p, r: None, fraud_gate="score_pending"), "payments_fraud_gate"),
    Refusal("45", "an open case", lambda c: write(c, approving(flagged(c))), "payments_fraud_gate"),
    Refusal(
        "7", "one approval of two", approve(lambda p, r: None, required_approvals=2), "payments_approved_by_enough"
    ),
    Refusal(
        "7",
        "no approval",
        spoiled(lambda p: change(p, status="approved", approved_by=APPROVER, approved_at=now()), lambda p, r: None),
        "payments_approved_by_enough",
    ),
    Refusal(
        "7",
        "an approval counted and not given",
        approve(lambda p, r: r.approvals.clear()),
        "payments_approvals_counted",
    ),
    Refusal(
        "7", "two counted, one given", approve(lambda p, r: sets(r, approvals_valid=2)), "payments_approvals_counted"
    ),
    Refusal(
        "7",
        "an approval given and not counted",
        spoiled(change, lambda p, r: r.approvals.append(approval(p))),
        "payments_approvals_counted",
    ),
    Refusal(
        "52", "one's own payment", spoiled(lambda p: approving(p, CREATOR), lambda p, r: None), "approvals_four_eyes"
    ),
    Refusal("52", "one's own payment, without a record", approve(by_the_creator), "payments_four_eyes"),
    Refusal(
        "7",
        "one's own, as the first of two",
        spoiled(
            lambda p: change(p, approvals_valid=1, actor=CREATOR),
            lambda p, r: r.approvals.append(approval(p, CREATOR)),
            required_approvals=2,
        ),
        "approvals_four_eyes",
    ),
    Refusal(
        "7",
        "one's own, under a forged creator",
        approve(lambda p, r: r.approvals[0].update(created_by="somebody")),
        "approvals_payment_fkey",
    ),
    Refusal(
        "7",
        "twice by one person",
        spoiled(
            lambda p: change(p, approvals_valid=2),
            lambda p, r: r.approvals.extend([approval(p), approval(p)]),
            required_approvals=2,
        ),
        "approvals_one_valid_per_person",
    ),
    Refusal(
        "8",
        "of a content to come",
        approve(lambda p, r: r.approvals[0].update(content_version=2)),
        "approvals_sign_content",
    ),
    Refusal(
        "8",
        "of another digest",
        approve(lambda p, r: r.approvals[0].update(digest=OTHER_DIGEST)),
        "approvals_sign_content",
    ),
    Refusal(
        "7",
        "by somebody else than approved_by",
        approve(lambda p, r: sets(r, approved_by="stranger")),
        "payments_approved_by_approver",
    ),
    Refusal("7", "by nobody", approve(lambda p, r: sets(r, approved_by=None)), "payments_approved_by_named"),
    Refusal("7", "at no time", approve(lambda p, r: sets(r, approved_at=None)), "payments_approved_by_named"),
    Refusal(
        "7",
        "waiting, yet with an approver",
        update(approved_by=APPROVER, approved_at=now()),
        "payments_approved_by_named",
    ),
    Refusal(
        "17",
        "an approval on nobody's record",
        approve(lambda p, r: r.approvals[0].update(audit_seq=99)),
        "approvals_on_record",
    ),
    Refusal(
        "17",
        "an approval on the creator's record",
        approve(lambda p, r: r.approvals[0].update(audit_seq=1)),
        "approvals_on_record",
    ),
    Refusal(
        "7",
        "an approval born void",
        spoiled(change, lambda p, r: r.approvals.append(approval(p, voided_at=now()))),
        "approvals_only_voided",
    ),
    Refusal(
        "11",
        "an approval of another organisation",
        approve(lambda p, r: r.approvals[0].update(org_id="other")),
        "approvals_payment_fkey",
    ),
    Refusal(
        "7",
        "an approval after the fact",
        spoiled(
            lambda p: change(p, actor="late", approvals_valid=2),
            lambda p, r: r.approvals.append(approval(p, "late")),
            "completed",
        ),
        "approvals_only_while_pending",
    ),
    Refusal(
        "7",
        "an approval of a rejected payment",
        spoiled(lambda p: change(p, approvals_valid=1), lambda p, r: r.approvals.append(approval(p)), "rejected"),
        "approvals_only_while_pending",
    ),
    Refusal(
        "7",
        "an approval exchanged after the fact",
        spoiled(
            lambda p: change(p, actor="late", approved_by="late"),
            exchange,
            "processing",
        ),
        "approvals_only_while_pending",
    ),
    Refusal(
        "7",
        "voiding without counting",
        sql("UPDATE approvals SET voided_at = now() WHERE payment_id = %(payment_id)s", "approved"),
        "payments_approvals_counted",
    ),
    Refusal(
        "7",
        "voiding and staying approved",
        spoiled(lambda p: change(p, approvals_valid=0), lambda p, r: setattr(r, "voids_approvals", True), "approved"),
        "payments_approved_by_enough",
    ),
    Refusal(
        "7",
        "waiting again with every approval still valid",
        spoiled(
            lambda p: change(p, status="pending_approval", approved_by=None, approved_at=None),
            lambda p, r: None,
            "approved",
        ),
        "payments_pending_lacks_approvals",
    ),
    Refusal(
        "7",
        "counting down without voiding",
        spoiled(lambda p: moving(p, "pending_approval"), lambda p, r: setattr(r, "voids_approvals", False), "approved"),
        "payments_approvals_counted",
    ),
    Refusal(
        "7", "deleting an approval", sql("DELETE FROM approvals WHERE payment_id = %(payment_id)s", "approved"), DENIED
    ),
    *(
        Refusal(
            "7",
            f"changing an approval's {column}",
            sql(f"UPDATE approvals SET {column} = {column}", "approved"),
            DENIED,
        )
        for column in ("approver_id", "created_by", "digest", "content_version", "approved_at", "audit_seq", "org_id")
    ),
)


@pytest.mark.parametrize("refusal", APPROVALS)
def test_an_approval_is_refused(refusal: Refusal, app_connection: Connection[TupleRow]) -> None:
    expect_refusal(app_connection, refusal.attempt, refusal.name)


def test_two_people_approve_what_needs_two(app_connection: Connection[TupleRow]) -> None:
    payment = write(app_connection, new_payment(required_approvals=2))
    first = change(payment, action="approval_recorded", actor="first", approvals_valid=1)
    first.approvals.append(approval(payment, "first"))
    assert write(app_connection, approving(write(app_connection, first), "second"))["status"] == "approved"


def test_who_took_an_approval_back_may_give_it_again(app_connection: Connection[TupleRow]) -> None:
    payment = write(app_connection, moving(in_status(app_connection, "approved"), "pending_approval"))
    assert (payment["approvals_valid"], payment["approved_by"]) == (0, None)
    assert write(app_connection, approving(payment))["status"] == "approved"


def test_an_approval_is_voided_once_and_never_unvoided(app_connection: Connection[TupleRow]) -> None:
    payment = write(app_connection, moving(in_status(app_connection, "approved"), "pending_approval"))
    for value in ("NULL", "now()"):
        statement = f"UPDATE approvals SET voided_at = {value} WHERE payment_id = %s".encode()
        app_connection.execute("SAVEPOINT before")
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            app_connection.execute(statement, [payment["payment_id"]])
        app_connection.execute("ROLLBACK TO before")
        assert caught.value.diag.constraint_name == "approvals_only_voided"
