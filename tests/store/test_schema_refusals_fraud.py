"""What the fraud side's tables refuse: a gate that opens by itself, scores of nothing, cases that are not decided."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import (
    APPROVER,
    CREATOR,
    SCORER,
    Row,
    Rows,
    approving,
    change,
    deciding,
    flagging,
    fraud_case,
    in_status,
    line_items,
    new_payment,
    score,
    scoring,
    write,
)
from tests.store.refusals import (
    DENIED,
    Attempt,
    Refusal,
    birth,
    expect_refusal,
    sets,
    spoiled,
    sql_alone,
    table,
    update,
)

OTHER_DIGEST = "cd" * 32
PENDING = {"fraud_gate": "score_pending"}


def flagged(connection: Connection[TupleRow], status: str = "pending_approval", **columns: object) -> Row:
    """A payment with an open case."""
    return write(connection, flagging(in_status(connection, status, **columns)))


def scored(spoil: Callable[[Row, Rows], object]) -> Attempt:
    """The score of a payment that waits for it, spoiled."""
    return spoiled(scoring, spoil, **PENDING)


def opened(spoil: Callable[[Row, Rows], object], status: str = "pending_approval") -> Attempt:
    """Flagging a payment, spoiled."""
    return spoiled(flagging, spoil, status)


def superseded_by_nothing(connection: Connection[TupleRow]) -> None:
    """The case of a payment that could not be scored is closed by the service, which has not scored it since."""
    waiting = write(connection, new_payment(fraud_gate="score_pending"))
    rows = flagging(waiting, cause="error")
    rows.scores[0].update(score=None, status=None, error="away")
    sets(rows, fraud_score=None)
    payment = write(connection, rows)
    opening: Row = {"fraud_case_id": None, "fraud_gate": "clear"}
    rows = change(payment, action="fraud_case_superseded", actor=SCORER, **opening)
    by = {"decided_by": SCORER, "decided_at": payment["updated_at"], "decision_audit_seq": payment["audit_seq"] + 1}
    rows.case_sets = {"status": "superseded", **by}
    write(connection, rows)


def scored_by_a_person(connection: Connection[TupleRow]) -> None:
    """Who made a payment says that nothing is wrong with it."""
    payment = write(connection, new_payment(fraud_gate="score_pending"))
    judged: Row = {"fraud_score": 0.1, "fraud_status": "low_risk", "fraud_gate": "clear"}
    rows = change(payment, action="payment_scored", actor=CREATOR, **judged)
    rows.scores.append(score(payment))
    write(connection, rows)


def decided(spoil: Callable[[Row, Rows], object], decision: str = "cleared", by: str = APPROVER) -> Attempt:
    """Deciding an open case, spoiled."""

    def attempt(connection: Connection[TupleRow]) -> None:
        payment = flagged(connection)
        rows = deciding(payment, decision, by)
        spoil(payment, rows)
        write(connection, rows)

    return attempt


def case_sets(rows: Rows, **columns: object) -> None:
    assert rows.case_sets is not None
    rows.case_sets.update(columns)


def without_case(_: Row, rows: Rows) -> None:
    rows.cases.clear()


def two_cases(payment: Row, rows: Rows) -> None:
    rows.cases.append(fraud_case(payment))


def of_other_content(_: Row, rows: Rows) -> None:
    rows.scores[0]["content_version"] = 2


def unscored(_: Row, rows: Rows) -> None:
    rows.scores.clear()


def score_with(**columns: object) -> Attempt:
    """A score with a wrong column."""
    return scored(lambda p, r: r.scores[0].update(columns))


def case_with(**columns: object) -> Attempt:
    """A case with a wrong column."""
    return opened(lambda p, r: r.cases[0].update(columns))


def under_flag(payment: Row, rows: Rows) -> None:
    """The score says flagged, and the gate opens all the same."""
    rows.scores[0].update(score=0.9, status="flagged")
    sets(rows, fraud_score=0.9, fraud_status="flagged")


def with_new_content(payment: Row, **columns: Any) -> Rows:
    rows = change(
        payment,
        content_version=2,
        digest=OTHER_DIGEST,
        line_count=1,
        amount_cents=7,
        edited_by=APPROVER,
        **columns,
    )
    rows.lines = line_items(payment, ((1, 7),), content_version=2)
    return rows


def edited_after_score(**columns: Any) -> Attempt:
    """New content for a payment that was scored and found clear."""

    def attempt(connection: Connection[TupleRow]) -> None:
        payment = write(connection, scoring(in_status(connection, "pending_approval", **PENDING)))
        write(connection, with_new_content(payment, **columns))

    return attempt


def edited_out_of_a_case(connection: Connection[TupleRow]) -> None:
    write(connection, with_new_content(flagged(connection), fraud_gate="clear", fraud_score=None, fraud_status=None))


def decided_by_its_editor(connection: Connection[TupleRow]) -> None:
    payment = flagged(connection)
    edited = write(connection, with_new_content(payment, fraud_score=None, fraud_status=None))
    rows = deciding(edited, "cleared")
    sets(rows, fraud_gate="score_pending")
    write(connection, rows)


def decided_twice(connection: Connection[TupleRow]) -> None:
    write(connection, deciding(flagged(connection), "cleared"))
    connection.execute("UPDATE fraud_cases SET status = 'open'")


def approved_past_an_open_case(connection: Connection[TupleRow]) -> None:
    """As plain SQL of the service's own role would: forget the case, open the gate, approve."""
    rows = approving(flagged(connection))
    sets(rows, fraud_gate="clear", fraud_case_id=None)
    write(connection, rows)


