"""Numbers in memory that the processes of one `serve` share: each writes its own part, and any of them reads all.

The memory belongs to `serve`, which outlives its processes. One that takes the place of a dead one goes on in the same
part: counters never fall, and a kill -9 loses nothing of them. A number is eight bytes, stored in one piece.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from vendorpay import observe

PART_BYTES: Final = 512 * 1024
"""A whole number of pages."""
CELLS_MAX: Final = 16 * 1024
WIDTH_MAX: Final = 32
_HEADER_BYTES: Final = 64
# Behind the last cell there is room that nobody reads, for what got no cells of its own any more.
_CELLS_END: Final = _HEADER_BYTES + 8 * (CELLS_MAX + WIDTH_MAX)

Series = tuple[str, tuple[str, ...]]
"""A metric's name and the values of its labels, none of which ever comes from outside."""


class Part:
    """The numbers of one process. That process alone writes it, from one thread."""

    def __init__(self, memory: memoryview) -> None:
        self.cells = memory[_HEADER_BYTES:_CELLS_END].cast("d")
        self._names_bytes = memory[:8].cast("q")
        self._names = memory[_CELLS_END:PART_BYTES]
        self._read: list[tuple[Series, int, int]] = []
        self._read_bytes = 0
        # By width too: a process may be in the place of one of an older version.
        self._places = {(series, width): place for series, place, width in self._listed()}
        self._used = max((place + width for _, place, width in self._listed()), default=0)
        self._full = False

    def place(self, series: Series, width: int) -> int:
        """Where in `cells` the series begins; it gets its `width` cells now if it has none."""
        found = self._places.get((series, width))
        return self._given(series, width) if found is None else found

    def values(self) -> Iterator[tuple[Series, list[float]]]:
        """Every series with its cells, as they are now."""
        for series, place, width in self._listed():
            yield series, list(self.cells[place : place + width])

    def clear(self, wanted: Callable[[str], bool]) -> None:
        """Sets what the metrics that are wanted say to 0: it was true of the process before."""
        for (name, _), place, width in self._listed():
            for cell in range(place, place + width) if wanted(name) else ():
                self.cells[cell] = 0.0

    def _given(self, series: Series, width: int) -> int:
        name, labels = series
        line = "\t".join((str(self._used), str(width), name, *labels)).encode() + b"\n"
        begin, place = self._names_bytes[0], self._used
        if place + width > CELLS_MAX or begin + len(line) > len(self._names):
            if not self._full:  # Said once. No metric is worth a request.
                observe.warning("there are more metrics than memory for them", count=len(self._places))
            self._full = True
            return CELLS_MAX
        self._names[begin : begin + len(line)] = line
        # The name counts from here on, whole. A process that dies before this has given nothing away.
        self._names_bytes[0] = begin + len(line)
        self._places[series, width] = place
        self._used = place + width
        return place

    def _listed(self) -> list[tuple[Series, int, int]]:
        """Every series, its place and its width. Names are only ever added: what was read is not read again."""
        end = self._names_bytes[0]
        for line in bytes(self._names[self._read_bytes : end]).decode().split("\n")[:-1]:
            place, width, name, *labels = line.split("\t")
            self._read.append(((name, tuple(labels)), int(place), int(width)))
        self._read_bytes = end
        return self._read


def alone() -> Part:
    """A part that nobody shares."""
    return Part(memoryview(bytearray(PART_BYTES)))


@contextmanager
def reserved(parts: int) -> Iterator[int]:
    """The descriptor of memory for so many parts, to be inherited; it is gone with the last process that has it."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("vendorpay-metrics")
    else:
        import tempfile  # not needed on Linux, and slow to import

        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    try:
        os.ftruncate(descriptor, parts * PART_BYTES)
        yield descriptor
    finally:
        os.close(descriptor)


def opened(descriptor: int, parts: int) -> list[Part]:
    """All parts of memory that was `reserved`. What was written before is still there."""
    memory = memoryview(mmap.mmap(descriptor, parts * PART_BYTES))
    return [Part(memory[begin : begin + PART_BYTES]) for begin in range(0, parts * PART_BYTES, PART_BYTES)]
