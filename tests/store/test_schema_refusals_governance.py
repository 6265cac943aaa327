"""What the service's role could do to the gate by plain SQL: to limits, to rules, and to who approved as what."""

from __future__ import annotations

import random
from typing import Any
from uuid import uuid4

import msgspec
import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from tests.database import (
    APPROVER,
    DatabaseUrls,
    Row,
    Rows,
    approving,
    change,
    in_status,
    line_items,
    moving,
    new_payment,
    stored,
    write,
)
from tests.store.approval_rows import apply_policy
from tests.store.refusals import DENIED, Attempt, Refusal, expect_refusal, sets, sql, sql_alone, table
from tests.store.test_schema_refusals_rules import BOTH, ONE, TWO, recording, ruled, under
from vendorpay.domain import policy as policies
from vendorpay.domain.approval_rule import Source
from vendorpay.domain.approval_rules.condition import RuleFacts
from vendorpay.domain.payment import PayerType

OF_POLICY, AS_RECORDED = "payments_rule_of_policy", "approvals_as_on_record"
SMALL = {"version": 0, "rule": "up to 1,000.00", "anyOf": [[{"role": "dispatcher"}]]}
A_DAY = {"per": "approver", "period": "day", "currency": "USD", "maxAmountCents": 1000}
A_WEEK = {"per": "vendor", "period": "week", "currency": "USD", "maxAmountCents": 1500}
LIMITED = {**ONE, "limits": [A_DAY, A_WEEK]}


def born(rule: Row, policy: Row | None = None, **columns: Any) -> Attempt:
    """A payment with that rule, where another policy applies, or the default one."""

    def attempt(connection: Connection[TupleRow]) -> None:
        if policy is not None:
            under(connection, policy)
        write(connection, new_payment(**ruled(rule, **columns)))

    return attempt


def of_an_older_version(connection: Connection[TupleRow]) -> None:
    columns = under(connection, ONE)
    under(connection, BOTH)
    write(connection, new_payment(**columns))


def as_no_new_vendor(connection: Connection[TupleRow]) -> None:
    known = {"name": "known", "when": {"vendorIsNew": False}, "anyOf": ONE["anyOf"]}
    version = apply_policy(connection, {"rules": [known, {"name": "new", "anyOf": BOTH["anyOf"]}]})
    write(connection, new_payment(**ruled({**ONE, "rule": "known", "vendorIsNew": False, "version": version})))


def new_content(payment: Row, cents: int, **columns: Any) -> Rows:
    """An edit that changes the amount."""
    rows = change(
        payment, content_version=2, digest="cd" * 32, line_count=1, amount_cents=cents, edited_by=APPROVER, **columns
    )
    rows.lines = line_items(payment, ((1, cents),), content_version=2)
    return rows


def larger_under_the_same_rule(connection: Connection[TupleRow]) -> None:
    payment = write(connection, new_payment(**ruled(SMALL)))
    write(connection, new_content(payment, 5_000_00))


def edited_to_come_another_way(connection: Connection[TupleRow]) -> None:
    payment = write(connection, new_payment(**ruled(SMALL)))
    write(connection, new_content(payment, 7, approval_rule=ruled({**SMALL, "source": "event"})["approval_rule"]))


def approved_as(role: str, **columns: Any) -> Attempt:
    """An approval of which the entry says something else."""

    def attempt(connection: Connection[TupleRow]) -> None:
        payment = in_status(connection, "pending_approval", required_approvals=2)
        rows = recording(payment)
        rows.approvals[0].update(approver_role=role, **columns)
        write(connection, rows)

    return attempt


def approved_by_the_second(**columns: Any) -> Attempt:
    """A payment that two approve, of which its row then says something else than the second approval."""

    def attempt(connection: Connection[TupleRow]) -> None:
        columns_of_rule = under(connection, {**BOTH, "limits": [A_WEEK]})
        payment = write(connection, recording(write(connection, new_payment(**columns_of_rule)), "ann"))
        rows = approving(payment, "bob", "admin")
        sets(rows, **columns)
        write(connection, rows)

    return attempt


def past_the_limit(connection: Connection[TupleRow]) -> None:
    columns = under(connection, LIMITED, required_approvals=1)
    for _ in range(2):
        write(connection, approving(write(connection, new_payment(lines=((1, 600),), **columns))))


def past_the_vendors_limit(connection: Connection[TupleRow]) -> None:
    columns = under(connection, LIMITED, required_approvals=1, vendor_id=uuid4())
    for person in ("a", "b"):
        write(connection, approving(write(connection, new_payment(lines=((1, 800),), **columns)), person))


