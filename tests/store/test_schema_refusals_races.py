"""Two transactions at once: whichever comes second is refused by what the first one did."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow

from tests.database import (
    DatabaseUrls,
    Row,
    Rows,
    approval,
    approving,
    change,
    flagging,
    holding,
    in_status,
    moving,
    new_payment,
    releasing,
    write,
)
from tests.store.test_schema_refusals_rules import under

BLOCKED_S_MAX = 15.0
Outcome = list[psycopg.Error | None]


@pytest.fixture
def connections(module_database_urls: DatabaseUrls) -> Iterator[tuple[Connection[TupleRow], Connection[TupleRow]]]:
    with (
        psycopg.connect(module_database_urls.app) as first,
        psycopg.connect(module_database_urls.app) as second,
    ):
        yield first, second


@contextmanager
def meanwhile(connection: Connection[TupleRow], act: Callable[[], object]) -> Iterator[Outcome]:
    """Runs `act` on another connection until it waits for a lock; the block then decides what it finds."""
    outcome: Outcome = []

    def run() -> None:
        try:
            act()
        except psycopg.Error as error:
            outcome.append(error)
        else:
            outcome.append(None)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield outcome
    finally:
        thread.join(timeout=20)
        connection.rollback()


def wait_until_blocked(watcher: Connection[TupleRow], blocked: Connection[TupleRow]) -> None:
    until = time.monotonic() + BLOCKED_S_MAX
    while time.monotonic() < until:
        row = watcher.execute("SELECT cardinality(pg_blocking_pids(%s))", [blocked.info.backend_pid]).fetchone()
        if row is not None and row[0]:
            return
        time.sleep(0.002)  # the other thread needs the interpreter to get so far
    raise AssertionError("the second transaction never came to wait")


def race(
    connections: tuple[Connection[TupleRow], Connection[TupleRow]],
    payment: Row,
    winner: Rows,
    loser: Callable[[Connection[TupleRow]], object],
) -> psycopg.Error | None:
    """What the loser gets, who acts while the winner's transaction is open, when that commits."""
    first, second = connections
    write(first, winner)
    with meanwhile(second, lambda: loser(second)) as outcome:
        wait_until_blocked(first, second)
        first.commit()
    assert len(outcome) == 1, "it still waits"
    return outcome[0]


def stored_payment(connection: Connection[TupleRow], status: str = "pending_approval", **columns: object) -> Row:
    payment = in_status(connection, status, **columns)
    connection.commit()
    return payment


NEXT = "version = version + 1, audit_seq = audit_seq + 1, event_seq = event_seq + 1"
APPROVE = (
    f"UPDATE payments SET status = 'approved', approvals_valid = 1, approved_by = 'b', approved_at = now(), {NEXT}"
    " WHERE payment_id = %(payment_id)s"
)
PAY = f"UPDATE payments SET status = 'processing', processed_at = now(), {NEXT} WHERE payment_id = %(payment_id)s"


@pytest.mark.parametrize("isolation", [IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ])
@pytest.mark.parametrize(
    ("status", "statement", "meanwhile_is", "name"),
    [
        ("pending_approval", APPROVE, holding, "payments_not_held"),
        ("pending_approval", APPROVE, flagging, "payments_fraud_gate"),
        ("approved", PAY, holding, "payments_not_held"),
        ("approved", PAY, flagging, "payments_fraud_gate"),
    ],
)
def test_fault_46_what_is_held_or_flagged_while_it_is_approved_or_paid_stays_where_it_was(
    status: str,
    statement: str,
    meanwhile_is: Callable[[Row], Rows],
    name: str,
    isolation: IsolationLevel,
    connections: tuple[Connection[TupleRow], Connection[TupleRow]],
) -> None:
    """The status trigger reads its own row alone, so that there is no snapshot to be late (rule 6)."""
    payment = stored_payment(connections[0], status)
    connections[1].isolation_level = isolation
    error = race(connections, payment, meanwhile_is(payment), lambda c: c.execute(statement.encode(), payment))
    assert error is not None
    if isolation is IsolationLevel.READ_COMMITTED:
        assert error.diag.constraint_name == name
    else:
        assert isinstance(error, psycopg.errors.SerializationFailure)


def test_two_approvals_of_two_people_at_once_are_not_both_counted_as_the_first(
    connections: tuple[Connection[TupleRow], Connection[TupleRow]],
) -> None:
    payment = stored_payment(connections[0], required_approvals=2)

    def by(person: str) -> Rows:
        rows = change(payment, action="approval_recorded", actor=person, approvals_valid=1)
        rows.approvals.append(approval(payment, person))
        return rows

    error = race(connections, payment, by("first"), lambda c: write(c, by("second")))
    assert isinstance(error, psycopg.errors.IntegrityError)


def test_two_holds_of_two_people_at_once_are_not_both_counted_as_the_first(
    connections: tuple[Connection[TupleRow], Connection[TupleRow]],
) -> None:
    payment = stored_payment(connections[0])
    error = race(connections, payment, holding(payment, "first"), lambda c: write(c, holding(payment, "second")))
    assert isinstance(error, psycopg.errors.IntegrityError)


