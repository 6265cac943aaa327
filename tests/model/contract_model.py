"""The contract in plain Python: what each request is answered with, and what is on record of it afterwards.

It imports nothing of the service and restates contract.md 2-5 and correctness.md 1, 10, 13 and 16 in its own words.
Only what nobody can foresee is taken from the answer itself (`told`): ids, and the moment, which must lie within the
request's own time. So an answer that fits is one that this model would have given.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, repeat
from typing import Any

from tests.model.contract_tables import (
    ACTIONS,
    ENDED,
    EVENT_SOURCES,
    HOLDS_MAX,
    MOVES_OF_PAYOUT,
    ROUTES,
    STATUS,
    Person,
    Request,
    Row,
    faults_in,
    work_completed_in,
)

NOTHING_YET: Row = dict.fromkeys(
    ("approvedAt", "payout", "stripePaymentIntentId", "stripeTransferId", "processedAt", "completedAt", "failedReason")
    + ("failedCode", "approvedBy", "editedBy", "fraudScore", "fraudStatus")
)


class Refused(Exception):
    """A refusal, by its code."""

    def __init__(self, code: str, **more: Any) -> None:
        self.body = {"code": code, **more}
        super().__init__(code)


@dataclass
class Answer:
    """What a request is answered with; of a problem only its code, and the payment in the way."""

    status: int
    body: Any
    replayed: bool = False


@dataclass
class Stored:
    """What stands under a key."""

    fingerprint: bytes
    body: Any
    at: datetime


@dataclass
class Model:
    """Everything that anybody may ask about, of all organisations."""

    required_approvals: int
    sources: frozenset[str] = EVENT_SOURCES
    payments: dict[str, Row] = field(default_factory=dict)
    entries: dict[str, list[Row]] = field(default_factory=dict)
    events: dict[str, list[Row]] = field(default_factory=dict)
    keys: dict[tuple[str, ...], Stored] = field(default_factory=dict)
    inbox: dict[tuple[str, ...], str] = field(default_factory=dict)
    quarantine: dict[tuple[str, bytes], Row] = field(default_factory=dict)
    span: tuple[datetime, datetime] = (datetime.min, datetime.max)
    """Between which moments of the service's clock the request was under way."""

    def copy(self) -> Model:
        """Another one that stands where this one does."""
        grown = {name: {key: [*rows] for key, rows in getattr(self, name).items()} for name in ("entries", "events")}
        same = {name: dict(getattr(self, name)) for name in ("payments", "keys", "inbox")}
        return replace(self, **grown, **same, quarantine={key: dict(row) for key, row in self.quarantine.items()})

    # --- requests ------------------------------------------------------------------------------------------------

    def answer(self, request: Request, told: Any) -> Answer:
        """What the request is answered with; the model is afterwards as the service must be."""
        route = ROUTES[request.action]
        try:
            if request.person.role not in route.roles:
                raise Refused("forbidden")
            if faults_in(request):
                raise Refused("invalid_request")
            body, replayed = getattr(self, route.way)(request, told if isinstance(told, dict) else {})
            return Answer(route.success, body, replayed)
        except Refused as refused:
            return Answer(STATUS[refused.body["code"]], refused.body)

    def _keyed(
        self, request: Request, scope: str, key: str | None, decide: Callable[[], Any], shape: str = ""
    ) -> tuple[Any, bool]:
        """The stored answer of the key, else that of `decide`, which is stored; a refusal stores nothing."""
        if key is None:
            return decide(), False
        place = (request.person.org, scope, request.person.sub, key)
        if (before := self.keys.get(place)) is not None:
            if before.fingerprint != request.fingerprint:
                raise Refused("idempotency_key_reused")
            return before.body, True
        body = decide()
        self.keys[place] = Stored(request.fingerprint, body, self.span[1])
        return body, False

    def create(self, request: Request, told: Row) -> tuple[Any, bool]:
        """POST /payments."""
        return self._keyed(request, "create", request.key, lambda: self._created(request, request.body, told))

    def change(self, request: Request, told: Row) -> tuple[Any, bool]:
        """An action on one payment."""
        return self._keyed(request, request.action, request.key, lambda: self._changed(request, told))

    def bulk_create(self, request: Request, told: Row) -> tuple[Any, bool]:
        """POST /payments/bulk."""
        makes = [lambda told, item=item: self._created(request, item, told) for item in request.body]
        return self._bulk(request, 201, makes, told)

    def bulk_approve(self, request: Request, told: Row) -> tuple[Any, bool]:
        """POST /payments/approvals: as if each had come alone, without a digest or an If-Match."""
        notes = request.body.get("notes")
        alone = [
            Request(person=request.person, action="approve", target=target, body={"notes": notes})
            for target in request.body["paymentIds"]
        ]
        return self._bulk(request, 200, [lambda told, one=one: self._changed(one, told) for one in alone], told)

    def _bulk(self, request: Request, success: int, makes: Sequence[Any], told: Row) -> tuple[Any, bool]:
        self._keyed(request, f"take on {request.action}", request.key, dict)
        told_items = chain(told.get("results", ()), repeat({}))
        results: list[Row] = []
        for index, (make, item) in enumerate(zip(makes, told_items, strict=False)):
            key = None if request.key is None else f"{request.key}#{index}"
            shown = item.get("payment", {})
            try:
                body, replayed = self._keyed(
                    request,
                    request.action,
                    key,
                    lambda make=make, shown=shown: _well(make(shown)),  # type: ignore[misc]
                )
                results.append(
                    {"index": index, "status": success, "payment": body} | ({"replayed": True} if replayed else {})
                )
            except Refused as refused:
                results.append({"index": index, "status": STATUS[refused.body["code"]], "problem": refused.body})
        return {"results": results}, all(one.get("replayed") for one in results)

    # --- payments ------------------------------------------------------------------------------------------------

    def _created(self, request: Request, new: Any, told: Row) -> Row:
        if faults_in(Request(person=request.person, action="create", body=new)):
            raise Refused("invalid_request")
        twin = self.twin(request.person.org, new["incidentId"], new["vendorId"], new.get("reference", ""))
        if twin is not None and twin["status"] not in ENDED:
            raise Refused("duplicate_payment", existingPaymentId=twin["paymentId"])
        return self._born(request.person, new, told)

    def twin(self, org: str, *job: str) -> Row | None:
        """The payment of a job: the live one, else the newest."""
        names = ("incidentId", "vendorId", "reference")[: len(job)]
        found = [p for p in self.payments.values() if p["orgId"] == org and tuple(p[name] for name in names) == job]
        return max(found, key=lambda p: (p["status"] not in ENDED, p["paymentId"]), default=None)

    def _born(self, by: Person, new: Row, told: Row) -> Row:
        at, of_driver = self._at(told), new["payerType"] == "driver_ic"
        payment: Row = {
            **NOTHING_YET,
            "paymentId": told.get("paymentId"),
            "orgId": by.org,
            **{name: new[name] for name in ("incidentId", "vendorId", "payerType", "amountCents")},
            "reference": new.get("reference", ""),
            "payerId": new.get("payerId"),
            "currency": new.get("currency", "USD"),
            "status": "pending_approval",
            "version": 1,
            "contentVersion": 1,
            "lineItems": _numbered(new["lineItems"], told),
            "requiredApprovals": 0 if of_driver else self.required_approvals,
            "createdBy": by.sub,
            "createdAt": at,
            "updatedAt": at,
            "approvals": [],
            "holds": [],
            "fraudReasons": [],
            "metadata": new.get("metadata", {}),
        }
        payment["digest"] = _digest(payment)
        own = {name: payment[name] for name in ("payerType", "payerId", "reference", "createdBy", "createdAt")}
        self._record(None, payment, by, "payment_created", ("PaymentCreated", own))
        return payment

    def _changed(self, request: Request, told: Row) -> Row:
        """The order of refusals of contract 3.8."""
        payment = self.payments.get(request.target)
        if payment is None or payment["orgId"] != request.person.org:
            raise Refused("not_found")
        if request.if_match is not None and request.if_match not in ("*", f'"{payment["version"]}"'):
            raise Refused("precondition_failed")
        if request.if_match is None and request.action == "update":
            raise Refused("precondition_required")
        allowed = ACTIONS[request.action][payment["status"]]
        if allowed != "ok":
            raise Refused(allowed)
        decide: Callable[[Row, Person, Row, Row], Row] = getattr(self, f"_{request.action}")
        return decide(payment, request.person, request.body or {}, told)

    def _approve(self, p: Row, by: Person, body: Row, told: Row) -> Row:
        for code, applies in (
            ("invalid_transition", p["payerType"] == "driver_ic"),
            ("four_eyes", by.sub in (p["createdBy"], p["editedBy"])),
            ("payment_held", p["holds"]),
            ("already_approved", any(one["approverId"] == by.sub for one in p["approvals"])),
            ("digest_mismatch", body.get("expectedDigest") not in (None, p["digest"])),
        ):
            if applies:
                raise Refused(code)
        at, notes = self._at(told), body.get("notes")
        given = {"approverId": by.sub, "role": by.role, "notes": notes or None, "at": at}
        after = self._next(p, told, approvals=[*p["approvals"], given])
        if len(after["approvals"]) < p["requiredApprovals"]:
            event = ("PaymentUpdated", {"changes": ["approvals"], "contentVersion": p["contentVersion"]})
            return self._record(p, after, by, "approval_recorded", event, notes)
        own = {"approvedBy": by.sub, "approvedAt": at}
        return self._record(
            p, {**after, **own, "status": "approved"}, by, "payment_approved", ("PaymentApproved", own), notes
        )

    def _undo(self, p: Row, by: Person, body: Row, told: Row) -> Row:
        approved = p["status"] == "approved"
        own = [one for one in p["approvals"] if one["approverId"] == by.sub]
        if p["payerType"] == "driver_ic" or not (own or approved):
            raise Refused("invalid_transition")
        left = [one for one in p["approvals"] if own and one not in own]
        changes = ["approvals", "status"] if approved else ["approvals"]
        after = self._next(p, told, approvals=left, status="pending_approval", approvedBy=None, approvedAt=None)
        event = ("PaymentUpdated", {"changes": changes, "contentVersion": p["contentVersion"]})
        return self._record(p, after, by, "approval_undone", event, body.get("notes"))

    def _update(self, p: Row, by: Person, body: Row, told: Row) -> Row:
        new = {name: body.get(name, p[name]) for name in ("lineItems", "amountCents", "metadata", "reference")}
        if _plain(new["lineItems"]) == _plain(p["lineItems"]):
            new["lineItems"] = p["lineItems"]
        if sum(line["quantity"] * line["unitPriceCents"] for line in new["lineItems"]) != new["amountCents"]:
            raise Refused("invalid_request")
        merged = {**p["metadata"], **body.get("metadata", {})}
        new["metadata"] = {name: value for name, value in merged.items() if value is not None}
        changes = [name for name in new if new[name] != p[name]]
        twin = self.twin(p["orgId"], p["incidentId"], p["vendorId"], new["reference"])
        if "reference" in changes and twin is not None and twin["status"] not in ENDED:
            raise Refused("duplicate_payment", existingPaymentId=twin["paymentId"])
        if not changes:
            return p
        if "lineItems" in changes:
            new["lineItems"] = _numbered(new["lineItems"], told)
        after = self._next(p, told, **new)
        after["digest"] = _digest(after)
        also = None
        if after["digest"] != p["digest"]:
            after |= {"contentVersion": p["contentVersion"] + 1, "editedBy": by.sub, "status": "pending_approval"}
            after |= {"approvals": [], "approvedBy": None, "approvedAt": None}
            changes += [name for name in ("approvals", "status") if after[name] != p[name]]
            also = "approval_voided" if p["approvals"] else None
        event = ("PaymentUpdated", {"changes": changes, "contentVersion": after["contentVersion"]})
        return self._record(p, after, by, "payment_updated", event, also=also)

    def _hold(self, p: Row, by: Person, body: Row, told: Row) -> Row:
        if len(p["holds"]) >= HOLDS_MAX:
            raise Refused("payment_held")
        hold = {"kind": "manual", "reason": body["reason"], "by": by.sub, "at": self._at(told)}
        own = {"kind": "manual", "heldBy": by.sub, "reasonCode": body.get("reasonCode")}
        after = self._next(p, told, holds=[*p["holds"], hold])
        return self._record(p, after, by, "payment_held", ("PaymentHeld", own), _words(body), body.get("reasonCode"))

    def _release(self, p: Row, by: Person, body: Row, told: Row) -> Row:
        if not p["holds"]:
            return p
        own = {"kinds": ["manual"], "releasedBy": by.sub}
        after = self._next(p, told, holds=[])
        return self._record(p, after, by, "payment_released", ("PaymentReleased", own), body.get("notes"))

    def _reject(self, p: Row, by: Person, body: Row, told: Row) -> Row:
        own = {"rejectedBy": by.sub, "reasonCode": body.get("reasonCode")}
        after = self._next(p, told, status="rejected")
        return self._record(
            p, after, by, "payment_rejected", ("PaymentRejected", own), _words(body), body.get("reasonCode")
        )

    def _cancel(self, p: Row, by: Person, body: Row, told: Row) -> Row:
        own = {"cancelledBy": by.sub, "reasonCode": body.get("reasonCode"), "previousStatus": p["status"]}
        after = self._next(p, told, status="cancelled")
        return self._record(
            p, after, by, "payment_cancelled", ("PaymentCancelled", own), _words(body), body.get("reasonCode")
        )

    # --- the record ----------------------------------------------------------------------------------------------

    def _at(self, told: Row) -> str:
        """The moment that the answer tells, if it can be that."""
        told_at = str(told.get("updatedAt", "none"))
        if told_at == "none" or not self.span[0] < datetime.fromisoformat(told_at) <= self.span[1]:
            return f"none between {self.span[0]} and {self.span[1]}"
        return told_at

    def _next(self, p: Row, told: Row, **changes: Any) -> Row:
        return {**p, "version": p["version"] + 1, "updatedAt": self._at(told), **changes}

    def _record(
        self,
        before: Row | None,
        after: Row,
        by: Person,
        action: str,
        event: tuple[str, Row],
        notes: str | None = None,
        reason_code: str | None = None,
        also: str | None = None,
    ) -> Row:
        """Every change leaves audit entries and one event, numbered on for its payment."""
        payment_id = after["paymentId"]
        self.payments[payment_id] = after
        entries, events = self.entries.setdefault(payment_id, []), self.events.setdefault(payment_id, [])
        previous = None if before is None else before["status"]
        for name, was in ((action, previous), *(((also, after["status"]),) if also else ())):
            entries.append(
                {
                    **{"subjectType": "payment", "subjectId": payment_id, "paymentId": payment_id, "action": name},
                    **{"seq": len(entries) + 1, "actorId": by.sub, "actorType": by.actor_type},
                    **{"previousStatus": was, "newStatus": after["status"], "reasonCode": reason_code},
                    **{"notes": notes or None, "timestamp": after["updatedAt"]},
                }
            )
        about = ("paymentId", "incidentId", "vendorId", "amountCents", "currency", "status")
        detail = {name: after[name] for name in about} | event[1]
        detail |= {"sequence": len(events) + 1, "occurredAt": after["updatedAt"], "version": "1"}
        events.append({"detail-type": event[0], "detail": detail})
        return after

    def paid_out(self, p: Row, status: str) -> bool:
        """A payout moves the payment on, if it can from where it stands; its rows are a test's, so is their look."""
        if status not in MOVES_OF_PAYOUT.get(p["status"], ()):
            return False
        at, by = p["updatedAt"], Person(sub="approver", role="payout", org=p["orgId"])
        more = {
            "processing": {"processedAt": at},
            "completed": {"completedAt": at},
            "failed": {"failedReason": "account closed", "failedCode": "account_closed"},
        }.get(status, {})
        after = {**p, **more, "status": status, "version": p["version"] + 1}
        self._record(p, after, by, f"payment_{status}", ("PaymentUpdated", {}))
        self.events[p["paymentId"]][-1]["detail"] = {"paymentId": p["paymentId"]}
        return True

    def forget_keys(self, before: datetime) -> None:
        """Upkeep: keys end after 30 days."""
        self.keys = {place: stored for place, stored in self.keys.items() if stored.at >= before}

    # --- consumed events -----------------------------------------------------------------------------------------

    def publish(self, request: Request, told: Row) -> tuple[Any, bool]:
        """POST /events: `told["payments"]` has the payments that were read afterwards, by their ids."""
        raws, results, replays = list(request.body), {}, []
        for n, raw in enumerate(raws):
            if raw not in results:
                key = None if request.key is None else f"{request.key}#{n}"
                item = next(iter(told.get("results", ())[n : n + 1]), {})
                shown = told.get("payments", {}).get(item.get("paymentId"), {})
                results[raw], replayed = self._keyed(
                    request,
                    "publish",
                    key,
                    lambda raw=raw, shown=shown: self._taken(request.person, raw, shown, raws.count(raw)),  # type: ignore[misc]
                )
                replays.append(replayed)
        answers = [results[raw] if n == raws.index(raw) else _again(results[raw]) for n, raw in enumerate(raws)]
        return {"results": answers}, bool(replays) and all(replays)

    def replay(self, request: Request, told: Row) -> tuple[Any, bool]:
        """POST /events/quarantine/{id}/replay."""
        org = request.person.org
        raw = next(
            (raw for (of, raw), row in self.quarantine.items() if of == org and row["id"] == request.target), None
        )
        if raw is None:
            raise Refused("not_found")
        shown = told.get("payments", {}).get(told.get("paymentId"), {})
        return self._keyed(request, "replay", request.key, lambda: self._taken(request.person, raw, shown, 0))

    def _taken(self, by: Person, raw: bytes, shown: Row, times: int) -> Row:
        """What becomes of one event that came `times` times; 0: it comes out of quarantine."""
        event, new = work_completed_in(raw, self.sources)
        if new is None:
            if times:
                row = self.quarantine.setdefault(
                    (by.org, raw), {"id": None, "publisher": by.sub, "times": 0, "open": True}
                )
                row["times"] += times
            return {"id": event.get("id") if isinstance(event, dict) else None, "result": "rejected"}
        place = (by.org, event["source"], event["id"])
        twin = self.twin(by.org, new["incidentId"], new["vendorId"], new["reference"])
        known = self.inbox.get(place) or (twin and twin["paymentId"])
        payment_id = known or self._born(by, new, shown)["paymentId"]
        self.inbox[place] = payment_id
        if not times:
            self.quarantine[by.org, raw]["open"] = False
        return {"id": event["id"], "result": "duplicate" if known else "accepted", "paymentId": payment_id}


def _again(result: Row) -> Row:
    return {**result, "result": "duplicate"} if result["result"] == "accepted" else result


def _well(payment: Row) -> Row:
    return payment


def _words(body: Row) -> str:
    return f"{body['reason']}\n\n{body['notes']}" if body.get("notes") else str(body["reason"])


def _plain(lines: Sequence[Row]) -> list[list[Any]]:
    return [[line["description"], line["quantity"], line["unitPriceCents"]] for line in lines]


def _numbered(lines: Sequence[Row], told: Row) -> list[Row]:
    ids = chain((line["lineItemId"] for line in told.get("lineItems", ())), repeat(None))
    return [
        {
            **{"lineItemId": line_id, "lineNo": number, "description": words, "quantity": quantity},
            **{"unitPriceCents": price, "totalCents": quantity * price},
        }
        for number, ((words, quantity, price), line_id) in enumerate(zip(_plain(lines), ids, strict=False), start=1)
    ]


def _digest(p: Mapping[str, Any]) -> str:
    names = ("incidentId", "vendorId", "payerType", "payerId", "amountCents", "currency")
    content = [*(p[name] for name in names), 0, _plain(p["lineItems"])]
    return hashlib.sha256(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