def counted_by_a_trigger_of_its_own(connection: Connection[TupleRow]) -> None:
    connection.execute("CREATE TEMPORARY TABLE made_up (LIKE approvals)")
    connection.execute(
        "CREATE TRIGGER counted AFTER UPDATE ON made_up REFERENCING NEW TABLE AS new_rows"
        " FOR EACH STATEMENT EXECUTE FUNCTION approvals_check_count()"
    )


HOLES = table(
    Refusal("52", "a rule of one's own making", born(ONE), OF_POLICY),
    Refusal("52", "the default rule of a smaller amount", born(SMALL, lines=((1, 5_000_00),)), OF_POLICY),
    Refusal("52", "the default rule of another currency", born(SMALL, currency="EUR"), OF_POLICY),
    Refusal("52", "the default rule with an addition", born({**SMALL, "escalation": {"afterHours": 1}}), OF_POLICY),
    Refusal("52", "the default rule where a policy applies", born(SMALL, BOTH), OF_POLICY),
    Refusal("52", "an easier rule under the policy's name", born(ONE, BOTH), OF_POLICY),
    Refusal("52", "a rule by a name that the policy has not", born({**BOTH, "rule": "mine"}, BOTH), OF_POLICY),
    Refusal("52", "without the policy's limits", born(ONE, LIMITED), OF_POLICY),
    Refusal(
        "52",
        "with a higher limit",
        born({**ONE, "limits": [{**A_DAY, "maxAmountCents": 9999}, A_WEEK]}, LIMITED),
        OF_POLICY,
    ),
    Refusal("52", "easier once it has a score", born({**BOTH, "byFraudStatus": {"flagged": ONE}}, BOTH), OF_POLICY),
    Refusal("52", "with more than a rule has", born({**BOTH, "aside": 1}, BOTH), OF_POLICY),
    Refusal("52", "approved by the service itself", born({**BOTH, "automatic": True}, BOTH), OF_POLICY),
    Refusal("52", "the rule of a version that was replaced", of_an_older_version, OF_POLICY),
    Refusal("52", "a vendor who was never approved, as no new one", as_no_new_vendor, OF_POLICY),
    Refusal("52", "new content under the rule of the old", larger_under_the_same_rule, OF_POLICY),
    Refusal("52", "new content that came another way", edited_to_come_another_way, OF_POLICY),
    Refusal("7", "an admin's approval by a dispatcher", approved_as("admin"), AS_RECORDED),
    Refusal("7", "the service's approval by a person", approved_as("service"), AS_RECORDED),
    Refusal(
        "9", "an approval of another day", approved_as("dispatcher", approved_at="2020-01-01T00:00:00Z"), AS_RECORDED
    ),
    Refusal("9", "approved by who did so earlier", approved_by_the_second(approved_by="ann"), AS_RECORDED),
    Refusal("9", "approved years ago", approved_by_the_second(approved_at="2020-01-01T00:00:00Z"), AS_RECORDED),
    Refusal("9", "past the approver's limit", past_the_limit, "limit_usage_within_max"),
    Refusal("9", "past the vendor's limit", past_the_vendors_limit, "limit_usage_within_max"),
    Refusal("9", "what was taken, forgotten", sql_alone("DELETE FROM limit_takings"), DENIED),
    Refusal("9", "what was taken, given back", sql_alone("UPDATE limit_takings SET returned_at = now()"), DENIED),
    Refusal("9", "what nobody took", sql_alone("INSERT INTO limit_takings DEFAULT VALUES"), DENIED),
    Refusal("9", "limits forgotten", sql_alone("DELETE FROM limit_usage"), DENIED),
    Refusal("9", "a limit as if nothing were used", sql_alone("UPDATE limit_usage SET used_cents = 0"), DENIED),
    Refusal("9", "a higher limit", sql_alone("UPDATE limit_usage SET max_cents = 999999"), DENIED),
    Refusal(
        "9",
        "a limit before anybody used it",
        sql_alone("INSERT INTO limit_usage VALUES ('roadcall', 'vendor', 'v', 'USD', 'day', now(), 0, 100)"),
        DENIED,
    ),
    Refusal("9", "given back by the function", sql("SELECT limits_return(ARRAY[%(payment_id)s]::uuid[])"), DENIED),
    Refusal("9", "taken by the function", sql("SELECT limits_take(ARRAY[%(payment_id)s]::uuid[])"), DENIED),
    Refusal("9", "given back by a trigger on made-up rows", counted_by_a_trigger_of_its_own, DENIED),
)


@pytest.mark.parametrize("refusal", HOLES)
def test_the_database_refuses(refusal: Refusal, app_connection: Connection[TupleRow]) -> None:
    """Origin 52: who must approve is what was agreed on, and not what a payment's row says."""
    expect_refusal(app_connection, refusal.attempt, refusal.name)


