"""What differs between a laptop and AWS, as small protocols; the adapters are chosen by entrypoints alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class TokenVerifier(Protocol):
    """Checks access tokens against the keys of one issuer."""

    async def verify(self, token: str) -> Mapping[str, Any]:
        """The claims of a valid token.

        Raises `Unauthenticated` for a token that is not valid, `IssuerUnavailable` when no key could ever be fetched.
        """
        ...
