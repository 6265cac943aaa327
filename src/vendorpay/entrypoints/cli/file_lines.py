"""The lines of a file in constant memory, however long one of them is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO


def lines(file: BinaryIO, bytes_max: int, *, number: int = 0, end: int = 0) -> Iterator[tuple[int, bytes | None, int]]:
    """Number, bytes (None when longer than `bytes_max`, its end of line apart) and end of each line.

    `number` and `end` are those of the line before, where reading begins in the middle.
    """
    while raw := file.readline(bytes_max + 2):
        number += 1
        end += len(raw)
        too_long = len(raw.rstrip(b"\r\n")) > bytes_max
        while too_long and not raw.endswith(b"\n"):
            raw = file.readline(bytes_max + 2)
            if not raw:
                break
            end += len(raw)
        yield number, None if too_long else raw, end
