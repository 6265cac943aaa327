"""A policy is a document: its faults are all named, its first rule that fits applies, and one always does."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.approval.building import VENDOR, by, facts
from vendorpay.domain import policy
from vendorpay.domain.approval import standing
from vendorpay.domain.approval_rule import Effect, Source
from vendorpay.domain.approval_rules import RULES
from vendorpay.domain.approval_rules.fraud_status import FRAUD_STATUSES
from vendorpay.domain.errors import InvalidRequest
from vendorpay.domain.policy import DEFAULT, choose
from vendorpay.domain.policy_document import When

ONE, TWO, ADMIN_AND_ONE = "up to 1,000.00", "up to 10,000.00", "above, or in another currency"

TIERS = [
    (1, "USD", ONE),
    (1_000_00, "USD", ONE),
    (1_000_01, "USD", TWO),
    (10_000_00, "USD", TWO),
    (10_000_01, "USD", ADMIN_AND_ONE),
    (10**13, "USD", ADMIN_AND_ONE),
    (1, "EUR", ADMIN_AND_ONE),
    (1_000, "JPY", ADMIN_AND_ONE),
]
ENOUGH = {
    ONE: lambda admins, dispatchers: admins + dispatchers >= 1,
    TWO: lambda admins, dispatchers: admins >= 1 or dispatchers >= 2,
    ADMIN_AND_ONE: lambda admins, dispatchers: admins >= 1 and admins + dispatchers >= 2,
}
CROWDS = [(), *[(a,) for a in ("admin", "dispatcher", "auditor")], ("admin", "dispatcher"), ("admin", "admin")]
CROWDS += [("dispatcher", "dispatcher"), ("auditor", "dispatcher"), ("auditor", "admin")]


@pytest.mark.parametrize("crowd", CROWDS, ids=" and ".join)
@pytest.mark.parametrize(("amount", "currency", "name"), TIERS)
def test_the_whole_table_of_the_default_policy(amount: int, currency: str, name: str, crowd: tuple[str, ...]) -> None:
    """Origin 52: one approval for any amount. Peers ask 12: tiers, and another approver above a limit."""
    chosen = choose(DEFAULT, 0, facts(amount_cents=amount, currency=currency))
    found = standing(chosen, [by(f"person-{n}", role) for n, role in enumerate(crowd)], None)
    assert chosen.rule == name
    # An auditor adds nothing, whoever the others are.
    assert (found.open == 0) == ENOUGH[name](crowd.count("admin"), crowd.count("dispatcher"))


def test_nothing_is_approved_without_a_person_by_default() -> None:
    assert {rule.effect for rule in DEFAULT.rules} == {Effect.APPROVALS}


def test_the_default_policy_is_a_document_without_faults() -> None:
    assert policy.read(msgspec.json.encode(DEFAULT)) == DEFAULT


def test_each_condition_is_a_field_and_each_field_a_condition() -> None:
    assert sorted(rule.field for rule in RULES) == sorted(When.__struct_fields__)


CONDITIONS = [
    ({"minAmountCents": 10_000, "currencies": ["USD"]}, {}, {"amount_cents": 9_999}),
    ({"maxAmountCents": 10_000, "currencies": ["USD"]}, {}, {"amount_cents": 10_001}),
    ({"currencies": ["USD", "EUR"]}, {"currency": "EUR"}, {"currency": "GBP"}),
    ({"payerTypes": ["back_office"]}, {}, {"payer_type": "driver_ic"}),
    ({"vendors": [str(VENDOR)]}, {}, {"vendor_id": "019c0000-0000-7000-8000-000000000002"}),
    ({"vendorIsNew": True}, {"vendor_is_new": True}, {"vendor_is_new": False}),
    ({"vendorIsNew": True}, {"vendor_is_new": None}, {"vendor_is_new": False}),
    ({"vendorIsNew": False}, {"vendor_is_new": False}, {"vendor_is_new": None}),
    ({"serviceTypes": ["towing"]}, {"service_type": "Towing"}, {"service_type": None}),
    ({"sources": ["event"]}, {"source": Source.EVENT}, {"source": Source.BULK}),
    ({"fraudStatuses": ["high_risk"]}, {"fraud_status": "high_risk"}, {"fraud_status": "low_risk"}),
    ({"fraudStatuses": ["unknown"]}, {"fraud_status": None}, {"fraud_status": "low_risk"}),
    ({"creators": ["creator"]}, {}, {"created_by": "somebody"}),
]


@pytest.mark.parametrize(("when", "met", "unmet"), CONDITIONS)
def test_a_condition_is_met_or_not(when: dict[str, object], met: dict[str, object], unmet: dict[str, object]) -> None:
    asked = msgspec.convert(when, When)
    assert asked.met(facts(**met))
    assert not asked.met(facts(**unmet))


def test_long_lists_are_looked_into_at_once() -> None:
    """A document may list thousands of vendors, and is asked about every payment: by comparing them one by one, a
    simulation took four seconds of a core, in which nobody else was answered."""
    asked = msgspec.convert({"vendors": [str(uuid4())], "creators": ["ann"], "serviceTypes": ["Tow"]}, When).asked()
    assert {type(wanted) for _, wanted in asked} == {frozenset}


@given(
    amount=st.integers(1, 10**13),
    currency=st.sampled_from(["USD", "EUR", "JPY"]),
    source=st.sampled_from(list(Source)),
    fraud_status=st.sampled_from([None, *FRAUD_STATUSES]),
)
def test_every_payment_has_a_rule(amount: int, currency: str, source: Source, fraud_status: str | None) -> None:
    chosen = choose(MIXED, 3, facts(amount_cents=amount, currency=currency, source=source))
    demand = chosen.demand(fraud_status)
    with_score = facts(amount_cents=amount, currency=currency, source=source, fraud_status=fraud_status)
    assert demand.rule == next(rule.name for rule in MIXED.rules if rule.when.met(with_score))


def test_what_the_score_changes_is_kept_beside_the_rule() -> None:
    chosen = choose(MIXED, 3, facts(amount_cents=500))
    assert chosen.effect is Effect.APPROVALS
    assert {status: demand.effect for status, demand in chosen.by_fraud_status.items()} == {
        "low_risk": Effect.AUTO_APPROVE,
        "high_risk": Effect.DENY,
    }
    assert standing(chosen, (), "low_risk").steps[0].people == ("system:policy",)


def _document(*rules: Mapping[str, Any], **fields: Any) -> bytes:
    return msgspec.json.encode({"rules": rules, **fields})


_STEP = [[{"role": "dispatcher"}]]
_LAST = {"name": "all others", "anyOf": _STEP}
MIXED = policy.read(
    _document(
        {"name": "small and safe", "effect": "auto_approve", "when": {"fraudStatuses": ["low_risk"]}},
        {"name": "too risky", "effect": "deny", "when": {"fraudStatuses": ["high_risk"], "sources": ["api", "event"]}},
        {"name": "large", "anyOf": [[{"role": "admin"}]], "when": {"minAmountCents": 1000, "currencies": ["USD"]}},
        _LAST,
    )
)

FAULTS = [
    (_document(), "rules"),
    (_document({"name": "a", "when": {"currencies": ["USD"]}, "anyOf": _STEP}), "rules[0].when"),
    (_document({"name": "a", "anyOf": _STEP}, _LAST), "rules[0].when"),
    (_document({"name": "all others", "when": {"sources": ["api"]}, "anyOf": _STEP}, _LAST), "rules[1].name"),
    (_document({"name": "a", "when": {"minAmountCents": 1}, "anyOf": _STEP}, _LAST), "rules[0].when.currencies"),
    (_document({"name": "a", "when": {"currencies": ["ZZZ"]}, "anyOf": _STEP}, _LAST), "rules[0].when.currencies[0]"),
    (_document({"name": "a"}), "rules[0].anyOf"),
    (_document({"name": "a", "effect": "deny", "anyOf": _STEP}), "rules[0].anyOf"),
    (_document({"name": "a", "effect": "auto_approve", "anyOf": _STEP}), "rules[0].anyOf"),
    (_document({"name": "a", "effect": "deny", "escalation": {"afterHours": 1}}), "rules[0].escalation"),
    (_document({"name": "a", "anyOf": [[{}]]}), "rules[0].anyOf[0][0]"),
    (_document({"name": "a", "anyOf": [[]]}), "rules[0].anyOf[0]"),
    (_document({"name": "a", "anyOf": [[{"role": "driver"}]]}), "rules[0].anyOf[0][0].role"),
    (_document({"name": "a", "anyOf": [[{"role": "admin", "people": ["x"]}]]}), "rules[0].anyOf[0][0]"),
    (_document({"name": "a", "anyOf": [[{"people": ["x"], "quorum": 2}]]}), "rules[0].anyOf[0][0].quorum"),
    (_document({"name": "a", "anyOf": [[{"people": ["x", "x"]}]]}), "rules[0].anyOf[0][0].people"),
    (_document({"name": "a", "anyOf": [[{"people": ["system:policy"]}]]}), "rules[0].anyOf[0][0].people"),
    (_document({"name": "a", "anyOf": [[{"role": "admin", "quorum": 0}]]}), "rules[0].anyOf[0][0].quorum"),
    (_document({"name": "a", "anyOf": [[{"role": "admin", "quorum": 11}] * 2]}), "rules[0].anyOf[0]"),
    (_document({**_LAST, "amuont": 1}), "rules[0].amuont"),
    (_document(_LAST, limits=[{"per": "approver", "period": "day", "currency": "USD"}]), "limits[0].maxAmountCents"),
    (
        _document(_LAST, limits=[{"per": "vendor", "period": "day", "currency": "USD", "maxAmountCents": 5}] * 2),
        "limits[1]",
    ),
]


@pytest.mark.parametrize(("document", "field"), FAULTS, ids=[field for _, field in FAULTS])
def test_a_fault_is_named_where_it_is(document: bytes, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        policy.read(document)
    assert [fault.field for fault in caught.value.faults] == [field]


def test_a_hold_cannot_wait_for_the_score() -> None:
    rule = {"name": "a", "effect": "hold", "when": {"fraudStatuses": ["high_risk"]}, "anyOf": _STEP}
    with pytest.raises(InvalidRequest) as caught:
        policy.read(_document(rule, _LAST))
    assert [fault.field for fault in caught.value.faults] == ["rules[0].when.fraudStatuses"]


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(InvalidRequest) as caught:
        policy.read(_document({"name": "a", "when": {"minAmountCents": 9, "maxAmountCents": 1}}, {"effect": "no"}))
    assert len(caught.value.faults) >= 2
