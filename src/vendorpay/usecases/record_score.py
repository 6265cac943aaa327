"""Record a payment's fraud score: its gate opens, or a case does; once for each content, whoever says it twice."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import msgspec

from vendorpay.domain.audit import AuditAction, NewEntry
from vendorpay.domain.events import EventDraft, FraudDetected, PaymentScored
from vendorpay.domain.feed import FeedEvent
from vendorpay.domain.fraud.finding import FraudStatus
from vendorpay.domain.fraud_cases import SCORER, CaseCause, CaseStatus, FraudCase
from vendorpay.domain.fraud_verdict import CaseStep, Verdict, awaits_score, step_of
from vendorpay.domain.payment import PaymentState
from vendorpay.domain.roles import Caller, Role
from vendorpay.store.claims import EventClaim
from vendorpay.store.fraud_rows import GivenScore
from vendorpay.usecases.change_payment import PaymentCommand, changed
from vendorpay.usecases.command import Facts, Outcome, PaymentChange
from vendorpay.usecases.consume_events import claim_of, settled_by
from vendorpay.usecases.fraud_change import FraudChange


@dataclass(frozen=True, kw_only=True)
class RecordScore(PaymentCommand):
    """What was found about one content. When the content has moved on, or has its score, nothing happens."""

    operation = "record_score"

    verdict: Verdict
    shadow: Verdict | None = None
    event: FeedEvent | None = None
    """What it is scored for; settled with it. None when it is tried again after an error."""

    def event_claim(self) -> EventClaim | None:
        return None if self.event is None else claim_of(SCORER, self.event)

    def decide(self, facts: Facts) -> Outcome:
        state = self.found(facts)
        payment = state.payment
        settled = None if self.event is None or facts.seen is not None else settled_by(SCORER, self.event)
        nothing = Outcome(answer=b"{}", payment_id=payment.payment_id, settled_event=settled)
        meant = payment.content_version == self.verdict.content_version
        if facts.seen is not None or not meant or not awaits_score(state.fraud_gate, payment.fraud_score):
            return nothing
        return msgspec.structs.replace(nothing, change=_change(state, self, facts))


def scorer_of(org_id: str) -> Caller:
    """The part of the service that scores, as a caller."""
    return Caller(sub=f"system:{SCORER}", role=Role.SERVICE, org_id=org_id)


def _change(state: PaymentState, command: RecordScore, facts: Facts) -> PaymentChange:
    verdict = command.verdict
    gate, step = step_of(state, verdict)
    scored_seq = state.chains.audit_seq + 1
    case_seq = scored_seq + 1
    opened, case = _case(state, verdict, step, facts, case_seq)
    still_open = opened or (case if case is not None and case.status is CaseStatus.OPEN else None)
    after = changed(
        msgspec.structs.replace(
            state, fraud_gate=gate, fraud_case=state.fraud_case if opened is case is None else still_open
        ),
        facts,
        status=state.payment.status,
        fraud_score=verdict.score,
        fraud_status=(verdict.status or FraudStatus.FLAGGED).value,
        fraud_reasons=verdict.reasons,
    )
    scores = [_given(verdict, facts, facts.new_id(), audit_seq=scored_seq)]
    if command.shadow is not None:
        scores.append(_given(command.shadow, facts, facts.new_id(), audit_seq=None))
    return PaymentChange(
        state=after,
        entries=_entries(after, step),
        events=_events(after, verdict, step, opened or case),
        fraud=FraudChange(scores=tuple(scores), opened=opened, changed=case),
    )


def _case(
    state: PaymentState, verdict: Verdict, step: CaseStep, facts: Facts, audit_seq: int
) -> tuple[FraudCase | None, FraudCase | None]:
    """The case that begins, and the open one if it changes."""
    payment, case = state.payment, state.fraud_case
    if step is CaseStep.OPENED:
        opened = FraudCase(
            case_id=facts.new_id(),
            payment_id=payment.payment_id,
            status=CaseStatus.OPEN,
            cause=CaseCause.ERROR if verdict.score is None else CaseCause.SCORE,
            content_version=payment.content_version,
            opened_at=facts.now,
            audit_seq=audit_seq,
        )
        return opened, None
    if case is None or step is CaseStep.NONE:
        return None, None
    if step is CaseStep.FOUND:
        return None, msgspec.structs.replace(case, cause=CaseCause.SCORE)
    superseded = msgspec.structs.replace(
        case,
        status=CaseStatus.SUPERSEDED,
        decided_by=f"system:{SCORER}",
        decided_at=facts.now,
        decision_audit_seq=audit_seq,
    )
    return None, superseded


_ACTIONS = {
    CaseStep.OPENED: AuditAction.FRAUD_CASE_OPENED,
    CaseStep.SUPERSEDED: AuditAction.FRAUD_CASE_SUPERSEDED,
}


def _entries(after: PaymentState, step: CaseStep) -> tuple[NewEntry, ...]:
    status, digest = after.payment.status, after.payment.digest
    actions = (AuditAction.PAYMENT_SCORED, *((_ACTIONS[step],) if step in _ACTIONS else ()))
    return tuple(
        NewEntry(action=action, previous_status=status, new_status=status, content_digest=digest) for action in actions
    )


def _events(after: PaymentState, verdict: Verdict, step: CaseStep, case: FraudCase | None) -> tuple[EventDraft, ...]:
    codes = tuple(reason.code for reason in verdict.reasons)
    scored = {
        "fraud_score": verdict.score,
        "fraud_status": after.payment.fraud_status,
        "fraud_reasons": codes,
        "content_version": verdict.content_version,
        "rule_set_version": verdict.rule_set_version,
        "provider": verdict.provider,
    }
    drafts = (EventDraft(kind=PaymentScored, own=scored),)
    if case is None or step not in (CaseStep.OPENED, CaseStep.FOUND):
        return drafts
    detected = {"case_id": case.case_id, "cause": case.cause, "fraud_score": verdict.score, "fraud_reasons": codes}
    return (*drafts, EventDraft(kind=FraudDetected, own=detected))


def _given(verdict: Verdict, facts: Facts, score_id: UUID, *, audit_seq: int | None) -> GivenScore:
    return GivenScore(
        score_id=score_id,
        content_version=verdict.content_version,
        shadow=audit_seq is None,
        provider=verdict.provider,
        rule_set_version=verdict.rule_set_version,
        score=verdict.score,
        status=None if verdict.status is None else verdict.status.value,
        error=verdict.error,
        findings=verdict.findings,
        facts=verdict.facts,
        duration_us=verdict.duration_us,
        scored_at=facts.now,
        audit_seq=audit_seq,
    )
