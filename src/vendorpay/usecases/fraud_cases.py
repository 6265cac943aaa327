"""The queue of fraud cases, one case with all that is known of it, and what is done about it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec

from vendorpay.domain.errors import NotFound
from vendorpay.domain.fraud.finding import Finding
from vendorpay.domain.fraud_cases import CaseReason, CaseStatus, Decision
from vendorpay.domain.payment import Payment
from vendorpay.domain.roles import Caller
from vendorpay.store import audit_log, fraud_cases
from vendorpay.store.fraud_cases import Found
from vendorpay.usecases import cursor as cursors
from vendorpay.usecases.command import Command, Done, Key
from vendorpay.usecases.decide_fraud_case import AssignFraudCase, CaseOfPayment, DecideFraudCase, NoteFraudCase
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.list_payments import PaymentPage, page_of
from vendorpay.usecases.read_audit_log import AuditLine, lines_of

_CASES: Final = "fraud-cases"
_FLAGGED: Final = "flagged"
TWINS_MAX: Final = 10


class CaseView(CaseOfPayment, frozen=True, kw_only=True, rename="camel"):
    """A case in the queue. `openS` is for how many seconds it has waited, or had waited when it was decided."""

    open_s: int


class CaseInFull(CaseView, frozen=True, kw_only=True, rename="camel"):
    """Everything that helps to decide: what the score found, payments that may be its doubles, and the case's history
    from the score on.
    """

    findings: tuple[Finding, ...]
    twins: tuple[Payment, ...]
    history: tuple[AuditLine, ...]


class CasePage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One page of the queue, oldest first."""

    cases: tuple[CaseView, ...]
    next_cursor: str | None


async def page(
    deps: Deps,
    caller: Caller,
    *,
    status: CaseStatus | None,
    assignee: str | None,
    limit: int,
    cursor: str | None,
) -> CasePage:
    """The organisation's cases that fit, oldest first. Raises InvalidRequest for a foreign cursor."""
    after = cursors.after(_CASES, cursor)
    async with deps.database.reading() as connection:
        found = await fraud_cases.page(
            connection,
            caller.scope().org_id,
            status=None if status is None else status.value,
            assignee=assignee,
            after=after,
            limit=limit + 1,
        )
    shown, more = cursors.cut(_CASES, found, limit, lambda one: one.case.case_id)
    return CasePage(cases=tuple(CaseView(**_seen(deps, one)) for one in shown), next_cursor=more)


async def get(deps: Deps, caller: Caller, case_id: UUID) -> CaseInFull:
    """One case. Raises NotFound for another organisation's."""
    org_id = caller.scope().org_id
    async with deps.database.reading() as connection:
        found = await fraud_cases.by_id(connection, org_id, case_id)
        if found is None:
            raise NotFound(subject="fraud case", id=case_id)
        twins = await fraud_cases.twins(connection, org_id, found.payment, limit=TWINS_MAX)
        entries = await audit_log.entries(connection, org_id, found.payment.payment_id)
    history = [line for line in lines_of(entries) if line.action.startswith(("fraud_case", "payment_scored"))]
    return CaseInFull(**_seen(deps, found), findings=found.findings, twins=tuple(twins), history=tuple(history))


async def flagged(deps: Deps, caller: Caller, *, limit: int, cursor: str | None) -> PaymentPage:
    """Payments with an open case, oldest first. Raises InvalidRequest for a foreign cursor."""
    after = cursors.after(_FLAGGED, cursor)
    async with deps.database.reading() as connection:
        found = await fraud_cases.flagged(connection, caller.scope().org_id, after=after, limit=limit + 1)
    return page_of(_FLAGGED, found, limit)


async def decide(
    deps: Deps,
    caller: Caller,
    case_id: UUID,
    key: Key | None,
    *,
    decision: Decision,
    reason_code: CaseReason,
    notes: str | None = None,
    block_vendor: bool = False,
) -> Done:
    """The case as decided, with its payment. Raises NotFound, FraudCaseDecided or FourEyes."""
    return await _submit(
        deps,
        DecideFraudCase(
            **await _about(deps, caller, case_id, key),
            decision=decision,
            reason_code=reason_code,
            notes=notes or None,
            block_vendor=block_vendor,
        ),
    )


async def assign(deps: Deps, caller: Caller, case_id: UUID, key: Key | None, *, assignee: str | None) -> Done:
    """The case, given to somebody. Raises NotFound or FraudCaseDecided."""
    return await _submit(deps, AssignFraudCase(**await _about(deps, caller, case_id, key), assignee=assignee))


async def note(deps: Deps, caller: Caller, case_id: UUID, key: Key | None, *, notes: str) -> Done:
    """The case, something written down about it. Raises NotFound or FraudCaseDecided."""
    return await _submit(deps, NoteFraudCase(**await _about(deps, caller, case_id, key), notes=notes))


async def _submit(deps: Deps, command: Command) -> Done:
    return await deps.commands.submit(command)


async def _about(deps: Deps, caller: Caller, case_id: UUID, key: Key | None) -> dict[str, Any]:
    """What commands about a case have in common."""
    async with deps.database.reading() as connection:
        payment_id = await fraud_cases.payment_id_of(connection, caller.scope().org_id, case_id)
    if payment_id is None:
        raise NotFound(subject="fraud case", id=case_id)
    return {
        "command_id": deps.new_id(deps.now()),
        "caller": caller,
        "key": key,
        "payment_id": payment_id,
        "case_id": case_id,
    }


def _seen(deps: Deps, found: Found) -> dict[str, Any]:
    case = found.case
    until = case.decided_at or deps.now()
    open_s = max(0, int((until - case.opened_at).total_seconds()))
    return {**msgspec.structs.asdict(case), "payment": found.payment, "open_s": open_s}
