"""The merge of metadata is RFC 7396, and an edit says what changed, or which field cannot be."""

import copy
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.usecases.world import a_new_payment, a_patch, new_lines
from vendorpay.domain.errors import FieldFault, InvalidRequest
from vendorpay.domain.new_payment import begin
from vendorpay.domain.parsing import parse
from vendorpay.domain.payment import PaymentState
from vendorpay.domain.payment_patch import PaymentPatch, check, edit, merged
from vendorpay.domain.text import METADATA_BYTES_MAX
from vendorpay.entrypoints.ids import system_now

# RFC 7396, appendix A: target, patch, result.
APPENDIX = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=1), inner, max_size=4),
    max_leaves=10,
)
objects = st.dictionaries(st.text("abc", max_size=1), values, max_size=4)


@pytest.mark.parametrize(("target", "patch", "result"), APPENDIX)
def test_every_example_of_the_rfc_comes_out_as_it_says(target: Any, patch: Any, result: Any) -> None:
    assert merged(target, patch) == result


@given(objects, objects)
def test_fault_67_what_a_patch_does_not_name_is_never_lost(target: dict[str, Any], patch: dict[str, Any]) -> None:
    """Origin 67: scoring a payment replaced its metadata; work details and photo counts were gone."""
    before = copy.deepcopy((target, patch))
    result = merged(target, patch)
    assert (target, patch) == before, "nor is the target changed in place"
    for name in target.keys() | patch.keys():
        if name not in patch:
            assert result[name] == target[name]
        elif patch[name] is None:
            assert name not in result
        elif isinstance(patch[name], dict):
            inner = target.get(name)
            assert result[name] == merged(inner if isinstance(inner, dict) else {}, patch[name])
        else:
            assert result[name] == patch[name]
    assert merged(result, patch) == result, "a patch that comes twice does nothing more"


def a_state(**fields: Any) -> PaymentState:
    def new_id() -> UUID:
        return uuid4()

    new = a_new_payment(**fields)
    return begin(new, org_id="o", created_by="c", required_approvals=1, now=system_now(), new_id=new_id)


def changes_of(state: PaymentState, patch: PaymentPatch) -> tuple[str, ...]:
    return edit(patch, state, uuid4).changes


def test_an_edit_names_what_changed_and_only_that() -> None:
    state = a_state(metadata={"kept": 1, "flag": True})
    assert changes_of(state, a_patch(lines=((1, 7),))) == ("lineItems", "amountCents")
    assert changes_of(state, a_patch(lines=((1, 10_500),))) == ("lineItems",)
    assert changes_of(state, a_patch(metadata={"new": 1}, reference="r")) == ("metadata", "reference")
    assert changes_of(state, a_patch(metadata={"flag": 1})) == ("metadata",), "true is not 1"
    for nothing in (
        a_patch(lines=((1, 10_000), (2, 250))),
        a_patch(amount_cents=10_500),
        a_patch(metadata={"kept": 1, "absent": None}),
        a_patch(metadata={}),
        a_patch(reference=""),
    ):
        edited = edit(nothing, state, uuid4)
        assert (edited.changes, edited.new_content, edited.payment) == ((), False, state.payment)


def test_other_lines_are_another_content_and_metadata_is_none() -> None:
    state = a_state()
    edited = edit(a_patch(lines=((1, 10_500),)), state, uuid4)
    assert edited.new_content
    assert edited.payment.content_version == 2
    assert edited.payment.digest != state.payment.digest
    assert [(line.line_no, line.total_cents) for line in edited.payment.line_items] == [(1, 10_500)]
    labelled = edit(a_patch(metadata={"a": 1}, reference="x"), state, uuid4)
    assert not labelled.new_content
    assert (labelled.payment.digest, labelled.payment.content_version) == (state.payment.digest, 1)


@pytest.mark.parametrize(
    ("patch", "field"),
    [
        (a_patch(amount_cents=10_501), "amountCents"),
        (PaymentPatch(line_items=new_lines(((1, 7),))), "amountCents"),
        (a_patch(metadata={"k": "x" * METADATA_BYTES_MAX}), "metadata"),
    ],
)
def test_an_outcome_that_no_payment_may_have_names_its_field(patch: PaymentPatch, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        edit(patch, a_state(metadata={"there": "y" * 100}), uuid4)
    assert [fault.field for fault in caught.value.faults] == [field]


def test_metadata_of_two_patches_that_fit_may_be_too_large_together() -> None:
    state = a_state(metadata={"one": "x" * 5_000})
    with pytest.raises(InvalidRequest, match="metadata"):
        edit(a_patch(metadata={"two": "x" * 5_000}), state, uuid4)
    assert changes_of(state, a_patch(metadata={"two": "x" * 5_000, "one": None})) == ("metadata",)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["$"]),
        ({"lineItems": None}, ["lineItems"]),
        ({"metadata": None}, ["metadata"]),
        ({"amountCents": "12", "reference": " x", "status": "approved"}, ["amountCents", "reference", "status"]),
        ({"lineItems": [], "amountCents": 0}, ["lineItems", "amountCents"]),
        (
            {"lineItems": [{"description": "a", "quantity": 2, "unitPriceCents": 3}], "amountCents": 7},
            ["amountCents"],
        ),
        (
            {
                "lineItems": [{"description": "a", "quantity": 2, "unitPriceCents": 3}],
                "amountCents": 7,
                "metadata": {"a": "\x00"},
                "currency": "EUR",
            },
            ["amountCents", "metadata", "currency"],
        ),
        ({"metadata": {"a": 2**63}}, ["metadata"]),
    ],
)
def test_every_wrong_field_of_a_patch_is_named_at_once(body: Any, fields: list[str]) -> None:
    value, faults = parse(msgspec.json.encode(body), PaymentPatch, check)
    assert value is None
    assert sorted(fault.field for fault in faults) == sorted(fields)
    assert all(isinstance(fault, FieldFault) for fault in faults)
