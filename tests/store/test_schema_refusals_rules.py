"""A payment is approved by the people that its rule asks for, whatever a program says of it."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from tests.database import (
    APPROVER,
    Row,
    Rows,
    add_entry,
    approval,
    approving,
    change,
    in_status,
    line_items,
    new_payment,
    write,
)
from tests.store.approval_rows import apply_policy
from tests.store.refusals import DENIED, Attempt, Refusal, born_with, expect_refusal, sets, sql, table
from vendorpay.domain.approval import standing
from vendorpay.domain.approval_rule import ChosenRule
from vendorpay.domain.payment import Approval

OTHER_DIGEST = "cd" * 32
ONE = {"anyOf": [[{"role": "dispatcher"}]]}
TWO = {"anyOf": [[{"role": "dispatcher", "quorum": 2}], [{"role": "admin"}]]}
BOTH = {"anyOf": [[{"role": "admin"}, {"role": "dispatcher"}]]}
NAMED = {"anyOf": [[{"people": ["ann"]}]], "escalation": {"afterHours": 1, "role": "admin"}}
NOBODY = {"effect": "deny"}
BY_SCORE = {**ONE, "byFraudStatus": {"high_risk": {"rule": "high", "effect": "approvals", **BOTH}}}


def ruled(rule: Row, **columns: Any) -> Row:
    """The columns of a payment with that rule."""
    whole = {"version": 1, "rule": "a rule", "effect": "approvals", "source": "api", **rule}
    return {"approval_rule": whole, "required_approvals": 2, **columns}


def under(connection: Connection[TupleRow], rule: Row, **columns: Any) -> Row:
    """The same, once a policy applies that has this rule for every payment."""
    given = ruled(rule, **columns)
    demand = given["approval_rule"]
    document = {
        "rules": [
            *(
                {**_of_policy(of_status), "when": {"fraudStatuses": [status]}}
                for status, of_status in demand.get("byFraudStatus", {}).items()
            ),
            _of_policy(demand),
        ],
        "limits": demand.get("limits", []),
    }
    given["approval_rule"] = {**demand, "version": apply_policy(connection, document)}
    return given


def _of_policy(demand: Row) -> Row:
    """What a payment's rule asks for, as a policy says it."""
    return {
        "name": demand["rule"],
        **{name: demand[name] for name in ("effect", "anyOf", "escalation") if name in demand},
    }


def approved_by(rule: Row, *people: tuple[str, str], **columns: Any) -> Attempt:
    """Approving a payment of that rule by people with roles, all of whom are counted: nobody is missing in numbers."""

    def attempt(connection: Connection[TupleRow]) -> None:
        payment = write(connection, new_payment(**under(connection, rule, **columns)))
        for n, (person, role) in enumerate(people, start=1):
            last = n == len(people)
            rows = approving(payment, person, role) if last else recording(payment, person, role)
            sets(rows, required_approvals=n if last else n + 1)
            payment = write(connection, rows)

    return attempt


def recording(payment: Row, person: str = APPROVER, role: str = "dispatcher", **columns: Any) -> Rows:
    """An approval that leaves the payment waiting."""
    valid, actor_type = payment["approvals_valid"] + 1, "admin" if role == "admin" else "user"
    rows = change(payment, action="approval_recorded", actor=person, actor_type=actor_type, approvals_valid=valid)
    rows.approvals.append(approval(payment, person, approver_role=role, **columns))
    return rows


def spoilt(
    rule: Row, make: Callable[[Row], Rows], then: Callable[[Row, Rows], object] = lambda p, r: None, **columns: Any
) -> Attempt:
    """A change of a waiting payment with a rule."""

    def attempt(connection: Connection[TupleRow]) -> None:
        payment = write(connection, new_payment(**under(connection, rule, **columns)))
        rows = make(payment)
        then(payment, rows)
        write(connection, rows)

    return attempt


def for_another(person: str) -> Attempt:
    """An approval in somebody's name."""
    return spoilt(TWO, lambda p: recording(p, on_behalf_of=person))


def by_payee_changer(connection: Connection[TupleRow]) -> None:
    payment = in_status(connection, "pending_approval", required_approvals=2)
    payment = write(connection, change(payment, payee_changed_by=APPROVER))
    write(connection, recording(payment))


