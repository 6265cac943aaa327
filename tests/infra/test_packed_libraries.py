"""Libraries are packaged shorter than their wheels have them, and are the same to whoever loads them."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import psycopg_binary
import pytest

from infra.packed_libraries import PAGE_BYTES, NotUnderstood, Segment, segments, shorten, shortened

WHEEL = Path(psycopg_binary.__file__).parent
LIBRARIES = [*sorted(WHEEL.glob("*.so")), *sorted((WHEEL.parent / "psycopg_binary.libs").glob("*.so*"))]
FILE_HEADER, ENTRY = 64, 56
LOADING = """
import psycopg
print(psycopg.pq.__impl__, psycopg.pq.version())
print(*{line.split()[-1] for line in open("/proc/self/maps") if "psycopg_binary" in line})
"""


def in_memory(data: bytes) -> dict[int, bytes]:
    """What a loader puts where, but for the two headers: they say where in the file things are."""
    (headers_at,) = struct.unpack_from("<Q", data, 0x20)
    blank = bytearray(data)
    blank[:FILE_HEADER] = bytes(FILE_HEADER)
    size = ENTRY * len(segments(data))
    blank[headers_at : headers_at + size] = bytes(size)
    return {each.address: bytes(blank[each.offset : each.end]) for each in segments(data) if each.loaded}


def as_loaded(each: Segment) -> tuple[int, ...]:
    """All that an entry says beyond a place in the file and the largest page."""
    return (each.kind, each.flags, each.address, each.physical, each.in_file, each.in_memory)


def test_there_are_libraries_to_shorten() -> None:
    assert {path.name.partition("-")[0].partition(".")[0] for path in LIBRARIES} >= {"_psycopg", "libpq", "libcrypto"}


@pytest.mark.parametrize("path", LIBRARIES, ids=lambda path: path.name)
def test_a_shorter_library_is_the_same_in_memory(path: Path) -> None:
    before = path.read_bytes()
    after = shortened(before)
    assert len(after) < len(before)
    assert in_memory(after) == in_memory(before)
    assert list(map(as_loaded, segments(after))) == list(map(as_loaded, segments(before)))


@pytest.mark.parametrize("path", LIBRARIES, ids=lambda path: path.name)
def test_its_segments_fit_the_pages_of_a_function(path: Path) -> None:
    after = shortened(path.read_bytes())
    for each in segments(after):
        if each.loaded:
            assert each.align == PAGE_BYTES
            assert (each.offset - each.address) % PAGE_BYTES == 0
        assert each.end <= len(after)
    assert shortened(after) == after


def test_shorter_libraries_are_loaded_and_work_together(tmp_path: Path) -> None:
    for name in ("psycopg", "psycopg_binary", "psycopg_binary.libs"):
        shutil.copytree(WHEEL.parent / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    spared = sum(shorten(path) for path in tmp_path.glob("psycopg_binary*/*.so*"))
    assert spared > 0
    told = {"PYTHONPATH": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-c", LOADING]
    done = subprocess.run(argv, env=told, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    how, files = done.stdout.splitlines()
    assert how.startswith("binary ")
    assert {Path(file).name for file in files.split()} >= {path.name for path in LIBRARIES if "libpq" in path.name}
    assert all(Path(file).is_relative_to(tmp_path) for file in files.split())


def test_what_an_installer_linked_to_its_cache_stays_whole_there(tmp_path: Path) -> None:
    cached, installed = tmp_path / "cached.so", tmp_path / "installed.so"
    shutil.copy(LIBRARIES[0], cached)
    os.link(cached, installed)
    assert shorten(installed) > 0
    assert cached.read_bytes() == LIBRARIES[0].read_bytes()
    assert installed.stat().st_mode == cached.stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cached.so", "installed.so"]


def broken(**changes: int) -> bytes:
    """One object of a single segment, made by hand, with something wrong in it."""
    told = {"size": ENTRY, "offset": 0, "address": 0, "in_file": 400, **changes}
    header = bytearray(FILE_HEADER)
    header[:6] = b"\x7fELF\x02\x01"
    struct.pack_into("<Q", header, 0x20, FILE_HEADER)
    struct.pack_into("<HH", header, 0x36, told["size"], 1)
    entry = struct.pack(
        "<IIQQQQQQ", 1, 5, told["offset"], told["address"], told["address"], told["in_file"], told["in_file"], 4096
    )
    return bytes(header) + entry + bytes(400)


def test_a_segment_of_memory_alone_stays_within_a_page_of_the_file() -> None:
    """glibc maps the page in which it begins, and writes zeros there: beyond the file's end that is a crash."""
    first, gap, address = FILE_HEADER + 2 * ENTRY, 0x10000, 0x20000 + 0x123
    made = bytearray(gap + 0x123)
    made[:6] = b"\x7fELF\x02\x01"
    struct.pack_into("<Q", made, 0x20, FILE_HEADER)
    struct.pack_into("<HH", made, 0x36, ENTRY, 2)
    struct.pack_into("<IIQQQQQQ", made, FILE_HEADER, 1, 5, 0, 0, 0, first, first, 0x10000)
    struct.pack_into("<IIQQQQQQ", made, FILE_HEADER + ENTRY, 1, 6, gap + 0x123, address, address, 0, 500, 0x10000)
    after = shortened(bytes(made))
    _, memory = segments(after)
    assert len(after) < len(made)
    assert (memory.offset - memory.address) % PAGE_BYTES == 0
    assert memory.offset // PAGE_BYTES * PAGE_BYTES < len(after)


def test_the_object_that_the_others_are_made_of_is_understood() -> None:
    assert len(shortened(broken())) == 400


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"#!/bin/sh\n", "no shared object"),
        (broken(size=32), "of another kind"),
        (broken(in_file=4000), "ends too early"),
        (broken(offset=8, address=8), "belong to no segment"),
        (broken(address=8), "not aligned"),
        (broken(in_file=70), "belongs to no segment"),
    ],
)
def test_what_is_not_understood_is_left_alone(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(data)
    with pytest.raises(NotUnderstood, match=why):
        shorten(path)
    assert path.read_bytes() == data
