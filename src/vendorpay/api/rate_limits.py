"""Who asks more often than he may is told to wait (RFC 6585, 4): a token bucket for each caller and rate class.

The buckets are this process's own, and gone with it: a limit protects the service from a caller, it is no record.
Nothing here waits, so that no two requests of one caller can take the same token.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final

from vendorpay import metrics
from vendorpay.api.errors import RateLimited
from vendorpay.domain import token_bucket
from vendorpay.domain.rate_limits import RateClass
from vendorpay.domain.roles import Caller
from vendorpay.domain.token_bucket import Limit

PRINCIPALS_MAX: Final = 10_000
"""How many callers have a bucket of their own, of each class: about 4 MB of them."""
SHARED_MAX: Final = 1024
"""How many buckets there are for those who come while all places are taken; who shares one is chance."""
LOOKS: Final = 2
"""How many places are looked at when somebody new finds all taken, so that more are given up than taken."""

Principal = tuple[str, str]
"""Organisation and `sub`: the same person in two organisations is two callers."""


class Buckets:
    """The buckets of one class.

    Only a full one is ever forgotten, for it is the same as a new one. So no crowd of callers can push out a bucket,
    and nobody gets more than his limit by sending one: when every place is taken, newcomers share.
    """

    __slots__ = ("_limit", "_own", "_principals_max", "_shared")

    def __init__(self, limit: Limit, principals_max: int = PRINCIPALS_MAX) -> None:
        self._limit = limit
        self._principals_max = principals_max
        self._own: OrderedDict[Principal, int] = OrderedDict()
        self._shared: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._own) + len(self._shared)

    def take(self, principal: Principal, now_ns: int) -> int:
        """Takes one token; the nanoseconds to wait, 0 when it was there."""
        own = self._own
        full_at_ns = own.get(principal)
        if full_at_ns is None:
            if len(own) >= self._principals_max:
                self._give_up_full_places(now_ns)
            # Python's own hash: it is secret, so that nobody can choose with whom to share.
            place = hash(principal) % SHARED_MAX
            full_at_ns = self._shared.get(place, token_bucket.FULL)
            if len(own) >= self._principals_max:
                self._shared[place], wait_ns = token_bucket.take(self._limit, full_at_ns, now_ns)
                return wait_ns
            # Who shared before goes on from there: a place of one's own is no new bucket.
        own[principal], wait_ns = token_bucket.take(self._limit, full_at_ns, now_ns)
        return wait_ns

    def _give_up_full_places(self, now_ns: int) -> None:
        """Looks at those that were not looked at for longest."""
        for _ in range(min(LOOKS, len(self._own))):
            principal, full_at_ns = self._own.popitem(last=False)
            if full_at_ns > now_ns:
                self._own[principal] = full_at_ns


class RateLimits:
    """What each class allows a caller; a class without a limit allows everything."""

    __slots__ = ("_buckets", "_monotonic_ns")

    def __init__(self, limits: Mapping[RateClass, Limit], *, monotonic_ns: Callable[[], int]) -> None:
        self._buckets = {rate_class: Buckets(limit) for rate_class, limit in limits.items()}
        self._monotonic_ns = monotonic_ns

    def admit(self, caller: Caller, rate_class: RateClass) -> None:
        """Counts a request. Raises RateLimited when it is one too many; that one is not counted."""
        buckets = self._buckets.get(rate_class)
        if buckets is None:
            return
        wait_ns = buckets.take((caller.org_id, caller.sub), self._monotonic_ns())
        if wait_ns:
            metrics.rate_limited(rate_class)
            raise RateLimited(rate_class, -(-wait_ns // token_bucket.NS_PER_S))
