"""The service owns nothing, the owner cannot rewrite the record, readonly cannot write, and nobody waits for ever."""

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import DatabaseUrls, in_status, new_id, new_payment, now, write
from tests.store.refusals import DENIED, Refusal, birth, expect_refusal, sql, sql_alone, table

KEPT = (
    *("payments", "payment_line_items", "approvals", "holds", "payment_audit_log", "audit_texts"),
    *("outbox", "commands", "inbox", "quarantine"),
)
ALL = (*KEPT, "limit_usage", "schema_migrations")
PARTITIONED = ("payment_audit_log", "outbox")


@pytest.fixture(scope="module")
def written(module_database_urls: DatabaseUrls) -> None:
    """A committed payment, so that statements on rows find some."""
    with psycopg.connect(module_database_urls.app) as connection:
        in_status(connection, "approved")


def partitions(connection: Connection[TupleRow], parent: str) -> list[str]:
    rows = connection.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1", [parent]
    )
    return [row[0] for row in rows]


APP = table(
    Refusal("62", "making a table", sql("CREATE TABLE loot (id int)"), DENIED),
    Refusal("62", "making a schema", sql("CREATE SCHEMA loot"), DENIED),
    Refusal("62", "making a function", sql("CREATE FUNCTION loot() RETURNS int LANGUAGE sql RETURN 1"), DENIED),
    Refusal("62", "dropping a table", sql("DROP TABLE payment_audit_log"), DENIED),
    Refusal("62", "dropping a trigger", sql("DROP TRIGGER refuse_change ON payment_audit_log"), DENIED),
    Refusal("62", "disabling triggers", sql("ALTER TABLE payments DISABLE TRIGGER ALL"), DENIED),
    Refusal("62", "disabling triggers by replication", sql("SET session_replication_role = replica"), DENIED),
    Refusal("62", "dropping a constraint", sql("ALTER TABLE payments DROP CONSTRAINT payments_four_eyes"), DENIED),
    Refusal(
        "62",
        "replacing a trigger's function",
        sql("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"),
        DENIED,
    ),
    Refusal(
        "62",
        "a trigger of its own",
        sql("CREATE TRIGGER mine BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION refuse_change()"),
        DENIED,
    ),
    Refusal("62", "becoming the owner", sql("SET ROLE vendorpay_owner"), DENIED),
    Refusal("62", "becoming the superuser", sql("SET SESSION AUTHORIZATION postgres"), DENIED),
    Refusal("62", "giving itself rights", sql("ALTER ROLE vendorpay_app CREATEDB"), DENIED),
    Refusal("82", "writing the migrations' ledger", sql("DELETE FROM schema_migrations"), DENIED),
    Refusal(
        "58",
        "rows copied in without their record",
        lambda connection: copy_in(connection),
        "payments_change_is_audited",
    ),
    Refusal("20", "partitions for no time", sql("SELECT ensure_partitions(NULL, 1)"), "partitions_near"),
    Refusal("20", "partitions for ever", sql("SELECT ensure_partitions('infinity', 1)"), "partitions_near"),
    Refusal("20", "partitions since ever", sql("SELECT ensure_partitions('-infinity', 1)"), "partitions_near"),
    Refusal("20", "partitions of the year 3000", sql("SELECT ensure_partitions('3000-01-01', 1)"), "partitions_near"),
    Refusal("20", "partitions of long ago", sql("SELECT ensure_partitions('1999-01-01', 1)"), "partitions_near"),
    Refusal("20", "thousands of partitions", sql("SELECT ensure_partitions(now(), 61)"), "partitions_near"),
    Refusal("20", "no number of partitions", sql("SELECT ensure_partitions(now(), NULL)"), "partitions_near"),
    Refusal("20", "fewer than no partitions", sql("SELECT ensure_partitions(now(), -1)"), "partitions_near"),
)


def copy_in(connection: Connection[TupleRow]) -> None:
    rows = new_payment()
    with connection.cursor().copy(f"COPY payments ({', '.join(rows.payment)}) FROM STDIN".encode()) as copy:
        copy.write_row(list(rows.payment.values()))


