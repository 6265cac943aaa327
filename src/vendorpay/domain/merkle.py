"""The Merkle tree hash of RFC 6962, section 2.1 (unchanged in RFC 9162): one hash that stands for a list.

    MTH({})     = SHA-256()
    MTH({d})    = SHA-256(0x00 || d)
    MTH(D[n])   = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n])),  k the largest power of two smaller than n

The two prefixes keep a node from being passed off as a leaf.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

LEAF: Final = b"\x00"
NODE: Final = b"\x01"


def tree_hash(items: Iterable[bytes]) -> bytes:
    """The hash of a list, in one pass; any item changed, added, removed or moved makes it another one."""
    full: list[bytes] = []  # the roots of full trees, largest first: one for each bit of their number that is set
    for before, item in enumerate(items):
        node = hashlib.sha256(LEAF + item).digest()
        while before & 1:
            node = _joined(full.pop(), node)
            before >>= 1
        full.append(node)
    if not full:
        return hashlib.sha256().digest()
    root = full.pop()
    while full:
        root = _joined(full.pop(), root)
    return root


def _joined(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(NODE + left + right).digest()