OF_CASES = "UPDATE fraud_cases SET"

FRAUD = table(
    Refusal("45", "an approval that opens the gate itself", approved_past_an_open_case, "payments_fraud_case_told"),
    Refusal(
        "45",
        "a gate that opens without a score",
        spoiled(lambda p: change(p, fraud_gate="clear"), lambda p, r: None, **PENDING),
        "payments_fraud_gate_scored",
    ),
    Refusal("45", "a gate that opens under a flag", scored(under_flag), "payments_fraud_gate_scored"),
    Refusal(
        "45",
        "a gate that opens for a score in shadow",
        score_with(shadow=True, audit_seq=None),
        "payments_fraud_score_on_record",
    ),
    Refusal(
        "45", "an error's case that is superseded without a score", superseded_by_nothing, "payments_fraud_gate_decided"
    ),
    Refusal("45", "a score that a person gave", scored_by_a_person, "fraud_scores_on_record"),
    Refusal("45", "a score that nobody gave", scored(unscored), "payments_fraud_score_on_record"),
    Refusal(
        "45",
        "a score other than was given",
        scored(lambda p, r: sets(r, fraud_score=0.2)),
        "payments_fraud_score_on_record",
    ),
    Refusal("45", "a score without its word", update(fraud_score=0.2), "payments_fraud_score_has_status"),
    Refusal(
        "45",
        "a case closed by leaving it",
        decided(lambda p, r: setattr(r, "case_sets", None)),
        "payments_fraud_case_told",
    ),
    Refusal(
        "45",
        "a case decided behind the payment's back",
        decided(lambda p, r: sets(r, fraud_case_id=p["fraud_case_id"]), "confirmed"),
        "payments_fraud_case_told",
    ),
    Refusal(
        "45",
        "a gate that opens for a confirmed case",
        decided(lambda p, r: sets(r, fraud_gate="clear"), "confirmed"),
        "payments_fraud_gate_decided",
    ),
    Refusal("45", "a review without a case", update(fraud_gate="review_required"), "payments_fraud_review_has_case"),
    Refusal(
        "45",
        "a case that leaves the gate open",
        opened(lambda p, r: sets(r, fraud_gate="clear")),
        "payments_fraud_case_shuts_gate",
    ),
    Refusal(
        "45",
        "a case that the payment does not know",
        opened(lambda p, r: sets(r, fraud_gate="clear", fraud_case_id=None)),
        "payments_fraud_case_told",
    ),
    Refusal("45", "two open cases", opened(two_cases), "fraud_cases_one_open_per_payment"),
    Refusal("45", "a case that there is not", opened(without_case), "payments_fraud_case_told"),
    Refusal("46", "new content under the old score", edited_after_score(), "payments_fraud_gate_rescored"),
    Refusal(
        "46",
        "new content without a score",
        edited_after_score(fraud_score=None, fraud_status=None),
        "payments_fraud_gate_rescored",
    ),
    Refusal("46", "a case that somebody edits away", edited_out_of_a_case, "payments_fraud_case_shuts_gate"),
    Refusal(
        "6",
        "a payment born scored",
        birth(lambda r: r.payment.update(fraud_status="low_risk")),
        "payments_fraud_unknown_at_birth",
    ),
    Refusal("6", "reasons that are no list", update(fraud_reasons={}), "payments_fraud_reasons_are_list"),
    Refusal("6", "a score of other content", scored(of_other_content), "fraud_scores_of_content"),
    Refusal("17", "a score that is not on record", score_with(audit_seq=1), "fraud_scores_on_record"),
    Refusal("17", "a live score without an entry", score_with(audit_seq=None), "fraud_scores_live_on_record"),
    Refusal("17", "a fault 17 score: 850 of 1000", score_with(score=8.5), "fraud_scores_score_is_share"),
    Refusal("2", "no score, and no reason why", score_with(score=None, status=None), "fraud_scores_score_or_error"),
    Refusal("2", "a score and a reason why there is none", score_with(error="timeout"), "fraud_scores_score_or_error"),
    Refusal("2", "a status nobody knows", score_with(status="fine"), "fraud_scores_status_known"),
    Refusal("2", "findings that are no list", score_with(findings={}), "fraud_scores_findings_are_list"),
    Refusal("2", "less than no time", score_with(duration_us=-1), "fraud_scores_duration_not_negative"),
    Refusal("2", "a provider without a name", score_with(provider=""), "fraud_scores_named"),
    Refusal("7", "a case decided by the creator", decided(lambda p, r: None, by=CREATOR), "fraud_cases_four_eyes"),
    Refusal("7", "a case decided by the editor", decided_by_its_editor, "fraud_cases_four_eyes"),
    Refusal("7", "a case of another creator's", case_with(created_by="another"), "fraud_cases_payment_fkey"),
    Refusal(
        "17",
        "a decision in somebody else's name",
        decided(lambda p, r: case_sets(r, decided_by="another")),
        "fraud_cases_on_record",
    ),
    Refusal("17", "a case that is not on record", case_with(audit_seq=9), "fraud_cases_on_record"),
    Refusal("6", "a case about other content", case_with(content_version=2), "fraud_cases_only_decided"),
    Refusal(
        "6",
        "a case that begins decided",
        opened(
            lambda p, r: r.cases[0].update(
                status="cleared", decided_by="x", decided_at=p["updated_at"], reason_code="other", decision_audit_seq=3
            )
        ),
        "payments_fraud_case_told",
    ),
    Refusal("6", "a case decided twice", decided_twice, "fraud_cases_only_decided"),
    Refusal(
        "6",
        "a decision without a reason",
        decided(lambda p, r: case_sets(r, reason_code=None)),
        "fraud_cases_decided_by_people",
    ),
    Refusal(
        "6",
        "a decision by a machine",
        decided(lambda p, r: case_sets(r, decided_by=SCORER)),
        "fraud_cases_decided_by_people",
    ),
    Refusal(
        "6",
        "a decision for a reason nobody knows",
        decided(lambda p, r: case_sets(r, reason_code="mood")),
        "fraud_cases_reason_known",
    ),
    Refusal("6", "half a decision", decided(lambda p, r: case_sets(r, decided_at=None)), "fraud_cases_decided_whole"),
    Refusal(
        "6",
        "a cleared case that blocks",
        decided(lambda p, r: case_sets(r, vendor_blocked=True)),
        "fraud_cases_only_confirmed_blocks",
    ),
    Refusal(
        "6",
        "a case whose time changes",
        lambda c: (flagged(c), c.execute(f"{OF_CASES} assignee = 'x'")),
        "fraud_cases_assigned_whole",
    ),
    Refusal("6", "a cause that is made up", case_with(cause="mood"), "fraud_cases_cause_known"),
    Refusal(
        "6", "a case without a status", decided(lambda p, r: case_sets(r, status="lost")), "fraud_cases_status_known"
    ),
    Refusal(
        "6", "a case whose payment changes", lambda c: (flagged(c), c.execute(f"{OF_CASES} opened_at = now()")), DENIED
    ),
    Refusal("6", "a score rewritten", sql_alone("UPDATE fraud_scores SET score = 0"), DENIED),
    Refusal("6", "scores forgotten", sql_alone("DELETE FROM fraud_scores"), DENIED),
    Refusal("6", "cases forgotten", sql_alone("DELETE FROM fraud_cases"), DENIED),
    Refusal("6", "cases emptied", sql_alone("TRUNCATE fraud_cases"), DENIED),
)


