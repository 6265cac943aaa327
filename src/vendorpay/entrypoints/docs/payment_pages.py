"""Pages made from the domain's tables: moves and actions, permissions, errors."""

from __future__ import annotations

import inspect

from vendorpay.api.operations import OPERATIONS
from vendorpay.api.statuses import STATUS
from vendorpay.domain.errors import VendorPayError
from vendorpay.domain.lifecycle import ENDED, MOVES, Action, PaymentStatus, allow
from vendorpay.domain.roles import GRANTS, Permission, Role
from vendorpay.entrypoints.docs.tables import GENERATED, table


def lifecycle() -> str:
    """docs/lifecycle.md: the moves as a picture, and what each action answers in each status."""
    moves = [f"    {status} --> {target}" for status in PaymentStatus for target in sorted(MOVES[status])]
    ends = [f"    {status} --> [*]" for status in PaymentStatus if not MOVES[status]]
    picture = "\n".join(["stateDiagram-v2", f"    [*] --> {PaymentStatus.PENDING_APPROVAL}", *moves, *ends])
    rows = [[status, *(_answer(action, status) for action in Action)] for status in PaymentStatus]
    return (
        f"{GENERATED}# The life of a payment\n\n```mermaid\n{picture}\n```\n\n"
        "Nothing else moves a payment: `domain/lifecycle.py` says it in code, the trigger `payments_check_update` in "
        f"the database. A payment is live until it is {', '.join(sorted(ENDED))}; a job has one live payment per "
        "reference.\n\n## What an action answers\n\n"
        + table(["status", *Action], rows)
        + "\nBefore `ok`, `approve` can still be refused: four_eyes, fraud_review_required, payment_held, "
        "score_pending, already_approved, digest_mismatch, in this order; `hold` by payment_held, when too many are "
        "open; `update` by invalid_request, when what it leads to does not add up, and by duplicate_payment, when "
        "another live payment has the reference. `undo-approval` of a payment that waits is for one's own approval: "
        "without one it is an invalid_transition, and so it is for a driver's payment. Every action is refused by "
        "precondition_failed first, when its If-Match names no present version; `update` needs one.\n"
    )


def _answer(action: Action, status: PaymentStatus) -> str:
    try:
        allow(action, status)
    except VendorPayError as refusal:
        return refusal.code
    return "ok"


def permissions() -> str:
    """docs/permissions.md: which role may do what, and which operation asks for it."""
    grants = [
        [f"`{permission}`", *("x" if role in GRANTS[permission] else "" for role in Role)] for permission in Permission
    ]
    asked = [
        [f"`{row.method} {row.path}`", f"`{row.permission}`" if row.permission else "none", row.summary]
        for row in OPERATIONS
    ]
    return (
        f"{GENERATED}# Who may do what\n\n"
        + table(["permission", *Role], grants)
        + "\nA vendor sees the payments of its own vendorId, a driver those of its own payerId; both without fraud "
        "fields, notes, approvals' names and metadata. Everybody sees their own organisation only.\n\n## Operations\n\n"
        + table(["operation", "permission", "what it does"], asked)
    )


def errors() -> str:
    """docs/errors.md: every code, its status and its meaning."""
    rows = sorted(
        (status, kind.code, inspect.cleandoc(kind.__doc__ or "").splitlines()[0]) for kind, status in STATUS.items()
    )
    return (
        f"{GENERATED}# Errors\n\nEvery refusal is an RFC 9457 problem: `{{type, title, status, detail, code, errors?, "
        "requestId}`. `code` is for programs, `detail` for people, `errors` names every wrong field.\n\n"
        + table(["status", "code", "meaning"], ([status, f"`{code}`", words] for status, code, words in rows))
    )
