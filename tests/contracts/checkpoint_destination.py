"""What every CheckpointDestination that can be asked must do: keep what it was given, and let nobody write over it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from datetime import UTC, datetime

import pytest

from vendorpay.domain.checkpoint import Checkpoint, Document, Held, NotShipped
from vendorpay.ports import CheckpointDestination

SUBJECT = "01939b5e-7c00-7000-8000-00000000000a"


def chain(many: int, *, lines_each: int = 1) -> list[Document]:
    """So many documents that follow on each other."""
    made: list[Document] = []
    for number in range(many):
        before = made[-1].checkpoint if made else None
        positions = range(number * lines_each + 1, (number + 1) * lines_each + 1)
        lines = [f"{position} {SUBJECT} {position} {position:064x}" for position in positions]
        said = Checkpoint.over(lines, before, now=datetime(2026, 1, 1, tzinfo=UTC))
        made.append(Document(checkpoint=said, hash=said.hash().hex(), entries=tuple(lines)))
    return made


class CheckpointDestinationContract(ABC):
    """Subclasses give the destination, empty, and spoil it behind its back."""

    @pytest.fixture
    @abstractmethod
    def place(self) -> CheckpointDestination:
        """What is tested, empty and at work."""

    @abstractmethod
    def spoil(self, place: CheckpointDestination, number: int) -> None:
        """Puts something else in the place of a checkpoint."""

    async def test_what_was_put_is_held(self, place: CheckpointDestination) -> None:
        assert (await place.held(), place.identity) == (Held(), None)
        documents = chain(3)
        for number, document in enumerate(documents, start=1):
            await place.put(number, document.text())
        assert await place.held() == Held(numbers=frozenset({1, 2, 3}), newest_hash=documents[-1].hash)

    async def test_the_newest_is_the_one_with_the_highest_number(self, place: CheckpointDestination) -> None:
        documents = chain(11)
        for number in (11, 2, 9):
            await place.put(number, documents[number - 1].text())
        assert await place.held() == Held(numbers=frozenset({2, 9, 11}), newest_hash=documents[10].hash)

    async def test_the_same_one_again_is_harmless_and_another_is_refused(self, place: CheckpointDestination) -> None:
        one, two = chain(2)
        for _ in range(2):
            await place.put(1, one.text())
        with pytest.raises(NotShipped, match="says something else"):
            await place.put(1, two.text())
        assert (await place.held()).newest_hash == one.hash

    async def test_two_who_put_the_same_one_at_once_leave_it_whole(self, place: CheckpointDestination) -> None:
        (large,) = chain(1, lines_each=2_000)
        await asyncio.gather(*(place.put(1, large.text()) for _ in range(4)))
        assert await place.held() == Held(numbers=frozenset({1}), newest_hash=large.hash)

    async def test_what_is_no_checkpoint_any_more_is_said(self, place: CheckpointDestination) -> None:
        await place.put(1, chain(1)[0].text())
        self.spoil(place, 2)
        with pytest.raises(NotShipped, match=r"The newest checkpoint in .* cannot be read"):
            await place.held()
