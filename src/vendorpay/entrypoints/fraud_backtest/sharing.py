"""A backtest on several cores: each process replays the whole history and scores its part of the payments."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

import msgspec

from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.entrypoints.fraud_backtest.event_rows import EventRow
from vendorpay.entrypoints.fraud_backtest.replay import Scored, replay

SHARED_FROM: Final = 2_000
"""Below so many events a second process costs more than it brings."""
PROCESSES_MAX: Final = 8

_events: Sequence[EventRow] = ()


def scored(events: Sequence[EventRow], rule_set: RuleSet, processes: int | None = None) -> Iterator[Scored]:
    """What `replay` gives, in no particular order."""
    turns = min(PROCESSES_MAX, processes or len(os.sched_getaffinity(0)))
    if turns == 1 or len(events) < SHARED_FROM:
        yield from replay(events, rule_set)
        return
    # Forked, so that the events need not be sent; nothing here has threads yet.
    _hold(events)
    try:
        with ProcessPoolExecutor(turns, mp_context=get_context("fork")) as pool:
            parts = pool.map(_part, [(rule_set, turn, turns) for turn in range(turns)])
            for part in parts:
                yield from msgspec.msgpack.decode(part, type=list[Scored])
    finally:
        _hold(())


def _hold(events: Sequence[EventRow]) -> None:
    global _events
    _events = events


def _part(task: tuple[RuleSet, int, int]) -> bytes:
    rule_set, turn, turns = task
    return msgspec.msgpack.encode(list(replay(_events, rule_set, turn=turn, turns=turns)))
