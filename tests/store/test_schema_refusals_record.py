"""What is kept of every change is never changed, never forked and never forged; or the database refuses."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Json

from tests.database import Row, Rows, add_entry, add_event, approving, change, new_id, new_payment, now, write
from tests.store.refusals import DENIED, Refusal, birth, expect_refusal, sets, spoiled, sql, table, update
from vendorpay.domain.audit import link

OTHER = bytes(31) + b"x"
KEPT = (
    "payment_audit_log",
    "audit_texts",
    "outbox",
    "payment_line_items",
    "approvals",
    "commands",
    "inbox",
    "quarantine",
)


def entry_of(spoil: Callable[[Row], object]) -> Callable[[Row, Rows], None]:
    def spoil_first(_: Row, rows: Rows) -> None:
        spoil(rows.entries[0])

    return spoil_first


def another_chain(entry: Row) -> None:
    """An entry whose own hash is right, and which follows something else."""
    entry.update(prev_hash=OTHER, hash=link(OTHER, entry["canonical"]))


def skip_a_seq(_: Row, rows: Rows) -> None:
    rows.entries[0]["seq"] += 1
    sets(rows, audit_seq=rows.entries[0]["seq"])


def skip_an_event(_: Row, rows: Rows) -> None:
    rows.events[0]["sequence"] = 3
    sets(rows, event_seq=3)


def second_head(_: Row, rows: Rows) -> None:
    """Two links, and the payment's row points at the first."""
    target = {"audit_seq": rows.entries[0]["seq"], "audit_head": rows.entries[0]["hash"]}
    add_entry(rows, target, "payment_updated", None, None)


def alone(make: Callable[[Connection[TupleRow], Row, Rows], object]) -> Callable[[Connection[TupleRow]], None]:
    """Writing rows for a stored payment without touching the payment."""

    def attempt(connection: Connection[TupleRow]) -> None:
        payment = write(connection, new_payment())
        rows = Rows(payment=payment, sets={})
        make(connection, payment, rows)
        write(connection, rows)

    return attempt


def hidden_entry(_: Connection[TupleRow], payment: Row, rows: Rows) -> None:
    add_entry(rows, dict(payment), "payment_updated", None, None)


def hidden_entry_of_a_vendor(_: Connection[TupleRow], payment: Row, rows: Rows) -> None:
    add_entry(rows, dict(payment), "vendor_updated", None, None)
    rows.entries[0].update(subject_type="vendor", payment_id=None)


def hidden_event(_: Connection[TupleRow], payment: Row, rows: Rows) -> None:
    add_event(rows, dict(payment), "PaymentCompleted")


def hidden_event_of_a_vendor(_: Connection[TupleRow], payment: Row, rows: Rows) -> None:
    add_event(rows, dict(payment), "VendorUpdated")
    rows.events[0]["aggregate_type"] = "vendor"


def event_of_nothing(_: Connection[TupleRow], payment: Row, rows: Rows) -> None:
    add_event(rows, {"event_seq": 0}, "PaymentCreated")
    rows.events[0]["aggregate_id"] = new_id(now())


def gap_in_a_vendors_events(_: Connection[TupleRow], payment: Row, rows: Rows) -> None:
    add_event(rows, {"event_seq": 1}, "VendorUpdated")
    rows.events[0].update(aggregate_type="vendor", aggregate_id=new_id(now()))


def text_of_a_silent_entry(_: Connection[TupleRow], payment: Row, rows: Rows) -> None:
    key = {"org_id": payment["org_id"], "subject_id": payment["payment_id"], "seq": 1}
    rows.texts.append({**key, "salt": b"salt", "text": "never said"})


def with_notes(payment: Row) -> Rows:
    rows = Rows(payment=payment, sets={"version": payment["version"] + 1, "event_seq": payment["event_seq"]})
    target = {name: payment[name] for name in ("audit_seq", "audit_head")}
    add_entry(rows, target, "payment_updated", payment["status"], payment["status"], notes="the mileage is too high")
    sets(rows, **target)
    return rows


def noted(statement: str) -> Callable[[Connection[TupleRow]], object]:
    def attempt(connection: Connection[TupleRow]) -> None:
        payment = write(connection, with_notes(write(connection, new_payment())))
        connection.execute(statement.encode(), payment)

    return attempt


