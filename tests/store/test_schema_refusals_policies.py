"""What the tables refuse of approval policies and delegations, whoever writes them by plain SQL as the service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Json

from tests.database import Row, new_id, now
from tests.store.approval_rows import SubjectRows, a_delegation, a_policy, activating, ending, put
from tests.store.refusals import DENIED, Attempt, Refusal, expect_refusal, sql_alone, table

Spoil = Callable[[SubjectRows], object]


def proposed(spoil: Spoil = lambda rows: None, **columns: Any) -> Attempt:
    """Proposing a policy of which something was spoiled."""

    def attempt(connection: Connection[TupleRow]) -> None:
        rows = a_policy(**columns)
        spoil(rows)
        put(connection, rows)

    return attempt


def activated(spoil: Spoil = lambda rows: None, *, by: str = "admin-2", **sets: Any) -> Attempt:
    """Activating a stored one, spoiled."""

    def attempt(connection: Connection[TupleRow]) -> None:
        rows = activating(put(connection, a_policy()), by, **sets)
        spoil(rows)
        put(connection, rows)

    return attempt


def given(spoil: Spoil = lambda rows: None, **columns: Any) -> Attempt:
    """Giving a delegation of which something was spoiled."""

    def attempt(connection: Connection[TupleRow]) -> None:
        rows = a_delegation(**columns)
        spoil(rows)
        put(connection, rows)

    return attempt


def ended(spoil: Spoil = lambda rows: None, *, times: int = 1, **sets: Any) -> Attempt:
    """Ending a stored one, spoiled; or so many times."""

    def attempt(connection: Connection[TupleRow]) -> None:
        stored = put(connection, a_delegation())
        for n in range(times):
            rows = ending(stored, **(sets if n == times - 1 else {}))
            spoil(rows)
            stored = put(connection, rows)

    return attempt


def after(make: Callable[[], SubjectRows], statement: str) -> Attempt:
    """One statement on what was stored."""

    def attempt(connection: Connection[TupleRow]) -> None:
        put(connection, make())
        connection.execute(statement.encode())

    return attempt


def lost(rows: SubjectRows, what: str) -> None:
    """Without what goes on record, or is published."""
    getattr(rows, what).clear()


def off_the_record(rows: SubjectRows) -> None:
    """Nor does it apply: that is refused by a name of its own."""
    lost(rows, "entries")
    rows.applies = None


def by_another(rows: SubjectRows) -> None:
    """The entry says that somebody else did it; its chain is whole."""
    column = {"policy": "activated_by", "delegation": "ended_by"}[rows.kind]
    if rows.sets is None:
        rows.row[{"policy": "proposed_by", "delegation": "delegator_id"}[rows.kind]] = "mallory"
    else:
        rows.sets[column] = "mallory"


def not_counted(rows: SubjectRows, *columns: str) -> None:
    """The row's numbers stay behind."""
    assert rows.sets is not None
    for column in columns:
        rows.sets[column] = rows.row[column]


def applies_without_activation(connection: Connection[TupleRow]) -> None:
    put(connection, a_policy())
    connection.execute("INSERT INTO active_policies VALUES ('roadcall', 1)")


ONLY, AUDITED, PUBLISHED = "policies_only_activated", "policies_change_is_audited", "policies_change_is_published"