def used(connection: Connection[TupleRow]) -> dict[str, int]:
    found = connection.execute(
        "SELECT subject_type, sum(used_cents)::int, max(max_cents)::int FROM limit_usage GROUP BY 1"
    )
    return {kind: cents for kind, cents, _ in found.fetchall()}


def limited_payment(connection: Connection[TupleRow], cents: int, **columns: Any) -> Row:
    return write(connection, new_payment(lines=((1, cents),), **under(connection, LIMITED, **columns)))


def test_limits_are_counted_by_the_database(app_connection: Connection[TupleRow]) -> None:
    """Rule 9: an approval counts, and a voided one no more."""
    payment = limited_payment(app_connection, 600, required_approvals=1)
    approved = write(app_connection, approving(payment))
    assert used(app_connection) == {"approver": 600, "vendor": 600}
    rows = new_content(
        approved,
        7,
        status="pending_approval",
        approvals_valid=0,
        approved_by=None,
        approved_at=None,
    )
    rows.voids_approvals = True
    write(app_connection, rows)
    assert used(app_connection) == {"approver": 0, "vendor": 0}
    write(app_connection, approving(stored(app_connection, payment["payment_id"]), "somebody"))
    assert used(app_connection) == {"approver": 7, "vendor": 7}


def test_what_ends_before_money_moved_gives_back_and_only_once(app_connection: Connection[TupleRow]) -> None:
    """Rule 9: whoever calls the function that gives back gets nothing but what is due."""
    columns = under(app_connection, LIMITED, required_approvals=1)
    kept, gone = [
        write(app_connection, approving(write(app_connection, new_payment(lines=((1, cents),), **columns))))
        for cents in (300, 600)
    ]
    gives_back = "SELECT limits_return_of_ended(%s::uuid[])"
    app_connection.execute(gives_back, [[kept["payment_id"], gone["payment_id"]]])
    assert used(app_connection) == {"approver": 900, "vendor": 900}
    cancelled = write(app_connection, moving(gone, "cancelled"))
    assert used(app_connection) == {"approver": 300, "vendor": 300}
    app_connection.execute(gives_back, [[kept["payment_id"], gone["payment_id"]]])
    write(app_connection, change(cancelled, metadata={"still": "gone"}))
    assert used(app_connection) == {"approver": 300, "vendor": 300}


def test_one_who_agreed_to_what_is_then_rejected_has_their_limit_back(app_connection: Connection[TupleRow]) -> None:
    columns = under(app_connection, {**BOTH, "limits": [A_DAY, A_WEEK]})
    payment = write(app_connection, new_payment(lines=((1, 600),), **columns))
    waiting = write(app_connection, recording(payment, "ann"))
    assert used(app_connection) == {"approver": 600}
    write(app_connection, moving(waiting, "rejected"))
    assert used(app_connection) == {"approver": 0}


def test_a_right_on_limits_given_by_mistake_counts_for_nothing(module_database_urls: DatabaseUrls) -> None:
    """0024 took the rights away; the trigger of 0021 stays behind it, and knows the owner by the catalog alone."""
    with psycopg.connect(module_database_urls.superuser) as connection:
        payment = limited_payment(connection, 600, required_approvals=1)
        write(connection, approving(payment))
        connection.execute("GRANT INSERT, UPDATE ON limit_usage TO vendorpay_app")
        connection.execute("SET LOCAL ROLE vendorpay_app")
        connection.execute(
            "CREATE TEMPORARY TABLE pg_class AS"
            " SELECT c.oid, current_user::regrole::oid AS relowner FROM pg_catalog.pg_class c"
        )
        for statement in (
            "UPDATE limit_usage SET used_cents = 0",
            "UPDATE limit_usage SET max_cents = 999999",
            "INSERT INTO limit_usage VALUES ('roadcall', 'vendor', 'v', 'USD', 'day', now(), 0, 100)",
        ):
            assert connection.execute(statement.encode()).rowcount == 0
        assert used(connection) == {"approver": 600, "vendor": 600}
        connection.rollback()


STATUSES = ["unknown", "low_risk", "medium_risk", "high_risk", "flagged"]
SERVICES = ["Tow", "tow", "CRANE", "Gerät"]


