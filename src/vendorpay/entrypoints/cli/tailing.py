"""Following the feed: page by page, in order, with an eye on every position."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Final

from vendorpay.client import Client, ClientError, FeedGap, NoAnswer, Place
from vendorpay.client.event_values import Event
from vendorpay.entrypoints.cli.asked_service import words
from vendorpay.entrypoints.cli.output import moment, printable, text

POLL_S: Final = 1.0
SUBJECTS: Final = ("paymentId", "endpointId")
"""Where a detail names what it is about, the first that it has."""


def tail(client: Client, after: int, *, follow: bool, event_type: str | None, as_json: bool) -> None:
    """Prints every event after a position; with `follow` also those to come, for ever.

    A service that is away is waited for when following. Raises FeedGap and whatever else the client raises.
    """
    place = Place(after, event_type)
    interrupted = _interrupts()
    try:
        while True:
            try:
                _print(client, place, interrupted, follow=follow, as_json=as_json)
                return
            except NoAnswer as away:
                if not follow:
                    raise
                print(f"vendorpay: {words(away)} Still trying ..", file=sys.stderr)
    except FeedGap:  # names its positions itself
        raise
    except (ClientError, KeyboardInterrupt):  # a token that has expired, Ctrl-C
        if place.after > after:  # with a type, the last line that was printed does not tell
            print(
                f"vendorpay: everything up to position {place.after} was seen: --after {place.after}", file=sys.stderr
            )
        raise


def _interrupts() -> list[int]:
    """Where each Ctrl-C from here on leaves a trace: one that comes while Python is tidying up an object is printed as
    ignored, and would otherwise be lost.
    """
    seen: list[int] = []
    if threading.current_thread() is threading.main_thread():
        before = signal.getsignal(signal.SIGINT)

        def remember(number: int, frame: FrameType | None) -> None:
            seen.append(number)
            if callable(before):
                before(number, frame)

        signal.signal(signal.SIGINT, remember)
    return seen


def _print(client: Client, place: Place, interrupted: Sequence[int], *, follow: bool, as_json: bool) -> None:
    try:
        for page in client.feed_pages(place, follow=follow, poll_s=POLL_S):
            if interrupted:
                raise KeyboardInterrupt
            for event in page:
                print(event.json.decode() if as_json else line(event))
            sys.stdout.flush()
    finally:
        sys.stdout.flush()


def line(event: Event) -> str:
    """An event for people: position, time, type, what it is about, its number there, and the status then."""
    detail = event.detail
    subject = [text(detail[name]) for name in SUBJECTS if detail.get(name)]
    cells = (
        f"{event.position:>8}",
        moment(event.time),
        f"{event.detail_type:<20}",
        subject[0] if subject else "-",
        f"{text(detail.get('sequence')):>4}",
        text(detail.get("status")),
    )
    return printable("  ".join(cells).rstrip())
