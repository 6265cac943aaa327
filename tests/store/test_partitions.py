"""Two years of partitions, made ahead, guarded each by itself, and attached while others write."""

import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import DatabaseUrls, new_id, new_payment, now, write
from tests.store.refusals import expect_refusal, sql_alone

PARENTS = ("payment_audit_log", "audit_texts", "outbox")


def partitions(connection: Connection[TupleRow], parent: str) -> dict[str, str]:
    """The bounds of each partition, by its name."""
    rows = connection.execute(
        "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = %s::regclass ORDER BY 1",
        [parent],
    )
    return dict(rows.fetchall())


def number(connection: Connection[TupleRow], statement: str, *values: object) -> int:
    row = connection.execute(statement.encode(), values).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("parent", PARENTS)
def test_a_new_database_has_this_month_and_twenty_four_more(parent: str, app_connection: Connection[TupleRow]) -> None:
    found = partitions(app_connection, parent)
    assert len(found) == 25
    today = datetime.now(UTC)
    assert min(found) == f"{parent}_y{today:%Y}m{today:%m}"
    assert "DEFAULT" not in found.values()
    assert [name for name, bounds in found.items() if "MINVALUE" in bounds] == [min(found)]
    uppers = [bounds.split("TO ")[1] for bounds in found.values()]
    lowers = [bounds.split("FROM ")[1].split(" TO")[0] for bounds in found.values()]
    assert lowers[1:] == uppers[:-1]


def test_a_second_call_makes_none(app_connection: Connection[TupleRow]) -> None:
    assert number(app_connection, "SELECT ensure_partitions(now(), 24)") == 0


def test_the_service_makes_more_when_time_has_passed(app_connection: Connection[TupleRow]) -> None:
    in_a_year = "now() + interval '1 year'"
    assert number(app_connection, f"SELECT partition_months_left({in_a_year})") == 12
    assert number(app_connection, f"SELECT ensure_partitions({in_a_year}, 24)") == len(PARENTS) * 12
    assert number(app_connection, f"SELECT partition_months_left({in_a_year})") == 24
    for parent in PARENTS:
        assert "MINVALUE" not in partitions(app_connection, parent)[max(partitions(app_connection, parent))]


def drop_months(connection: Connection[TupleRow], first: int, last: int) -> None:
    """As somebody might who has rights to, by hand: those months after this one have no partitions then."""
    for parent in PARENTS:
        for name in sorted(partitions(connection, parent))[first : last + 1]:
            connection.execute(f"DROP TABLE {name}".encode())


def test_months_left_end_at_the_first_gap(owner_connection: Connection[TupleRow]) -> None:
    assert number(owner_connection, "SELECT partition_months_left(now())") == 24
    drop_months(owner_connection, 20, 22)
    assert number(owner_connection, "SELECT partition_months_left(now())") == 19
    assert number(owner_connection, "SELECT partition_months_left(now() + interval '18 months')") == 1
    assert number(owner_connection, "SELECT partition_months_left(now() + interval '19 months')") == 0


def test_a_gap_is_filled_by_the_next_call(owner_connection: Connection[TupleRow]) -> None:
    drop_months(owner_connection, 20, 22)
    assert number(owner_connection, "SELECT ensure_partitions(now(), 24)") == len(PARENTS) * 3
    assert number(owner_connection, "SELECT partition_months_left(now())") == 24


def test_nobody_makes_a_gap(app_connection: Connection[TupleRow]) -> None:
    months = "date_trunc('month', now(), 'UTC') + interval '{} months'"
    expect_refusal(app_connection, sql_alone(f"SELECT ensure_partitions({months.format(26)}, 60)"), "partitions_dense")
    assert number(app_connection, f"SELECT ensure_partitions({months.format(25)}, 1)") == len(PARENTS) * 2
    assert number(app_connection, "SELECT partition_months_left(now())") == 26


def test_after_years_away_the_months_between_are_made_too(owner_connection: Connection[TupleRow]) -> None:
    drop_months(owner_connection, 0, 24)
    for parent in PARENTS:
        owner_connection.execute(
            f"CREATE TABLE {parent}_y2023m12 PARTITION OF {parent} FOR VALUES FROM (MINVALUE)"
            f" TO ('{new_id(datetime(2024, 1, 1, tzinfo=UTC)).hex[:12]}00000000000000000000')".encode()
        )
    owner_connection.execute("SELECT ensure_partitions(now(), 24)")
    for parent in PARENTS:
        bounds = [one for _, one in sorted(partitions(owner_connection, parent).items())]
        assert [one.split("FROM ")[1].split(" TO")[0] for one in bounds[1:]] == [
            one.split("TO ")[1] for one in bounds[:-1]
        ]


def test_a_payment_of_a_clock_that_jumped_back_is_accepted(app_connection: Connection[TupleRow]) -> None:
    at = datetime(2020, 2, 29, 12, tzinfo=UTC)
    payment = write(app_connection, new_payment(created_at=at))
    row = app_connection.execute(
        "SELECT tableoid::regclass::text FROM payment_audit_log WHERE subject_id = %(payment_id)s", payment
    ).fetchone()
    assert row == (min(partitions(app_connection, "payment_audit_log")),)


