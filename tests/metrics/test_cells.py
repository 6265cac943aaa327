"""Memory that processes share: what one counts all can read, and what it counted outlives it."""

import subprocess
import sys

import pytest

from vendorpay.metrics import cells
from vendorpay.metrics.cells import Part

REQUESTS = ("requests", ("create", "201"))
SIZES = ("sizes", ())
COUNT_AND_DIE = """
import os, sys
from vendorpay.metrics import cells
part = cells.opened(int(sys.argv[1]), 2)[1]
part.cells[part.place(("requests", ("create", "201")), 1)] += 7
os.kill(os.getpid(), 9)
"""


def counted(part: Part) -> dict[cells.Series, list[float]]:
    return dict(part.values())


def test_a_series_keeps_its_place() -> None:
    part = cells.alone()
    first, second = part.place(REQUESTS, 1), part.place(SIZES, 4)
    part.cells[first] += 1
    part.cells[second + 3] = 2.5
    assert (part.place(REQUESTS, 1), part.place(SIZES, 4)) == (first, second)
    assert counted(part) == {REQUESTS: [1.0], SIZES: [0.0, 0.0, 0.0, 2.5]}


def test_another_process_counts_in_its_own_part_and_all_are_read() -> None:
    with cells.reserved(2) as memory:
        ended = subprocess.run([sys.executable, "-c", COUNT_AND_DIE, str(memory)], pass_fds=[memory], check=False)
        assert ended.returncode == -9
        first, second = cells.opened(memory, 2)
        first.cells[first.place(REQUESTS, 1)] += 1
        assert (counted(first), counted(second)) == ({REQUESTS: [1.0]}, {REQUESTS: [7.0]})


def test_who_takes_a_part_over_goes_on_counting_there() -> None:
    with cells.reserved(1) as memory:
        (before,) = cells.opened(memory, 1)
        before.cells[before.place(REQUESTS, 1)] += 3
        (after,) = cells.opened(memory, 1)
        after.cells[after.place(SIZES, 4)] += 1
        after.cells[after.place(REQUESTS, 1)] += 1
        assert counted(after) == {REQUESTS: [4.0], SIZES: [1.0, 0.0, 0.0, 0.0]}


def test_what_was_true_of_the_one_before_is_cleared() -> None:
    part = cells.alone()
    for series in (REQUESTS, SIZES):
        part.cells[part.place(series, 1)] = 5
    part.clear(lambda name: name == "sizes")
    assert counted(part) == {REQUESTS: [5.0], SIZES: [0.0]}


def test_a_name_that_was_cut_short_by_death_takes_no_cells() -> None:
    part = cells.alone()
    part.place(REQUESTS, 1)
    part._names[100:110] = b"0\t1\tbroken"  # written, and not counted yet
    assert list(counted(part)) == [REQUESTS]


@pytest.mark.parametrize("text", ["x", "x" * 200])
def test_more_series_than_memory_are_dropped_and_harm_no_others(text: str) -> None:
    """By cells, and by the bytes of their names."""
    part = cells.alone()
    first = part.place(REQUESTS, 1)
    part.cells[first] = 1.0
    kept = 1
    for number in range(cells.CELLS_MAX):
        place = part.place((f"{text}{number}", ()), cells.WIDTH_MAX)
        kept += place < cells.CELLS_MAX
        for cell in range(place, place + cells.WIDTH_MAX):
            part.cells[cell] += 1.0
    found = counted(part)
    assert len(found) == kept < cells.CELLS_MAX
    assert found[REQUESTS] == [1.0]
    assert {tuple(values) for series, values in found.items() if series != REQUESTS} == {(1.0,) * cells.WIDTH_MAX}
