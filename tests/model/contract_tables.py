"""What the contract says in tables: roles, paths, statuses, actions; requests, and which of them are well formed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Row = dict[str, Any]


class Route(NamedTuple):
    """An operation: where it is, who may ask it, which part of the model answers it."""

    method: str
    path: str
    roles: Collection[str]
    success: int
    way: str


_OFFICE, _ADMIN = ("admin", "dispatcher"), ("admin",)

ROUTES: Mapping[str, Route] = {
    "create": Route("POST", "/payments", (*_OFFICE, "service"), 201, "create"),
    "update": Route("PATCH", "/payments/{}", _OFFICE, 200, "change"),
    "approve": Route("POST", "/payments/{}/approve", _OFFICE, 200, "change"),
    "reject": Route("POST", "/payments/{}/reject", _OFFICE, 200, "change"),
    "hold": Route("POST", "/payments/{}/hold", _OFFICE, 200, "change"),
    "release": Route("POST", "/payments/{}/release", _OFFICE, 200, "change"),
    "undo": Route("POST", "/payments/{}/undo-approval", _OFFICE, 200, "change"),
    "cancel": Route("POST", "/payments/{}/cancel", _ADMIN, 200, "change"),
    "bulk_create": Route("POST", "/payments/bulk", (*_OFFICE, "service"), 200, "bulk_create"),
    "bulk_approve": Route("POST", "/payments/approvals", _OFFICE, 200, "bulk_approve"),
    "publish": Route("POST", "/events", ("admin", "service"), 202, "publish"),
    "replay": Route("POST", "/events/quarantine/{}/replay", _ADMIN, 200, "replay"),
}
CHANGES = ("approve", "approve", "update", "hold", "release", "undo", "reject", "cancel")

STATUS: Mapping[str, int] = {
    "invalid_request": 400,
    "malformed_json": 400,
    **dict.fromkeys(("forbidden", "four_eyes"), 403),
    "not_found": 404,
    **dict.fromkeys(("invalid_transition", "already_decided", "already_approved", "duplicate_payment"), 409),
    **dict.fromkeys(("digest_mismatch", "payment_held", "idempotency_in_flight"), 409),
    "precondition_failed": 412,
    "idempotency_key_reused": 422,
    "precondition_required": 428,
    "database_unavailable": 503,
    "overloaded": 503,
}

_STATUSES = ("pending_approval", "approved", "processing", "failed", "completed", "rejected", "cancelled", "reversed")
_NO, _DECIDED = "invalid_transition", "already_decided"
_FINAL, _FINAL_DECIDED = (_NO,) * 4, (_DECIDED,) * 4


def _row(*cells: str) -> Mapping[str, str]:
    return dict(zip(_STATUSES, cells, strict=True))


ACTIONS: Mapping[str, Mapping[str, str]] = {
    "approve": _row("ok", _DECIDED, _NO, _NO, *_FINAL_DECIDED),
    "reject": _row("ok", _DECIDED, _NO, _NO, *_FINAL_DECIDED),
    "undo": _row("ok", "ok", _NO, _NO, *_FINAL),
    "update": _row("ok", "ok", _NO, _NO, *_FINAL),
    "cancel": _row("ok", "ok", _NO, "ok", *_FINAL),
    "hold": _row("ok", "ok", _NO, "ok", *_FINAL),
    "release": _row("ok", "ok", _NO, "ok", *_FINAL),
}
"""The last table of contract section 3."""

MOVES_OF_PAYOUT: Mapping[str, Collection[str]] = {
    "approved": ("processing",),
    "processing": ("completed", "failed"),
    "failed": ("processing",),
    "completed": ("reversed", "failed"),
}
ENDED = ("rejected", "cancelled", "reversed")
HOLDS_MAX = 20
EVENT_SOURCES = frozenset({"roadcall.incident-service", "roadcall.incident"})
OFFICE_ONLY = (
    *("approvals", "policy", "approvedBy", "editedBy", "holds", "fraudScore", "fraudStatus", "fraudReasons"),
    "metadata",
)
"""What vendors and drivers never see."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody with a token."""

    sub: str
    role: str
    org: str
    vendor: str | None = None

    @property
    def actor_type(self) -> str:
        """What the audit log calls them."""
        return {"admin": "admin", "service": "system"}.get(self.role, "user")

    def sees(self, payment: Mapping[str, Any]) -> bool:
        """Whether the payment is theirs to read (contract 2)."""
        own = {"vendor": payment["vendorId"] == self.vendor, "driver": payment["payerId"] == self.sub}
        return bool(payment["orgId"] == self.org) and own.get(self.role, True)


