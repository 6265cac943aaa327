"""What an operation's function gets: a request that is known to be well formed, from a caller who may ask it."""

from __future__ import annotations

from typing import Any, TypeVar
from uuid import UUID

import msgspec

from vendorpay.api.request import Headers
from vendorpay.api.service import Service
from vendorpay.domain.roles import Caller
from vendorpay.usecases.command import Key
from vendorpay.usecases.deps import Deps

T = TypeVar("T")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request after its checks. The parts that an operation does not declare are empty."""

    service: Service
    request_id: str
    headers: Headers
    who: Caller | None = None
    ids: dict[str, UUID] = {}
    parsed_query: Any = None
    parsed_body: Any = None
    key: Key | None = None
    versions: frozenset[int] | None = None
    """What If-Match names, where the operation heeds it; None for any version."""
    conditional: bool = False
    """Whether there was an If-Match at all, where the operation heeds it."""

    @property
    def deps(self) -> Deps:
        """What the use cases work with."""
        return self.service.deps

    @property
    def caller(self) -> Caller:
        """Who calls; there is always one where the operation has a permission."""
        assert self.who is not None, "an operation without a permission has no caller"
        return self.who

    @property
    def id(self) -> UUID:
        """The {id} of the path."""
        return self.ids["id"]

    def query(self, shape: type[T]) -> T:
        """The query parameters, as the type that the operations table names."""
        assert isinstance(self.parsed_query, shape)
        return self.parsed_query

    def body(self, shape: type[T]) -> T:
        """The request body, as the type that the operations table names."""
        assert isinstance(self.parsed_body, shape)
        return self.parsed_body

    def new_id(self) -> UUID:
        """An id for what this call is about to do."""
        return self.deps.new_id(self.deps.now())
