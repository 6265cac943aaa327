"""The operations on what is flagged."""

from __future__ import annotations

from vendorpay.client.answers import Pages
from vendorpay.client.asking import Asking
from vendorpay.client.fraud_values import FraudCase, FraudCaseInFull, FraudCasePage, FraudCaseView
from vendorpay.client.payment_values import Payment, PendingPage
from vendorpay.client.request import Id, given, patched, path


class FraudOperations(Asking):
    """Look at fraud cases, and decide them."""

    def list_flagged_payments(
        self, *, limit: int | None = None, cursor: str | None = None
    ) -> Pages[PendingPage, Payment]:
        """Payments with an open case, oldest first."""
        return Pages(lambda after: self._get(PendingPage, "/payments/flagged", limit=limit, cursor=after), cursor)

    def list_fraud_cases(
        self,
        *,
        status: str | None = None,
        assignee: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[FraudCasePage, FraudCaseView]:
        """Cases, oldest first; every filter that is given must fit."""
        asked = {"status": status, "assignee": assignee, "limit": limit}
        return Pages(lambda after: self._get(FraudCasePage, "/fraud/cases", **asked, cursor=after), cursor)

    def get_fraud_case(self, case_id: Id) -> FraudCaseInFull:
        """One case with everything that helps to decide."""
        return self._get(FraudCaseInFull, path("fraud", "cases", case_id))

    def decide_fraud_case(
        self,
        case_id: Id,
        *,
        decision: str,
        reason_code: str,
        notes: str | None = None,
        block_vendor: bool | None = None,
        key: str | None = None,
    ) -> FraudCase:
        """Says that it is nothing (cleared) or fraud (confirmed); by somebody who did not make the payment."""
        body = given(decision=decision, reason_code=reason_code, notes=notes, block_vendor=block_vendor)
        return self._post(FraudCase, path("fraud", "cases", case_id, "decide"), body, key)

    def assign_fraud_case(self, case_id: Id, *, assignee: str | None, key: str | None = None) -> FraudCase:
        """Gives it to somebody; with None to nobody again."""
        return self._post(FraudCase, path("fraud", "cases", case_id, "assign"), patched(assignee=assignee), key)

    def note_fraud_case(self, case_id: Id, *, notes: str, key: str | None = None) -> FraudCase:
        """Writes something down about it."""
        return self._post(FraudCase, path("fraud", "cases", case_id, "notes"), given(notes=notes), key)
