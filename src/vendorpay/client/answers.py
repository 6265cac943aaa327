"""What every answer has in common: it is read leniently, and keeps the service's own bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import msgspec

from vendorpay.client.decoders import decoder_of
from vendorpay.client.problem import NotTheService

T = TypeVar("T")


class Answered(msgspec.Struct, frozen=True, kw_only=True, rename="camel", dict=True):
    """An answer. Fields that this client does not know are passed over, and closed sets are read as plain text: the
    service may be newer."""

    @property
    def json(self) -> bytes:
        """As the service wrote it; of a part of an answer, what this client knows of it."""
        kept: bytes | None = self.__dict__.get("json_of_the_service")
        return msgspec.json.encode(self) if kept is None else kept

    @property
    def is_replayed(self) -> bool:
        """Whether it is the first answer once more, given under the same Idempotency-Key."""
        return bool(self.__dict__.get("is_replayed_by_the_service"))


A = TypeVar("A", bound=Answered)


class Page(Answered, Generic[T], frozen=True, kw_only=True, rename="camel"):
    """One page of a list; its first field holds what is on it."""

    @property
    def items(self) -> Sequence[T]:
        """What is on it."""
        found: Sequence[T] = getattr(self, self.__struct_fields__[0])
        return found

    @property
    def cursor(self) -> str | None:
        """Leads to the next page; None on the last."""
        found: str | None = getattr(self, "next_cursor", None)
        return found


P = TypeVar("P", bound=Page)  # type: ignore[type-arg]


class Pages(Generic[P, T]):
    """A list: iterate it for all its items, with pages asked for as they are needed; or take a page at a time."""

    def __init__(self, ask: Callable[[str | None], P], cursor: str | None) -> None:
        self._ask = ask
        self._cursor = cursor

    def first(self) -> P:
        """The first page from the given cursor on, alone."""
        return self._ask(self._cursor)

    def pages(self) -> Iterator[P]:
        """Every page; one that others write to meanwhile may show what came in before it began to be read."""
        cursor = self._cursor
        while True:
            page = self._ask(cursor)
            yield page
            if page.cursor is None:
                return
            cursor = page.cursor

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items


def read(raw: bytes, shape: type[T]) -> T:
    """A value of any shape. Raises NotTheService for what is none."""
    try:
        return decoder_of(shape).decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotTheService(f"the answer is not the service's: {error}. Check the URL") from None


def read_answer(raw: bytes, shape: type[A], *, is_replayed: bool = False) -> A:
    """An answer with the bytes that it was read from. Raises NotTheService."""
    found = read(raw, shape)
    found.__dict__["json_of_the_service"] = raw
    found.__dict__["is_replayed_by_the_service"] = is_replayed
    return found
