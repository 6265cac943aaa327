"""Several requests under way at once, their results in order: each waits in a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _UnderWay(Generic[R]):
    """One piece of work. Its thread does not keep the process alive: whoever gives up closes the client."""

    def __init__(self, work: Callable[[], R]) -> None:
        self._work = work
        self._result: R
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error

    def result(self) -> R:
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result


def in_order(work: Callable[[T], R], items: Iterable[T], at_once: int) -> Iterator[tuple[T, R]]:
    """Each item with what `work` made of it, in the order of the items; at most so many are under way, and held.

    Raises what `work` raised when it is that item's turn.
    """
    under_way: deque[tuple[T, _UnderWay[R]]] = deque()
    for item in items:
        under_way.append((item, _UnderWay(lambda item=item: work(item))))  # type: ignore[misc]
        if len(under_way) == at_once:
            first, doing = under_way.popleft()
            yield first, doing.result()
    while under_way:
        first, doing = under_way.popleft()
        yield first, doing.result()