def test_a_payment_beyond_the_last_partition_is_refused_and_not_misplaced(
    app_connection: Connection[TupleRow],
) -> None:
    late = new_payment(created_at=now() + timedelta(days=27 * 31))
    with pytest.raises(psycopg.errors.CheckViolation, match="no partition"):
        write(app_connection, late)


def test_a_chain_stays_together_whatever_month_its_entries_are_of(app_connection: Connection[TupleRow]) -> None:
    """Rule 20: by the subject's id, not by the entry's time."""
    month_start = now().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for at in (month_start + timedelta(days=62), month_start + timedelta(days=62) - timedelta(milliseconds=1)):
        payment = write(app_connection, new_payment(created_at=at))
        row = app_connection.execute(
            "SELECT tableoid::regclass::text FROM outbox WHERE aggregate_id = %(payment_id)s", payment
        ).fetchone()
        assert row == (f"outbox_y{at:%Y}m{at:%m}",)


def test_the_ids_of_a_month_lie_between_its_bounds(owner_connection: Connection[TupleRow]) -> None:
    start = datetime(2027, 1, 1, tzinfo=UTC)
    for at in (start, start + timedelta(days=31, milliseconds=-1)):
        row = owner_connection.execute(
            "SELECT uuid7_floor(%s) <= %s AND %s < uuid7_floor(%s)",
            [start, new_id(at), new_id(at), datetime(2027, 2, 1, tzinfo=UTC)],
        ).fetchone()
        assert row == (True,)


@pytest.mark.parametrize("parent", PARENTS)
def test_a_new_partition_has_the_keys_the_triggers_and_no_grants(
    parent: str, module_database_urls: DatabaseUrls, owner_connection: Connection[TupleRow]
) -> None:
    owner_connection.execute("SELECT ensure_partitions(now(), 26)")
    oldest, newest = min(found := partitions(owner_connection, parent)), max(found)
    for query in (
        "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal ORDER BY 1",
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass ORDER BY 1",
        "SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass",
        "SELECT relacl::text FROM pg_class WHERE oid = %s::regclass",
        "SELECT pg_get_userbyid(relowner)::text FROM pg_class WHERE oid = %s::regclass",
    ):
        made_first, made_last = (
            owner_connection.execute(query.encode(), [name]).fetchall() for name in (oldest, newest)
        )
        assert made_first == made_last, query
        assert made_first, query
    expect_refusal(
        owner_connection,
        lambda c: (
            c.execute("SELECT ensure_partitions(now(), 26)"),
            sql_alone(f"TRUNCATE {newest} CASCADE")(c),
        ),
        "append_only",
    )


def test_partitions_are_attached_while_others_write(database_urls: DatabaseUrls) -> None:
    with psycopg.connect(database_urls.app) as writer, psycopg.connect(database_urls.app) as maker:
        made: list[int] = []

        def attach() -> None:
            for months in range(25, 31):
                while len(made) < months - 24:
                    try:
                        made.append(number(maker, "SELECT ensure_partitions(now(), %s)", months))
                        maker.commit()
                    except psycopg.errors.LockNotAvailable:  # it gives up after a second, and is asked again
                        maker.rollback()

        thread = threading.Thread(target=attach)
        thread.start()
        written = 0
        while thread.is_alive() or written < 20:
            write(writer, new_payment())
            writer.commit()
            written += 1
        thread.join()
        assert made == [len(PARENTS)] * 6
        assert number(writer, "SELECT count(*) FROM payments") == written


def test_a_write_that_does_not_end_stops_the_attaching_and_nobody_else(database_urls: DatabaseUrls) -> None:
    """The lock on payments that the audit log's foreign key needs is given up after a second, whole."""
    with psycopg.connect(database_urls.app) as writer, psycopg.connect(database_urls.app) as maker:
        write(writer, new_payment())
        with pytest.raises(psycopg.errors.LockNotAvailable):
            maker.execute("SELECT ensure_partitions(now(), 25)")
        maker.rollback()
        write(maker, new_payment())
        maker.commit()
        assert number(maker, "SELECT partition_months_left(now())") == 24
        writer.commit()
        assert number(maker, "SELECT ensure_partitions(now(), 25)") == len(PARENTS)


def test_a_month_of_records_leaves_together(database_urls: DatabaseUrls) -> None:
    """Retention detaches a month of chains, texts and events whole; no row elsewhere holds it back."""
    with psycopg.connect(database_urls.app) as writer:
        rows = new_payment()
        write(writer, rows)
    with psycopg.connect(database_urls.owner, autocommit=True) as owner:
        for parent in PARENTS:
            month = min(partitions(owner, parent))
            owner.execute(f"ALTER TABLE {parent} DETACH PARTITION {month}")
        assert number(owner, "SELECT count(*) FROM payment_audit_log") == 0
        assert number(owner, "SELECT count(*) FROM payments") == 1
