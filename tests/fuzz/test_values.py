"""Texts and amounts at the edges of what there is: kept to the last byte, or refused by name; never bent."""

from __future__ import annotations

import json
import unicodedata
from decimal import Decimal
from typing import Any
from uuid import uuid4

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.fuzz.conftest import Desk
from tests.usecases.world import rounds
from vendorpay.domain.money import AMOUNT_MAX, UNIT_PRICE_MAX

QUANTITY_MAX = 1_000_000
some = settings(max_examples=rounds(20, 2_500))

odd_texts = st.one_of(
    st.text(max_size=70),
    st.text(st.characters(categories=["Mn", "Cf", "Zs", "Co", "So", "Cc"]), max_size=12),
    st.sampled_from(
        ["\ufeffx", "e\u0301", "\u00e9", "\U0001f468\u200d\U0001f469", "\u202eabc", "\uffff", "a\u2028b", "\x85"]
    ),
    st.text(st.characters(), max_size=5),
)
odd_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), odd_texts),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(odd_texts, inner, max_size=3),
    max_leaves=6,
)


def new_payment(**fields: Any) -> dict[str, Any]:
    return {
        "incidentId": str(uuid4()),
        "vendorId": str(uuid4()),
        "payerType": "back_office",
        "amountCents": 100,
        "lineItems": [{"description": "x", "quantity": 1, "unitPriceCents": 100}],
        **fields,
    }


def encoded(value: Any, *, plainly: bool) -> bytes:
    """As JSON, in escapes or as the characters themselves; half a character can only be written as an escape."""
    text = json.dumps(value, ensure_ascii=not plainly)
    return text.encode("utf-8", "surrogatepass")


def half(value: Any) -> bool:
    """Whether there is half a character anywhere in it."""
    return any("\ud800" <= each <= "\udfff" for each in json.dumps(value, ensure_ascii=False))


@some
@given(
    reference=odd_texts, description=odd_texts, metadata=st.dictionaries(odd_texts, odd_values, max_size=3), plainly=...
)
@example(reference="e\u0301", description="\u00e9", metadata={"\u00e9": 1, "e\u0301": 2}, plainly=True)
@example(reference="", description="a\x00b", metadata={"a": "\x00"}, plainly=False)
@example(
    reference="",
    description="x",
    metadata={"": [1e16, -0.0, 5.778582655889843e16, 5e-324, True, 2**63 - 1]},
    plainly=False,
)
@example(reference="\ud800", description="x", metadata={}, plainly=True)
def test_a_text_comes_back_as_it_was_sent_or_is_refused_by_name(
    desk: Desk, reference: str, description: str, metadata: dict[str, Any], plainly: bool
) -> None:
    line = {"description": description, "quantity": 1, "unitPriceCents": 100}
    sent = new_payment(reference=reference, metadata=metadata, lineItems=[line])
    answer = desk.ask("POST", "/payments", encoded(sent, plainly=plainly))
    if half(sent):
        assert answer.code == "malformed_json"
        return
    if answer.status == 400:
        assert answer.code == "invalid_request"
        assert answer.faults.keys() <= {"reference", "metadata", "lineItems[0].description"}
        assert ("reference" in answer.faults) == (not may_be_a_reference(reference))
        assert ("lineItems[0].description" in answer.faults) == (not may_be_a_description(description))
        return
    assert answer.status == 201
    shown = desk.ask("GET", f"/payments/{answer.json['paymentId']}").json
    assert (shown["reference"], shown["lineItems"][0]["description"]) == (reference, description)
    assert json.dumps(written_out(shown["metadata"])) == json.dumps(written_out(metadata))
    found = desk.ask("GET", "/payments", reference=reference, vendorId=sent["vendorId"]).json["payments"]
    assert [each["paymentId"] for each in found] == [shown["paymentId"]]


