"""Holds: counted on both sides, on record, released once; or the database refuses."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import WAYS, Row, Rows, change, hold, holding, in_status, moving, new_payment, releasing, write
from tests.store.refusals import (
    DENIED,
    Attempt,
    Refusal,
    birth,
    born_with,
    expect_refusal,
    sets,
    spoiled,
    table,
    update,
)
from vendorpay.domain.payment import HOLDS_MAX, HoldKind


def placed(spoil: Callable[[Row, Rows], object], status: str = "pending_approval") -> Attempt:
    """Holding a stored payment, spoiled."""
    return spoiled(holding, spoil, status)


def with_columns(**columns: Any) -> Attempt:
    """A hold with a wrong column."""
    return placed(lambda p, r: r.holds[0].update(columns))


def held(connection: Connection[TupleRow]) -> Row:
    return write(connection, holding(in_status(connection, "pending_approval")))


def afterwards(statement: str) -> Attempt:
    """One statement on a held payment, whose columns are its parameters."""
    return lambda connection: connection.execute(statement.encode(), held(connection))


def released(spoil: Callable[[Row, Rows], object]) -> Attempt:
    """Releasing a held payment, spoiled."""

    def attempt(connection: Connection[TupleRow]) -> None:
        payment = held(connection)
        rows = releasing(payment)
        spoil(payment, rows)
        write(connection, rows)

    return attempt


def crowd(connection: Connection[TupleRow]) -> None:
    payment = in_status(connection, "pending_approval")
    for _ in range(HOLDS_MAX + 1):
        payment = write(connection, holding(payment))


def born_held(rows: Rows) -> None:
    rows.payment["open_holds"] = 1


def released_at_once(payment: Row, rows: Rows) -> None:
    seq = payment["audit_seq"] + 2
    rows.holds[0].update(released_at=payment["updated_at"], released_by="x", release_audit_seq=seq)
    sets(rows, open_holds=0)


def twice_in_one_entry(payment: Row, rows: Rows) -> None:
    rows.holds.append(hold(payment))
    sets(rows, open_holds=2)


RELEASE = "UPDATE holds SET released_at = now(), released_by = 'approver', release_audit_seq = 2"
OF_PAYMENT = " WHERE payment_id = %(payment_id)s"

HOLDS = table(
    Refusal("6", "a hold that is not counted", placed(lambda p, r: sets(r, open_holds=0)), "payments_holds_counted"),
    Refusal("6", "two counted, one placed", placed(lambda p, r: sets(r, open_holds=2)), "payments_holds_counted"),
    Refusal("6", "a hold counted and not placed", update(open_holds=1), "payments_holds_counted"),
    Refusal("6", "a payment born with a hold that is not there", birth(born_held), "payments_holds_counted"),
    Refusal("6", "fewer than no holds", born_with(open_holds=-1), "payments_open_holds_not_negative"),
    Refusal(
        "6",
        "counting down without releasing",
        released(lambda p, r: setattr(r, "releases_holds_by", None)),
        "payments_holds_counted",
    ),
    Refusal("6", "releasing without counting", released(lambda p, r: sets(r, open_holds=1)), "payments_holds_counted"),
    Refusal("17", "a hold under somebody else's entry", with_columns(placed_by="another"), "holds_on_record"),
    Refusal("17", "a hold under an entry to come", with_columns(audit_seq=9), "holds_on_record"),
    Refusal("17", "a hold under the creator's entry", with_columns(audit_seq=1), "holds_on_record"),
    Refusal("17", "two holds under one entry", placed(twice_in_one_entry), "holds_one_per_entry"),
    Refusal(
        "17",
        "released in somebody else's name",
        released(lambda p, r: setattr(r, "releases_holds_by", "another")),
        "holds_on_record",
    ),
    Refusal("80", "a kind nobody knows", with_columns(kind="mood"), "holds_kind_known"),
    Refusal("80", "a person's hold without a reason", with_columns(reason_characters=0), "holds_reason_given"),
    Refusal("80", "a reason without an end", with_columns(reason_characters=501), "holds_reason_short"),
    Refusal(
        "80",
        "a hold that is released when it is placed",
        placed(released_at_once),
        "holds_only_released",
    ),
    Refusal("80", "a hold half released", with_columns(released_by="x"), "holds_released_whole"),
    Refusal(
        "80",
        "a hold released half",
        afterwards(f"UPDATE holds SET released_by = 'x'{OF_PAYMENT}"),
        "holds_only_released",
    ),
    Refusal("80", "released before it was placed", afterwards(RELEASE + OF_PAYMENT), "holds_released_after"),
    Refusal("80", "more holds than a payment may have", crowd, "holds_limited"),
    *(
        Refusal("80", f"a hold on a {status} payment", placed(lambda p, r: None, status), "holds_only_before_payout")
        for status in WAYS
        if status not in ("pending_approval", "approved", "failed")
    ),
    Refusal(
        "80",
        "a hold that comes with the end",
        placed(lambda p, r: sets(r, status="cancelled")),
        "holds_only_before_payout",
    ),
    Refusal("11", "a hold in another organisation", with_columns(org_id="another"), "holds_payment_fkey"),
    Refusal("58", "a hold deleted", afterwards(f"DELETE FROM holds{OF_PAYMENT}"), DENIED),
    *(
        Refusal("80", f"another {column} of a hold", afterwards(f"UPDATE holds SET {column} = {column}"), DENIED)
        for column in (
            *("hold_id", "org_id", "payment_id", "kind", "placed_by", "placed_at", "audit_seq", "reason_characters"),
        )
    ),
)


@pytest.mark.parametrize("refusal", HOLDS)
def test_a_hold_is_refused(refusal: Refusal, app_connection: Connection[TupleRow]) -> None:
    expect_refusal(app_connection, refusal.attempt, refusal.name)


def test_a_hold_is_released_once_and_never_placed_again(app_connection: Connection[TupleRow]) -> None:
    payment = write(app_connection, releasing(held(app_connection)))
    for sets_to in ("now(), released_by = 'approver', release_audit_seq = 3", "NULL, released_by = NULL"):
        statement = f"UPDATE holds SET released_at = {sets_to}{OF_PAYMENT}"
        app_connection.execute("SAVEPOINT before")
        with pytest.raises(psycopg.errors.CheckViolation) as caught:
            app_connection.execute(statement.encode(), payment)
        app_connection.execute("ROLLBACK TO before")
        assert caught.value.diag.constraint_name == "holds_only_released"
    assert write(app_connection, holding(payment))["open_holds"] == 1


@pytest.mark.parametrize("status", ["pending_approval", "approved", "failed"])
@pytest.mark.parametrize("kind", list(HoldKind))
def test_every_kind_holds_what_is_not_moving(status: str, kind: HoldKind, app_connection: Connection[TupleRow]) -> None:
    """Rule 7, and the domain knows exactly these kinds."""
    payment = write(app_connection, holding(in_status(app_connection, status), kind=kind.value))
    assert payment["open_holds"] == 1
    if status != "pending_approval":
        expect_refusal(app_connection, lambda c: write(c, moving(payment, "processing")), "payments_not_held")


def test_a_part_of_the_service_is_not_kept_away_by_any_number_of_people(app_connection: Connection[TupleRow]) -> None:
    payment = in_status(app_connection, "pending_approval")
    for _ in range(HOLDS_MAX):
        payment = write(app_connection, holding(payment))
    assert write(app_connection, holding(payment, kind="fraud"))["open_holds"] == HOLDS_MAX + 1


def test_a_payment_can_be_born_held(app_connection: Connection[TupleRow]) -> None:
    rows = new_payment(open_holds=1)
    rows.holds.append(hold(rows.payment, rows.payment["created_by"], audit_seq=1, kind="fraud"))
    assert write(app_connection, rows)["open_holds"] == 1


def test_new_content_and_a_change_leave_the_count_alone(app_connection: Connection[TupleRow]) -> None:
    payment = held(app_connection)
    assert write(app_connection, change(payment))["open_holds"] == 1
