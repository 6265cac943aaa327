"""What the tables refuse of what people tell the scorer: nobody alone makes it say less, and all of it is on record."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Json

from tests.database import new_id, now
from tests.store.approval_rows import SubjectRows, a_listing, a_rule_set, confirming, ending_listing, put, using
from tests.store.refusals import DENIED, Attempt, Refusal, expect_refusal, sql_alone, table

Spoil = Callable[[SubjectRows], object]


def listed(kind: str = "allow", spoil: Spoil = lambda rows: None, **columns: Any) -> Attempt:
    """Listing a vendor, spoiled."""

    def attempt(connection: Connection[TupleRow]) -> None:
        rows = a_listing(kind, **columns)
        spoil(rows)
        put(connection, rows)

    return attempt


def confirmed(kind: str = "allow", *, times: int = 1, spoil: Spoil = lambda rows: None, **sets: Any) -> Attempt:
    """Confirming a listing, so many times, the last time spoiled."""

    def attempt(connection: Connection[TupleRow]) -> None:
        stored = put(connection, a_listing(kind))
        for n in range(times):
            rows = confirming(stored, **(sets if n == times - 1 else {}))
            if n == times - 1:
                spoil(rows)
            stored = put(connection, rows)

    return attempt


def ended(*, times: int = 1, spoil: Spoil = lambda rows: None, **sets: Any) -> Attempt:
    """Ending a listing, so many times, spoiled."""

    def attempt(connection: Connection[TupleRow]) -> None:
        stored = put(connection, a_listing())
        for _ in range(times):
            rows = ending_listing(stored, **sets)
            spoil(rows)
            stored = put(connection, rows)

    return attempt


def confirmed_after_its_end(connection: Connection[TupleRow]) -> None:
    put(connection, confirming(put(connection, ending_listing(put(connection, a_listing())))))


def brought(spoil: Spoil = lambda rows: None, **columns: Any) -> Attempt:
    """Bringing a rule set, spoiled."""

    def attempt(connection: Connection[TupleRow]) -> None:
        rows = a_rule_set(**columns)
        spoil(rows)
        put(connection, rows)

    return attempt


def used(mode: str = "live", *, by: str = "admin-2", spoil: Spoil = lambda rows: None, **use: Any) -> Attempt:
    """Using a rule set that admin-1 brought, spoiled."""

    def attempt(connection: Connection[TupleRow]) -> None:
        rows = using(put(connection, a_rule_set()), mode, by, **use)
        spoil(rows)
        put(connection, rows)

    return attempt


def back_in_force(connection: Connection[TupleRow]) -> None:
    """By one who did not bring it, after another rule set followed."""
    first, second = [put(connection, a_rule_set(version)) for version in ("2", "3")]
    first = put(connection, using(first, "live"))
    put(connection, using(second, "live"))
    put(connection, using(put(connection, using(first, "shadow")), "live"))


def brought_twice(connection: Connection[TupleRow]) -> None:
    put(connection, a_rule_set())
    put(connection, a_rule_set())


def without_entry(rows: SubjectRows) -> None:
    """Nothing goes on record, and the head stays where it was."""
    rows.entries.clear()
    target = rows.row if rows.sets is None else rows.sets
    target["audit_seq"] = max(target["audit_seq"] - 1, 1)


def of_somebody_else(rows: SubjectRows) -> None:
    """The entry is another's."""
    if rows.sets is None:
        rows.row["listed_by"] = "mallory"
    else:
        rows.sets["confirmed_by"] = "mallory"


def unpublished(rows: SubjectRows) -> None:
    rows.events.clear()


def without_change(rows: SubjectRows) -> None:
    assert rows.sets is not None
    for name in ("confirmed_by", "confirmed_at"):
        del rows.sets[name]


def no_use(rows: SubjectRows) -> None:
    """A use without anything of it in the rule set's chain."""
    rows.sets = {"stage": "live"} if rows.sets is None else rows.sets
    rows.entries.clear()
    rows.events.clear()


