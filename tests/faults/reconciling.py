"""What clients were told against what the tables hold, both ways."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from tests.faults.load import Asked, Notes, Published
from tests.scenarios.books import Row, assert_whole, rows

STATUS = {"approve_payment": "approved", "reject_payment": "rejected", "cancel_payment": "cancelled"}


class Books:
    """The tables as they are now, each by payment."""

    def __init__(self, url: str) -> None:
        self.by_incident: dict[str, list[Row]] = defaultdict(list)
        for row in rows(url, "SELECT * FROM payments"):
            self.by_incident[str(row["incident_id"])].append(row)
        self.lines = _by_payment(rows(url, "SELECT * FROM payment_line_items ORDER BY line_no"))
        self.audit = _by_payment(rows(url, "SELECT * FROM payment_audit_log ORDER BY seq"))
        self.commands = _by_payment(rows(url, "SELECT * FROM commands"))
        self.outbox = _by_payment(rows(url, "SELECT *, aggregate_id AS payment_id FROM outbox ORDER BY sequence"))
        self.inbox = {row["event_id"]: row for row in rows(url, "SELECT * FROM inbox")}


def _by_payment(found: list[Row]) -> dict[str, list[Row]]:
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in found:
        grouped[str(row["payment_id"])].append(row)
    return grouped


def reconcile(notes: Notes, url: str) -> None:
    """Every answer is there, once and whole; nothing is there that nobody asked for."""
    assert notes.wrong == []
    assert_whole(url)
    books = Books(url)
    for created in notes.creations:
        _check_creation(created, books)
    for decided in notes.decisions:
        _check_decision(decided, books)
    for published in notes.events:
        _check_event(published, books)
    asked = {each.body["incidentId"] for each in notes.creations}
    asked |= {each.event["detail"]["incidentId"] for each in notes.events}
    assert set(books.by_incident) <= asked, "a payment that nobody asked for"
    _check_keys(notes, books)


def _check_creation(created: Asked, books: Books) -> None:
    found = books.by_incident.get(created.body["incidentId"], [])
    assert len(found) <= 1, f"two payments for one request: {created}"
    if created.answer is None:
        assert created.key is None, "what has a key is repeated until it is answered"
        if not found:
            return
        assert created.tries, "a payment for a request that was never sent"
    (payment,) = found
    payment_id = str(payment["payment_id"])
    assert (payment["amount_cents"], payment["created_by"]) == (created.body["amountCents"], created.caller)
    lines = [
        {"description": each["description"], "quantity": each["quantity"], "unitPriceCents": each["unit_price_cents"]}
        for each in books.lines[payment_id]
    ]
    assert lines == created.body["lineItems"]
    (command,) = [each for each in books.commands[payment_id] if each["operation"] == "create_payment"]
    assert command["idempotency_key"] == created.key
    if created.answer is not None:
        assert (created.answer["paymentId"], created.raw) == (payment_id, command["answer"])


def _check_decision(decided: Asked, books: Books) -> None:
    """A decision is its command, its audit entry by that person and its event; all of them, or none."""
    payment_id = decided.path.split("/")[2]
    status = STATUS[decided.operation]
    commands = [each for each in books.commands[payment_id] if each["operation"] == decided.operation]
    entries = [each for each in books.audit[payment_id] if each["new_status"] == status]
    events = [each for each in books.outbox[payment_id] if each["event_type"] == f"Payment{status.capitalize()}"]
    assert {len(commands), len(entries), len(events)} in ({0}, {1}), decided
    if decided.answer is None:
        assert decided.key is None
        assert decided.tries or not commands
        return
    assert commands, f"answered, but not there: {decided}"
    assert (commands[0]["answer"], commands[0]["idempotency_key"]) == (decided.raw, decided.key)
    assert {commands[0]["caller"], entries[0]["actor_id"]} == {decided.caller}
    assert decided.answer["status"] == status


def _check_event(published: Published, books: Books) -> None:
    assert published.result is not None, "events are sent until they are answered"
    # Only what was sent before can be a duplicate.
    assert published.result["result"] == "accepted" or published.tries > 1, published
    assert published.result["result"] in ("accepted", "duplicate"), published
    (payment,) = books.by_incident[published.event["detail"]["incidentId"]]
    payment_id = str(payment["payment_id"])
    assert published.result["paymentId"] == payment_id
    assert payment["amount_cents"] == sum(published.event["detail"]["pricing"].values())
    assert str(books.inbox[published.event["id"]]["payment_id"]) == payment_id
    commands = [json.loads(each["answer"]) for each in books.commands[payment_id]]
    assert [each["result"] for each in commands].count("accepted") == 1


def _check_keys(notes: Notes, books: Books) -> None:
    """A key that was tried again and again has one command."""
    stored: dict[Any, int] = defaultdict(int)
    for commands in books.commands.values():
        for command in commands:
            stored[command["idempotency_key"]] += 1
    for asked in [*notes.creations, *notes.decisions]:
        if asked.key is not None:
            assert stored[asked.key] == 1, asked
