"""Query strings: every wrong parameter is named, and nothing is guessed."""

from datetime import UTC, datetime
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vendorpay.api import query_strings
from vendorpay.api.queries import PaymentsQuery, PendingQuery, check_payments, check_pending
from vendorpay.domain.lifecycle import PaymentStatus

VENDOR = "5b1f9d3e-8c47-4a62-b0de-91c3a7f54e68"


def faults(raw: str | bytes) -> dict[str, str]:
    raw = raw.encode() if isinstance(raw, str) else raw
    _, found = query_strings.parse(raw, PaymentsQuery, check_payments)
    return {fault.field: fault.message for fault in found}


def test_every_filter_is_read() -> None:
    raw = f"vendorId={VENDOR}&status=approved&reference=A%2FB+1&createdFrom=2026-01-01T00:00:00%2B01:00&limit=7"
    query, found = query_strings.parse(f"{raw}&minAmountCents=0&cursor=abc".encode(), PaymentsQuery, check_payments)
    assert found == []
    assert query == PaymentsQuery(
        vendor_id=UUID(VENDOR),
        status=PaymentStatus.APPROVED,
        reference="A/B 1",
        created_from=datetime(2025, 12, 31, 23, tzinfo=UTC),
        limit=7,
        min_amount_cents=0,
        cursor="abc",
    )


@pytest.mark.parametrize(
    "text",
    ["", " 5", "5 ", "+5", "%2B5", "12.0", "1e3", "0x10", "٣", "1_0", "05", "abc", "NaN", "5%00", "-0", "9" * 5000],
)
def test_a_limit_that_is_no_integer_is_refused(text: str) -> None:
    """Origin 70: limit=abc or -1 was a 500."""
    assert faults(f"limit={text if '%' in text else quote(text)}").keys() == {"limit"}


@pytest.mark.parametrize("text", ["0", "-1", "201", "999999999999999999"])
def test_a_limit_out_of_range_is_refused(text: str) -> None:
    """Origin 77: the limit was unbounded."""
    assert faults(f"limit={text}").keys() == {"limit"}


def test_all_wrong_parameters_are_named_at_once() -> None:
    assert faults("limit=x&vendorID=1&status=paid&incidentId=7&createdFrom=yesterday").keys() == {
        "limit",
        "vendorID",
        "status",
        "incidentId",
        "createdFrom",
    }


def test_a_parameter_that_comes_twice_is_refused() -> None:
    assert faults("status=approved&status=rejected") == {"status": "is given more than once"}


@pytest.mark.parametrize(
    "raw", [b"reference=%", b"reference=%4", b"reference=%zz", b"reference=%ff", b"reference=\xff"]
)
def test_text_that_is_not_percent_encoded_utf_8_is_refused(raw: bytes) -> None:
    assert faults(raw).keys() == {"reference"}


def test_a_nul_or_a_control_character_is_refused() -> None:
    assert faults("reference=a%00b").keys() == {"reference"}
    assert faults("reference=a%0Ab").keys() == {"reference"}


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00"])
def test_a_time_that_would_overflow_or_has_no_zone_is_refused(moment: str) -> None:
    assert faults(f"createdFrom={quote(moment)}").keys() == {"createdFrom"}


def test_an_offset_beside_a_cursor_or_beyond_its_maximum_is_refused() -> None:
    for raw in (b"offset=1&cursor=abc", b"offset=10001", b"offset=-1"):
        _, found = query_strings.parse(raw, PendingQuery, check_pending)
        assert [fault.field for fault in found] == ["offset"]


@given(st.binary(max_size=60))
def test_no_bytes_at_all_break_the_parser(raw: bytes) -> None:
    query, found = query_strings.parse(raw, PaymentsQuery, check_payments)
    assert (query is None) == bool(found)


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=64).map(str.strip))
def test_any_reference_comes_through_percent_encoding(reference: str) -> None:
    query, found = query_strings.parse(f"reference={quote(reference)}".encode(), PaymentsQuery, check_payments)
    assert found == []
    assert query is not None
    assert query.reference == reference
