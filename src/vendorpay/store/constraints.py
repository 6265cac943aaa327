"""From the name of a rule in the schema to the domain's error.

Decisions are made under locks, so the database refuses only what a bug, or another program on the same tables, let
through; the caller then gets the same error as from the domain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import psycopg

from vendorpay.domain.errors import (
    AlreadyApproved,
    AlreadyDecided,
    ApprovalLimitExceeded,
    DatabaseUnavailable,
    FieldFault,
    Forbidden,
    FourEyes,
    FraudCaseDecided,
    FraudListingOver,
    FraudReviewRequired,
    FraudRuleSetReplaced,
    InvalidRequest,
    InvalidTransition,
    PaymentHeld,
    PolicyLapsed,
    VendorPayError,
)

REFUSALS: Final[Mapping[str, Callable[[], VendorPayError]]] = {
    "approvals_four_eyes": FourEyes,
    "payments_four_eyes": FourEyes,
    "fraud_cases_four_eyes": FourEyes,
    "fraud_rule_set_uses_four_eyes": FourEyes,
    "fraud_rule_set_uses_live_once": FraudRuleSetReplaced,
    "fraud_rule_sets_one_per_version": lambda: InvalidRequest([FieldFault("version", "is taken")]),
    "fraud_cases_only_decided": FraudCaseDecided,
    "fraud_listings_only_ended": FraudListingOver,
    "fraud_listings_four_eyes": FourEyes,
    "payments_four_eyes_of_editor": FourEyes,
    "payments_four_eyes_of_payee_changer": FourEyes,
    "approvals_four_eyes_of_principal": FourEyes,
    "policies_four_eyes": FourEyes,
    "policies_go_forward": PolicyLapsed,
    "payments_rule_satisfied": lambda: AlreadyDecided(status="decided by somebody else"),
    "approvals_delegated": lambda: Forbidden("You have no delegation of that person that is open."),
    "limit_usage_within_max": ApprovalLimitExceeded,
    "approvals_one_valid_per_person": AlreadyApproved,
    "payments_not_held": lambda: PaymentHeld(open_holds="an unknown number of"),
    "payments_fraud_gate": FraudReviewRequired,
    "holds_limited": lambda: PaymentHeld(open_holds="too many"),
    "holds_only_before_payout": lambda: InvalidTransition(status="decided by somebody else", action="hold"),
    "payments_moves": lambda: AlreadyDecided(status="decided by somebody else"),
}

_SEEN_BY_NEXT_TRY: Final = frozenset(
    {"payments_one_live_per_job", "commands_one_per_key", "inbox_pkey", "policies_one_per_version"}
)
"""Somebody without our locks was faster; the next look finds what they wrote."""

_OF_ANOTHER_POLICY: Final = "payments_rule_of_policy"
"""Another policy was activated since the rule was chosen; the next look chooses by that one."""


def refusal_of(error: Exception) -> VendorPayError | None:
    """The domain's error for a broken rule, or None for what no caller can cause."""
    if not isinstance(error, psycopg.Error):
        return None
    make = REFUSALS.get(error.diag.constraint_name or "")
    if make is not None:
        return make()
    if isinstance(error, psycopg.errors.CheckViolation) and not error.diag.constraint_name:
        return DatabaseUnavailable()  # no partition for the month: the clock is far off, or upkeep has not run
    return None


def worth_another_try(error: Exception) -> bool:
    """Whether the same command may go through when it is simply run again."""
    if isinstance(error, psycopg.errors.UniqueViolation):
        return error.diag.constraint_name in _SEEN_BY_NEXT_TRY
    if isinstance(error, psycopg.errors.CheckViolation):
        return error.diag.constraint_name == _OF_ANOTHER_POLICY
    return isinstance(error, psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure)
