"""Shared objects as short as they can be: the same in memory, byte for byte, in a smaller file.

What makes the wheels for arm64 long is nothing: each of their segments begins at a multiple of 64 KiB, the largest page
that a kernel of that architecture may have, and patchelf, which gives libraries new names, adds two segments or three.
Here they stand one behind the other, for pages of 4 KiB. Addresses and contents stay as they are. Sections, symbols for
debuggers among them, are left out: no loader reads them. (llvm-strip and its like break what patchelf has changed.)
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE_BYTES: Final = 4096
"""Of Lambda's kernels: Amazon Linux has such pages on Graviton (os.md of AWS's Graviton guide), and the guests
of Firecracker are configured with CONFIG_ARM64_4K_PAGES. A loader with larger ones refuses the file, at the start."""
_MAGIC: Final = b"\x7fELF\x02\x01"
"""64 bits, little-endian: both of Lambda's architectures."""
_PROGRAM_HEADERS_AT: Final = 0x20
_SECTION_HEADERS_AT: Final = 0x28
_PROGRAM_HEADERS_LIKE: Final = 0x36
_SECTION_HEADERS_LIKE: Final = 0x3A
_ENTRY: Final = struct.Struct("<IIQQQQQQ")
_LOAD: Final = 1


class NotUnderstood(Exception):
    """A file is no shared object of a kind that is known here; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One entry of the program headers: what the loader puts where, or where it finds something of use to it."""

    kind: int
    flags: int
    offset: int
    address: int
    physical: int
    in_file: int
    in_memory: int
    align: int

    @property
    def loaded(self) -> bool:
        return self.kind == _LOAD

    @property
    def end(self) -> int:
        return self.offset + self.in_file

    def holds(self, offset: int, size: int) -> bool:
        """Whether these bytes of the file are among this one's."""
        return self.offset <= offset and offset + size <= self.end


def shorten(path: Path) -> int:
    """Puts a shorter file in its place; how many bytes that spared. Raises NotUnderstood.

    The file itself stays as it is: installers link it to the one in their cache, and so to what others installed.
    """
    before = path.read_bytes()
    after = shortened(before)
    made = path.with_name(f"{path.name}.shorter")
    made.write_bytes(after)
    shutil.copymode(path, made)
    made.replace(path)
    return len(before) - len(after)


def shortened(data: bytes) -> bytes:
    """The same object without gaps. Raises NotUnderstood."""
    old = segments(data)
    (headers_at,) = struct.unpack_from("<Q", data, _PROGRAM_HEADERS_AT)
    moved = _one_behind_the_other([each for each in old if each.loaded])
    made = bytearray(max(at + each.in_file for each, at in moved))
    for each, at in moved:
        made[at : at + each.in_file] = data[each.offset : each.end]
    new_headers_at = _moved_to(headers_at, len(old) * _ENTRY.size, moved)
    for place, each in enumerate(old):
        offset = _offset_of(each, moved)
        align = min(each.align, PAGE_BYTES) if each.loaded else each.align
        entry = (each.kind, each.flags, offset, each.address, each.physical, each.in_file, each.in_memory, align)
        _ENTRY.pack_into(made, new_headers_at + place * _ENTRY.size, *entry)
    struct.pack_into("<QQ", made, _PROGRAM_HEADERS_AT, new_headers_at, 0)
    struct.pack_into("<HH", made, _SECTION_HEADERS_LIKE + 2, 0, 0)
    return bytes(made) if len(made) < len(data) else data


def segments(data: bytes) -> list[Segment]:
    """The program headers. Raises NotUnderstood."""
    if not data.startswith(_MAGIC):
        raise NotUnderstood("it is no shared object of 64 bits")
    (start,) = struct.unpack_from("<Q", data, _PROGRAM_HEADERS_AT)
    size, count = struct.unpack_from("<HH", data, _PROGRAM_HEADERS_LIKE)
    if size != _ENTRY.size or start + count * size > len(data):
        raise NotUnderstood("its program headers are of another kind")
    names = ("kind", "flags", "offset", "address", "physical", "in_file", "in_memory", "align")
    found = [
        Segment(**dict(zip(names, _ENTRY.unpack_from(data, start + place * size), strict=True)))
        for place in range(count)
    ]
    if any(each.loaded and each.end > len(data) for each in found):
        raise NotUnderstood("it ends too early")
    return found


def _one_behind_the_other(loaded: Sequence[Segment]) -> list[tuple[Segment, int]]:
    """Where each begins: at the first place that fits its address, for loaders map whole pages.

    Raises NotUnderstood.
    """
    if not any(each.offset == 0 and each.in_file for each in loaded):
        raise NotUnderstood("its first bytes belong to no segment")
    found: list[tuple[Segment, int]] = []
    end = 0
    for each in sorted(loaded, key=lambda each: each.offset):
        if found and each.offset < found[-1][0].end:
            raise NotUnderstood("its segments overlap")
        if (each.offset - each.address) % PAGE_BYTES:
            raise NotUnderstood("its segments are not aligned")
        at = end + (each.address - end) % PAGE_BYTES
        found.append((each, at))
        end = at + each.in_file
    return found


def _offset_of(each: Segment, moved: Sequence[tuple[Segment, int]]) -> int:
    """Where an entry's bytes begin now. One that is loaded and has none is mapped from its place on all the same, to
    the end of that page, which has to be one of the file's.
    """
    if each.loaded:
        return next(at for other, at in moved if other == each)
    return _moved_to(each.offset, each.in_file, moved) if each.in_file else each.offset


def _moved_to(offset: int, size: int, moved: Sequence[tuple[Segment, int]]) -> int:
    for each, at in moved:
        if each.holds(offset, size):
            return at + offset - each.offset
    raise NotUnderstood("something in it belongs to no segment that is loaded")