POLICIES = table(
    Refusal("52", "its proposer activates it", activated(by="admin-1"), "policies_four_eyes"),
    Refusal("52", "born active", proposed(activated_by="admin-2", activated_at=now()), ONLY),
    Refusal("52", "an activation without a time", activated(activated_at=None), ONLY),
    Refusal("52", "an activation without a person", activated(activated_by=None), ONLY),
    Refusal("52", "another document afterwards", after(
        a_policy, "UPDATE policies SET document = '{\"rules\": []}'"), DENIED),
    Refusal("52", "another proposer afterwards", after(a_policy, "UPDATE policies SET proposed_by = 'x'"), DENIED),
    Refusal("52", "nothing but a number", after(a_policy, "UPDATE policies SET audit_seq = audit_seq + 1"), ONLY),
    Refusal("52", "deleted", after(a_policy, "DELETE FROM policies"), DENIED),
    Refusal("52", "truncated", after(a_policy, "TRUNCATE policies CASCADE"), DENIED),
    Refusal("52", "no rules", proposed(document=Json({"rules": "none"})), "policies_document_has_rules"),
    Refusal("52", "version 0", proposed(version=0), "policies_version_positive"),
    Refusal("52", "a digest that is none", proposed(lambda r: r.row.update(digest="x" * 64)),
            "policies_digest_is_sha256"),
    Refusal("12", "an id of another time", proposed(policy_id=new_id(now() - timedelta(hours=1))),
            "policies_id_dated"),
    Refusal("17", "a proposal off the record", proposed(lambda r: lost(r, "entries")), AUDITED),
    Refusal("17", "a proposal on another's record", proposed(by_another), AUDITED),
    Refusal("17", "an activation off the record", activated(off_the_record), AUDITED),
    Refusal("17", "an activation that is not counted", activated(lambda r: not_counted(r, "audit_seq")), AUDITED),
    Refusal("17", "an activation on another's record", activated(by_another), AUDITED),
    Refusal("17", "a record of another organisation", activated(
        lambda r: r.entries[0].update(org_id="elsewhere")), "policies_linked"),
    Refusal("13", "a proposal nobody hears of", proposed(lambda r: lost(r, "events")), PUBLISHED),
    Refusal("13", "an activation nobody hears of", activated(lambda r: lost(r, "events")), PUBLISHED),
    Refusal("13", "an activation whose event is not counted", activated(
        lambda r: not_counted(r, "event_seq")), PUBLISHED),
    Refusal("52", "what nobody activated applies", applies_without_activation, "active_policies_activated"),
    Refusal("52", "what is not there applies", sql_alone(
        "INSERT INTO active_policies VALUES ('roadcall', 9)"), "active_policies_policy_fkey"),
    Refusal("52", "nothing applies any more", after(a_policy, "DELETE FROM active_policies"), DENIED),
)  # fmt: skip

DELEGATIONS = table(
    Refusal("52", "to oneself", given(delegate_id="ann"), "delegations_to_another"),
    Refusal("52", "of a role that approves nothing", given(delegator_role="auditor"), "delegations_role_approves"),
    Refusal("52", "for longer than 90 days", given(ends_at=now() + timedelta(days=91)), "delegations_period_limited"),
    Refusal("52", "that ends before it begins", given(starts_at=now() + timedelta(days=2)),
            "delegations_period_limited"),
    Refusal("52", "that was over when it was given", given(
        starts_at=now() - timedelta(days=2), ends_at=now() - timedelta(days=1)), "delegations_period_limited"),
    Refusal("52", "born ended", given(ended_at=now(), ended_by="ann"), "delegations_only_ended"),
    Refusal("52", "ended without a person", ended(ended_by=None), "delegations_ended_whole"),
    Refusal("52", "ended without a time", ended(ended_at=None), "delegations_only_ended"),
    Refusal("52", "ended twice", ended(times=2), "delegations_only_ended"),
    Refusal("52", "opened again", ended(times=2, ended_at=None, ended_by=None), "delegations_only_ended"),
    Refusal("52", "made longer", after(a_delegation, "UPDATE delegations SET ends_at = ends_at + interval '1 day'"),
            DENIED),
    Refusal("52", "another role", after(a_delegation, "UPDATE delegations SET delegator_role = 'admin'"), DENIED),
    Refusal("52", "deleted", after(a_delegation, "DELETE FROM delegations"), DENIED),
    Refusal("52", "truncated", after(a_delegation, "TRUNCATE delegations"), DENIED),
    Refusal("12", "an id of another time", given(delegation_id=new_id(now() - timedelta(hours=1))),
            "delegations_id_dated"),
    Refusal("17", "given off the record", given(lambda r: lost(r, "entries")), "delegations_change_is_audited"),
    Refusal("17", "given in the name of who did not", given(by_another), "delegations_change_is_audited"),
    Refusal("17", "ended off the record", ended(lambda r: lost(r, "entries")), "delegations_change_is_audited"),
    Refusal("17", "ended without a count", ended(lambda r: not_counted(r, "audit_seq")),
            "delegations_change_is_audited"),
    Refusal("17", "ended on another's record", ended(by_another), "delegations_change_is_audited"),
    Refusal("17", "a record of another organisation", ended(
        lambda r: r.entries[0].update(org_id="elsewhere")), "delegations_linked"),
    Refusal("13", "given and nobody hears of it", given(lambda r: lost(r, "events")),
            "delegations_change_is_published"),
    Refusal("13", "ended and nobody hears of it", ended(lambda r: not_counted(r, "event_seq")),
            "delegations_change_is_published"),
)  # fmt: skip


