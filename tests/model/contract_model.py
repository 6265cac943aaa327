"""The contract in plain Python: what each request is answered with, and what is on record of it afterwards.

It imports nothing of the service and restates contract.md 2-5 and correctness.md 1, 10, 13 and 16 in its own words.
Only what nobody can foresee is taken from the answer itself (`told`): ids, and the moment, which must lie within the
request's own time. So an answer that fits is one that this model would have given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain, repeat
from typing import Any

from tests.model.contract_tables import (
    ACTIONS,
    ENDED,
    EVENT_SOURCES,
    ROUTES,
    STATUS,
    Person,
    Request,
    Row,
    faults_in,
    work_completed_in,
)
from tests.model.payment_rules import DECISIONS, Change, Occasion, Refused, born, paid_out, refuse_twin

_EVENT_NAMES = ("paymentId", "incidentId", "vendorId", "amountCents", "currency", "status")
_NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Answer:
    """What a request is answered with; of a problem only its code, and the payment in the way."""

    status: int
    body: Any
    replayed: bool = False


@dataclass(frozen=True)
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
    span: tuple[datetime, datetime] = (_NO_TIME, _NO_TIME)
    """Between which moments of the service's clock the request is under way."""

    def copy(self) -> Model:
        """Another one that stands where this one does; rows are never changed, but for those of the quarantine."""
        return Model(
            required_approvals=self.required_approvals,
            sources=self.sources,
            payments=dict(self.payments),
            entries={name: [*rows] for name, rows in self.entries.items()},
            events={name: [*rows] for name, rows in self.events.items()},
            keys=dict(self.keys),
            inbox=dict(self.inbox),
            quarantine={place: dict(row) for place, row in self.quarantine.items()},
            span=self.span,
        )

    def answer(self, request: Request, told: Any) -> Answer:
        """What the request is answered with; the model is afterwards as the service must be."""
        route = ROUTES[request.action]
        try:
            if request.person.role not in route.roles:
                raise Refused("forbidden")
            if faults_in(request):
                raise Refused("invalid_request")
            way: Callable[[Request, Row], tuple[Any, bool]] = getattr(self, f"_{route.way}")
            body, replayed = way(request, told if isinstance(told, dict) else {})
            return Answer(route.success, body, replayed)
        except Refused as refused:
            return Answer(STATUS[refused.code], refused.body)

    def pay_out(self, payment: Row, status: str, at: str) -> None:
        """A payout has moved the payment there."""
        by = Person(sub="approver", role="payout", org=payment["orgId"])
        self._record(payment, paid_out(payment, status, at), by)
        self.events[payment["paymentId"]][-1]["detail"] = {"paymentId": payment["paymentId"]}

    def forget_keys(self, before: datetime) -> None:
        """Upkeep: keys end after 30 days."""
        self.keys = {place: stored for place, stored in self.keys.items() if stored.at >= before}

    def twin(self, org: str, *job: str) -> Row | None:
        """The payment of a job (incident, vendor, reference): the live one, else the newest."""
        found = [
            p
            for p in self.payments.values()
            if (p["orgId"], p["incidentId"], p["vendorId"], p["reference"]) == (org, *job)
        ]
        return max(found, key=lambda p: (p["status"] not in ENDED, p["paymentId"]), default=None)

    # --- one request, one command --------------------------------------------------------------------------------

    def _keyed(self, request: Request, scope: str, key: str | None, decide: Callable[[], Any]) -> tuple[Any, bool]:
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

    def _occasion(self, by: Person, told: Row, body: Row | None = None) -> Occasion:
        return Occasion(by=by, body=body or {}, told=told, span=self.span)

    def _create(self, request: Request, told: Row) -> tuple[Any, bool]:
        return self._keyed(request, "create", request.key, lambda: self._created(request.person, request.body, told))

    def _created(self, by: Person, new: Row, told: Row) -> Row:
        if faults_in(Request(person=by, action="create", body=new)):
            raise Refused("invalid_request")
        refuse_twin(self.twin(by.org, new["incidentId"], new["vendorId"], new.get("reference", "")))
        return self._record(None, born(new, self._occasion(by, told), self.required_approvals), by)

    def _change(self, request: Request, told: Row) -> tuple[Any, bool]:
        return self._keyed(request, request.action, request.key, lambda: self._changed(request, told))

    def _changed(self, request: Request, told: Row) -> Row:
        """The order of refusals of contract 3.8."""
        p = self.payments.get(request.target)
        if p is None or p["orgId"] != request.person.org:
            raise Refused("not_found")
        if request.if_match is not None and request.if_match not in ("*", f'"{p["version"]}"'):
            raise Refused("precondition_failed")
        if request.if_match is None and request.action == "update":
            raise Refused("precondition_required")
        allowed = ACTIONS[request.action][p["status"]]
        if allowed != "ok":
            raise Refused(allowed)
        occasion = Occasion(
            by=request.person,
            body=request.body or {},
            told=told,
            span=self.span,
            twin=lambda reference: self.twin(p["orgId"], p["incidentId"], p["vendorId"], reference),
        )
        change = DECISIONS[request.action](p, occasion)
        return p if change is None else self._record(p, change, request.person)

    def _record(self, before: Row | None, change: Change, by: Person) -> Row:
        """Every change leaves audit entries and one event, numbered on for its payment."""
        after = change.after
        payment_id = after["paymentId"]
        self.payments[payment_id] = after
        entries, events = self.entries.setdefault(payment_id, []), self.events.setdefault(payment_id, [])
        about = {
            "subjectType": "payment",
            "subjectId": payment_id,
            "paymentId": payment_id,
            "actorId": by.sub,
            "actorType": by.actor_type,
            "newStatus": after["status"],
            "timestamp": after["updatedAt"],
        }
        was = None if before is None else before["status"]
        said = {"previousStatus": was, "reasonCode": change.reason_code, "notes": change.notes or None}
        entries.append({**about, "seq": len(entries) + 1, "action": change.action, **said})
        if change.also is not None:
            said = {"previousStatus": after["status"], "reasonCode": None, "notes": None}
            entries.append({**about, "seq": len(entries) + 1, "action": change.also, **said})
        numbered = {"sequence": len(events) + 1, "occurredAt": after["updatedAt"], "version": "1"}
        detail = {**{name: after[name] for name in _EVENT_NAMES}, **change.own, **numbered}
        events.append({"detail-type": change.event, "detail": detail})
        return after

    # --- many at once --------------------------------------------------------------------------------------------

    def _bulk_create(self, request: Request, told: Row) -> tuple[Any, bool]:
        return self._bulk(
            request, 201, told, request.body, lambda new, shown: self._created(request.person, new, shown)
        )

    def _bulk_approve(self, request: Request, told: Row) -> tuple[Any, bool]:
        body = {"notes": request.body.get("notes")}
        alone = [
            Request(person=request.person, action="approve", target=payment_id, body=body)
            for payment_id in request.body["paymentIds"]
        ]
        return self._bulk(request, 200, told, alone, self._changed)

    def _bulk(
        self, request: Request, success: int, told: Row, items: Iterable[Any], decide: Callable[[Any, Row], Row]
    ) -> tuple[Any, bool]:
        """The request as a whole has the key; item n has `<key>#<n>`, and its own status."""
        self._keyed(request, f"take on {request.action}", request.key, dict)
        results: list[Row] = []
        for index, (item, shown) in enumerate(zip(items, _padded(told.get("results", ())), strict=False)):
            key = None if request.key is None else f"{request.key}#{index}"
            try:
                decided = partial(decide, item, shown.get("payment", {}))
                payment, replayed = self._keyed(request, request.action, key, decided)
                marked = {"replayed": True} if replayed else {}
                results.append({"index": index, "status": success, "payment": payment, **marked})
            except Refused as refused:
                results.append({"index": index, "status": STATUS[refused.code], "problem": refused.body})
        return {"results": results}, all(one.get("replayed") for one in results)

    # --- consumed events; `told["payments"]` has the payments that were read afterwards, by their ids -------------

    def _publish(self, request: Request, told: Row) -> tuple[Any, bool]:
        """Equal ones are one event, under the key of its first place."""
        raws: tuple[bytes, ...] = request.body
        results: dict[bytes, Row] = {}
        replays: list[bool] = []
        for n, (raw, item) in enumerate(zip(raws, _padded(told.get("results", ())), strict=False)):
            if raw in results:
                continue
            key = None if request.key is None else f"{request.key}#{n}"
            shown = told.get("payments", {}).get(item.get("paymentId"), {})
            taken = partial(self._taken, request.person, raw, shown, raws.count(raw))
            results[raw], replayed = self._keyed(request, "publish", key, taken)
            replays.append(replayed)
        answers = [results[raw] if n == raws.index(raw) else _again(results[raw]) for n, raw in enumerate(raws)]
        return {"results": answers}, bool(replays) and all(replays)

    def _replay(self, request: Request, told: Row) -> tuple[Any, bool]:
        org = request.person.org
        found = (raw for (of, raw), row in self.quarantine.items() if (of, row["id"]) == (org, request.target))
        raw = next(found, None)
        if raw is None:
            raise Refused("not_found")
        shown = told.get("payments", {}).get(told.get("paymentId"), {})
        return self._keyed(request, "replay", request.key, lambda: self._taken(request.person, raw, shown, 0))

    def _taken(self, by: Person, raw: bytes, shown: Row, times: int) -> Row:
        """What becomes of one event that came `times` times; 0: it comes out of quarantine."""
        event, new = work_completed_in(raw, self.sources)
        if new is None:
            if times:
                unknown = {"id": None, "publisher": by.sub, "times": 0, "open": True}
                self.quarantine.setdefault((by.org, raw), unknown)["times"] += times
            return {"id": event.get("id") if isinstance(event, dict) else None, "result": "rejected"}
        place = (by.org, event["source"], event["id"])
        twin = self.twin(by.org, new["incidentId"], new["vendorId"], new["reference"])
        known = self.inbox.get(place) or (twin and twin["paymentId"])
        if not known:
            self._record(None, born(new, self._occasion(by, shown), self.required_approvals), by)
        self.inbox[place] = known or shown.get("paymentId", "")
        if not times:
            self.quarantine[by.org, raw]["open"] = False
        return {"id": event["id"], "result": "duplicate" if known else "accepted", "paymentId": self.inbox[place]}


def _again(result: Row) -> Row:
    return {**result, "result": "duplicate"} if result["result"] == "accepted" else result


def _padded(told: Iterable[Row]) -> Iterable[Row]:
    return chain(told, repeat({}))
