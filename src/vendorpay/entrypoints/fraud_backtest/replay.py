"""Scoring events in order of completedAt on an empty history: each as of its own time, nothing stored."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

import msgspec

from vendorpay.domain.fraud.facts import facts_of
from vendorpay.domain.fraud.finding import Assessment
from vendorpay.domain.fraud.rule_set import RuleSet
from vendorpay.domain.fraud.score import assess
from vendorpay.domain.fraud_history import History
from vendorpay.entrypoints.fraud_backtest.event_rows import EventRow, NotAnEvent, event_row


class Scored(msgspec.Struct, frozen=True):
    """What became of one event."""

    event_id: str
    assessment: Assessment


class Lines(msgspec.Struct):
    """The events of a file, and the lines that are none."""

    events: list[EventRow]
    bad: list[tuple[int, str]]
    repeated: int = 0


def read(lines: Iterable[tuple[int, bytes | None]]) -> Lines:
    """The events of numbered lines (None = too long a line); the same id again is the same event, delivered twice."""
    found, seen = Lines([], []), set()
    for number, raw in lines:
        if raw is None:
            found.bad.append((number, "the line is too long"))
            continue
        if number == 1:
            raw = raw.removeprefix(BOM_UTF8)
        if not raw.strip():
            continue
        try:
            event = event_row(raw)
        except NotAnEvent as error:
            found.bad.append((number, str(error)))
            continue
        if event.event_id in seen:
            found.repeated += 1
            continue
        seen.add(event.event_id)
        found.events.append(event)
    return found


def replay(events: Sequence[EventRow], rule_set: RuleSet, *, turn: int = 0, turns: int = 1) -> Iterator[Scored]:
    """Scores the events in order of time; those of the same moment in the order of the file.

    With several `turns` every one of them is recorded and each `turns`-th is scored, so that several processes that
    know the same history share the work.
    """
    history = History()
    for number, event in enumerate(in_order(events), start=1):
        row = msgspec.structs.replace(event.row, payment_id=UUID(int=number))
        if number % turns == turn:
            yield Scored(event.event_id, assess(facts_of(row, history.windows(row)), rule_set))
        history.record(row)


def in_order(events: Sequence[EventRow]) -> list[EventRow]:
    """The events in the order in which they are replayed."""
    return sorted(events, key=lambda event: event.row.occurred_at)
