"""What all requests of one running server share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from vendorpay.api.rate_limits import RateLimits
from vendorpay.ports import TokenVerifier
from vendorpay.usecases.deps import Deps

# Of functions on AWS one alone shows these: the others need not wait for the import.
if TYPE_CHECKING:
    from vendorpay.usecases.check_readiness import Readiness
    from vendorpay.usecases.read_standing import StandingReader


class Service:
    """The use cases' dependencies, the token verifier, the OpenAPI document, how things stand for the metrics (None
    where these are not shown), what each caller may ask (None without limits), and whether the server is going down."""

    __slots__ = ("_looking", "deps", "document", "draining", "limits", "standing", "verifier")

    def __init__(
        self,
        *,
        deps: Deps,
        verifier: TokenVerifier,
        document: bytes,
        metrics: bool = True,
        limits: RateLimits | None = None,
    ) -> None:
        self.deps = deps
        self.verifier = verifier
        self.document = document
        self.limits = limits
        self.standing = _standing(deps) if metrics else None
        self.draining = False
        self._looking: asyncio.Future[Readiness] | None = None

    async def readiness(self) -> Readiness:
        """Whether work can be done now. Who asks while somebody's look is under way gets what that one finds.

        Anybody may ask, without a token: a crowd that does must not take every connection to the database.
        """
        from vendorpay.usecases import check_readiness

        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(check_readiness.check(self.deps))
        return await asyncio.shield(self._looking)


def _standing(deps: Deps) -> StandingReader:
    from vendorpay.usecases.read_standing import StandingReader

    return StandingReader(deps)
