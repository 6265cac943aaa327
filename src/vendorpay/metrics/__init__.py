"""What is counted, and how it is shown. Like logs, anybody may count: a function for each thing that happens.

Each costs about a microsecond, never waits and never raises. A scrape reaches one process of a `serve` and shows the
numbers of all of them (docs/decisions/0010).
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Mapping
from typing import Final

from vendorpay.metrics import cells, families, processes
from vendorpay.metrics.cells import Part, Series, reserved
from vendorpay.metrics.exposition import CONTENT_TYPE, rendered
from vendorpay.metrics.families import Family

__all__ = ["CONTENT_TYPE", "Family", "Series", "attach", "exposition", "families", "reserved"]

CROWD_FROM: Final = 16
"""From so many requests under way at once on, callers come first."""
CROWD_ECHO_S: Final = 0.25

# Of one process: its number in the system, and what tells it from a later one with that number.
_IDENTITY = "process"
_BY_NAME = {family.name: family for family in families.COUNTED}


class _Places(dict[tuple[Family, tuple[object, ...]], int]):
    """Where in a part each series is counted; one that was not counted before gets its place when it is looked up."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self._part = part

    def __missing__(self, series: tuple[Family, tuple[object, ...]]) -> int:
        family, labels = series
        found = self[series] = self._part.place((family.name, tuple(map(str, labels))), family.width)
        return found


class _Numbers:
    """Where this process counts, and the parts that a scrape adds up."""

    def __init__(self) -> None:
        self.use([cells.alone()], 0)

    def use(self, parts: list[Part], own: int) -> None:
        self.parts, self.own = parts, parts[own]
        self.crowd_until_s = float("-inf")
        self.at_rest = 0
        self.places = _Places(self.own)


_numbers = _Numbers()


def attach(descriptor: int, parts: int, number: int, *, at_s: float) -> None:
    """From here on this process, born `at_s`, counts in part `number`, from 1, of memory that others share.

    It goes on where the process that had the part before it ended.
    """
    _numbers.use(cells.opened(descriptor, parts), number - 1)
    # What waited in the process before does not wait here.
    _numbers.own.clear(lambda name: name in _BY_NAME and not _outlives(_BY_NAME[name]))
    _add(families.PROCESS_STARTS, (number,))
    _set(families.PROCESS_START_TIME, (number,), at_s)
    identity = _numbers.own.place((_IDENTITY, ()), 2)
    used = processes.usage(os.getpid())
    _numbers.own.cells[identity] = float(os.getpid())
    _numbers.own.cells[identity + 1] = used.born if used else 0.0


def exposition(standing: Mapping[Series, list[float]]) -> bytes:
    """Everything as Prometheus reads it: of all processes, and what the database told."""
    values: dict[Series, list[float]] = dict(standing)
    for number, part in enumerate(_numbers.parts, start=1):
        everything = list(part.values())
        found = {series: numbers for series, numbers in everything if _is_known(series, numbers)}
        if identity := dict(everything).get((_IDENTITY, ())):
            pid, born = int(identity[0]), identity[1]
            if not processes.lives(pid):
                found = {series: cells for series, cells in found.items() if _outlives(_BY_NAME[series[0]])}
            values |= _read_from_system(number, pid, born)
        for series, numbers in found.items():
            values[series] = _together(_BY_NAME[series[0]], values.get(series), numbers)
    return rendered(families.FAMILIES, values)


def _is_known(series: Series, numbers: list[float]) -> bool:
    """Not so what a process of another version counts, in the place of one that died while it was installed."""
    family = _BY_NAME.get(series[0])
    return family is not None and (len(series[1]), len(numbers)) == (len(family.labels), family.width)


def _outlives(family: Family) -> bool:
    """Whether it stays true of a process that has ended: what it counted does, what it held does not."""
    return family.kind != "gauge" or family.largest_counts


def _together(family: Family, before: list[float] | None, found: list[float]) -> list[float]:
    if before is None:
        return found
    if family.largest_counts:
        return [max(before[0], found[0])]
    return [a + b for a, b in zip(before, found, strict=True)]


def _read_from_system(number: int, pid: int, born: float) -> dict[Series, list[float]]:
    used = processes.usage(pid)
    if used is None or used.born != born:
        return {}
    labels = (str(number),)
    return {
        (families.PROCESS_RESIDENT.name, labels): [used.resident_bytes],
        (families.PROCESS_CPU.name, labels): [used.cpu_s],
    }


def request_began(now_s: float) -> None:
    """A request's head is here, now by `time.perf_counter`."""
    _add(families.REQUESTS_IN_FLIGHT, ())
    if _pressing() >= CROWD_FROM:
        _numbers.crowd_until_s = now_s + CROWD_ECHO_S


def request_ended(operation: str, status: int, seconds: float) -> None:
    """A request was answered; `operation` is its name in the operations table, or "none"."""
    _add(families.REQUESTS_IN_FLIGHT, (), -1.0)
    _add(families.REQUESTS, (operation, status))
    _observe(families.REQUEST_SECONDS, (operation,), seconds)


def crowded(now_s: float) -> bool:
    """Whether so many requests are under way in this process at once, or were a moment ago: those of one batch are
    answered together, and there is nobody for the millisecond until they ask for more.
    """
    return _pressing() >= CROWD_FROM or now_s < _numbers.crowd_until_s


