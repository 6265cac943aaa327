"""The operations on what people tell the scorer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vendorpay.client.answers import Pages
from vendorpay.client.asking import Asking
from vendorpay.client.fraud_values import FraudListing, FraudListingPage, FraudRuleSet, FraudRuleSetPage
from vendorpay.client.request import Id, given, path


class FraudSettingOperations(Asking):
    """List vendors, and choose rule sets."""

    def create_fraud_listing(
        self,
        *,
        vendor_id: Id,
        kind: str,
        reason_code: str,
        signal: str | None = None,
        expires_at: datetime | str | None = None,
        key: str | None = None,
    ) -> FraudListing:
        """Blocks a vendor; or proposes to trust it (allow), or to snooze a signal for it."""
        body = given(vendor_id=vendor_id, kind=kind, reason_code=reason_code, signal=signal, expires_at=expires_at)
        return self._post(FraudListing, "/fraud/listings", body, key)

    def list_fraud_listings(
        self, *, vendor_id: Id | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Pages[FraudListingPage, FraudListing]:
        """Listings, oldest first."""
        asked = {"vendorId": vendor_id, "limit": limit}
        return Pages(lambda after: self._get(FraudListingPage, "/fraud/listings", **asked, cursor=after), cursor)

    def confirm_fraud_listing(self, listing_id: Id, *, key: str | None = None) -> FraudListing:
        """Lets trust or a snooze count; Problem 403 for who listed it, 409 where it is over."""
        return self._post(FraudListing, path("fraud", "listings", listing_id, "confirm"), given(), key)

    def end_fraud_listing(self, listing_id: Id, *, key: str | None = None) -> FraudListing:
        """Ends a listing."""
        return self._post(FraudListing, path("fraud", "listings", listing_id, "end"), given(), key)

    def propose_fraud_rule_set(
        self,
        *,
        version: str,
        thresholds: Mapping[str, float] | None = None,
        priors: list[Mapping[str, Any]] | None = None,
        signals: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> FraudRuleSet:
        """Brings a rule set; what is left out is as in the service's own."""
        body = given(version=version, thresholds=thresholds, priors=priors, signals=signals)
        return self._post(FraudRuleSet, "/fraud/rule-sets", body, key)

    def list_fraud_rule_sets(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> Pages[FraudRuleSetPage, FraudRuleSet]:
        """Rule sets, newest first."""
        return Pages(lambda after: self._get(FraudRuleSetPage, "/fraud/rule-sets", limit=limit, cursor=after), cursor)

    def use_fraud_rule_set(self, rule_set_id: Id, *, mode: str, key: str | None = None) -> FraudRuleSet:
        """Lets a rule set decide (live), or tries it (shadow)."""
        return self._post(FraudRuleSet, path("fraud", "rule-sets", rule_set_id, "use"), given(mode=mode), key)

    def end_fraud_shadow(self, rule_set_id: Id, *, key: str | None = None) -> FraudRuleSet:
        """Tries a rule set no longer."""
        return self._post(FraudRuleSet, path("fraud", "rule-sets", rule_set_id, "end-shadow"), given(), key)
