"""What people tell the scorer, as part of an outcome: listings of vendors, and rule sets with their use."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from vendorpay.store import fraud_rows
from vendorpay.store.batch_writer import Rows
from vendorpay.store.fraud_rows import ProposedRuleSet, RuleSetUse

if TYPE_CHECKING:  # it knows every signal, and every start imports this file
    from vendorpay.domain.fraud_listings import Listing


class FraudSetting(msgspec.Struct, frozen=True, kw_only=True):
    """One of these."""

    listed: Listing | None = None
    ended: UUID | None = None
    proposed: ProposedRuleSet | None = None
    used: RuleSetUse | None = None


def add_fraud_setting(rows: Rows, org_id: str, setting: FraudSetting, *, by: str, now: datetime) -> None:
    """Adds its row to those of the batch."""
    if setting.listed is not None:
        fraud_rows.add_listing(rows, org_id, setting.listed)
    if setting.ended is not None:
        fraud_rows.add_listing_end(rows, org_id, setting.ended, by=by, now=now)
    if setting.proposed is not None:
        fraud_rows.add_rule_set(rows, org_id, setting.proposed)
    if setting.used is not None:
        fraud_rows.add_rule_set_use(rows, org_id, setting.used)