@pytest.mark.parametrize("refusal", [*POLICIES, *DELEGATIONS])
def test_the_database_refuses(refusal: Refusal, app_connection: Connection[TupleRow]) -> None:
    """Origin 52, and peers ask 11: rules, and who may act for whom, are never one person's to change."""
    expect_refusal(app_connection, refusal.attempt, refusal.name)


def replaced(then: Callable[[Row, Row], SubjectRows]) -> Attempt:
    """What is done about the first of three versions, of which the second applies and the third was never activated."""

    def attempt(connection: Connection[TupleRow]) -> None:
        first = put(connection, activating(put(connection, a_policy())))
        put(connection, activating(put(connection, a_policy(version=3))))
        put(connection, then(first, put(connection, a_policy(version=2))))

    return attempt


def back_to_the_default(connection: Connection[TupleRow]) -> None:
    put(connection, activating(put(connection, a_policy())))
    connection.execute("UPDATE active_policies SET version = 0")


def not_applying(rows: SubjectRows) -> None:
    rows.applies = None


FORWARD = table(
    Refusal(
        "52",
        "an older version by who has not proposed it",
        replaced(lambda first, _: activating(first, "admin-3")),
        "policies_go_forward",
    ),
    Refusal(
        "52", "a version that was overtaken", replaced(lambda _, second: activating(second)), "policies_go_forward"
    ),
    Refusal("52", "back to the default", back_to_the_default, "policies_go_forward"),
    Refusal("52", "an activation that changes nothing", activated(not_applying), "policies_activated_apply"),
)


@pytest.mark.parametrize("refusal", FORWARD)
def test_what_applies_only_goes_forward(refusal: Refusal, app_connection: Connection[TupleRow]) -> None:
    """Somebody alone would otherwise go to and fro between versions that others proposed long ago."""
    expect_refusal(app_connection, refusal.attempt, refusal.name)


OWNERS = table(
    Refusal("20", "a policy", after(a_policy, "DELETE FROM policies"), "append_only"),
    Refusal("20", "all policies", after(a_policy, "TRUNCATE policies CASCADE"), "append_only"),
    Refusal("20", "a delegation", after(a_delegation, "DELETE FROM delegations"), "append_only"),
    Refusal("20", "all delegations", after(a_delegation, "TRUNCATE delegations"), "append_only"),
)


@pytest.mark.parametrize("refusal", OWNERS)
def test_not_even_the_owner_deletes(refusal: Refusal, owner_connection: Connection[TupleRow]) -> None:
    expect_refusal(owner_connection, refusal.attempt, refusal.name)


def test_what_is_refused_above_is_otherwise_taken(app_connection: Connection[TupleRow]) -> None:
    policy = put(app_connection, activating(put(app_connection, a_policy())))
    assert (policy["activated_by"], policy["audit_seq"], policy["event_seq"]) == ("admin-2", 2, 2)
    delegation: Row = put(app_connection, ending(put(app_connection, a_delegation()), "an-admin"))
    assert (delegation["ended_by"], delegation["audit_seq"]) == ("an-admin", 2)
