"""Words as they are compared: folded, without digits and signs; and a key under which similar texts lie near."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Final

WORDS_MAX: Final = 64
PLAIN_CHARACTERS_MAX: Final = 60
_WORD: Final = re.compile(r"[^\W\d_]+")
_BITS: Final = 64


@lru_cache(maxsize=10_000)
def plain(text: str) -> str:
    """The text's words in lower case with single blanks between; at most PLAIN_CHARACTERS_MAX characters.

    Signs and digits are left out, so that `Toll #17` and `toll (18)` are the same thing.
    """
    return " ".join(_WORD.findall(text.casefold()))[:PLAIN_CHARACTERS_MAX].strip()


@lru_cache(maxsize=10_000)
def similarity_key(text: str) -> int | None:
    """64 signed bits of a simhash (Charikar 2002) of the words; None when there is no word.

    The more words two texts share, the fewer bits differ: a few for a small edit, about half for texts without a
    common word.
    """
    words = _WORD.findall(text.casefold())[:WORDS_MAX]
    if not words:
        return None
    balance = [0] * _BITS
    for word in words:
        bits = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
        for bit in range(_BITS):
            balance[bit] += 1 if bits >> bit & 1 else -1
    key = sum(1 << bit for bit in range(_BITS) if balance[bit] > 0)
    return key - (1 << _BITS) if key >> (_BITS - 1) else key


def differing_bits(one: int, other: int) -> int:
    """In how many of 64 bits two keys differ."""
    return ((one ^ other) & ((1 << _BITS) - 1)).bit_count()