def _document(chance: random.Random) -> Row:
    """Some rules with conditions by chance."""
    rules = []
    for n in range(chance.randint(1, 4)):
        when: Row = {
            "currencies": chance.sample(["USD", "EUR"], chance.randint(1, 2)),
            **({"maxAmountCents": chance.choice([100, 1000])} if chance.random() < 0.5 else {}),
            **({"minAmountCents": chance.choice([50, 90])} if chance.random() < 0.3 else {}),
            **({"sources": chance.sample(["api", "bulk", "event"], 2)} if chance.random() < 0.3 else {}),
            **({"vendorIsNew": chance.random() < 0.5} if chance.random() < 0.3 else {}),
            **({"serviceTypes": chance.sample(SERVICES, 2)} if chance.random() < 0.4 else {}),
            **({"creators": [chance.choice(["creator", "ann"])]} if chance.random() < 0.3 else {}),
            **({"fraudStatuses": chance.sample(STATUSES, 2)} if chance.random() < 0.4 else {}),
        }
        effect = chance.choice(["approvals", "approvals", "deny", "auto_approve"])
        of = (
            {"anyOf": [[{"role": chance.choice(["admin", "dispatcher"])}]]}
            if effect == "approvals"
            else {"effect": effect}
        )
        rules.append({"name": f"rule {n}", "when": when, **of})
    last = {"name": "last", "anyOf": TWO["anyOf"], "escalation": {"afterHours": 3, "role": "admin"}}
    return {"rules": [*rules, last], "limits": [A_DAY] if chance.random() < 0.5 else []}


def test_the_schema_chooses_as_the_program_does(app_connection: Connection[TupleRow]) -> None:
    """Whatever rule the program chooses is the one that the schema finds; that of another payment is not."""
    chance, told_apart = random.Random(21), 0
    for _ in range(60):
        written = msgspec.json.encode(_document(chance))
        document = policies.read(written)
        columns: Row = {
            "currency": chance.choice(["USD", "EUR", "GBP"]),
            "metadata": Jsonb(
                chance.choice([{}, {"serviceType": chance.choice([*SERVICES, "gerät"])}, {"serviceType": 5}])
            ),
            "lines": ((1, chance.choice([40, 100, 700, 5000])),),
        }
        payment = write(app_connection, new_payment(**columns))
        rules = [
            _chosen(document, payment, Source(chance.choice(["api", "bulk", "event"]))),
            _chosen(document, {**payment, "amount_cents": 60, "currency": "USD"}, Source.API),
        ]
        kept = msgspec.json.encode(document).decode()
        verdicts = [
            app_connection.execute(
                "SELECT approval_rule_chosen(%s::jsonb, %s::jsonb, p) FROM payments p WHERE p.payment_id = %s",
                [msgspec.json.encode(rule).decode(), kept, payment["payment_id"]],
            ).fetchall()[0][0]
            for rule in rules
        ]
        assert verdicts[0] is True, (document, payment, rules[0])
        told_apart += verdicts[1] is False
    assert told_apart >= 10, "chance tries both"


def _chosen(document: Any, payment: Row, source: Source) -> Any:
    service = payment["metadata"].get("serviceType")
    facts = RuleFacts(
        amount_cents=payment["amount_cents"],
        currency=payment["currency"],
        payer_type=PayerType(payment["payer_type"]),
        vendor_id=payment["vendor_id"],
        vendor_is_new=None,
        service_type=service if isinstance(service, str) else None,
        source=source,
        created_by=payment["created_by"],
    )
    return policies.choose(document, 1, facts)


def test_the_default_policy_is_that_of_the_schema(app_connection: Connection[TupleRow]) -> None:
    """Each of its rules, at both ends, and another currency."""
    for cents, currency in (
        (1, "USD"),
        (100_000, "USD"),
        (100_001, "USD"),
        (1_000_000, "USD"),
        (1_000_001, "USD"),
        (5, "EUR"),
    ):
        rows = new_payment(lines=((1, cents),), currency=currency)
        chosen = _chosen(policies.DEFAULT, {"metadata": {}, **rows.payment}, Source.API)
        rule = {**msgspec.json.decode(msgspec.json.encode(chosen)), "version": 0}
        assert (
            write(app_connection, new_payment(lines=((1, cents),), currency=currency, **ruled(rule)))["approval_rule"]
            == rule
        )


def test_what_stays_approved_keeps_what_it_took_of_the_vendors_limit(app_connection: Connection[TupleRow]) -> None:
    """Rule 9: one of two approvals is voided, and the other is enough by itself."""
    columns = under(app_connection, {**TWO, "limits": [A_WEEK]}, lines=((1, 600),))
    payment = write(app_connection, recording(write(app_connection, new_payment(**columns)), "ann"))
    approved = write(app_connection, approving(payment, "bob", "admin"))
    rows = change(approved, approvals_valid=1, required_approvals=1)
    rows.voids_approvals_of = "ann"
    assert write(app_connection, rows)["status"] == "approved"
    assert used(app_connection) == {"vendor": 600}
