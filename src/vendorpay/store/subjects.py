"""What has an audit chain and events of its own, as commands lock it: one row of SUBJECTS for each kind.

A new kind is a claim, three blocks of claims.sql, and the function that makes a state of a row and what hangs on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from vendorpay.domain.delegations import DelegationState
from vendorpay.domain.fraud_listing import ListingState
from vendorpay.domain.fraud_rule_sets import RuleSetState
from vendorpay.domain.payment import PaymentState
from vendorpay.domain.policies import PolicyState
from vendorpay.domain.webhooks import EndpointState
from vendorpay.store import delegation_rows, endpoint_rows, fraud_setting_rows, payment_rows, policy_rows

SubjectState = PaymentState | EndpointState | PolicyState | DelegationState | ListingState | RuleSetState


class SubjectClaim(msgspec.Struct, frozen=True):
    """The row of a subject."""

    org_id: str
    subject_id: UUID


class PaymentClaim(SubjectClaim, frozen=True):
    """A payment's row."""


class EndpointClaim(SubjectClaim, frozen=True):
    """A webhook endpoint's row, with that of its subscription."""


class PolicyClaim(SubjectClaim, frozen=True):
    """The row of a version of the approval policy."""


class DelegationClaim(SubjectClaim, frozen=True):
    """A delegation's row."""


class FraudListingClaim(SubjectClaim, frozen=True):
    """The row of a vendor that is listed."""


class FraudRuleSetClaim(SubjectClaim, frozen=True):
    """The row of a rule set."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """How the rows of one kind are locked: the blocks of claims.sql, and what makes a state of what they find."""

    claim: type[SubjectClaim]
    id_column: str
    lock: str
    wait: str
    children: str
    state_of: Callable[[DictRow, DictRow], SubjectState]


SUBJECTS: Final = (
    Subject(
        claim=PaymentClaim,
        id_column="payment_id",
        lock="lock_payments",
        wait="wait_for_payments",
        children="payment_children",
        state_of=payment_rows.state_of,
    ),
    Subject(
        claim=EndpointClaim,
        id_column="endpoint_id",
        lock="lock_endpoints",
        wait="wait_for_endpoints",
        children="endpoint_children",
        state_of=endpoint_rows.state_of,
    ),
    Subject(
        claim=PolicyClaim,
        id_column="policy_id",
        lock="lock_policies",
        wait="wait_for_policies",
        children="policy_children",
        state_of=policy_rows.state_of,
    ),
    Subject(
        claim=DelegationClaim,
        id_column="delegation_id",
        lock="lock_delegations",
        wait="wait_for_delegations",
        children="delegation_children",
        state_of=delegation_rows.state_of,
    ),
    Subject(
        claim=FraudListingClaim,
        id_column="listing_id",
        lock="lock_fraud_listings",
        wait="wait_for_fraud_listings",
        children="fraud_listing_children",
        state_of=fraud_setting_rows.listing_state_of,
    ),
    Subject(
        claim=FraudRuleSetClaim,
        id_column="rule_set_id",
        lock="lock_fraud_rule_sets",
        wait="wait_for_fraud_rule_sets",
        children="fraud_rule_set_children",
        state_of=fraud_setting_rows.rule_set_state_of,
    ),
)
"""In the order in which their rows are locked."""
