"""The fingerprint under an Idempotency-Key: equal for the same request, and for no other."""

from hypothesis import given
from hypothesis import strategies as st

from vendorpay.api.reading import fingerprint
from vendorpay.api.request import Headers, Request

PARTS = st.tuples(st.sampled_from(["POST", "PATCH"]), *[st.text("/a?", max_size=3).map(str.encode) for _ in range(3)])


async def unread(_: int) -> bytes:
    raise AssertionError("a fingerprint needs no more of the body than it is given")


def of(parts: tuple[str, bytes, bytes, bytes]) -> bytes:
    method, path, query, raw = parts
    asked = Request(method=method, path=path, query_string=query, headers=Headers([]), read_body=unread)
    return fingerprint(asked, raw)


@given(PARTS, PARTS)
def test_two_requests_share_a_fingerprint_only_when_they_are_the_same(
    one: tuple[str, bytes, bytes, bytes], other: tuple[str, bytes, bytes, bytes]
) -> None:
    assert (of(one) == of(other)) == (one == other)


def test_a_part_cannot_run_over_into_the_next() -> None:
    assert of(("POST", b"/a", b"b", b"c")) != of(("POST", b"/a", b"", b"bc"))
    assert of(("POST", b"/a", b"b", b"")) != of(("POST", b"/ab", b"", b""))