def _pressing() -> float:
    return _numbers.own.cells[_numbers.places[families.REQUESTS_IN_FLIGHT, ()]] - _numbers.at_rest


class _AtRest:
    """A `with` block in which a request only waits, for the rest of its body or for what we do by ourselves: it is
    under way and presses nobody. Approvals that wait for scores would else be the crowd that these scores give way to.
    """

    def __enter__(self) -> None:
        _numbers.at_rest += 1

    def __exit__(self, *_: object) -> None:
        _numbers.at_rest -= 1


at_rest: Final = _AtRest()


def rate_limited(rate_class: str) -> None:
    """A caller was told to wait before its next request of that class."""
    _add(families.RATE_LIMITED, (rate_class,))


def batch(commands: int, seconds: float) -> None:
    """A batch of so many commands was carried out, one way or another."""
    _observe(families.BATCH_COMMANDS, (), commands)
    _observe(families.BATCH_SECONDS, (), seconds)


def queue(commands: int) -> None:
    """So many commands wait for their batch now."""
    _set(families.QUEUE_COMMANDS, (), commands)


def straggler_began() -> None:
    """A command has left its batch."""
    _add(families.STRAGGLERS, ())
    _add(families.STRAGGLERS_WAITING, ())


def straggler_ended() -> None:
    """It has its answer."""
    _add(families.STRAGGLERS_WAITING, (), -1.0)


def pool_size(change: int) -> None:
    """A pool of so many connections was opened; of as many it was closed, when negative."""
    _add(families.POOL_CONNECTIONS_MAX, (), change)


def pool_in_use(change: int) -> None:
    """A connection was taken (1) or given back (-1)."""
    _add(families.POOL_CONNECTIONS_IN_USE, (), change)


def pool_waiting(change: int) -> None:
    """Somebody began (1) or ended (-1) to wait for a connection."""
    _add(families.POOL_WAITING, (), change)


def sequencer_pass(stream: str, numbered: int) -> None:
    """A pass over `feed` or `audit` gave so many positions."""
    _add(families.SEQUENCER_PASSES, (stream,))
    _add(families.SEQUENCER_NUMBERED, (stream,), numbered)


def delivery(kind: str, outcome: str, seconds: float) -> None:
    """An event was sent to a `consumer` or `webhook`; `outcome` is delivered, retry or dead."""
    _add(families.DELIVERY_ATTEMPTS, (kind, outcome))
    _observe(families.DELIVERY_SECONDS, (kind,), seconds)


def fraud_scored(provider: str, status: str | None, duration_us: int) -> None:
    """A provider judged a payment to be of that status, or had no score (None)."""
    _add(families.FRAUD_SCORES, (provider, status or "error"))
    _observe(families.FRAUD_SCORE_SECONDS, (provider,), duration_us / 1_000_000)


def timer_begins(timer: str, *, every_s: float, at_s: float) -> None:
    """A process took up a timer. Work that never succeeds was last done then, at the latest: its age must show."""
    _set(families.TIMER_PERIOD, (timer,), every_s)
    _set_first(families.TIMER_LAST_SUCCESS, (timer,), at_s)


def timer_ran(timer: str, *, failed: bool, at_s: float) -> None:
    """A timer's step ended at that moment, in seconds since 1970."""
    _add(families.TIMER_RUNS, (timer, "failed" if failed else "ok"))
    if not failed:
        _set(families.TIMER_LAST_SUCCESS, (timer,), at_s)


def upkeep_deleted(what: str, rows: int) -> None:
    """Upkeep deleted so many rows of a kind."""
    _add(families.UPKEEP_DELETED, (what,), rows)


def upkeep_made_partitions() -> None:
    """Upkeep made partitions for months to come."""
    _add(families.UPKEEP_PARTITIONS, ())


def upkeep_begins(task: str, *, at_s: float) -> None:
    """A part of upkeep begins; see `timer_begins`."""
    _set_first(families.UPKEEP_LAST_SUCCESS, (task,), at_s)


def upkeep_ended(task: str, *, failed: bool, at_s: float) -> None:
    """A part of upkeep ended at that moment, in seconds since 1970."""
    _add(families.UPKEEP_FAILURES, (task,), 1.0 if failed else 0.0)
    if not failed:
        _set(families.UPKEEP_LAST_SUCCESS, (task,), at_s)


def _add(family: Family, labels: tuple[object, ...], by: float = 1.0) -> None:
    _numbers.own.cells[_numbers.places[family, labels]] += by


def _set(family: Family, labels: tuple[object, ...], value: float) -> None:
    _numbers.own.cells[_numbers.places[family, labels]] = value


def _set_first(family: Family, labels: tuple[object, ...], value: float) -> None:
    """Not over what is known already, also of the process that had this part before: restarts hide no failure."""
    place = _numbers.places[family, labels]
    if _numbers.own.cells[place] == 0.0:
        _numbers.own.cells[place] = value


def _observe(family: Family, labels: tuple[object, ...], value: float) -> None:
    place = _numbers.places[family, labels]
    own = _numbers.own.cells
    own[place + bisect_left(family.buckets, value)] += 1.0
    own[place + len(family.buckets) + 1] += value
