"""Everything that can be read is as the model has it: payments, lists, the feed, the audit log, the quarantine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.model.contract_tables import ENDED, OFFICE_ONLY, Person, Request, Row
from tests.model.office import Office, Told
from tests.model.wishes import Scene

NO_HASH = "0" * 64


def payment_ids_in(body: Any) -> Iterator[str]:
    """The payments that an answer is about."""
    if not isinstance(body, dict):
        return
    if body.get("paymentId"):
        yield body["paymentId"]
    for one in body.get("results", ()):
        yield from payment_ids_in(one)
        yield from payment_ids_in(one.get("payment"))


def differing(one: Any, other: Any) -> Row:
    """The fields in which two JSON values differ, for people who read of it."""
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return {} if one == other else {"$": (one, other)}
    names = sorted({*one, *other})
    return {name: (one.get(name), other.get(name)) for name in names if one.get(name) != other.get(name)}


async def shown_with(office: Office, scene: Scene, request: Request, told: Told) -> Any:
    """The answer, and with that to events the payments they became, for the model to learn ids and moments from."""
    shown = told.answered.json
    if request.action not in ("publish", "replay") or told.answered.status >= 300:
        return shown
    reader = Person(sub="auditor-1", role="auditor", org=request.person.org)
    unknown = [one for one in payment_ids_in(shown) if one not in scene.model.payments]
    return {**shown, "payments": await office.payments(reader, unknown)}


async def learn_quarantine(office: Office, scene: Scene, request: Request) -> None:
    """The quarantine of the organisation is what the model says; rows that are new tell their ids."""
    if request.action not in ("publish", "replay"):
        return
    org = request.person.org
    listed = await office.whole_list(Person(sub="admin-1", role="admin", org=org), "/events/quarantine", "quarantined")
    rows = {raw.decode(): row for (of, raw), row in scene.model.quarantine.items() if of == org}
    for one in listed:
        row = rows[one["raw"]]
        row["id"] = row["id"] or one["quarantineId"]
        assert (one["quarantineId"], one["publisher"], one["timesSeen"]) == (row["id"], row["publisher"], row["times"])
    assert [one["raw"] for one in listed] == [
        raw for raw, row in sorted(rows.items(), key=lambda item: str(item[1]["id"])) if row["open"]
    ]


async def check_reader(office: Office, scene: Scene, person: Person, payment: Row) -> None:
    """Who may see a payment sees it, as far as they may; for everybody else there is none."""
    read = await office.get(person, f"/payments/{payment['paymentId']}")
    if not person.sees(payment):
        assert (read.status, read.json["code"]) == (404, "not_found")
        return
    hidden = OFFICE_ONLY if person.role in ("vendor", "driver") else ()
    assert differing(read.json, {name: value for name, value in payment.items() if name not in hidden}) == {}


async def check_organisation(office: Office, scene: Scene, number: int) -> None:
    """All of an organisation: lists, incidents, the feed after a pass, the log of every payment."""
    admin = scene.person(0, number)
    own = sorted((p for p in scene.model.payments.values() if p["orgId"] == admin.org), key=lambda p: p["paymentId"])
    assert await office.whole_list(admin, "/payments", "payments") == own[::-1]
    assert await office.whole_list(admin, "/payments/pending", "payments") == [
        p for p in own if p["status"] == "pending_approval" and p["payerType"] == "back_office"
    ]
    for incident in {p["incidentId"] for p in own}:
        of_it = [p for p in own if p["incidentId"] == incident]
        newest = max(of_it, key=lambda p: (p["status"] not in ENDED, p["paymentId"]))
        assert (await office.get(admin, f"/incidents/{incident}/payment")).json == newest
    for vendor in {p["vendorId"] for p in own}:
        listed = await office.whole_list(admin, f"/vendors/{vendor}/payments", "payments")
        assert listed == [p for p in own[::-1] if p["vendorId"] == vendor]
    await _check_feed(office, scene, admin)
    for p in own:
        await _check_log(office, scene, admin, p["paymentId"])


async def _check_feed(office: Office, scene: Scene, admin: Person) -> None:
    await office.number()
    found: list[Row] = []
    while True:
        page = (await office.get(admin, f"/events?after={len(found)}&limit=50")).json
        found += page["events"]
        assert page["position"] == len(found), "dense: the page ends where it must"
        if not page["events"]:
            break
    assert [one["position"] for one in found] == list(range(1, len(found) + 1))
    for payment_id, events in scene.model.events.items():
        if scene.model.payments[payment_id]["orgId"] != admin.org:
            continue
        told = [one for one in found if one["detail"]["paymentId"] == payment_id]
        assert [_as_modelled(one) for one in told] == [
            {"detail-type": event["detail-type"], "detail": event["detail"]} for event in events
        ]
    expected = [
        len(events) for one, events in scene.model.events.items() if scene.model.payments[one]["orgId"] == admin.org
    ]
    assert len(found) == sum(expected), "nothing else is in the feed"
    assert len({one["id"] for one in found}) == len(found)


def _as_modelled(event: Row) -> Row:
    detail = dict(event["detail"])
    assert detail.pop("position") == event["position"]
    assert detail.pop("eventId", event["id"]) == event["id"]
    return {"detail-type": event["detail-type"], "detail": detail}


async def _check_log(office: Office, scene: Scene, admin: Person, payment_id: str) -> None:
    entries = (await office.get(admin, f"/payments/{payment_id}/audit-log")).json["entries"]
    head = NO_HASH
    for entry in entries:
        assert entry.pop("prevHash") == head
        head = entry.pop("hash")
        entry.pop("logId")
    assert entries == scene.model.entries[payment_id]


def check_numbers(office: Office, scene: Scene) -> None:
    """The numbers of each payment's events are dense in the outbox, too."""
    gaps = office.rows(
        "SELECT aggregate_id FROM outbox WHERE org_id = ANY(%s) GROUP BY aggregate_id"
        " HAVING min(sequence) <> 1 OR max(sequence) <> count(*)",
        list(scene.orgs),
    )
    assert gaps == []
