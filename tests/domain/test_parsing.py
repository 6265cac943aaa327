"""From bytes to values: the quick way and the careful way agree, and every wrong field is named at once."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vendorpay.domain import new_payment
from vendorpay.domain.errors import FieldFault, MalformedJson
from vendorpay.domain.new_payment import NewPayment
from vendorpay.domain.parsing import FAULTS_MAX, VALUE_CHARACTERS_MAX, convert, decode, parse
from vendorpay.domain.reasons import ReasonCode

INCIDENT = "22222222-2222-4222-8222-222222222222"
GOOD: dict[str, Any] = {
    "incidentId": INCIDENT,
    "vendorId": INCIDENT,
    "payerType": "back_office",
    "amountCents": 10_500,
    "lineItems": [{"description": "Towing", "quantity": 2, "unitPriceCents": 5_250}],
}


class Reasoned(msgspec.Struct, rename="camel"):
    reason_code: ReasonCode | None = None


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)
near_misses = st.dictionaries(
    st.sampled_from([*GOOD, "currency", "reference", "metadata", "payerId", "currancy"]),
    values | st.sampled_from([INCIDENT, "USD", "driver_ic", 1, 12.0, "12", True, [], {}, [GOOD["lineItems"][0]]]),
    max_size=6,
)


def faults_of(body: Any) -> dict[str, str]:
    _, faults = parse(json.dumps(body).encode(), NewPayment, new_payment.check)
    return {fault.field: fault.message for fault in faults}


@given(near_misses)
def test_the_quick_way_and_the_careful_way_agree(changes: dict[str, Any]) -> None:
    body = {**GOOD, **changes}
    try:
        raw = json.dumps(body).encode()
        quick = parse(raw, NewPayment, new_payment.check)
    except MalformedJson:
        return
    careful = convert(msgspec.json.decode(raw), NewPayment, new_payment.check)
    assert quick == careful
    assert (quick[0] is None) == bool(quick[1])


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_bytes_of_any_kind_are_a_value_or_malformed(raw: bytes) -> None:
    try:
        value, faults = parse(raw, NewPayment, new_payment.check)
    except MalformedJson:
        return
    assert value is None
    assert faults


HOSTILE = [
    *(b"", b"{", b"nul", b"[1,]", b"{'a':1}", b"NaN", b"Infinity", b"{}{}", b"\xef\xbb\xbf{}", b"\xff\xfe"),
    *(b'"\xed\xa0\x80"', b"[" * 100_000, b'{"a":' * 100_000, b'{"metadata":' + b"[" * 5_000),
]


@pytest.mark.parametrize("raw", HOSTILE, ids=lambda raw: repr(raw[:20]))
def test_fault_70_hostile_json_is_malformed_and_nothing_else(raw: bytes) -> None:
    with pytest.raises(MalformedJson, match="The body is not JSON"):
        decode(raw)
    with pytest.raises(MalformedJson, match="The body is not JSON"):
        parse(raw, NewPayment, new_payment.check)


def test_fault_70_every_wrong_field_is_named_at_once() -> None:
    found = faults_of(
        {
            "incidentId": "not-a-uuid",
            "payerType": "bank",
            "amountCents": 12.0,
            "lineItems": [
                {"description": "", "quantity": 0, "unitPriceCents": -1},
                {"description": "ok", "quantity": 1.5},
                "no line",
            ],
            "currancy": "EUR",
            "reference": "x" * 65,
        }
    )
    assert set(found) == {
        *("incidentId", "vendorId", "payerType", "amountCents", "currancy", "reference"),
        *("lineItems[0].description", "lineItems[0].quantity", "lineItems[0].unitPriceCents"),
        *("lineItems[1].quantity", "lineItems[1].unitPriceCents", "lineItems[2]"),
    }
    assert found["vendorId"] == "is required"
    assert found["currancy"] == "is not a known field"
    assert "`" not in " ".join(found.values())


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({"lineItems": [7] * 300_000}, FAULTS_MAX),
        ({"lineItems": [GOOD["lineItems"][0]] * 300_000}, 1),  # each of them is right: there are too many
        ({f"field{n}": 0 for n in range(5_000)}, FAULTS_MAX),
    ],
    ids=["wrong elements", "too many elements", "unknown fields"],
)
def test_the_faults_of_a_huge_body_are_few(changes: dict[str, Any], count: int) -> None:
    """All 16 MiB of a body could be faults: naming each took half a minute and gigabytes."""
    _, faults = parse(json.dumps({**GOOD, **changes}).encode(), NewPayment, new_payment.check)
    assert len(faults) == count


def test_a_huge_value_is_not_quoted_whole() -> None:
    assert len(faults_of({**GOOD, "payerType": "x" * 100_000})["payerType"]) < 2 * VALUE_CHARACTERS_MAX


@pytest.mark.parametrize("value", ["bank", "", 7, None, []])
def test_what_is_not_of_a_closed_set_is_told_what_the_set_holds(value: object) -> None:
    """In the body of a request and in a row of an imported file alike."""
    words = "is not one of: back_office, driver_ic"
    assert faults_of({**GOOD, "payerType": value}) == {"payerType": words}
    assert convert({**GOOD, "payerType": value}, NewPayment, new_payment.check)[1] == [FieldFault("payerType", words)]


def test_a_set_behind_an_optional_type_names_its_values_too_and_a_long_one_does_not() -> None:
    _, faults = convert({"reasonCode": "mood"}, Reasoned, lambda _: [])
    assert faults[0].message == f"is not one of: {', '.join(ReasonCode)}"
    assert faults_of({**GOOD, "currency": "XYZ"}) == {"currency": "is not one of the allowed values"}


@pytest.mark.parametrize("number", [12.0, 1e3, "12", True, None, [], {}, 2**63, 10**30])
@pytest.mark.parametrize("field", ["amountCents", "quantity", "unitPriceCents"])
def test_fault_70_an_integer_is_an_integer(field: str, number: object) -> None:
    body = json.loads(json.dumps(GOOD))
    if field == "amountCents":
        body[field] = number
    else:
        body["lineItems"][0][field] = number
    wanted = field if field == "amountCents" else f"lineItems[0].{field}"
    assert wanted in faults_of(body)


@pytest.mark.parametrize("body", [[], "x", 1, None, True, [GOOD]])
def test_a_body_that_is_no_object_is_named_as_that(body: object) -> None:
    assert faults_of(body) == {"$": "must be a JSON object"}


@pytest.mark.parametrize("field", list(GOOD))
def test_a_missing_field_is_named(field: str) -> None:
    assert faults_of({name: value for name, value in GOOD.items() if name != field}) == {field: "is required"}
