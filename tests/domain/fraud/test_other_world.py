"""The engine holds on histories of a generator that the simulator has nothing in common with."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.domain.fraud.other_world import OtherWorld
from tests.usecases.world import rounds
from vendorpay.domain.fraud.rule_set import DEFAULT
from vendorpay.entrypoints.fraud_backtest import replay
from vendorpay.entrypoints.fraud_backtest.labels import Labels
from vendorpay.entrypoints.fraud_backtest.report import Report, total

QUICK: dict[str, Any] = {"honest": 800, "cases": 1, "vendors": 8, "days": 50}
WORLDS: list[tuple[dict[str, Any], float]] = [
    ({}, 0.78),
    ({"lists": True}, 0.8),
    # Work around the clock, drivers unknown, four vendors a day: who would see a ghost or a friend in that?
    ({"by_night": True, "driver_known": False, "vendors": 60}, 0.65),
    ({"lists": True, "vendors": 8, "honest": 3_000, "cases": 2, "currency": "JPY"}, 0.8),
]


def backtest(world: OtherWorld) -> Report:
    lines = [(number, msgspec.json.encode(event)) for number, event in enumerate(world.events, start=1)]
    found = replay.read(lines)
    assert found.bad == []
    return total(replay.replay(found.events, DEFAULT), Labels(dict(world.patterns), [])).report()


def test_a_small_foreign_history_is_told_apart() -> None:
    world = OtherWorld(seed=3, **QUICK)
    report = backtest(world)
    assert report.scored == QUICK["honest"] + len(world.patterns)
    assert report.precision >= 0.9
    assert report.recall >= 0.6


@pytest.mark.skipif(rounds(0, 1) == 0, reason="eight thousand payments a world: make soak")
@pytest.mark.parametrize(("world", "recall"), WORLDS, ids=["bounds", "lists", "night", "yen"])
@pytest.mark.parametrize("seed", [71, 72])
def test_foreign_histories_are_told_apart(world: dict[str, Any], recall: float, seed: int) -> None:
    report = backtest(OtherWorld(seed=seed, **world))
    assert report.precision >= 0.9
    assert report.recall >= recall