ONLY, RECORD, PUBLISHED = "fraud_listings_only_ended", "fraud_listings_on_record", "fraud_listings_published"
DAY = timedelta(days=1)

LISTS = table(
    Refusal("6", "a kind nobody knows", listed("shrug"), "fraud_listings_kind_known"),
    Refusal("6", "trust for ever", listed(expires_at=None), "fraud_listings_expire"),
    Refusal("6", "trust for years", listed(expires_at=now() + 400 * DAY), "fraud_listings_expire"),
    Refusal("6", "a block that has ended", listed("block", expires_at=now() - DAY), "fraud_listings_expire"),
    Refusal("6", "a snooze of nothing", listed("snooze", signal=None), "fraud_listings_snoozes_a_signal"),
    Refusal("6", "a block of a signal", listed("block", signal="x"), "fraud_listings_snoozes_a_signal"),
    Refusal("6", "a reason nobody knows", listed(reason_code="mood"), "fraud_listings_reason_known"),
    Refusal(
        "6", "a listing by nobody", listed(spoil=lambda rows: rows.row.update(listed_by="")), "fraud_listings_named"
    ),
    Refusal("6", "a listing half ended", listed(ended_by="x"), "fraud_listings_ended_whole"),
    Refusal("17", "a listing out of its time", listed(listing_id=new_id(now() - DAY)), "fraud_listings_id_dated"),
    Refusal("17", "a listing off the record", listed(spoil=without_entry), RECORD),
    Refusal("17", "a listing in somebody else's name", listed(spoil=of_somebody_else), RECORD),
    Refusal("17", "a listing without a chain", listed(audit_seq=None, audit_head=None, event_seq=None), RECORD),
    Refusal("17", "a listing that nobody is told of", listed(spoil=unpublished), PUBLISHED),
    Refusal("7", "trust that is confirmed from the first", listed(confirmed_by="x", confirmed_at=now()), ONLY),
    Refusal("7", "one's own trust confirmed", confirmed(by="admin-1"), "fraud_listings_four_eyes"),
    Refusal("7", "a block that waits for somebody", confirmed("block"), "fraud_listings_confirmed_if_trust"),
    Refusal("7", "trust confirmed once more", confirmed(times=2, by="admin-3"), "fraud_listings_confirmed_once"),
    Refusal("7", "trust confirmed when it was over", confirmed(confirmed_at=now() + 2 * DAY), "fraud_listings_expire"),
    Refusal("7", "trust confirmed after its end", confirmed_after_its_end, ONLY),
    Refusal("17", "a confirmation off the record", confirmed(spoil=without_entry), RECORD),
    Refusal("17", "a confirmation in another's name", confirmed(spoil=of_somebody_else), RECORD),
    Refusal("17", "a confirmation that nobody is told of", confirmed(spoil=unpublished), PUBLISHED),
    Refusal("17", "an entry that says nothing", confirmed(spoil=without_change), ONLY),
    Refusal("17", "another content signed", confirmed(digest="cd" * 32), ONLY),
    Refusal("6", "a listing ended twice", ended(times=2), ONLY),
    Refusal("17", "an end off the record", ended(spoil=without_entry), RECORD),
    Refusal("6", "a listing prolonged", sql_alone("UPDATE fraud_listings SET expires_at = now()"), DENIED),
    Refusal("6", "listings forgotten", sql_alone("DELETE FROM fraud_listings"), DENIED),
    Refusal("6", "a version twice", brought_twice, "fraud_rule_sets_one_per_version"),
    Refusal("6", "the service's own version", brought(version="1"), "fraud_rule_sets_version_free"),
    Refusal("6", "a rule set that is a list", brought(document=Json([])), "fraud_rule_sets_are_objects"),
    Refusal("6", "a rule set rewritten", sql_alone("UPDATE fraud_rule_sets SET document = '{}'"), DENIED),
    Refusal("17", "a rule set off the record", brought(without_entry), "fraud_rule_sets_on_record"),
    Refusal("17", "a rule set that nobody is told of", brought(unpublished), "fraud_rule_sets_published"),
    Refusal("17", "a rule set live from the first", brought(stage="live"), "fraud_rule_sets_only_used"),
    Refusal("17", "a rule set out of its time", brought(rule_set_id=new_id(now() - DAY)), "fraud_rule_sets_id_dated"),
    Refusal("7", "one's own rule set in force", used(by="admin-1"), "fraud_rule_set_uses_four_eyes"),
    Refusal(
        "7",
        "one's own rule set in force under another's name",
        used(by="admin-1", proposed_by="admin-3"),
        "fraud_rule_set_uses_rule_set_fkey",
    ),
    Refusal("7", "a rule set that was followed, back in force", back_in_force, "fraud_rule_set_uses_live_once"),
    Refusal("7", "no rule set in force", used(rule_set_id=None, proposed_by=None), "fraud_rule_set_uses_live_is_named"),
    Refusal("11", "another organisation's rule set", used(org_id="else"), "fraud_rule_set_uses_rule_set_fkey"),
    Refusal(
        "6",
        "a use nobody knows",
        used(mode="shadow", spoil=lambda r: (r.uses or {}).update(mode="maybe")),
        "fraud_rule_set_uses_mode_known",
    ),
    Refusal("17", "a use by somebody who is not on record", used(set_by="mallory"), "fraud_rule_set_uses_on_record"),
    Refusal(
        "17",
        "a use of which the chain says another",
        used("shadow", spoil=lambda r: (r.uses or {}).update(mode="live")),
        "fraud_rule_set_uses_on_record",
    ),
    Refusal("17", "a use off the record", used(spoil=no_use), "fraud_rule_set_uses_on_record"),
    Refusal("6", "uses forgotten", sql_alone("DELETE FROM fraud_rule_set_uses"), DENIED),
)