def told(event_type: str, driver_id: str, photos_key: str, times: int) -> str:
    """As many events that led to one payment, with what they tell."""
    return (
        "INSERT INTO inbox (org_id, source, event_id, event_type, payment_id, received_at, driver_id, photos_key)"
        f" SELECT %(org_id)s, 's', n::text, '{event_type}', %(payment_id)s, now(), {driver_id}, {photos_key}"
        f" FROM generate_series(1, {times}) n"
    )


RECORD = table(
    Refusal(
        "17",
        "an entry with a wrong hash",
        spoiled(change, entry_of(lambda e: e.update(hash=OTHER))),
        "payment_audit_log_hash_follows",
    ),
    Refusal(
        "17",
        "an entry with other bytes",
        spoiled(change, entry_of(lambda e: e.update(canonical=b"{}"))),
        "payment_audit_log_hash_follows",
    ),
    Refusal(
        "17",
        "an entry with a wrong prev_hash",
        spoiled(change, entry_of(lambda e: e.update(prev_hash=OTHER))),
        "payment_audit_log_hash_follows",
    ),
    Refusal("17", "an entry of another chain", spoiled(change, entry_of(another_chain)), "payment_audit_log_linked"),
    Refusal("17", "a seq left out", spoiled(change, skip_a_seq), "payment_audit_log_linked"),
    Refusal("17", "a second head", spoiled(change, second_head), "payment_audit_log_linked"),
    Refusal("17", "a hidden entry at the end", alone(hidden_entry), "payment_audit_log_linked"),
    Refusal("17", "a hidden entry under another subject", alone(hidden_entry_of_a_vendor), "payment_audit_log_linked"),
    Refusal(
        "17",
        "a second beginning",
        spoiled(change, entry_of(lambda e: e.update(seq=1, prev_hash=bytes(32), hash=link(bytes(32), e["canonical"])))),
        "payment_audit_log_pkey",
    ),
    Refusal(
        "17", "a seq of 0", spoiled(change, entry_of(lambda e: e.update(seq=0))), "payment_audit_log_begins_with_zeros"
    ),
    Refusal(
        "17",
        "a beginning that follows something",
        birth(lambda r: another_chain(r.entries[0])),
        "payment_audit_log_begins_with_zeros",
    ),
    Refusal(
        "17",
        "an entry by nobody",
        spoiled(change, entry_of(lambda e: e.update(actor_id=""))),
        "payment_audit_log_actor_named",
    ),
    Refusal(
        "17",
        "an entry by a kind of actor nobody knows",
        spoiled(change, entry_of(lambda e: e.update(actor_type="robot"))),
        "payment_audit_log_actor_type_known",
    ),
    Refusal(
        "17",
        "an entry of one payment under another's id",
        spoiled(change, entry_of(lambda e: e.update(payment_id=uuid4()))),
        "payment_audit_log_payment_is_subject",
    ),
    Refusal(
        "17",
        "a payment's entry without the payment",
        spoiled(change, entry_of(lambda e: e.update(payment_id=None))),
        "payment_audit_log_payment_is_subject",
    ),
    Refusal(
        "11",
        "an entry of another organisation",
        spoiled(change, entry_of(lambda e: e.update(org_id="other"))),
        "payment_audit_log_payment_fkey",
    ),
    Refusal(
        "14",
        "an entry under another transaction's number",
        spoiled(change, entry_of(lambda e: e.update(xid="3"))),
        DENIED,
    ),
    Refusal(
        "13",
        "a gap in the events",
        spoiled(change, skip_an_event),
        "outbox_dense",
    ),
    Refusal("13", "an event the payment does not count", alone(hidden_event), "outbox_dense"),
    Refusal("13", "an event under another kind of aggregate", alone(hidden_event_of_a_vendor), "outbox_dense"),
    Refusal("13", "an event of no payment", alone(event_of_nothing), "outbox_dense"),
    Refusal("13", "a gap in a vendor's events", alone(gap_in_a_vendors_events), "outbox_dense"),
    Refusal("13", "an event number twice", spoiled(change, lambda p, r: r.events[0].update(sequence=1)), "outbox_pkey"),
    Refusal("13", "event number 0", birth(lambda r: r.events[0].update(sequence=0)), "outbox_sequence_positive"),
    Refusal(
        "11",
        "an event of another organisation",
        spoiled(change, lambda p, r: r.events[0].update(org_id="other")),
        "outbox_dense",
    ),
    Refusal(
        "14",
        "an event under another transaction's number",
        spoiled(change, lambda p, r: r.events[0].update(xid="3")),
        DENIED,
    ),
    Refusal(
        "18",
        "a text that is not the one of the digest",
        spoiled(with_notes, lambda p, r: r.texts[0].update(text="all is well")),
        "audit_texts_match_digest",
    ),
    Refusal(
        "18",
        "a text with another salt",
        spoiled(with_notes, lambda p, r: r.texts[0].update(salt=b"other")),
        "audit_texts_match_digest",
    ),
    Refusal(
        "18",
        "a text erased before it was stored",
        spoiled(with_notes, lambda p, r: r.texts[0].update(salt=None, text=None)),
        "audit_texts_match_digest",
    ),
    Refusal(
        "11",
        "a text of another organisation",
        spoiled(with_notes, lambda p, r: r.texts[0].update(org_id="other")),
        "audit_texts_match_digest",
    ),
    Refusal("18", "a text put to an entry that had none", alone(text_of_a_silent_entry), "audit_texts_match_digest"),
    Refusal(
        "18",
        "a text of no entry",
        spoiled(with_notes, lambda p, r: r.texts[0].update(seq=9)),
        "audit_texts_match_digest",
    ),
    Refusal("18", "a text rewritten", noted("UPDATE audit_texts SET text = 'all is well'"), "audit_texts_only_erased"),
    Refusal(
        "18", "a text erased and its salt kept", noted("UPDATE audit_texts SET text = NULL"), "audit_texts_only_erased"
    ),
    Refusal(
        "16",
        "an inbox entry of another organisation's payment",
        sql("INSERT INTO inbox VALUES ('other', 's', 'e', 'WorkCompleted', %(payment_id)s, now())"),
        "inbox_payment_fkey",
    ),
    Refusal(
        "16",
        "an event id twice in the inbox",
        sql(
            "INSERT INTO inbox SELECT %(org_id)s, 's', 'e', 'WorkCompleted', %(payment_id)s, now()"
            " FROM generate_series(1, 2)"
        ),
        "inbox_pkey",
    ),
    *(
        Refusal("16", f"an event that tells of {what}", sql(told(event_type, driver_id, photos_key, times)), name)
        for what, event_type, driver_id, photos_key, times, name in (
            ("a driver without a name", "WorkCompleted", "''", "NULL", 1, "inbox_driver_id_short"),
            ("a driver with a long name", "WorkCompleted", "repeat('x', 65)", "NULL", 1, "inbox_driver_id_short"),
            ("a driver, and is one of ours", "PaymentCreated", "'d'", "NULL", 1, "inbox_told_by_work"),
            ("photos, and is one of ours", "PaymentCreated", "NULL", "7", 1, "inbox_told_by_work"),
            ("a payment of which another told", "WorkCompleted", "'d'", "NULL", 2, "inbox_told_once"),
        )
    ),
    Refusal(
        "16",
        "quarantined bytes under another hash",
        sql(
            "INSERT INTO quarantine"
            " (quarantine_id, org_id, raw_sha256, raw, reason, publisher, first_seen_at, last_seen_at) VALUES ("
            "gen_random_uuid(), 'o', sha256('a'), 'b', 'r', 'p', now(), now())"
        ),
        "quarantine_hash_is_of_raw",
    ),
    Refusal(
        "1",
        "a key without its fingerprint",
        sql("INSERT INTO commands VALUES (gen_random_uuid(), 'o', 'op', 'c', 'key', NULL, NULL, '', now())"),
        "commands_key_has_fingerprint",
    ),
    Refusal(
        "1",
        "one key twice",
        sql(
            "INSERT INTO commands SELECT gen_random_uuid(), 'o', 'op', 'c', 'key', sha256('a'), NULL, '', now()"
            " FROM generate_series(1, 2)"
        ),
        "commands_one_per_key",
    ),
    *(Refusal("59", f"{table_name}: a row deleted", sql(f"DELETE FROM {table_name}"), DENIED) for table_name in KEPT),
    *(Refusal("59", f"{table_name}: emptied", sql(f"TRUNCATE {table_name}"), DENIED) for table_name in KEPT),
    Refusal("59", "an entry rewritten", sql("UPDATE payment_audit_log SET actor_id = 'nobody'"), DENIED),
    Refusal(
        "59",
        "an entry rewritten by an upsert",
        sql(
            "INSERT INTO payment_audit_log (subject_id, seq) VALUES (%(payment_id)s, 1)"
            " ON CONFLICT (subject_id, seq) DO UPDATE SET actor_id = 'nobody'"
        ),
        DENIED,
    ),
    Refusal("13", "an event rewritten", sql("UPDATE outbox SET detail = '{}'"), DENIED),
    Refusal("16", "an inbox entry rewritten", sql("UPDATE inbox SET event_id = 'other'"), DENIED),
    Refusal("16", "quarantined bytes rewritten", sql("UPDATE quarantine SET raw = 'x'"), DENIED),
    Refusal("1", "a command's answer rewritten", sql("UPDATE commands SET answer = ''"), DENIED),
)


