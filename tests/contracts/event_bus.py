"""What every EventBus must do: say of each entry whether it was taken, and of none when it cannot know."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from vendorpay.ports import BUS_BYTES_MAX, BUS_ENTRIES_MAX, BusEntry, BusUnavailable, EventBus

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def an_entry(n: int, *, kind: str = "PaymentCreated", padding: int = 0) -> BusEntry:
    detail = msgspec.json.encode({"eventId": f"evt-{n}", "note": "größer", "padding": "x" * padding})
    return BusEntry(source="roadcall.payment-service", detail_type=kind, at=AT, detail=detail)


class EventBusContract(ABC):
    """Subclasses give the bus, what was heard on it, and what goes wrong."""

    @pytest.fixture
    @abstractmethod
    def bus(self) -> EventBus:
        """What is tested, empty and at work."""

    @abstractmethod
    def heard(self) -> list[dict[str, Any]]:
        """The envelopes that came, in any order."""

    @abstractmethod
    def refuse(self, event_id: str, code: str) -> None:
        """From now on the bus refuses this entry."""

    @abstractmethod
    def go_away(self) -> None:
        """From now on nobody answers."""

    def ids(self) -> list[str]:
        return sorted(envelope["detail"]["eventId"] for envelope in self.heard())

    async def test_a_full_group_is_taken_and_arrives_as_it_was(self, bus: EventBus) -> None:
        entries = [an_entry(n, kind=f"Kind{n}") for n in range(BUS_ENTRIES_MAX)]
        assert await bus.put(entries) == [None] * BUS_ENTRIES_MAX
        found = self.heard()
        assert {envelope["detail-type"] for envelope in found} == {f"Kind{n}" for n in range(BUS_ENTRIES_MAX)}
        assert {envelope["source"] for envelope in found} == {"roadcall.payment-service"}
        assert {envelope["detail"]["note"] for envelope in found} == {"größer"}
        assert {datetime.fromisoformat(envelope["time"]) for envelope in found} == {AT}

    async def test_of_each_entry_it_is_said_whether_it_was_taken(self, bus: EventBus) -> None:
        """origin 28"""
        self.refuse("evt-1", "ThrottlingException")
        self.refuse("evt-3", "InternalFailure")
        said = await bus.put([an_entry(n) for n in range(5)])
        assert said == [None, "ThrottlingException", None, "InternalFailure", None]
        assert self.ids() == ["evt-0", "evt-2", "evt-4"]

    async def test_the_largest_group_there_may_be_is_taken(self, bus: EventBus) -> None:
        overhead = an_entry(1).size_bytes
        assert await bus.put([an_entry(1, padding=BUS_BYTES_MAX - overhead)]) == [None]
        assert self.ids() == ["evt-1"]

    async def test_a_bus_that_is_away_says_nothing_of_any(self, bus: EventBus) -> None:
        self.go_away()
        with pytest.raises(BusUnavailable, match="no answer"):
            await bus.put([an_entry(1)])
        assert self.ids() == []