@pytest.mark.parametrize("refusal", APP)
def test_fault_62_the_service_cannot_get_round_the_rules_by(
    refusal: Refusal, app_connection: Connection[TupleRow]
) -> None:
    expect_refusal(app_connection, refusal.attempt, refusal.name)


def test_the_service_reaches_partitions_through_their_parents_alone(app_connection: Connection[TupleRow]) -> None:
    """A direct insert would go past the parent's triggers."""
    allowed = app_connection.execute(
        "SELECT c.relname, p.name FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE',"
        " 'TRIGGER', 'REFERENCES']) AS p (name) WHERE c.relispartition AND c.relkind = 'r'"
        " AND has_table_privilege(c.oid, p.name)"
    ).fetchall()
    assert allowed == []
    for parent in PARTITIONED:
        child = partitions(app_connection, parent)[0]
        statement = f"INSERT INTO {child} SELECT * FROM {parent}"
        expect_refusal(app_connection, sql_alone(statement), DENIED)


def test_the_service_may_do_nothing_but_what_is_listed(app_connection: Connection[TupleRow]) -> None:
    rows = app_connection.execute(
        "SELECT c.relname, p.name FROM pg_class c, unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES'])"
        " AS p (name) WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')"
        " AND has_table_privilege(c.oid, p.name)"
    ).fetchall()
    # What may go: settled deliveries and expired secrets (by triggers), and what is no record at all.
    assert {(name, right) for name, right in rows} == {
        (name, "DELETE") for name in ("deliveries", "relay_presence", "webhook_failures", "webhook_secrets")
    }
    owned = app_connection.execute(
        "SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) IN ('vendorpay_app', 'vendorpay_readonly')"
    ).fetchall()
    assert owned == []


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("name", KEPT)
def test_fault_59_not_even_the_owner_empties(name: str, owner_connection: Connection[TupleRow]) -> None:
    expect_refusal(owner_connection, sql_alone(f"TRUNCATE {name} CASCADE"), "append_only")


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("name", ["payments", "payment_line_items", "approvals", "payment_audit_log", "outbox"])
def test_fault_58_not_even_the_owner_deletes_from(name: str, owner_connection: Connection[TupleRow]) -> None:
    expect_refusal(owner_connection, sql_alone(f"DELETE FROM {name}"), "append_only")


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("name", "column"), [("payment_line_items", "description"), ("payment_audit_log", "actor_id"), ("outbox", "xid")]
)
def test_fault_59_not_even_the_owner_rewrites(name: str, column: str, owner_connection: Connection[TupleRow]) -> None:
    expect_refusal(owner_connection, sql_alone(f"UPDATE {name} SET {column} = {column}"), "append_only")


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize("parent", PARTITIONED)
def test_fault_59_the_owner_can_change_and_empty_no_partition_directly(
    parent: str, owner_connection: Connection[TupleRow]
) -> None:
    children = partitions(owner_connection, parent)
    assert len(children) >= 25
    filled = 0
    for child in children:
        expect_refusal(owner_connection, sql_alone(f"TRUNCATE {child} CASCADE"), "append_only")
        row = owner_connection.execute(f"SELECT count(*) FROM {child}".encode()).fetchone()
        if row is None or row[0] == 0:
            continue
        filled += 1
        for statement in (f"DELETE FROM {child}", f"UPDATE {child} SET org_id = org_id"):
            expect_refusal(owner_connection, sql_alone(statement), "append_only")
    assert filled >= 1


@pytest.mark.parametrize(
    "column", ["org_id", "incident_id", "vendor_id", "payer_type", "payer_id", "currency", "created_by"]
)
def test_not_even_the_owner_changes_whose_payment_it_is(column: str, owner_connection: Connection[TupleRow]) -> None:
    payment = write(owner_connection, new_payment(payer_id=new_id(now())))
    value = "'EUR'" if column == "currency" else "'driver_ic'" if column == "payer_type" else None
    other = value or ("gen_random_uuid()" if column.endswith("_id") and column != "org_id" else "'other'")
    statement = f"UPDATE payments SET {column} = {other}, version = 2 WHERE payment_id = %s".encode()
    expect_refusal(owner_connection, lambda c: c.execute(statement, [payment["payment_id"]]), "payments_identity_fixed")


