"""What the decisions about listings and rule sets have in common: each is on record in a chain of its own."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import msgspec

from vendorpay.domain.audit import AuditAction, NewEntry, SubjectType
from vendorpay.domain.events import EventDraft
from vendorpay.domain.fraud_listing import ListingState
from vendorpay.domain.fraud_rule_sets import RuleSetStage, RuleSetState, UseMode
from vendorpay.domain.payment import Chains
from vendorpay.store import fraud_setting_rows
from vendorpay.store.batch_writer import Rows
from vendorpay.usecases.command import Facts
from vendorpay.usecases.subject_change import SubjectChange


def listing_change(
    before: ListingState | None, after: ListingState, action: AuditAction, event: EventDraft
) -> SubjectChange:
    """A listing that is new (there was none before), confirmed or ended."""
    one = after.listing
    add = fraud_setting_rows.add_listed if before is None else fraud_setting_rows.add_changed_listing

    def write(rows: Rows, chains: Chains) -> None:
        add(rows, msgspec.structs.replace(after, chains=chains))

    return SubjectChange(
        subject_type=SubjectType.FRAUD_LISTING,
        subject_id=one.listing_id,
        org_id=after.org_id,
        chains=after.chains,
        entry=NewEntry(
            action=action,
            previous_status=before.listing.status.value if before is not None and _has_chain(before) else None,
            new_status=one.status.value,
            content_digest=one.digest,
            reason_code=one.reason_code.value,
        ),
        event=event,
        about={
            "listing_id": one.listing_id,
            "vendor_id": one.vendor_id,
            "kind": one.kind,
            "signal": one.signal,
            "expires_at": one.expires_at,
        },
        write=write,
    )


def rule_set_proposed(state: RuleSetState, event: EventDraft) -> SubjectChange:
    """A rule set that is new."""

    def write(rows: Rows, chains: Chains) -> None:
        fraud_setting_rows.add_rule_set(rows, msgspec.structs.replace(state, chains=chains))

    return _of_rule_set(None, state, AuditAction.FRAUD_RULE_SET_PROPOSED, event, write)


def rule_set_used(
    before: RuleSetState, stage: RuleSetStage, action: AuditAction, event: EventDraft, facts: Facts, by: str
) -> SubjectChange:
    """A rule set that counts or is tried from now on, or is tried no more."""
    after = msgspec.structs.replace(before, stage=stage)
    mode = UseMode.LIVE if stage is RuleSetStage.LIVE else UseMode.SHADOW
    use_id: UUID = facts.new_id()

    def write(rows: Rows, chains: Chains) -> None:
        state = msgspec.structs.replace(after, chains=chains)
        fraud_setting_rows.add_changed_rule_set(rows, state, use_id=use_id, mode=mode, by=by, now=facts.now)

    return _of_rule_set(before, after, action, event, write)


def _of_rule_set(
    before: RuleSetState | None,
    after: RuleSetState,
    action: AuditAction,
    event: EventDraft,
    write: Callable[[Rows, Chains], None],
) -> SubjectChange:
    one = after.rule_set
    return SubjectChange(
        subject_type=SubjectType.FRAUD_RULE_SET,
        subject_id=one.rule_set_id,
        org_id=after.org_id,
        chains=after.chains,
        entry=NewEntry(
            action=action,
            previous_status=before.stage.value if before is not None and _has_chain(before) else None,
            new_status=after.stage.value,
            content_digest=one.digest,
        ),
        event=event,
        about={"rule_set_id": one.rule_set_id, "rule_set_version": one.version},
        write=write,
    )


def _has_chain(state: ListingState | RuleSetState) -> bool:
    """False of what is older than such chains: its first entry has none to go on from."""
    return state.chains.audit_seq > 0
