"""Tokens verified before, so that a caller's next request costs a hash and not a signature check."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vendorpay.adapters.jwks_keys import SigningKey

VERIFIED_TOKENS_MAX = 4096


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """The claims, good until `expires_at` and while the issuer publishes `key`."""

    claims: Mapping[str, Any]
    expires_at: float
    key: SigningKey


class VerifiedTokens:
    """The most recently used tokens by the SHA-256 of their text; the tokens themselves are not kept."""

    def __init__(self, capacity: int = VERIFIED_TOKENS_MAX) -> None:
        self._capacity = capacity
        self._by_digest: OrderedDict[bytes, VerifiedToken] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_digest)

    def get(self, digest: bytes) -> VerifiedToken | None:
        entry = self._by_digest.get(digest)
        if entry is not None:
            self._by_digest.move_to_end(digest)
        return entry

    def put(self, digest: bytes, entry: VerifiedToken) -> None:
        self._by_digest[digest] = entry
        if len(self._by_digest) > self._capacity:
            self._by_digest.popitem(last=False)

    def drop(self, digest: bytes) -> None:
        self._by_digest.pop(digest, None)