READONLY = table(
    *(Refusal("62", f"writing {name}", sql_alone(f"INSERT INTO {name} DEFAULT VALUES"), DENIED) for name in ALL),
    *(Refusal("62", f"emptying {name}", sql_alone(f"TRUNCATE {name}"), DENIED) for name in ALL),
    Refusal("62", "changing a payment", sql_alone("UPDATE payments SET version = version"), DENIED),
    Refusal("62", "locking a payment", sql_alone("SELECT FROM payments FOR UPDATE"), DENIED),
    Refusal("62", "a payment that is right", birth(lambda rows: None), DENIED),
    Refusal("62", "erasing a text", sql_alone("UPDATE audit_texts SET text = NULL"), DENIED),
    Refusal("62", "making a table", sql_alone("CREATE TABLE loot (id int)"), DENIED),
    Refusal("20", "making partitions", sql_alone("SELECT ensure_partitions(now(), 1)"), DENIED),
)


@pytest.mark.parametrize("refusal", READONLY)
def test_readonly_is_refused(refusal: Refusal, readonly_connection: Connection[TupleRow]) -> None:
    expect_refusal(readonly_connection, refusal.attempt, refusal.name)


def test_readonly_reads_every_table_and_view(readonly_connection: Connection[TupleRow]) -> None:
    for name in (*ALL, "pending_approvals", "payment_summary"):
        readonly_connection.execute(f"SELECT FROM {name}".encode())


@pytest.mark.parametrize("role", ["app", "readonly"])
def test_fault_85_statements_locks_and_idle_transactions_of_a_role_end(
    role: str, module_database_urls: DatabaseUrls
) -> None:
    with psycopg.connect(getattr(module_database_urls, role)) as connection:
        for setting, wanted in (
            ("statement_timeout", "10s"),
            ("lock_timeout", "5s"),
            ("idle_in_transaction_session_timeout", "15s"),
            ("timezone", "UTC"),
        ):
            assert connection.execute("SELECT current_setting(%s)", [setting]).fetchone() == (wanted,), setting


def test_fault_66_every_time_has_its_zone(owner_connection: Connection[TupleRow]) -> None:
    zoneless = owner_connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND data_type IN ('timestamp without time zone', 'time without time zone')"
    ).fetchall()
    assert zoneless == []


def test_fault_41_no_column_of_money_is_smaller_than_a_bigint(owner_connection: Connection[TupleRow]) -> None:
    columns = owner_connection.execute(
        "SELECT DISTINCT data_type FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name LIKE '%\\_cents'"
    ).fetchall()
    assert columns == [("bigint",)]


def test_fault_58_no_foreign_key_deletes_or_clears_what_refers_to_a_row(owner_connection: Connection[TupleRow]) -> None:
    rows = owner_connection.execute(
        "SELECT conname FROM pg_constraint WHERE contype = 'f'"
        " AND (confdeltype NOT IN ('r', 'a') OR confupdtype <> 'a') ORDER BY conname"
    ).fetchall()
    assert rows == [("delivery_attempts_delivery_id_fkey",)]  # tries go with their delivery, once that is settled


def test_no_rule_can_be_put_off_to_the_end_of_a_transaction(owner_connection: Connection[TupleRow]) -> None:
    """Also: none waits to be validated, and every trigger is on."""
    put_off = owner_connection.execute(
        "SELECT conname FROM pg_constraint WHERE condeferrable OR NOT convalidated"
    ).fetchall()
    disabled = owner_connection.execute("SELECT tgname FROM pg_trigger WHERE tgenabled <> 'O'").fetchall()
    assert (put_off, disabled) == ([], [])


def test_every_table_of_an_organisation_refers_to_payments_by_organisation(
    owner_connection: Connection[TupleRow],
) -> None:
    """Rule 11: (org_id, payment_id), never payment_id alone."""
    keys = owner_connection.execute(
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' AND confrelid = 'payments'::regclass AND conparentid = 0"
    ).fetchall()
    assert len(keys) >= 5
    assert [name for name, text in keys if not text.startswith("FOREIGN KEY (org_id, payment_id")] == []
