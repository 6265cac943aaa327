"""The text of the limits says what it says; everything that is wrong with it is named at once."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vendorpay.domain.rate_limits import LIMITED, RateClass, parsed
from vendorpay.domain.token_bucket import NS_PER_S, Limit


def fault(text: str) -> str:
    with pytest.raises(ValueError, match=r"^must be limits like read=100/s:200,write=600/min: ") as refused:
        parsed(text)
    return str(refused.value)


def test_each_unit_and_an_own_burst_are_read() -> None:
    assert parsed("read=100/s:200, write=600/min ,bulk=5/h") == {
        RateClass.READ: Limit(NS_PER_S // 100, 2 * NS_PER_S),
        RateClass.WRITE: Limit(NS_PER_S // 10, 60 * NS_PER_S),
        RateClass.BULK: Limit(720 * NS_PER_S, 3600 * NS_PER_S),
    }


@given(st.integers(1, 1_000_000), st.sampled_from(["s", "min", "h"]), st.sampled_from(LIMITED))
def test_a_rate_that_does_not_come_out_even_is_never_more_than_was_said(tokens: int, unit: str, name: str) -> None:
    (limit,) = parsed(f"{name}={tokens}/{unit}").values()
    period_ns = {"s": 1, "min": 60, "h": 3600}[unit] * NS_PER_S
    assert tokens * (limit.interval_ns - 1) < period_ns <= tokens * limit.interval_ns
    assert limit.depth_ns == tokens * limit.interval_ns


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ",", "read", "read=", "read=5", "read=5/", "read=5/m", "read=5/day", "read=-5/s", "read=5.5/s"),
        *("5/s", "read=5/s:", "read=5/s:x", "read=5/s:1:2", "READ=5/s", "read=٥/s", "read = 5/s"),
        f"read={'9' * 5000}/s",
    ],
)
def test_what_is_no_limit_is_refused_in_few_words(text: str) -> None:
    assert "is not like read=100/s:200" in fault(text)
    assert len(fault(text)) < 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("admin=5/s", "names none of read, write, sensitive, bulk"),
        ("public=5/s", "names none of read, write, sensitive, bulk"),
        ("read=5/s,read=6/s", "'read=6/s' names a class for the second time"),
        ("read=0/s", "has a number that is not from 1 to 1000000"),
        ("read=5/s:0", "has a number that is not from 1 to 1000000"),
        ("read=1000001/s", "has a number that is not from 1 to 1000000"),
        ("read=1/h:25", "takes longer than a day to allow its burst again"),
        (",".join(["read=5/s"] * 17), "has more than 16 parts"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, words: str) -> None:
    assert words in fault(text)


def test_a_day_is_not_too_long() -> None:
    assert parsed("read=1/h:24")[RateClass.READ].depth_ns == 86_400 * NS_PER_S


def test_every_fault_is_named_at_once() -> None:
    told = fault("raed=5/s,write=0/min,bulk,admin=0/s")
    assert told.count(";") == 4
    for part in ("'raed=5/s' names none", "'write=0/min' has a number", "'bulk' is not like", "'admin=0/s' has a"):
        assert part in told


@given(st.text(max_size=100))
def test_no_text_breaks_it(text: str) -> None:
    with suppress(ValueError):
        assert parsed(text)