@pytest.mark.parametrize("refusal", LISTS)
def test_what_is_refused_of_what_people_tell_the_scorer(refusal: Refusal, app_connection: Connection[TupleRow]) -> None:
    expect_refusal(app_connection, refusal.attempt, refusal.name)


def test_what_is_refused_above_is_otherwise_taken(app_connection: Connection[TupleRow]) -> None:
    for kind in ("allow", "snooze"):
        stored = put(app_connection, confirming(put(app_connection, a_listing(kind))))
        put(app_connection, ending_listing(stored, "admin-2"))
    put(app_connection, ending_listing(put(app_connection, a_listing("block"))))
    tried = put(app_connection, using(put(app_connection, a_rule_set()), "shadow", by="admin-1"))
    assert put(app_connection, using(tried, "live"))["stage"] == "live"


def beside(spoil: Callable[[SubjectRows, SubjectRows], object]) -> Attempt:
    """A listing that is written together with something in the chain of another, whose row stays as it is."""

    def attempt(connection: Connection[TupleRow]) -> None:
        others = confirming(put(connection, a_listing()))
        rows = a_listing()
        spoil(rows, others)
        put(connection, rows)

    return attempt


def of_a_stranger(rows: SubjectRows, others: SubjectRows) -> None:
    rows.entries += [{**others.entries[0], "subject_type": "vendor"}]


HIDDEN = table(
    Refusal(
        "17", "a second end of the chain", beside(lambda r, o: r.entries.extend(o.entries)), "fraud_subjects_linked"
    ),
    Refusal("17", "an entry about something else", beside(of_a_stranger), "fraud_subjects_linked"),
    Refusal("13", "an event past the last", beside(lambda r, o: r.events.extend(o.events)), "outbox_dense"),
)


@pytest.mark.parametrize("refusal", HIDDEN)
def test_nothing_is_hidden_behind_the_head_of_a_chain(refusal: Refusal, app_connection: Connection[TupleRow]) -> None:
    expect_refusal(app_connection, refusal.attempt, refusal.name)