def escalated_twice(connection: Connection[TupleRow]) -> None:
    payment = write(
        connection, new_payment(**under(connection, NAMED), escalate_at=new_payment().payment["created_at"])
    )
    payment = write(connection, change(payment, escalated_at=payment["escalate_at"]))
    write(connection, change(payment, escalated_at=payment["escalate_at"] + timedelta(hours=1)))


SATISFIED, LACKING, KEPT = "payments_rule_satisfied", "payments_rule_lacks_approvals", "payments_rule_kept"
D, A = "dispatcher", "admin"

RULES = table(
    Refusal("52", "one dispatcher of two", approved_by(TWO, ("a", D)), SATISFIED),
    Refusal("52", "an auditor", approved_by(ONE, ("a", "auditor")), SATISFIED),
    Refusal("52", "two dispatchers where one is an admin", approved_by(BOTH, ("a", D), ("b", D)), SATISFIED),
    Refusal("52", "an admin alone where two are needed", approved_by(BOTH, ("a", A)), SATISFIED),
    Refusal("52", "somebody who is not named", approved_by(NAMED, ("ben", A)), SATISFIED),
    Refusal("52", "anybody, where it is denied", approved_by(NOBODY, ("a", A), ("b", A)), SATISFIED),
    Refusal(
        "52",
        "waiting with all it needs",
        spoilt(TWO, lambda p: recording(p, role=A)),
        LACKING,
    ),
    Refusal("52", "an easier rule", spoilt(BOTH, lambda p: change(p, **ruled(ONE))), KEPT),
    Refusal("52", "no rule any more", spoilt(BOTH, lambda p: change(p, approval_rule=None)), KEPT),
    Refusal("52", "another hour of escalation", spoilt(NAMED, lambda p: change(p, escalate_at=p["created_at"])), KEPT),
    Refusal("52", "escalated twice", escalated_twice, KEPT),
    Refusal(
        "52",
        "escalated without an hour for it",
        spoilt(NAMED, lambda p: change(p, escalated_at=p["created_at"])),
        "payments_escalated_when_due",
    ),
    Refusal(
        "52",
        "a rule for a driver",
        born_with(payer_type="driver_ic", payer_id="019c0000-0000-7000-8000-00000000000d", **ruled(ONE)),
        "payments_required_approvals_by_payer",
    ),
    Refusal(
        "52",
        "a rule for a driver that asks for nobody",
        born_with(
            payer_type="driver_ic",
            payer_id="019c0000-0000-7000-8000-00000000000d",
            **ruled(ONE, required_approvals=0),
        ),
        "payments_rule_of_back_office",
    ),
    Refusal("52", "in the creator's name", for_another("creator"), "approvals_four_eyes_of_principal"),
    Refusal("52", "in one's own name for oneself", for_another(APPROVER), "approvals_four_eyes_of_principal"),
    Refusal("52", "in another's name without a delegation", for_another("ann"), "approvals_delegated"),
    Refusal("52", "by who changed the payee's account", by_payee_changer, "approvals_four_eyes"),
    Refusal(
        "52",
        "approved by who changed the payee's account",
        spoilt({**ONE}, approving, lambda p, r: sets(r, payee_changed_by=APPROVER), required_approvals=1),
        "payments_four_eyes_of_payee_changer",
    ),
    Refusal(
        "52",
        "another name on an approval",
        sql("UPDATE approvals SET on_behalf_of = 'x' WHERE payment_id = %(payment_id)s", "approved"),
        DENIED,
    ),
)


@pytest.mark.parametrize("refusal", RULES)
def test_the_database_refuses(refusal: Refusal, app_connection: Connection[TupleRow]) -> None:
    """Origin 52, peers ask 11."""
    expect_refusal(app_connection, refusal.attempt, refusal.name)


@pytest.mark.parametrize(
    ("rule", "people"),
    [
        (ONE, [("a", D)]),
        (TWO, [("a", D), ("b", D)]),
        (TWO, [("a", A)]),
        (BOTH, [("a", D), ("b", A)]),
        (BOTH, [("a", A), ("b", D)]),
        (BOTH, [("a", D), ("c", D), ("b", A)]),
        (NAMED, [("ann", "")]),
    ],
)
def test_what_is_refused_above_is_otherwise_taken(
    rule: Row, people: list[tuple[str, str]], app_connection: Connection[TupleRow]
) -> None:
    approved_by(rule, *people)(app_connection)
    (found,) = app_connection.execute("SELECT status FROM payments ORDER BY payment_id DESC LIMIT 1").fetchall()
    assert found == ("approved",)


