"""The contract about one payment: how it begins, and what each action makes of it or is refused with (3 and 4)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, repeat
from typing import Any

from tests.model.contract_tables import ENDED, HOLDS_MAX, Person, Row

_NOTHING_YET = (
    *("approvedAt", "payout", "stripePaymentIntentId", "stripeTransferId", "processedAt", "completedAt"),
    *("failedReason", "failedCode", "policy", "approvedBy", "editedBy", "fraudScore", "fraudStatus"),
)


class Refused(Exception):
    """A refusal, by its code; `more` is what a program needs to know of it."""

    def __init__(self, code: str, **more: Any) -> None:
        self.code = code
        self.body = {"code": code, **more}
        super().__init__(code)


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """Who acts, with which words; and what the answer tells that nobody could foresee: ids, and the moment."""

    by: Person
    body: Row
    told: Row
    span: tuple[datetime, datetime]
    """Between which moments of the service's clock the request was under way."""
    twin: Callable[[str], Row | None] = lambda _: None
    """The payment that would have the same job under another reference."""

    @property
    def at(self) -> str:
        """The moment that the answer tells, if it can be that."""
        told_at = self.told.get("updatedAt")
        if isinstance(told_at, str) and self.span[0] < datetime.fromisoformat(told_at) <= self.span[1]:
            return told_at
        return f"a moment between {self.span[0]} and {self.span[1]}"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A payment as it is afterwards, and what goes on record: an entry (and what followed from it), and an event."""

    after: Row
    action: str
    event: str
    own: Row
    notes: str | None = None
    reason_code: str | None = None
    also: str | None = None


def born(new: Row, occasion: Occasion, required_approvals: int) -> Change:
    """A payment as it begins."""
    payment: Row = {
        **dict.fromkeys(_NOTHING_YET),
        "paymentId": occasion.told.get("paymentId"),
        "orgId": occasion.by.org,
        **{name: new[name] for name in ("incidentId", "vendorId", "payerType", "amountCents")},
        "reference": new.get("reference", ""),
        "payerId": new.get("payerId"),
        "currency": new.get("currency", "USD"),
        "status": "pending_approval",
        "version": 1,
        "contentVersion": 1,
        "lineItems": _numbered(new["lineItems"], occasion.told),
        "requiredApprovals": 0 if new["payerType"] == "driver_ic" else required_approvals,
        "createdBy": occasion.by.sub,
        "createdAt": occasion.at,
        "updatedAt": occasion.at,
        **{name: [] for name in ("approvals", "holds", "fraudReasons")},
        "metadata": new.get("metadata", {}),
    }
    payment["digest"] = _digest(payment)
    own = {name: payment[name] for name in ("payerType", "payerId", "reference", "createdBy", "createdAt")}
    return Change(after=payment, action="payment_created", event="PaymentCreated", own=own)


def _approve(p: Row, occasion: Occasion) -> Change:
    by, notes = occasion.by, occasion.body.get("notes") or None
    for code, applies in (
        ("invalid_transition", p["payerType"] == "driver_ic"),
        ("four_eyes", by.sub in (p["createdBy"], p["editedBy"])),
        ("payment_held", p["holds"]),
        ("already_approved", any(one["approverId"] == by.sub for one in p["approvals"])),
        ("digest_mismatch", occasion.body.get("expectedDigest") not in (None, p["digest"])),
    ):
        if applies:
            raise Refused(code)
    given = {"approverId": by.sub, "role": by.role, "notes": notes, "onBehalfOf": None, "at": occasion.at}
    after = _next(p, occasion, approvals=[*p["approvals"], given])
    if len(after["approvals"]) < p["requiredApprovals"]:
        return _updated(after, "approval_recorded", ["approvals"], notes)
    own = {"approvedBy": by.sub, "approvedAt": occasion.at}
    after |= {"status": "approved", **own}
    return Change(after=after, action="payment_approved", event="PaymentApproved", own=own, notes=notes)


def _undo(p: Row, occasion: Occasion) -> Change:
    approved = p["status"] == "approved"
    own = [one for one in p["approvals"] if one["approverId"] == occasion.by.sub]
    if p["payerType"] == "driver_ic" or not (own or approved):
        raise Refused("invalid_transition")
    left = [one for one in p["approvals"] if own and one not in own]
    after = _next(p, occasion, approvals=left, status="pending_approval", approvedBy=None, approvedAt=None)
    changes = ["approvals", "status"] if approved else ["approvals"]
    of_others = any(one not in own and one not in left for one in p["approvals"])
    also = "approval_voided" if of_others else None
    return _updated(after, "approval_undone", changes, occasion.body.get("notes"), also=also)


def _update(p: Row, occasion: Occasion) -> Change | None:
    new: Row = {
        name: occasion.body.get(name, p[name]) for name in ("lineItems", "amountCents", "metadata", "reference")
    }
    new["lineItems"] = p["lineItems"] if _plain(new["lineItems"]) == _plain(p["lineItems"]) else new["lineItems"]
    if sum(line["quantity"] * line["unitPriceCents"] for line in new["lineItems"]) != new["amountCents"]:
        raise Refused("invalid_request")
    merged = {**p["metadata"], **occasion.body.get("metadata", {})}
    new["metadata"] = {name: value for name, value in merged.items() if value is not None}
    changes = [name for name in new if new[name] != p[name]]
    if "reference" in changes:
        refuse_twin(occasion.twin(new["reference"]))
    if not changes:
        return None
    if "lineItems" in changes:
        new["lineItems"] = _numbered(new["lineItems"], occasion.told)
    after = _next(p, occasion, **new)
    after["digest"] = _digest(after)
    if after["digest"] == p["digest"]:
        return _updated(after, "payment_updated", changes)
    after |= {"contentVersion": p["contentVersion"] + 1, "editedBy": occasion.by.sub, "status": "pending_approval"}
    after |= {"approvals": [], "approvedBy": None, "approvedAt": None}
    changes += [name for name in ("approvals", "status") if after[name] != p[name]]
    return _updated(after, "payment_updated", changes, also="approval_voided" if p["approvals"] else None)


def _hold(p: Row, occasion: Occasion) -> Change:
    if len(p["holds"]) >= HOLDS_MAX:
        raise Refused("payment_held")
    by = occasion.by.sub
    hold = {"kind": "manual", "reason": occasion.body["reason"], "by": by, "at": occasion.at}
    return _reasoned(p, occasion, "Held", {"holds": [*p["holds"], hold]}, {"kind": "manual", "heldBy": by})


def _release(p: Row, occasion: Occasion) -> Change | None:
    if not p["holds"]:
        return None
    own = {"kinds": ["manual"], "releasedBy": occasion.by.sub}
    notes = occasion.body.get("notes")
    after = _next(p, occasion, holds=[])
    return Change(after=after, action="payment_released", event="PaymentReleased", own=own, notes=notes)


def _reject(p: Row, occasion: Occasion) -> Change:
    return _reasoned(p, occasion, "Rejected", {"status": "rejected"}, {"rejectedBy": occasion.by.sub})


def _cancel(p: Row, occasion: Occasion) -> Change:
    own = {"cancelledBy": occasion.by.sub, "previousStatus": p["status"]}
    return _reasoned(p, occasion, "Cancelled", {"status": "cancelled"}, own)


DECISIONS: Mapping[str, Callable[[Row, Occasion], Change | None]] = {
    "approve": _approve,
    "undo": _undo,
    "update": _update,
    "hold": _hold,
    "release": _release,
    "reject": _reject,
    "cancel": _cancel,
}
"""Each action once its status allows it; None: all is as it is wished already, and nothing goes on record."""


def paid_out(p: Row, status: str, at: str) -> Change:
    """A payout moves a payment on; the rows of that are a test's own, and so is their look."""
    more = {
        "processing": {"processedAt": at},
        "completed": {"completedAt": at},
        "failed": {"failedReason": "account closed", "failedCode": "account_closed"},
    }.get(status, {})
    after = {**p, **more, "status": status, "version": p["version"] + 1, "updatedAt": at}
    return Change(after=after, action=f"payment_{status}", event="PaymentUpdated", own={})


