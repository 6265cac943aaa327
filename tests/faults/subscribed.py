"""A subscriber under load and faults: what came to it, and what the feed shows, against the events of the tables."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from typing import Any

from tests.scenarios.asking import Caller, Office
from tests.scenarios.books import Row, rows
from tests.scenarios.webhook_receiver import Exchange, WebhookReceiver

SETTLED_S_MAX = 120.0
PAGE = 200
FAILING = 0.03
"""How many of the first tries fail at the receiver; no event fails twice, or the schedule's minutes would be waited."""

OUTBOX = "SELECT * FROM outbox WHERE org_id = %(org)s ORDER BY aggregate_id, sequence"
PENDING = """
    SELECT count(*) AS n FROM deliveries WHERE org_id = %(org)s AND state = 'pending'"""


class Subscriber:
    """A webhook endpoint of the office's organisation, from before its first event, that sometimes fails."""

    def __init__(self, receiver: WebhookReceiver, office: Office, rng: random.Random) -> None:
        self.receiver = receiver
        self.org = office.org
        self._rng = rng
        self._failed: set[str] = set()
        answer = office.admin.post("/webhook-endpoints", {"url": receiver.url})
        assert answer.status_code == 201, answer.text
        receiver.know(answer.json()["secret"])
        receiver.behave = self._behave

    def _behave(self, exchange: Exchange) -> None:
        if exchange.received.webhook_id not in self._failed and self._rng.random() < FAILING:
            self._failed.add(exchange.received.webhook_id)
            if self._rng.random() < 0.5:
                exchange.drop()
            else:
                exchange.answer(500)
        else:
            exchange.answer(204)

    def settle(self, books_url: str) -> list[Row]:
        """Every event of the organisation, once all of them are numbered and delivered; fails when that takes long."""
        deadline = time.monotonic() + SETTLED_S_MAX
        while True:
            events = rows(books_url, OUTBOX, org=self.org)
            numbered = rows(books_url, "SELECT * FROM feed_positions WHERE org_id = %(org)s", org=self.org)
            pending = rows(books_url, PENDING, org=self.org)[0]["n"]
            missing = {str(event["event_id"]) for event in events} - set(self.receiver.ids())
            if len(numbered) == len(events) and not pending and not missing:
                return events
            words = f"{len(events)} events, {len(numbered)} numbered, {pending} pending, {len(missing)} never came"
            assert time.monotonic() < deadline, f"after {SETTLED_S_MAX} s: {words}"
            time.sleep(0.1)

    def check(self, books_url: str, reader: Caller) -> None:
        """Every event of every committed change came, per payment in order, none was invented; the feed is 1..n."""
        events = self.settle(books_url)
        self._check_received(events)
        feed = read_feed(reader)
        assert [each["position"] for each in feed] == list(range(1, len(events) + 1))
        assert sorted(each["id"] for each in feed) == sorted(str(event["event_id"]) for event in events)
        assert_in_order([(each["detail"], each["id"]) for each in feed])

    def _check_received(self, events: list[Row]) -> None:
        # The endpoint's own creation may come before the receiver was given the secret.
        assert {each.json["type"] for each in self.receiver.unsigned()} <= {"WebhookEndpointCreated"}
        known = {str(event["event_id"]): event for event in events}
        came: dict[str, Any] = {}
        for received in list(self.receiver.received):
            assert received.webhook_id in known, f"an event that nobody committed: {received.body!r}"
            before = came.setdefault(received.webhook_id, received.json)
            assert received.json == before, "a duplicate has the same id, and says the same"
            assert received.json["type"] == known[received.webhook_id]["event_type"]
        assert came.keys() == known.keys()
        assert_in_order([(body["data"], webhook_id) for webhook_id, body in came.items()])


def assert_in_order(events: list[tuple[dict[str, Any], str]]) -> None:
    """The events of each aggregate, in the order given, are 1, 2, 3.."""
    seen: dict[str, list[int]] = defaultdict(list)
    for detail, event_id in events:
        assert detail["eventId"] == event_id
        seen[detail.get("paymentId") or detail["endpointId"]].append(detail["sequence"])
    wrong = {who: found for who, found in seen.items() if found != list(range(1, len(found) + 1))}
    assert wrong == {}


def read_feed(reader: Caller) -> list[dict[str, Any]]:
    """The whole feed, page by page."""
    found: list[dict[str, Any]] = []
    position = 0
    while True:
        answer = reader.get(f"/events?after={position}&limit={PAGE}")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        if not page["events"]:
            return found
        found += page["events"]
        position = page["position"]
