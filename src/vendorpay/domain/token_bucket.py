"""A token bucket as pure arithmetic: a bucket is one number, the moment at which it is full again.

It is the generic cell rate algorithm: what was taken lies in the future, and time fills the bucket by itself. So
nothing has to be counted up, and a bucket whose moment has passed is the same as none at all.
"""

from __future__ import annotations

from typing import Final, Self

import msgspec

NS_PER_S: Final = 1_000_000_000
FULL: Final = 0
"""A bucket that nobody has taken from, at any time that is not negative."""


class Limit(msgspec.Struct, frozen=True):
    """How fast a bucket fills: `interval_ns` for each token, `depth_ns` from empty to full.

    Whole nanoseconds, so that who waits exactly as long as he was told has his token.
    """

    interval_ns: int
    depth_ns: int

    @classmethod
    def of(cls, tokens: int, period_s: int, burst: int) -> Self:
        """So many tokens in each period, and `burst` of them at once. Rounded so that it is never more."""
        assert tokens >= 1, "a bucket that never fills would refuse for ever"
        assert burst >= 1, "a bucket that holds no token would refuse everything"
        interval_ns = -(-period_s * NS_PER_S // tokens)
        return cls(interval_ns, interval_ns * burst)

    def shared_by(self, processes: int) -> Limit:
        """The part of each process, where each has buckets of its own: together they give the whole, and a token at
        once each even where the burst is smaller than their number.
        """
        interval_ns = self.interval_ns * processes
        return Limit(interval_ns, max(interval_ns, self.depth_ns))


def take(limit: Limit, full_at_ns: int, now_ns: int) -> tuple[int, int]:
    """One token from a bucket: when it is full now, and for how long to wait, 0 when the token was there.

    Who is refused takes nothing: asking again and again does not make the wait longer. A clock that was set back costs
    at most an empty bucket.
    """
    if full_at_ns <= now_ns:
        return now_ns + limit.interval_ns, 0
    held_ns = min(full_at_ns - now_ns, limit.depth_ns)
    wait_ns = held_ns + limit.interval_ns - limit.depth_ns
    if wait_ns > 0:
        return now_ns + held_ns, wait_ns
    return now_ns + held_ns + limit.interval_ns, 0
