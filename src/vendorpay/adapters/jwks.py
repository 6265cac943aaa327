"""A cache of an issuer's signing keys that survives rotation, outage and a flood of invented key ids.

Own and small, because PyJWKClient refuses a freshly rotated key during its cool-down and forgets its keys in
an outage.
"""

import asyncio
import logging
from collections.abc import Callable

from vendorpay.adapters.jwks_keys import JwksUnavailable, KeySet, SigningKey, parse_jwks
from vendorpay.adapters.jwks_source import FETCH_TIMEOUT_S, JwksSource
from vendorpay.domain.errors import IssuerUnavailable

# Keys older than this are refreshed behind the request that notices; a withdrawn key lives this long at most
# on a busy server.
REFRESH_S = 600.0
# After an idle time of this length the request waits for the refresh: a key withdrawn meanwhile must not
# pass.
IDLE_S = 3600.0
# The issuer's outage is bridged with the last known keys for this long.
STALE_S_MAX = 24 * 3600.0
# Pause after a failed fetch, and after a search for an unknown key that found nothing new.
RETRY_S = 5.0
_WAIT_S_MAX = FETCH_TIMEOUT_S + 0.5

_log = logging.getLogger(__name__)


class JwksCache:
    """The current keys of one issuer. For one event loop at a time; many requests share one fetch.

    `monotonic` gives seconds that never go back.
    """

    def __init__(self, source: JwksSource, *, monotonic: Callable[[], float]) -> None:
        self._source = source
        self._monotonic = monotonic
        self._keys: KeySet | None = None
        self._loaded_at = float("-inf")
        self._failed_at = float("-inf")
        self._failing = False
        self._searched_in_vain_at = float("-inf")
        self._fetch: asyncio.Task[None] | None = None

    def fresh(self) -> KeySet | None:
        """The keys while they need no refresh: the path of nearly every request."""
        return self._keys if self._keys and self._age() < REFRESH_S else None

    async def current(self) -> KeySet:
        """The keys to judge a token by, refreshed when due; raises IssuerUnavailable when there are none."""
        if self._keys and self._age() <= STALE_S_MAX:
            await self._refresh_when_due()
        elif self._retry_is_due() or self._fetching() is not None:
            await self._fetched()
        if not self._keys or self._age() > STALE_S_MAX:
            raise IssuerUnavailable()
        return self._keys

    async def find(self, kid: str) -> SigningKey | None:
        """The key of this id, asking the issuer at once for an id not seen before; raises IssuerUnavailable.

        A search that brings nothing new is not repeated for RETRY_S, so invented ids cannot make us hammer
        the issuer; one that does bring a new key costs no pause.
        """
        key = (await self.current()).get(kid)
        if key is None and self._fetching() is not None:
            # That fetch may have begun before the key was published, so its end is not yet a refusal.
            key = await self._searched(kid)
        if key is None and self._search_is_due():
            key = await self._searched(kid)
        return key

    def refreshing(self) -> bool:
        """Whether a fetch is under way."""
        return self._fetching() is not None

    async def aclose(self) -> None:
        """Gives up a refresh under way."""
        fetch = self._fetching()
        if fetch is not None:
            fetch.cancel()
            await asyncio.wait([fetch])

    async def _refresh_when_due(self) -> None:
        if self._age() < REFRESH_S or not self._retry_is_due():
            return
        if self._age() >= IDLE_S and not self._failing:
            await self._fetched()
        else:
            self._started()

    async def _searched(self, kid: str) -> SigningKey | None:
        await self._fetched(searching=True)
        return self._keys.get(kid) if self._keys else None

    async def _fetched(self, *, searching: bool = False) -> None:
        # wait, not await: a caller who leaves must not take the others' fetch along.
        await asyncio.wait([self._started(searching=searching)])

    def _started(self, *, searching: bool = False) -> asyncio.Task[None]:
        fetch = self._fetching()
        if fetch is None:
            fetch = self._fetch = asyncio.create_task(self._load(searching=searching))
        return fetch

    def _fetching(self) -> asyncio.Task[None] | None:
        fetch = self._fetch
        if fetch is None or fetch.done() or fetch.get_loop() is not asyncio.get_running_loop():
            return None
        return fetch

    async def _load(self, *, searching: bool) -> None:
        started_at = self._monotonic()
        earlier = self._keys
        try:
            async with asyncio.timeout(_WAIT_S_MAX):
                keys = parse_jwks(await asyncio.to_thread(self._source))
        except Exception as error:  # Whatever a source raises is an outage to be bridged, never a caller's 500.
            self._fail(str(error) if isinstance(error, JwksUnavailable) else type(error).__name__)
        else:
            # An empty set is the issuer's word as well: its keys are withdrawn.
            self._keys, self._loaded_at, self._failing = keys, started_at, False
            if not keys:
                self._fail("the issuer publishes no usable RS256 key")
        if searching and (self._failing or (self._keys and not self._keys.adds_to(earlier))):
            self._searched_in_vain_at = self._monotonic()

    def _fail(self, reason: str) -> None:
        self._failing, self._failed_at = True, self._monotonic()
        _log.warning("the signing keys could not be refreshed: %s", reason)

    def _age(self) -> float:
        return self._monotonic() - self._loaded_at

    def _retry_is_due(self) -> bool:
        return not self._failing or self._monotonic() - self._failed_at >= RETRY_S

    def _search_is_due(self) -> bool:
        return self._retry_is_due() and self._monotonic() - self._searched_in_vain_at >= RETRY_S