@pytest.mark.parametrize("refusal", RECORD)
def test_the_record_refuses(refusal: Refusal, app_connection: Connection[TupleRow]) -> None:
    expect_refusal(app_connection, refusal.attempt, refusal.name)


def test_a_text_is_erased_whole_and_never_comes_back(app_connection: Connection[TupleRow]) -> None:
    payment = write(app_connection, with_notes(write(app_connection, new_payment())))
    app_connection.execute("UPDATE audit_texts SET salt = NULL, text = NULL")
    row = app_connection.execute("SELECT text FROM audit_texts").fetchone()
    assert row == (None,)
    expect_refusal(
        app_connection,
        lambda c: c.execute("UPDATE audit_texts SET salt = 's', text = 't' WHERE subject_id = %(payment_id)s", payment),
        "audit_texts_only_erased",
    )


def test_two_entries_and_two_events_of_one_change_are_linked(app_connection: Connection[TupleRow]) -> None:
    payment = write(app_connection, new_payment())
    rows = change(payment)
    assert rows.sets is not None
    add_entry(rows, rows.sets, "payment_updated", None, None)
    add_event(rows, rows.sets, "PaymentUpdated")
    assert write(app_connection, rows)["audit_seq"] == 3


def shadow(connection: Connection[TupleRow], *names: str) -> None:
    """Temporary tables come first in every search path that does not name them."""
    for name in names:
        connection.execute(f"CREATE TEMPORARY TABLE {name} (LIKE {name} INCLUDING ALL)".encode())


