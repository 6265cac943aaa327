"""What people might want, as numbers that hypothesis draws; what they ask follows from where things stand.

No range depends on the state of the service: so a shorter history is still a history, and chance in the service is
no chance in the drawing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from hypothesis import strategies as st

from tests.model.contract_model import Model
from tests.model.contract_tables import CHANGES, Person, Request, Row
from tests.model.dying_process import Blow, Fault, Step

PEOPLE = ("admin-1", "admin-2", "dispatcher-1", "dispatcher-2", "auditor-1", "service-1", "vendor-1", "driver-1")
OFFICE_MORE_OFTEN = 16
FOR_ADMINS = ("publish", "replay", "cancel")
MANNERS = OFFICE_MORE_OFTEN + len(PEOPLE)
"""So many numbers name somebody, most of them of the office."""
CONTENTS: Sequence[Sequence[tuple[str, int, int]]] = (
    (("Tow", 1, 10_000), ("Mileage \u00e9", 2, 250)),
    (("Tow", 2, 50),),
    (("Tow", 2, 50), ("Free", 1, 0)),
    (("Jump start \U0001f697", 1_000_000, 10_000_000),),
)
REFERENCES = ("", "TW-1")
_SPACE = UUID(int=7)


def named(text: str) -> str:
    """A UUID of that name."""
    return str(uuid5(_SPACE, text))


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A request to be: every number is one of an endless row, and taken as it fits."""

    action: str
    person: int
    abroad: bool
    target: int
    key: int
    match: int
    form: int
    jobs: tuple[int, ...]
    contents: tuple[int, ...]


def wishes(*actions: str, most: int = 1) -> st.SearchStrategy[Wish]:
    """Wishes for one of these actions, about at most so many things; each is drawn as bytes, which are as chance is,
    where many small numbers would mostly be 0."""

    def read(drawn: bytes) -> Wish:
        return Wish(
            action=actions[drawn[0] % len(actions)],
            person=drawn[1] % MANNERS,
            abroad=drawn[2] > 240,
            target=drawn[3] % 32,
            key=drawn[4] % 8,
            match=drawn[5] % 10,
            form=drawn[6] % 24,
            jobs=tuple(job % 16 for job in drawn[8 : 9 + drawn[7] % most]),
            contents=tuple(content % 16 for content in drawn[12 : 12 + most]),
        )

    return st.binary(min_size=16, max_size=16).map(read)


ANY = wishes("create", *CHANGES, *CHANGES, "create", "bulk_create", "bulk_approve", "publish", "replay", most=4)
ATOMIC = wishes("create", *CHANGES, *CHANGES, "create", "create", "publish", "replay")
"""Wishes for one command each: so each of several at once has its place in one order."""

FAULTS = st.lists(
    st.builds(Fault, st.sampled_from(list(Step)), st.sampled_from(list(Blow)), st.integers(0, 3)),
    min_size=1,
    max_size=4,
)


