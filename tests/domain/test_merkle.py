"""The Merkle tree hash, against published vectors and against the RFC's own recursive words."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vendorpay.domain.merkle import tree_hash

# The leaves and roots of certificate-transparency's reference tests.
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def by_the_letter(items: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it is written there."""
    if not items:
        return hashlib.sha256(b"").digest()
    if len(items) == 1:
        return hashlib.sha256(b"\x00" + items[0]).digest()
    half = 1
    while half * 2 < len(items):
        half *= 2
    return hashlib.sha256(b"\x01" + by_the_letter(items[:half]) + by_the_letter(items[half:])).digest()


@pytest.mark.parametrize("many", range(9))
def test_the_published_vectors(many: int) -> None:
    assert tree_hash(LEAVES[:many]).hex() == ROOTS[many]


@given(st.lists(st.binary(max_size=4), max_size=70))
def test_one_pass_is_what_the_rfc_says(items: list[bytes]) -> None:
    assert tree_hash(items) == by_the_letter(items)


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40), st.data())
def test_any_change_shows(items: list[bytes], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(items) - 1))
    before = tree_hash(items)
    assert tree_hash([*items[:at], items[at] + b"x", *items[at + 1 :]]) != before
    assert tree_hash(items[:at] + items[at + 1 :]) != before
    assert tree_hash([*items[:at], b"new", *items[at:]]) != before
    if sorted(items) != items:
        assert tree_hash(sorted(items)) != before


def test_a_node_is_no_leaf() -> None:
    left, right = (hashlib.sha256(b"\x00" + item).digest() for item in (b"a", b"b"))
    assert tree_hash([b"a", b"b"]) != tree_hash([left + right])
