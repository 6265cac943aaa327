"""Following the feed: page by page, in order, with an eye on every position."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from vendorpay.entrypoints.cli.failures import CommandFailed
from vendorpay.entrypoints.cli.http_client import Refused, Service
from vendorpay.entrypoints.cli.output import field, printable

PAGE_EVENTS: Final = 200
POLL_S: Final = 1.0
SUBJECTS: Final = ("paymentId", "endpointId")
"""Where a detail names what it is about, the first that it has."""


class Gap(CommandFailed):
    """The feed does not go on where it should; the message names the positions."""


async def tail(service: Service, after: int, *, follow: bool, event_type: str | None, as_json: bool) -> None:
    """Prints every event after a position; with `follow` also those to come, for ever.

    A service that is away is waited for when following. Raises Gap, Refused, CommandFailed.
    """
    place = _Place(after)
    try:
        await _tail(service, place, follow=follow, event_type=event_type, as_json=as_json)
    except Gap:  # names its positions itself
        raise
    except (CommandFailed, asyncio.CancelledError):  # a token that has expired, Ctrl-C
        if place.after > after:  # with a type, the last line that was printed does not tell
            print(
                f"vendorpay: everything up to position {place.after} was seen: --after {place.after}", file=sys.stderr
            )
        raise


@dataclass
class _Place:
    """Up to where the feed was seen."""

    after: int


async def _tail(service: Service, place: _Place, *, follow: bool, event_type: str | None, as_json: bool) -> None:
    while True:
        after = place.after
        try:
            page = await service.get("/events", after=after, limit=PAGE_EVENTS, type=event_type)
        except Refused:
            raise
        except CommandFailed as failed:
            if not follow:
                raise
            print(f"vendorpay: {failed} Still trying ..", file=sys.stderr)
            continue
        if after > (last := int(page["lastPosition"])):
            raise Gap(f"The feed ends at position {last}, before {after}: it is another one than was read. Begin anew.")
        place.after = _shown(page, after, dense=event_type is None, as_json=as_json)
        if place.after > after:  # also when a page of one type has passed over events of others alone
            continue
        if not follow:
            return
        await asyncio.sleep(POLL_S)


def _shown(page: dict[str, Any], after: int, *, dense: bool, as_json: bool) -> int:
    """Prints a page as far as it is whole; returns the position to go on after. Raises Gap."""
    for event in page["events"]:
        position = int(event["position"])
        if position <= after or (dense and position != after + 1):
            sys.stdout.flush()
            raise Gap(_words(after, position))
        print(json.dumps(event, ensure_ascii=False, separators=(",", ":")) if as_json else line(event))
        after = position
    sys.stdout.flush()
    return max(after, int(page["position"]))


def _words(after: int, position: int) -> str:
    if position <= after:
        return f"The feed went back: position {position} came after {after}."
    missing = f"position {after + 1} is" if position == after + 2 else f"positions {after + 1} to {position - 1} are"
    return f"The feed has a gap: {missing} missing, {position} came after {after}."


def line(event: dict[str, Any]) -> str:
    """An event for people: position, time, type, what it is about, its number there, and the status then."""
    detail = event.get("detail") or {}
    subject: Sequence[str] = [field(detail, name) for name in SUBJECTS if detail.get(name)]
    cells = (
        f"{field(event, 'position'):>8}",
        field(event, "time"),
        f"{field(event, 'detail-type'):<20}",
        subject[0] if subject else "-",
        f"{field(detail, 'sequence'):>4}",
        field(detail, "status"),
    )
    return printable("  ".join(cells).rstrip())
