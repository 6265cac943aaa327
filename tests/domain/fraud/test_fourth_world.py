"""The engine holds on histories of a fourth generator, on seeds that nothing was improved on."""

from __future__ import annotations

import msgspec
import pytest

from tests.domain.fraud.fourth_world import FourthWorld
from tests.usecases.world import rounds
from vendorpay.domain.fraud.rule_set import DEFAULT
from vendorpay.entrypoints.fraud_backtest import replay
from vendorpay.entrypoints.fraud_backtest.labels import Labels
from vendorpay.entrypoints.fraud_backtest.report import Report, total


def backtest(world: FourthWorld) -> Report:
    found = replay.read((number, msgspec.json.encode(event)) for number, event in enumerate(world.events, start=1))
    assert found.bad == []
    return total(replay.replay(found.events, DEFAULT), Labels(dict(world.patterns), [])).report()


@pytest.mark.skipif(rounds(0, 1) == 0, reason="thirty thousand payments: make soak")
@pytest.mark.parametrize("seed", [61, 62])
def test_far_ways_that_took_no_time_and_dispatchers_with_one_dear_vendor_are_told_apart(seed: int) -> None:
    report = backtest(FourthWorld(seed=seed, payments=30_000, vendors=70))
    assert report.scored == 30_000
    assert report.precision >= 0.9
    assert report.recall >= 0.75
    patterns = report.patterns
    assert patterns["inflated_mileage"].flagged >= patterns["inflated_mileage"].planted * 0.6
    assert all(each.flagged >= each.planted / 3 for each in patterns.values())