def test_new_content_brings_another_rule_and_fewer_approvals(app_connection: Connection[TupleRow]) -> None:
    payment = write(app_connection, new_payment(**under(app_connection, BOTH)))
    rows = change(payment, content_version=2, digest=OTHER_DIGEST, line_count=1, amount_cents=7, edited_by=APPROVER)
    sets(rows, **under(app_connection, ONE, required_approvals=1))
    rows.lines = line_items(payment, ((1, 7),), content_version=2)
    assert write(app_connection, rows)["required_approvals"] == 1


def test_the_schema_judges_as_the_program_does(app_connection: Connection[TupleRow]) -> None:
    """By two ways (Hall's theorem, and seating one by one) the same, over rules and crowds by chance."""
    chance = random.Random(52)
    verdicts = []
    for _ in range(60):
        rule, people = _by_chance(chance)
        columns = under(app_connection, msgspec.to_builtins(rule), required_approvals=20)
        payment = write(app_connection, new_payment(**columns))
        satisfied = standing(rule, people, None).open == 0
        app_connection.execute("SAVEPOINT before")
        rows = approving(payment, people[0].approver_id)
        sets(rows, approvals_valid=len(people), required_approvals=len(people))
        rows.entries.clear()
        sets(rows, audit_seq=payment["audit_seq"], audit_head=payment["audit_head"])
        for person in people:
            of_type = "admin" if person.role == A else "user"
            add_entry(
                rows,
                rows.sets or {},
                "payment_approved",
                None,
                "approved",
                actor=person.approver_id,
                actor_type=of_type,
            )
            signed = approval(payment, person.approver_id, approver_role=person.role)
            rows.approvals.append({**signed, "audit_seq": (rows.sets or {})["audit_seq"]})
        rows.approvals.pop(0)
        if satisfied:
            write(app_connection, rows)
        else:
            with pytest.raises(psycopg.errors.CheckViolation) as caught:
                write(app_connection, rows)
            assert caught.value.diag.constraint_name == SATISFIED, (rule, people)
        app_connection.execute("ROLLBACK TO before")
        verdicts.append(satisfied)
    assert 10 <= sum(verdicts) <= 50, "chance tries both"


def _by_chance(chance: random.Random) -> tuple[ChosenRule, list[Approval]]:
    names = ["ann", "ben", "cem", "dot"]
    lists = [[_step(chance, names) for _ in range(chance.randint(1, 3))] for _ in range(chance.randint(1, 2))]
    rule = msgspec.convert(
        {"version": 1, "rule": "r", "effect": "approvals", "source": "api", "anyOf": lists}, ChosenRule
    )
    crowd = chance.sample(names, chance.randint(1, 4))
    at = new_payment().payment["created_at"]
    return rule, [Approval(approver_id=name, role=chance.choice([D, A]), at=at) for name in crowd]


def _step(chance: random.Random, names: list[str]) -> Row:
    if chance.random() < 0.3:
        return {"people": chance.sample(names, chance.randint(1, 2))}
    return {"role": chance.choice([D, A]), "quorum": chance.choice([1, 1, 2])}


def test_what_the_score_changes_applies(app_connection: Connection[TupleRow]) -> None:
    (easy,) = app_connection.execute(
        "SELECT approval_rule_satisfied(p) FROM payments p WHERE p.payment_id = %s",
        [_approved_by_one(app_connection)["payment_id"]],
    ).fetchall()
    (hard,) = app_connection.execute(
        "SELECT approval_rule_satisfied(p) FROM (SELECT (jsonb_populate_record(q, "
        '\'{"fraud_status": "high_risk"}\')).* FROM payments q) p ORDER BY payment_id DESC LIMIT 1'
    ).fetchall()
    assert (easy, hard) == ((True,), (False,))


def _approved_by_one(connection: Connection[TupleRow]) -> Row:
    payment = write(connection, new_payment(**under(connection, BY_SCORE, required_approvals=1)))
    return write(connection, approving(payment))
