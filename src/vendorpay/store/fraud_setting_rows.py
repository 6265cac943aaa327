"""Between the rows of what people tell the scorer and the domain's values of them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from vendorpay.domain.audit import GENESIS
from vendorpay.domain.fraud_cases import CaseReason
from vendorpay.domain.fraud_listing import Listing, ListingKind, ListingState
from vendorpay.domain.fraud_rule_sets import RuleSetStage, RuleSetState, StoredRuleSet, UseMode
from vendorpay.domain.payment import Chains
from vendorpay.store.batch_writer import Rows

_LISTING = Listing.__struct_fields__


def listing_of(row: DictRow) -> Listing:
    """The listing in a row of `@listing_columns`."""
    made = {name: row[name] for name in _LISTING}
    return Listing(**{**made, "kind": ListingKind(row["kind"]), "reason_code": CaseReason(row["reason_code"])})


def listing_state_of(row: DictRow, _: DictRow) -> ListingState:
    """The same with its chains, of which one of before 0021 has none yet."""
    return ListingState(org_id=row["org_id"], listing=listing_of(row), chains=_chains_of(row))


def rule_set_of(row: DictRow) -> StoredRuleSet:
    """The rule set in a row of `@rule_set_columns`, with its `mode`."""
    return StoredRuleSet(
        rule_set_id=row["rule_set_id"],
        version=row["version"],
        proposed_by=row["proposed_by"],
        proposed_at=row["proposed_at"],
        mode=None if row["mode"] is None else UseMode(row["mode"]),
        document=msgspec.json.decode(row["document"]),
    )


def rule_set_state_of(row: DictRow, children: DictRow) -> RuleSetState:
    """The same with its chains; `children` says what it is used for."""
    mode = UseMode.LIVE if children["is_live"] else UseMode.SHADOW if children["is_tried"] else None
    return RuleSetState(
        org_id=row["org_id"],
        rule_set=rule_set_of({**row, "mode": mode}),
        stage=RuleSetStage(row["stage"]),
        is_tried=bool(children["is_tried"]),
        has_decided=bool(children["has_decided"]),
        chains=_chains_of(row),
    )


def _chains_of(row: DictRow) -> Chains:
    return Chains(
        audit_seq=row["audit_seq"] or 0, audit_head=row["audit_head"] or GENESIS, event_seq=row["event_seq"] or 0
    )


def add_listed(rows: Rows, state: ListingState) -> None:
    """A vendor that is listed."""
    one = state.listing
    rows.add(
        "fraud_listings",
        (
            *(one.listing_id, state.org_id, one.vendor_id, one.kind.value, one.signal, one.reason_code.value),
            *(one.case_id, one.listed_by, one.listed_at, one.expires_at, one.digest, *_chain(state.chains)),
        ),
    )


def add_changed_listing(rows: Rows, state: ListingState) -> None:
    """A listing that was confirmed or ended."""
    one = state.listing
    rows.add(
        "fraud_listing_changes",
        (
            *(one.listing_id, state.org_id, one.confirmed_by, one.confirmed_at, one.ended_by, one.ended_at),
            *(one.digest, *_chain(state.chains)),
        ),
    )


def add_rule_set(rows: Rows, state: RuleSetState) -> None:
    """A rule set to choose."""
    one = state.rule_set
    document = msgspec.json.encode(one.document).decode()
    rows.add(
        "fraud_rule_sets",
        (
            *(one.rule_set_id, state.org_id, one.version, document, one.proposed_by, one.proposed_at),
            *(one.digest, *_chain(state.chains)),
        ),
    )


def add_changed_rule_set(
    rows: Rows, state: RuleSetState, *, use_id: UUID, mode: UseMode, by: str, now: datetime
) -> None:
    """A rule set that counts or is tried from now on, as its stage says; or is tried no more (`ended`)."""
    one, ended = state.rule_set, state.stage is RuleSetStage.ENDED
    rows.add(
        "fraud_rule_set_changes",
        (one.rule_set_id, state.org_id, state.stage.value, one.digest, *_chain(state.chains)),
    )
    used = (None, None) if ended else (one.rule_set_id, one.proposed_by)
    rows.add("fraud_rule_set_uses", (use_id, state.org_id, mode.value, *used, by, now))


def _chain(chains: Chains) -> tuple[int, bytes, int]:
    return chains.audit_seq, chains.audit_head, chains.event_seq