def refuse_twin(twin: Row | None) -> None:
    """One live payment for a job (contract 4.3)."""
    if twin is not None and twin["status"] not in ENDED:
        raise Refused("duplicate_payment", existingPaymentId=twin["paymentId"])


def _next(p: Row, occasion: Occasion, **changes: Any) -> Row:
    return {**p, "version": p["version"] + 1, "updatedAt": occasion.at, **changes}


def _updated(after: Row, action: str, changes: list[str], notes: str | None = None, also: str | None = None) -> Change:
    own = {"changes": changes, "contentVersion": after["contentVersion"]}
    return Change(after=after, action=action, event="PaymentUpdated", own=own, notes=notes, also=also)


def _reasoned(p: Row, occasion: Occasion, what: str, changes: Row, own: Row) -> Change:
    body = occasion.body
    words = f"{body['reason']}\n\n{body['notes']}" if body.get("notes") else body["reason"]
    return Change(
        after=_next(p, occasion, **changes),
        action=f"payment_{what.lower()}",
        event=f"Payment{what}",
        own={**own, "reasonCode": body.get("reasonCode")},
        notes=words,
        reason_code=body.get("reasonCode"),
    )


def _plain(lines: Sequence[Row]) -> list[list[Any]]:
    return [[line["description"], line["quantity"], line["unitPriceCents"]] for line in lines]


def _numbered(lines: Sequence[Row], told: Row) -> list[Row]:
    ids = chain((line["lineItemId"] for line in told.get("lineItems", ())), repeat(None))
    return [
        {"lineItemId": line_id, "lineNo": number, **line, "totalCents": line["quantity"] * line["unitPriceCents"]}
        for number, (line, line_id) in enumerate(zip(lines, ids, strict=False), start=1)
    ]


def _digest(p: Row) -> str:
    names = ("incidentId", "vendorId", "payerType", "payerId", "amountCents", "currency")
    content = [*(p[name] for name in names), 0, _plain(p["lineItems"])]
    return hashlib.sha256(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
