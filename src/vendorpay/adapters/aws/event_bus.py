"""EventBridge: PutEvents, and what it said of each entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from vendorpay.adapters.aws.clients import AwsClient, AwsRefused
from vendorpay.ports import BusEntry, BusUnavailable

UNSAID: Final = "unsaid"
_CLIENT_ERROR: Final = 400
_OF_AN_ENTRY: Final = frozenset({"ValidationException", "InvalidArgument", "MalformedDetail", "400", "413"})
"""Refusals of a whole request that one of its entries brought about; others are about us, or about nobody."""


class EventBridgeBus:
    """A bus of EventBridge, by its name or ARN."""

    def __init__(self, name: str, client: AwsClient) -> None:
        self._name = name
        self._client = client

    async def put(self, entries: Sequence[BusEntry]) -> list[str | None]:
        """As the port says. A request that is refused for one of its entries is made again for each of them."""
        try:
            answer = await self._client.call("put_events", Entries=[self._entry(entry) for entry in entries])
        except AwsRefused as refused:
            if refused.status != _CLIENT_ERROR or refused.code not in _OF_AN_ENTRY:
                raise BusUnavailable(f"EventBridge: {refused.code}") from refused
            if len(entries) == 1:
                return [refused.code]
            return [(await self.put([entry]))[0] for entry in entries]
        return _refusals(answer, len(entries))

    def _entry(self, entry: BusEntry) -> dict[str, Any]:
        return {
            "EventBusName": self._name,
            "Source": entry.source,
            "DetailType": entry.detail_type,
            "Time": entry.at,
            "Detail": entry.detail.decode(),
        }


def _refusals(answer: Mapping[str, Any], count: int) -> list[str | None]:
    """Taken is what has an id; what the answer says nothing of was not taken."""
    said: list[Mapping[str, Any]] = list(answer.get("Entries", ()))[:count]
    found = [None if one.get("EventId") else str(one.get("ErrorCode") or UNSAID) for one in said]
    return found + [UNSAID] * (count - len(found))