@dataclass(frozen=True, kw_only=True)
class Request:
    """What somebody asks; the body of `publish` is a tuple of the events' bytes."""

    person: Person
    action: str
    target: str = ""
    body: Any = None
    key: str | None = None
    if_match: str | None = None

    @property
    def path(self) -> str:
        """Where it goes."""
        return ROUTES[self.action].path.format(self.target)

    @property
    def raw(self) -> bytes:
        """The bytes of its body."""
        if self.action == "publish":
            alone = len(self.body) == 1 and self.body[0].startswith(b"{")
            return bytes(self.body[0]) if alone else b"[" + b",".join(self.body) + b"]"
        return b"" if self.body is None else json.dumps(self.body).encode()

    @property
    def fingerprint(self) -> bytes:
        """What makes it the same request again: its method, path and body."""
        parts = (ROUTES[self.action].method.encode(), self.path.encode(), self.raw)
        return hashlib.sha256(b"\0".join(parts)).digest()


_FIELDS: Mapping[str, tuple[Collection[str], Collection[str]]] = {
    "create": (
        ("incidentId", "vendorId", "payerType", "amountCents", "lineItems"),
        ("payerId", "currency", "reference", "metadata"),
    ),
    "update": ((), ("lineItems", "amountCents", "metadata", "reference")),
    "approve": ((), ("notes", "expectedDigest")),
    **dict.fromkeys(("reject", "hold", "cancel"), (("reason",), ("reasonCode", "notes"))),
    **dict.fromkeys(("release", "undo"), ((), ("notes",))),
    "bulk_approve": (("paymentIds",), ("notes",)),
    "replay": ((), ()),
}
"""Which fields a body must and may have."""


def faults_in(request: Request) -> bool:
    """Whether the body is wrong in itself, as far as the requests that are made here ever are."""
    if request.action not in _FIELDS:
        return False
    required, optional = _FIELDS[request.action]
    body = request.body or {}
    if not set(required) <= body.keys() <= {*required, *optional} or (request.action == "update" and not body):
        return True
    return (
        ("lineItems" in body and "amountCents" in body and _total(body["lineItems"]) != body["amountCents"])
        or body.get("amountCents", 1) < 1
        or (body.get("payerType") == "driver_ic" and body.get("payerId") is None)
        or not body.get("reason", "given").strip()
        or len(set(body.get("paymentIds", ()))) < len(body.get("paymentIds", ()))
    )


def _total(lines: Any) -> int:
    return sum(line["quantity"] * line["unitPriceCents"] for line in lines)


def work_completed_in(raw: bytes, sources: Collection[str]) -> tuple[Any, Row | None]:
    """The event, and the payment it asks for; None when it does not fit (contract 5)."""
    try:
        event = json.loads(raw)
    except ValueError:
        return None, None
    try:
        detail, pricing = event["detail"], event["detail"]["pricing"]
        work = detail["workDetails"]
        extra = pricing.get("additionalCharges") or []
        priced = [(f"{work['serviceType']} - Base Service", pricing["basePrice"])]
        priced += [("Mileage Charge", pricing["mileageCharge"])] if pricing["mileageCharge"] else []
        priced += [(charge["description"], charge["amount"]) for charge in extra]
        lines = [{"description": words, "quantity": 1, "unitPriceCents": price} for words, price in priced]
        payer_type = detail.get("payerType", "back_office")
        new = {
            **{name: detail[name] for name in ("incidentId", "vendorId")},
            "payerType": payer_type,
            "payerId": detail["driverId"] if payer_type == "driver_ic" else None,
            "amountCents": _total(lines),
            "lineItems": lines,
            "reference": detail.get("reference", ""),
            "metadata": {
                "workCompletedAt": detail["completedAt"],
                "serviceType": work["serviceType"],
                "duration": work["duration"],
                "photoCount": len(work["photos"]),
                "notes": work.get("notes", ""),
            },
        }
    except (KeyError, TypeError):
        return event, None
    fits = event["detail-type"] == "WorkCompleted" and event["source"] in sources and new["amountCents"] >= 1
    return event, new if fits else None