def written_out(value: Any) -> Any:
    """The value with its keys in order and its numbers in one spelling: the database keeps 1e16 as the number it is."""
    if isinstance(value, dict):
        return {key: written_out(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [written_out(each) for each in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"number {(Decimal(repr(value)) + 0).normalize()}"
    return value


def plain(text: str) -> bool:
    return not any(unicodedata.category(each) in ("Cc", "Zl", "Zp") for each in text)


def may_be_a_reference(text: str) -> bool:
    """Contract 4.1, and no blank at either end."""
    return len(text) <= 64 and plain(text) and text == text.strip()


def may_be_a_description(text: str) -> bool:
    """Contract 4.2, and not all of it blank."""
    return 1 <= len(text) <= 255 and plain(text) and bool(text.strip())


@some
@given(reason=odd_texts, notes=odd_texts, plainly=...)
def test_what_people_write_comes_back_in_the_record_or_is_refused_by_name(
    desk: Desk, reason: str, notes: str, plainly: bool
) -> None:
    payment_id = desk.ask("POST", "/payments", encoded(new_payment(), plainly=False)).json["paymentId"]
    sent = {"reason": reason, "notes": notes}
    answer = desk.ask("POST", f"/payments/{payment_id}/hold", encoded(sent, plainly=plainly))
    wrong = {"reason"} if "\x00" in reason or not reason.strip() else set()
    wrong |= {"notes"} if "\x00" in notes else set()
    if half(sent):
        assert answer.code == "malformed_json"
    elif wrong:
        assert (answer.code, set(answer.faults)) == ("invalid_request", wrong)
    else:
        assert answer.json["holds"][0]["reason"] == reason
        entry = desk.ask("GET", f"/payments/{payment_id}/audit-log").json["entries"][-1]
        assert entry["notes"].startswith(reason)
        assert entry["notes"].endswith(notes)


numbers = st.one_of(
    st.sampled_from([0, 1, 2, 999_999, 10**6, 10**6 + 1, 2**31, 10**12 - 1, 10**12, 10**12 + 1, 10**13, 10**13 + 1]),
    st.sampled_from([2**53 + 1, 2**63 - 1, 2**63, 2**64, 10**30, -1, -(2**63) - 1]),
    st.integers(0, 10**7),
)


@some
@given(
    lines=st.lists(st.tuples(numbers, numbers), min_size=1, max_size=3),
    amount=st.none() | numbers,
    off=st.integers(-1, 1),
)
@example(lines=[(10, 10**12)], amount=None, off=0)
@example(lines=[(10, 10**12)], amount=None, off=1)
@example(lines=[(10**6, 10**12)] * 3, amount=2**63 - 1, off=0)
@example(lines=[(1, 10**12 + 1), (10**6 + 1, 0)], amount=10**13 + 1, off=0)
def test_fault_43_money_is_exact_to_its_last_limit_and_refused_by_name_beyond(
    desk: Desk, lines: list[tuple[int, int]], amount: int | None, off: int
) -> None:
    total = sum(quantity * price for quantity, price in lines)
    amount = total + off if amount is None else amount
    items = [{"description": "x", "quantity": quantity, "unitPriceCents": price} for quantity, price in lines]
    answer = desk.ask("POST", "/payments", encoded(new_payment(amountCents=amount, lineItems=items), plainly=False))
    wrong = {f"lineItems[{n}].quantity" for n, (quantity, _) in enumerate(lines) if not 1 <= quantity <= QUANTITY_MAX}
    wrong |= {
        f"lineItems[{n}].unitPriceCents" for n, (_, price) in enumerate(lines) if not 0 <= price <= UNIT_PRICE_MAX
    }
    wrong |= set() if 1 <= amount <= AMOUNT_MAX and (wrong or amount == total) else {"amountCents"}
    if wrong:
        assert (answer.code, set(answer.faults)) == ("invalid_request", wrong)
        return
    shown = desk.ask("GET", f"/payments/{answer.json['paymentId']}").json
    assert shown["amountCents"] == amount
    assert [each["totalCents"] for each in shown["lineItems"]] == [quantity * price for quantity, price in lines]
