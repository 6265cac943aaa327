"""The rules of a payment that does not exist yet (contract section 4)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vendorpay.domain import new_payment
from vendorpay.domain.new_payment import NewPayment
from vendorpay.domain.parsing import parse

INCIDENT = "22222222-2222-4222-8222-222222222222"


def line(quantity: int = 1, price: int = 100, description: str = "Towing") -> dict[str, Any]:
    return {"description": description, "quantity": quantity, "unitPriceCents": price}


def read(**changes: Any) -> tuple[NewPayment | None, list[str]]:
    body = {
        "incidentId": INCIDENT,
        "vendorId": INCIDENT,
        "payerType": "back_office",
        "amountCents": 100,
        "lineItems": [line()],
        **changes,
    }
    value, faults = parse(json.dumps(body).encode(), NewPayment, new_payment.check)
    return value, [fault.field for fault in faults]


def test_what_may_be_left_out_has_its_default() -> None:
    payment, faults = read()
    assert faults == []
    assert payment is not None
    assert (payment.currency, payment.reference, payment.payer_id, payment.metadata) == ("USD", "", None, {})


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 10**6)), min_size=1, max_size=20), st.integers(-2, 2))
def test_fault_43_the_amount_is_the_sum_of_the_lines(lines: list[tuple[int, int]], off: int) -> None:
    total = sum(quantity * price for quantity, price in lines)
    payment, faults = read(amountCents=total + off, lineItems=[line(*each) for each in lines])
    assert (payment is not None) == (off == 0 and total >= 1)
    assert set(faults) <= {"amountCents"}


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"amountCents": 0, "lineItems": [line(1, 0)]}, "amountCents"),
        ({"amountCents": -100}, "amountCents"),
        ({"amountCents": 10**13 + 1, "lineItems": [line(10, 10**12), line(1, 1)]}, "amountCents"),
        ({"amountCents": 10**12 + 1, "lineItems": [line(1, 10**12 + 1)]}, "lineItems[0].unitPriceCents"),
        ({"lineItems": [line(0)]}, "lineItems[0].quantity"),
        ({"lineItems": [line(1_000_001)]}, "lineItems[0].quantity"),
        ({"lineItems": []}, "lineItems"),
        ({"lineItems": [line(1, 0)] * 201}, "lineItems"),
        ({"lineItems": [line(description="")]}, "lineItems[0].description"),
        ({"lineItems": [line(description="x" * 256)]}, "lineItems[0].description"),
        ({"lineItems": [line(description="a\nb")]}, "lineItems[0].description"),
        ({"lineItems": [line(description="nul\x00")]}, "lineItems[0].description"),
        ({"currency": "zzz"}, "currency"),
        ({"currency": "usd"}, "currency"),
        ({"currency": "XXX"}, "currency"),
        ({"currency": None}, "currency"),
        ({"reference": "x" * 65}, "reference"),
        ({"reference": "a\tb"}, "reference"),
        ({"reference": "INV-1 "}, "reference"),
        ({"reference": " "}, "reference"),
        ({"lineItems": [{"description": " ", "quantity": 1, "unitPriceCents": 1}]}, "lineItems[0].description"),
        ({"payerType": "driver_ic"}, "payerId"),
        ({"payerId": "bob"}, "payerId"),
        ({"incidentId": "1"}, "incidentId"),
        ({"metadata": []}, "metadata"),
        ({"metadata": {"a": "\x00"}}, "metadata"),
        ({"metadata": {"\x00": 1}}, "metadata"),
        ({"metadata": {"a": 10**30}}, "metadata"),
        ({"metadata": {"a": "x" * 8192}}, "metadata"),
        ({"metadata": json.loads('{"a":' * 17 + "1" + "}" * 17)}, "metadata"),
    ],
)
def test_faults_42_44_and_70_what_is_wrong_is_named(changes: dict[str, Any], wrong: str) -> None:
    payment, faults = read(**changes)
    assert payment is None
    assert wrong in faults


@pytest.mark.parametrize(
    "changes",
    [
        {"amountCents": 10**13, "lineItems": [line(10, 10**12)]},
        {"lineItems": [line(1, 0)] * 199 + [line()]},
        {"lineItems": [line(description="é" * 255)]},
        {"lineItems": [line(), line(3, 0)]},
        {"reference": "x" * 64},
        {"reference": "INV 1/é"},
        {"reference": "7"},
        {"currency": "KWD"},
        {"payerType": "driver_ic", "payerId": INCIDENT},
        {"metadata": {"a": "x" * (8192 - len('{"a":""}'))}},
        {"metadata": json.loads('{"a":' * 15 + "1" + "}" * 15)},
    ],
)
def test_what_is_right_to_its_last_limit_is_taken(changes: dict[str, Any]) -> None:
    payment, faults = read(**changes)
    assert faults == []
    assert payment is not None
