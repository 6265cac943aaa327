"""What all requests of one running server share."""

from __future__ import annotations

from vendorpay.ports import TokenVerifier
from vendorpay.usecases.deps import Deps


class Service:
    """The use cases' dependencies, the token verifier, the OpenAPI document, and whether the server is going down."""

    __slots__ = ("deps", "document", "draining", "verifier")

    def __init__(self, *, deps: Deps, verifier: TokenVerifier, document: bytes) -> None:
        self.deps = deps
        self.verifier = verifier
        self.document = document
        self.draining = False
