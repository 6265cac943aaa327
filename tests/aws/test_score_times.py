"""How long scores take is told of every one, whatever came of it, in lines that CloudWatch can read."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from datetime import UTC, datetime

import pytest

from tests.aws.test_fraud_detector import ROW
from vendorpay.adapters.aws import emf
from vendorpay.adapters.aws.emf import VALUES_MAX, Measured
from vendorpay.adapters.embedded_fraud import EmbeddedFraud
from vendorpay.domain.fraud.facts import FraudFacts, facts_of
from vendorpay.domain.fraud.finding import Assessment
from vendorpay.domain.fraud.rows import FraudRow
from vendorpay.domain.fraud.rule_set import DEFAULT, RuleSet
from vendorpay.domain.fraud.windows import Windows
from vendorpay.entrypoints.aws.scoring import TimedProvider
from vendorpay.ports import FraudProvider, NoScore

pytestmark = pytest.mark.anyio

FACTS = facts_of(ROW, Windows())


class Slow:
    """A provider that takes its time, and then says nothing."""

    name = "slow"
    takes_s = 0.05

    async def score(self, row: FraudRow, facts: FraudFacts, rule_set: RuleSet, snoozed: Collection[str]) -> Assessment:
        await asyncio.sleep(self.takes_s)
        raise NoScore("it has no idea")


def timed(provider: FraudProvider) -> tuple[TimedProvider, list[tuple[float, ...]]]:
    told: list[tuple[float, ...]] = []
    return TimedProvider(provider, told.append), told


async def test_it_says_what_the_provider_says_and_tells_by_the_hundred() -> None:
    provider, told = timed(EmbeddedFraud())
    assert provider.name == EmbeddedFraud().name
    expected = await EmbeddedFraud().score(ROW, FACTS, DEFAULT, frozenset())
    for _ in range(2 * VALUES_MAX + 1):
        assert await provider.score(ROW, FACTS, DEFAULT, frozenset()) == expected
    assert [len(each) for each in told] == [VALUES_MAX, VALUES_MAX]
    provider.tell_the_rest()
    provider.tell_the_rest()
    assert [len(each) for each in told] == [VALUES_MAX, VALUES_MAX, 1]
    assert all(0 <= took_s < 1 for each in told for took_s in each)


async def test_what_failed_and_what_was_broken_off_took_its_time_too() -> None:
    slow = Slow()
    provider, told = timed(slow)
    with pytest.raises(NoScore):
        await provider.score(ROW, FACTS, DEFAULT, frozenset())
    slow.takes_s = 60.0
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await provider.score(ROW, FACTS, DEFAULT, frozenset())
    provider.tell_the_rest()
    ((failed_s, broken_off_s),) = told
    assert 0.045 <= failed_s < 30
    assert 0.009 <= broken_off_s < 30


@pytest.mark.parametrize("many", [0, VALUES_MAX + 1])
async def test_a_line_has_as_many_values_as_cloudwatch_takes(many: int) -> None:
    measured = Measured(name="X", unit="Seconds", value=(0.5,) * many)
    with pytest.raises(AssertionError, match="X"):
        emf.line("n", {"Stage": "dev"}, [measured], at=datetime.now(UTC))
