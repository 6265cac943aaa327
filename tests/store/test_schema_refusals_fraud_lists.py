"""What the tables refuse of what people tell the scorer."""

from __future__ import annotations

from uuid import uuid4

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.store.refusals import DENIED, Refusal, expect_refusal, sql_alone, table

LISTING = (
    "INSERT INTO fraud_listings (listing_id, org_id, vendor_id, kind, signal, reason_code, listed_by, listed_at,"
    " expires_at, ended_by, ended_at) VALUES (gen_random_uuid(), 'roadcall', gen_random_uuid(), {kind}, {signal},"
    " {reason}, {by}, now(), {until}, {ended_by}, {ended_at});"
)
SOON = "now() + interval '1 day'"


def listing(**values: str) -> str:
    """A statement that blocks a vendor, with other values."""
    given = {
        "kind": "'block'",
        "signal": "NULL",
        "reason": "'inflated'",
        "by": "'admin-1'",
        "until": "NULL",
        "ended_by": "NULL",
        "ended_at": "NULL",
    }
    return LISTING.format(**{**given, **values})


RULE_SET = (
    "INSERT INTO fraud_rule_sets (rule_set_id, org_id, version, document, proposed_by, proposed_at)"
    " VALUES ('{id}', 'roadcall', '{version}', '{document}', 'admin-1', now());"
)
USE = (
    "INSERT INTO fraud_rule_set_uses (use_id, org_id, mode, rule_set_id, proposed_by, set_by, set_at)"
    " VALUES (gen_random_uuid(), '{org}', '{mode}', '{id}', '{proposed_by}', '{set_by}', now());"
)


def rule_set(version: str = "2", document: str = "{}", rule_set_id: str | None = None) -> str:
    return RULE_SET.format(id=rule_set_id or uuid4(), version=version, document=document)


def used(mode: str = "live", set_by: str = "admin-2", proposed_by: str = "admin-1", org: str = "roadcall") -> str:
    rule_set_id = str(uuid4())
    use = USE.format(id=rule_set_id, mode=mode, set_by=set_by, proposed_by=proposed_by, org=org)
    return rule_set(rule_set_id=rule_set_id) + use


ENDED = "UPDATE fraud_listings SET ended_by = 'x', ended_at = now();"

LISTS = table(
    Refusal("6", "a kind nobody knows", sql_alone(listing(kind="'shrug'", until=SOON)), "fraud_listings_kind_known"),
    Refusal("6", "trust for ever", sql_alone(listing(kind="'allow'")), "fraud_listings_expire"),
    Refusal(
        "6",
        "trust for years",
        sql_alone(listing(kind="'allow'", until="now() + interval '400 days'")),
        "fraud_listings_expire",
    ),
    Refusal(
        "6", "a block that has ended", sql_alone(listing(until="now() - interval '1 day'")), "fraud_listings_expire"
    ),
    Refusal(
        "6", "a snooze of nothing", sql_alone(listing(kind="'snooze'", until=SOON)), "fraud_listings_snoozes_a_signal"
    ),
    Refusal("6", "a block of a signal", sql_alone(listing(signal="'x'")), "fraud_listings_snoozes_a_signal"),
    Refusal("6", "a reason nobody knows", sql_alone(listing(reason="'mood'")), "fraud_listings_reason_known"),
    Refusal("6", "a listing by nobody", sql_alone(listing(by="''")), "fraud_listings_named"),
    Refusal("6", "a listing half ended", sql_alone(listing(ended_by="'x'")), "fraud_listings_ended_whole"),
    Refusal("6", "a listing ended twice", sql_alone(listing() + ENDED + ENDED), "fraud_listings_only_ended"),
    Refusal("6", "a listing prolonged", sql_alone("UPDATE fraud_listings SET expires_at = now()"), DENIED),
    Refusal("6", "listings forgotten", sql_alone("DELETE FROM fraud_listings"), DENIED),
    Refusal("6", "a version twice", sql_alone(rule_set() + rule_set()), "fraud_rule_sets_one_per_version"),
    Refusal("6", "the service's own version", sql_alone(rule_set("1")), "fraud_rule_sets_version_free"),
    Refusal("6", "a rule set that is a list", sql_alone(rule_set(document="[]")), "fraud_rule_sets_are_objects"),
    Refusal("6", "a rule set rewritten", sql_alone("UPDATE fraud_rule_sets SET document = '{}'"), DENIED),
    Refusal("7", "one's own rule set in force", sql_alone(used(set_by="admin-1")), "fraud_rule_set_uses_four_eyes"),
    Refusal(
        "7",
        "one's own rule set in force under another's name",
        sql_alone(used(set_by="admin-1", proposed_by="admin-3")),
        "fraud_rule_set_uses_rule_set_fkey",
    ),
    Refusal("11", "another organisation's rule set", sql_alone(used(org="else")), "fraud_rule_set_uses_rule_set_fkey"),
    Refusal("6", "a use nobody knows", sql_alone(used("maybe")), "fraud_rule_set_uses_mode_known"),
    Refusal("6", "uses forgotten", sql_alone("DELETE FROM fraud_rule_set_uses"), DENIED),
)


@pytest.mark.parametrize("refusal", LISTS)
def test_what_is_refused_of_what_people_tell_the_scorer(refusal: Refusal, app_connection: Connection[TupleRow]) -> None:
    expect_refusal(app_connection, refusal.attempt, refusal.name)


def test_whoever_brought_a_rule_set_may_try_it(app_connection: Connection[TupleRow]) -> None:
    app_connection.execute(used("shadow", set_by="admin-1").encode())