@dataclass
class Scene:
    """Who is there, and what they know: two organisations, and the model for what they have seen."""

    orgs: tuple[str, str]
    model: Model
    fresh: int = 0

    def person(self, number: int, org: int = 0) -> Person:
        """Somebody of that organisation, its office four times for each other; payees are known by their ids."""
        name = PEOPLE[number - OFFICE_MORE_OFTEN if number >= OFFICE_MORE_OFTEN else number % 4]
        role = name.partition("-")[0]
        vendor = named("vendor 0") if role == "vendor" else None
        return Person(sub=named("driver") if role == "driver" else name, role=role, org=self.orgs[org], vendor=vendor)

    def payment(self, number: int) -> Row | None:
        """One of the payments there are, the newest ones more often."""
        found = list(self.model.payments.values())
        return found[-1 - number * len(found) // 32] if found else None

    def request(self, wish: Wish, *, lonely: bool = False) -> Request:
        """What is asked for. With `lonely` it has a key, and no two things in it are about the same job or event."""
        payment = self.payment(wish.target)
        at_home = 0 if payment is None or payment["orgId"] == self.orgs[0] else 1
        # What only admins may is asked by them, three times in four.
        among_admins = wish.action in FOR_ADMINS and wish.person < OFFICE_MORE_OFTEN - 4
        person = self.person(wish.person % 2 if among_admins else wish.person, at_home ^ wish.abroad)
        keys = {3: self._fresh(), 4: self._fresh(), 5: self._fresh(), 6: "k-0", 7: "k-1"}
        key = keys.get(wish.key, self._fresh() if lonely else None)
        request = Request(person=person, action=wish.action, key=key)
        jobs = tuple(dict.fromkeys(wish.jobs)) if lonely else wish.jobs
        if wish.action in CHANGES:
            return self._change(request, wish, payment)
        if wish.action == "replay":
            row = self._quarantined(wish.target, person.org)
            return _with(request, target=named("nothing") if row is None else row["id"])
        return _with(request, body=self._things(wish, jobs, lonely))

    def _things(self, wish: Wish, jobs: tuple[int, ...], lonely: bool) -> Any:
        if wish.action == "create":
            return self._new(jobs[0], wish.contents[0], wish.form)
        if wish.action == "bulk_approve":
            return self._ids(wish)
        each = [*zip(jobs, wish.contents, strict=False)]
        if wish.action == "bulk_create":
            return [self._new(job, content, wish.form) for job, content in each]
        return tuple(self._event(job, content, lonely) for job, content in each)

    def _fresh(self) -> str:
        self.fresh += 1
        return f"fresh-{self.fresh}"

    def _quarantined(self, number: int, org: str) -> Row | None:
        found = [row for (of, _), row in self.model.quarantine.items() if of == org and row["id"]]
        return found[-1 - number % len(found)] if found else None

    def _ids(self, wish: Wish) -> Row:
        found = [self.payment((wish.target + job) % 32) for job in wish.jobs]
        ids = [named("nothing") if one is None else one["paymentId"] for one in found]
        return {"paymentIds": ids if wish.form == 23 else list(dict.fromkeys(ids)), "notes": "all seen"}

    def _new(self, job: int, content: int, form: int) -> Row:
        body: Row = {**_job(job), "payerType": "back_office", **_content(content)}
        if form % 6 == 1:
            body |= {"payerType": "driver_ic", "payerId": named("driver")}
        if form % 6 == 2:
            body["metadata"] = {"x": content}
        odd: dict[int, Row] = {
            23: {"amountCents": 7},
            22: {"payerType": "driver_ic", "payerId": None},
            21: {"currancy": "EUR"},
            6: {"currency": "EUR"},
        }
        return body | odd.get(form, {})

    def _change(self, request: Request, wish: Wish, payment: Row | None) -> Request:
        version = 0 if payment is None else payment["version"]
        match = {1: f'"{version}"', 2: "*", 8: f'"{version - 1}"', 9: f'W/"{version}"'}.get(wish.match)
        if wish.action == "update" and match is None and wish.match < 7:
            match = f'"{version}"'
        target = named("nothing") if payment is None else payment["paymentId"]
        return _with(request, target=target, if_match=match, body=self._words(wish, payment))

    def _words(self, wish: Wish, payment: Row | None) -> Any:
        form, content = wish.form, wish.contents[0]
        if wish.action == "approve":
            own = payment["digest"] if payment else "1" * 64
            digest = {1: "0" * 64, 5: "0" * 64, 9: "0" * 64, 2: own, 6: own}.get(form)
            return {"expectedDigest": digest} if digest else [None, {}, {"notes": "seen"}, {"notes": ""}][form % 4]
        if wish.action in ("release", "undo"):
            return [None, {}, {"notes": "on second thoughts"}][form % 3]
        if wish.action == "update":
            odd: dict[int, Row] = {
                15: {"reference": REFERENCES[content % 2]},
                16: {"metadata": {"x": content % 2, "y": None}},
                17: {"amountCents": 10_500},
                18: {"reference": "TW-1", "metadata": {"y": "z"}},
                19: _content(content) | {"metadata": {"x": None}},
                20: {"lineItems": _content(content)["lineItems"]},
                21: _content(content) | {"amountCents": 3},
                22: {"reason": "not a field of it"},
                23: {},
            }
            return odd.get(form, _content(content))
        body = {"reason": "not performed"}
        return body | {23: {"reason": " "}, 1: {"notes": "asked twice"}, 2: {"reasonCode": "inflated"}}.get(form, {})

    def _event(self, job: int, content: int, lonely: bool) -> bytes:
        if content == 15:
            return [b"5", b"{}", b'{"id": "half"}', b"[]"][job % 4] if not lonely else b'{"n": %d}' % job
        detail: Row = {
            **_job(job),
            "completedAt": "2026-01-01T12:00:00Z",
            "workDetails": {"photos": ["a"], "serviceType": "Towing", "duration": 45, "notes": "went well"},
            "pricing": {"basePrice": 0 if content == 14 else 12_000, "mileageCharge": 0 if content > 10 else 800},
        }
        if content == 13:
            detail |= {"payerType": "driver_ic", "driverId": named("driver")}
        event = {
            "id": f"event-{job}" if lonely or content % 3 else f"event-{content}",
            "source": "roadcall.night-desk" if content in (8, 9) else "roadcall.incident",
            "detail-type": "WorkDone" if content == 12 else "WorkCompleted",
            "time": "2026-01-01T12:00:01Z",
            "detail": detail,
        }
        return json.dumps(event).encode()


def _with(request: Request, **fields: Any) -> Request:
    return Request(**{**request.__dict__, **fields})


def _job(job: int) -> Row:
    """One of 16 jobs: four incidents, two vendors, two references."""
    found = {"incidentId": named(f"incident {job // 4 % 4}"), "vendorId": named(f"vendor {job % 2}")}
    return found | ({"reference": "TW-1"} if job // 2 % 2 else {})


def _content(content: int) -> Row:
    lines = CONTENTS[content % len(CONTENTS)]
    return {
        "amountCents": sum(quantity * price for _, quantity, price in lines),
        "lineItems": [
            {"description": words, "quantity": quantity, "unitPriceCents": price} for words, quantity, price in lines
        ],
    }
