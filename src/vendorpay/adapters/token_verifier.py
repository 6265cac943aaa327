"""Verification of access tokens: RS256, by the issuer's published keys, for our audience, now."""

from collections.abc import Callable, Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from vendorpay.adapters.jwks import JwksCache
from vendorpay.adapters.jwks_keys import SigningKey
from vendorpay.adapters.token_cache import VerifiedToken, VerifiedTokens
from vendorpay.adapters.token_claims import check_claims
from vendorpay.adapters.token_parts import TOKEN_BYTES_MAX, take_apart
from vendorpay.domain.errors import Unauthenticated


class JwtVerifier:
    """The TokenVerifier for one issuer and audience. `now` gives seconds since 1970.

    Leeway: 30 s for nbf and iat, none for exp.
    """

    def __init__(self, keys: JwksCache, *, issuer: str, audience: str, now: Callable[[], float]) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._now = now
        self._verified = VerifiedTokens()

    async def verify(self, token: str) -> Mapping[str, Any]:
        """The claims of a valid token, read-only and shared between calls.

        Raises Unauthenticated, or IssuerUnavailable while no key of the issuer is known.
        """
        if not token:
            raise Unauthenticated("there is no token")
        if len(token) > TOKEN_BYTES_MAX or not token.isascii():
            raise Unauthenticated("the token is malformed")
        digest = sha256(token.encode("ascii")).digest()
        entry = self._verified.get(digest)
        if entry is not None and await self._still_holds(entry):
            return entry.claims
        self._verified.drop(digest)
        entry = await self._checked(token)
        self._verified.put(digest, entry)
        return entry.claims

    async def _still_holds(self, entry: VerifiedToken) -> bool:
        keys = self._keys.fresh() or await self._keys.current()
        return entry.expires_at > self._now() and keys.holds(entry.key)

    async def _checked(self, token: str) -> VerifiedToken:
        parts = take_apart(token)
        # Before the signature, so that a stray token of another issuer starts no search for its key.
        expires_at = check_claims(parts.claims, issuer=self._issuer, audience=self._audience, now=self._now())
        key = await self._key(parts.kid)
        if not key.signed(parts.signed, parts.signature):
            raise Unauthenticated("the token's signature does not hold")
        return VerifiedToken(MappingProxyType(parts.claims), expires_at, key)

    async def _key(self, kid: str | None) -> SigningKey:
        if kid is None:
            only = (await self._keys.current()).only()
            if only is None:
                raise Unauthenticated("the token names no key")
            return only
        key = await self._keys.find(kid)
        if key is None:
            raise Unauthenticated("the token's key is unknown")
        return key
