"""How far an import is, for whoever watches: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from vendorpay.entrypoints.cli.payments_import.state import State

LINE_EVERY_S: Final = 10.0
"""From one line to the next it is twice this at most, also while the service lets us wait."""


@contextmanager
def shown(state: State, size: int) -> Iterator[Callable[[], None]]:
    """Shows the state whenever what is given is called."""
    if not sys.stderr.isatty():
        yield _lines(state, size)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("importing", total=size, completed=state.offset)

        def show() -> None:
            bar.update(task, completed=state.offset, description=f"{state.line - 1} lines, {_counts(state)}")

        yield show


@contextmanager
def repeated(show: Callable[[], None]) -> Iterator[None]:
    """Calls it now and then: chunks alone would say nothing while the service is away, or slow."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(LINE_EVERY_S):
            show()

    repeating = threading.Thread(target=repeat, daemon=True)
    repeating.start()
    try:
        yield
    finally:
        ended.set()
        repeating.join()


def _lines(state: State, size: int) -> Callable[[], None]:
    began = last = time.monotonic()
    before = _payments(state)

    def show() -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < LINE_EVERY_S:
            return
        last = now
        rate = (_payments(state) - before) / (now - began)
        part = 100 * state.offset // max(size, 1)
        print(
            f"{state.line - 1} lines ({part} %), {_counts(state)}, {rate:.0f} payments/s", file=sys.stderr, flush=True
        )

    return show


def _payments(state: State) -> int:
    return state.totals.created + state.totals.duplicate + state.totals.rejected


def _counts(state: State) -> str:
    totals = state.totals
    return f"{totals.created} created, {totals.duplicate} duplicate, {totals.rejected} rejected"
