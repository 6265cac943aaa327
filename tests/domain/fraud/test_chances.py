"""The statistics under the signals, held against their definitions."""

from __future__ import annotations

from math import ceil, comb, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vendorpay.domain.fraud.chance import at_least, together
from vendorpay.domain.fraud.signal import evidence, ramp
from vendorpay.domain.fraud.spread import WILD_ROWS_MIN, WILD_TIMES, at, chance_above, chance_below, spread_of
from vendorpay.domain.fraud.words import differing_bits, plain, similarity_key

VALUES = st.lists(st.integers(0, 10**7), min_size=1, max_size=60).map(sorted)


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_the_spread_is_that_of_the_ordered_values(values: list[int]) -> None:
    found = spread_of(values)
    assert found is not None
    middle = values[ceil(len(values) / 2) - 1]
    assert (found.count, found.median) == (len(values), middle)
    assert found.most == values[-1] or values[-1] > WILD_TIMES * values[ceil(len(values) * 0.85) - 1]
    logs = sorted(abs(log(max(value, 1) / max(middle, 1))) for value in values)
    assert found.log_mad == pytest.approx(at_position(logs), abs=1e-6)


def test_one_or_two_wild_values_are_no_measure_and_a_third_is_a_kind_of_its_own() -> None:
    tame, wild = list(range(1_000, 1_060)), 4_000_000
    for count, most, rare in ((0, 1_059, True), (1, 1_059, True), (2, 1_059, True), (3, wild, False)):
        values = tame + [wild] * count
        spread = spread_of(values)
        assert spread is not None
        assert spread.most == most
        assert (chance_above(values, spread, 20_000) < 1e-6) == rare
    few = spread_of([10] * (WILD_ROWS_MIN - 2) + [wild])
    assert few is not None
    assert few.most == wild


def at_position(ordered: list[float]) -> float:
    return ordered[ceil(len(ordered) / 2) - 1]


@settings(max_examples=100, deadline=None)
@given(VALUES, st.integers(0, 10**8), st.integers(0, 10**8))
def test_further_out_is_never_likelier(values: list[int], one: int, other: int) -> None:
    spread, (low, high) = spread_of(values), sorted((one, other))
    assert spread is not None
    assert 0 <= chance_above(values, spread, high) <= chance_above(values, spread, low) <= 1
    assert 0 <= chance_below(values, spread, low) <= chance_below(values, spread, high) <= 1


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.floats(0, 1))
def test_the_binomial_tail_is_the_sum_of_its_terms(seen: int, of: int, chance: float) -> None:
    wanted = sum(comb(of, n) * chance**n * (1 - chance) ** (of - n) for n in range(seen, of + 1))
    assert at_least(seen, of, chance) == pytest.approx(wanted, abs=1e-9)


def test_many_middling_chances_are_no_surprise_and_many_small_ones_are() -> None:
    assert together([]) == 1.0
    assert together([0.03]) == pytest.approx(0.03)
    assert together([0.5] * 6) > 0.5
    assert together([0.01] * 3) < 0.0002


def test_evidence_adds_up_in_powers_of_ten() -> None:
    assert evidence(1.0) == 0.0
    both = 1 - (1 - evidence(3.0)) * (1 - evidence(3.0))
    assert both == pytest.approx(evidence(5.0))
    assert [ramp(value, 1, 3) for value in (0, 1, 2, 3, 4)] == [0.0, 0.0, 0.5, 1.0, 1.0]


def test_percentiles_are_those_of_sql() -> None:
    assert [at([10, 20, 30, 40], share) for share in (0.25, 0.26, 0.5, 0.98, 1.0)] == [10, 20, 20, 40, 40]


def test_words_are_compared_without_case_digits_and_signs() -> None:
    assert plain("Toll  #17: I-95!") == plain("toll i") == "toll i"
    original = similarity_key("Customer waited at the gas station near exit nine")
    edited = similarity_key("Customer waited at the gas station near exit ten")
    other = similarity_key("Key locked in the cab, trailer attached, tread low")
    assert original is not None
    assert edited is not None
    assert other is not None
    assert differing_bits(original, edited) < 16 < differing_bits(original, other)
    assert similarity_key("") is similarity_key("17 -- 4") is None
    assert -(2**63) <= original < 2**63