def test_a_payment_whose_record_goes_to_temporary_tables_is_refused(app_connection: Connection[TupleRow]) -> None:
    """Rule 17: the triggers read the real tables, whatever the session calls so."""
    shadow(app_connection, "payment_line_items", "payment_audit_log", "outbox")
    expect_refusal(app_connection, lambda c: write(c, new_payment()), "payments_change_is_audited")


def test_an_approval_in_a_temporary_table_counts_for_nothing(app_connection: Connection[TupleRow]) -> None:
    payment = write(app_connection, new_payment())
    shadow(app_connection, "approvals")
    expect_refusal(app_connection, lambda c: write(c, approving(payment)), "payments_approvals_counted")


def test_a_temporary_payments_table_does_not_let_lines_in(app_connection: Connection[TupleRow]) -> None:
    rows = new_payment()
    payment = write(app_connection, rows)
    shadow(app_connection, "payments")
    more = Rows(payment=payment, sets={}, lines=[{**rows.lines[0], "line_no": 3}])

    def attempt(connection: Connection[TupleRow]) -> None:
        with pytest.raises(AssertionError):  # `write` reads back from the temporary table, where there is nothing
            write(connection, more)

    expect_refusal(app_connection, attempt, "payments_line_sum")


def test_payment_details_are_stored_as_they_were_sent(app_connection: Connection[TupleRow]) -> None:
    """Rule 17: json keeps 1e3 and both of two equal keys, where jsonb would not."""
    rows = new_payment()
    rows.events[0]["detail"] = Json({}, dumps=lambda _: '{"a": 1e3, "a": 2}')
    payment = write(app_connection, rows)
    row = app_connection.execute(
        "SELECT detail::text FROM outbox WHERE aggregate_id = %(payment_id)s", payment
    ).fetchone()
    assert row == ('{"a": 1e3, "a": 2}',)


def test_an_update_needs_its_own_entry_even_when_nothing_else_changes(app_connection: Connection[TupleRow]) -> None:
    expect_refusal(app_connection, update(audit_seq=1), "payments_change_is_audited")