@pytest.mark.parametrize("refusal", FRAUD)
def test_what_the_fraud_side_refuses(refusal: Refusal, app_connection: Connection[TupleRow]) -> None:
    """Faults 2, 45, 46 of the origin: what was never scored, or is under review, does not pass."""
    expect_refusal(app_connection, refusal.attempt, refusal.name)


def test_a_cleared_case_opens_the_gate_and_a_confirmed_one_never(app_connection: Connection[TupleRow]) -> None:
    cleared = write(app_connection, deciding(flagged(app_connection), "cleared"))
    assert (cleared["fraud_gate"], cleared["fraud_case_id"], cleared["status"]) == ("clear", None, "pending_approval")
    assert write(app_connection, approving(cleared, "another"))["status"] == "approved"
    confirmed = write(app_connection, deciding(flagged(app_connection), "confirmed"))
    assert (confirmed["fraud_gate"], confirmed["status"]) == ("review_required", "rejected")


def test_a_late_flag_stops_what_is_approved_before_it_is_paid(app_connection: Connection[TupleRow]) -> None:
    """Fault 46: a score that comes late flags an approved payment, and it goes no further."""
    payment = flagged(app_connection, "approved")
    rows = change(payment, status="processing", processed_at=payment["updated_at"])
    expect_refusal(app_connection, lambda c: write(c, rows), "payments_fraud_gate")


def test_an_entry_for_a_case_may_be_anybodys_notes(app_connection: Connection[TupleRow]) -> None:
    payment = flagged(app_connection)
    rows = change(payment, action="fraud_case_assigned")
    rows.case_sets = {"assignee": "reviewer", "assigned_at": payment["updated_at"]}
    assert write(app_connection, rows)["fraud_gate"] == "review_required"


def test_what_is_rejected_has_no_twins_any_more(app_connection: Connection[TupleRow]) -> None:
    payment = write(app_connection, new_payment())
    app_connection.execute(
        "INSERT INTO fraud_history (payment_id, org_id, content_version, vendor_id, incident_id, occurred_at, currency,"
        " amount_cents, service_type, lines_key, extras, live) VALUES (%(payment_id)s, %(org_id)s, 1, %(vendor_id)s,"
        " %(incident_id)s, now(), 'USD', 1, '', 0, '{}', true)",
        payment,
    )
    rows = change(payment, action="payment_rejected", status="rejected")
    write(app_connection, rows)
    assert app_connection.execute("SELECT live FROM fraud_history").fetchall() == [(False,)]
