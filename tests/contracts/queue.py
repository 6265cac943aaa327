"""What every Queue must do: bring what it took, again as long as nobody says that it was dealt with."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod

import pytest

from vendorpay.ports import MESSAGES_MAX, Queue, QueuedMessage, QueueUnavailable


class QueueContract(ABC):
    """Subclasses give the queue, whose patience with a receiver is a second, and take it away."""

    @pytest.fixture
    @abstractmethod
    def queue(self) -> Queue:
        """What is tested, empty and at work."""

    @abstractmethod
    def go_away(self) -> None:
        """From now on nobody answers."""

    async def received(self, queue: Queue, many: int) -> list[QueuedMessage]:
        """So many messages, as they come."""
        found: list[QueuedMessage] = []
        while len(found) < many:
            found += await queue.receive(wait_s=2)
        return found

    async def test_what_was_sent_is_received_and_gone_when_it_was_removed(self, queue: Queue) -> None:
        bodies = [f'{{"n": {n}, "text": "größer\\n"}}' for n in range(MESSAGES_MAX)]
        assert await queue.send(bodies) == [None] * MESSAGES_MAX
        found = await self.received(queue, MESSAGES_MAX)
        assert sorted(message.body for message in found) == sorted(bodies)
        assert {message.receives for message in found} == {1}
        assert await queue.remove(found) == []
        await asyncio.sleep(1.1)
        assert await queue.receive() == []

    async def test_what_was_received_is_hidden_and_comes_again_unless_it_is_removed(self, queue: Queue) -> None:
        await queue.send(["work"])
        began = time.monotonic()
        (first,) = await self.received(queue, 1)
        early = await queue.receive()
        assert not early or time.monotonic() - began >= 1, "it was to be hidden for a second"
        (again,) = early or await self.received(queue, 1)
        assert (again.body, again.receives) == (first.body, 2)
        assert await queue.remove([again]) == []

    async def test_it_waits_for_a_message_no_longer_than_it_is_told(self, queue: Queue) -> None:
        began = time.monotonic()
        assert await queue.receive(wait_s=1) == []
        assert 0.8 < time.monotonic() - began < 15

    async def test_nothing_is_sent_and_nothing_removed_without_asking(self, queue: Queue) -> None:
        self.go_away()
        assert await queue.send([]) == []
        assert await queue.remove([]) == []

    async def test_a_queue_that_is_away_says_so(self, queue: Queue) -> None:
        self.go_away()
        for attempt in (
            queue.send(["x"]),
            queue.receive(),
            queue.remove([QueuedMessage(receipt="r", body="x", receives=1)]),
        ):
            with pytest.raises(QueueUnavailable, match="no answer"):
                await attempt