@pytest.mark.parametrize("isolation", [IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ])
def test_a_hold_that_is_placed_while_others_are_released_is_not_lost_from_the_count(
    isolation: IsolationLevel, connections: tuple[Connection[TupleRow], Connection[TupleRow]]
) -> None:
    """By a program that counts on from what it finds under the lock, and so passes the versions' check."""
    payment = write(connections[0], holding(stored_payment(connections[0])))
    connections[0].commit()
    connections[1].isolation_level = isolation

    def loser(connection: Connection[TupleRow]) -> None:
        connection.execute(
            f"UPDATE payments SET open_holds = 2, {NEXT} WHERE payment_id = %(payment_id)s".encode(), payment
        )

    error = race(connections, payment, releasing(payment), loser)
    if isolation is IsolationLevel.READ_COMMITTED:
        assert isinstance(error, psycopg.errors.CheckViolation)
    else:
        assert isinstance(error, psycopg.errors.SerializationFailure)


def test_a_count_that_is_late_is_refused(connections: tuple[Connection[TupleRow], Connection[TupleRow]]) -> None:
    """As above, by a program that counts versions in SQL and writes its audit entry later."""
    payment = stored_payment(connections[0], required_approvals=2)
    winner = change(payment, action="approval_recorded", approvals_valid=1)
    winner.approvals.append(approval(payment))

    def loser(connection: Connection[TupleRow]) -> None:
        connection.execute(
            f"UPDATE payments SET approvals_valid = 1, {NEXT} WHERE payment_id = %(payment_id)s".encode(), payment
        )

    error = race(connections, payment, winner, loser)
    assert isinstance(error, psycopg.errors.CheckViolation)


@pytest.mark.parametrize("isolation", [IsolationLevel.READ_COMMITTED, IsolationLevel.REPEATABLE_READ])
def test_an_approval_undone_while_it_is_being_paid_stops_the_payout(
    isolation: IsolationLevel, connections: tuple[Connection[TupleRow], Connection[TupleRow]]
) -> None:
    payment = stored_payment(connections[0], "approved")
    connections[1].isolation_level = isolation
    undo = moving(payment, "pending_approval")
    error = race(connections, payment, undo, lambda c: c.execute(PAY.encode(), payment))
    assert error is not None
    if isolation is IsolationLevel.READ_COMMITTED:
        assert error.diag.constraint_name == "payments_moves"


def test_approved_and_rejected_at_once_is_one_of_them(
    connections: tuple[Connection[TupleRow], Connection[TupleRow]],
) -> None:
    payment = stored_payment(connections[0])
    rejection = moving(payment, "rejected")
    error = race(connections, payment, approving(payment), lambda c: write(c, rejection))
    assert isinstance(error, psycopg.errors.IntegrityError)
    row = connections[0].execute("SELECT status FROM payments WHERE payment_id = %(payment_id)s", payment).fetchone()
    assert row == ("approved",)


def test_two_payments_for_one_job_at_once_are_one(
    connections: tuple[Connection[TupleRow], Connection[TupleRow]],
) -> None:
    first = new_payment()
    job = {name: first.payment[name] for name in ("incident_id", "vendor_id")}
    error = race(connections, first.payment, first, lambda c: write(c, new_payment(**job)))
    assert error is not None
    assert error.diag.constraint_name == "payments_one_live_per_job"


def test_two_entries_on_one_head_at_once_are_one(
    connections: tuple[Connection[TupleRow], Connection[TupleRow]],
) -> None:
    payment = stored_payment(connections[0])
    rows = change(payment)
    alone = Rows(payment=payment, sets={}, entries=rows.entries)
    error = race(connections, payment, change(payment), lambda c: write(c, alone))
    assert isinstance(error, psycopg.errors.IntegrityError)


def test_lines_for_a_content_that_is_being_replaced_are_refused(
    connections: tuple[Connection[TupleRow], Connection[TupleRow]],
) -> None:
    """The insert does not wait for the edit: it sees the old content, whose lines are complete."""
    first, second = connections
    rows = new_payment()
    payment = write(first, rows)
    first.commit()
    write(first, change(payment, metadata={"being": "edited"}))
    for content_version, line_no in ((1, 3), (2, 1)):
        line = {**rows.lines[0], "content_version": content_version, "line_no": line_no}
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            write(second, Rows(payment=payment, sets={}, lines=[line]))
        assert caught.value.diag.constraint_name == "payments_line_sum"
        second.rollback()


def test_limits_are_counted_by_one_at_a_time(
    connections: tuple[Connection[TupleRow], Connection[TupleRow]],
) -> None:
    """Rule 9: two payments of 60 do not fit under a limit of 100, whoever reads what."""
    first, second = connections
    limit = {"per": "approver", "period": "day", "currency": "USD", "maxAmountCents": 100}
    columns = under(first, {"anyOf": [[{"role": "dispatcher"}]], "limits": [limit]}, required_approvals=1)
    payments = [write(first, new_payment(lines=((1, 60),), **columns)) for _ in range(2)]
    first.commit()
    write(first, approving(payments[0]))
    with meanwhile(second, lambda: write(second, approving(payments[1]))) as outcome:
        wait_until_blocked(first, second)
        first.commit()
    assert outcome[0] is not None
    assert outcome[0].diag.constraint_name == "limit_usage_within_max"
