"""The seed's views: their names, columns and counts."""

from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import change, in_status, new_id, new_payment, now, write


def columns(connection: Connection[TupleRow], view: str) -> list[str]:
    cursor = connection.execute(f"SELECT * FROM {view} LIMIT 0".encode())
    assert cursor.description is not None
    return [column.name for column in cursor.description]


def test_fault_65_a_summary_counts_two_lines_and_three_entries_as_two_and_three(
    app_connection: Connection[TupleRow],
) -> None:
    payment = write(app_connection, new_payment(lines=[(1, 10), (2, 20)]))
    for _ in range(2):
        payment = write(app_connection, change(payment))
    row = app_connection.execute(
        "SELECT line_item_count, audit_log_count FROM payment_summary WHERE payment_id = %(payment_id)s", payment
    ).fetchone()
    assert row == (2, 3)


def test_pending_approvals_are_the_back_offices_that_wait_oldest_first(app_connection: Connection[TupleRow]) -> None:
    waiting = [write(app_connection, new_payment())["payment_id"] for _ in range(3)]
    write(app_connection, new_payment(payer_type="driver_ic", payer_id=new_id(now())))
    for status in ("approved", "rejected", "cancelled"):
        in_status(app_connection, status)
    rows = app_connection.execute("SELECT payment_id, line_item_count FROM pending_approvals").fetchall()
    assert [row[0] for row in rows] == sorted(waiting)
    assert {row[1] for row in rows} == {2}


def test_the_views_have_the_seeds_columns(app_connection: Connection[TupleRow]) -> None:
    pending = {"payment_id", "incident_id", "vendor_id", "amount_cents", "created_at", "metadata", "line_item_count"}
    summary = pending - {"metadata"} | {
        *("status", "approved_at", "processed_at", "fraud_score", "fraud_status", "audit_log_count")
    }
    assert pending <= set(columns(app_connection, "pending_approvals"))
    assert summary <= set(columns(app_connection, "payment_summary"))
