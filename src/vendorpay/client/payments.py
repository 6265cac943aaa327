"""The operations on payments, one method each, called as the operations table calls them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from vendorpay.client.answers import Pages
from vendorpay.client.asking import Asking
from vendorpay.client.payment_values import AuditLog, NewLine, Payment, PaymentPage, PendingPage
from vendorpay.client.request import Id, Version, given, patched, path


class PaymentOperations(Asking):
    """Create, look up and edit payments."""

    def create_payment(
        self,
        *,
        incident_id: Id,
        vendor_id: Id,
        payer_type: str,
        amount_cents: int,
        line_items: Sequence[NewLine],
        payer_id: Id | None = None,
        currency: str | None = None,
        reference: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Payment:
        """Creates a payment that waits for approval. The same `key` never makes a second one."""
        body = given(
            incident_id=incident_id,
            vendor_id=vendor_id,
            payer_type=payer_type,
            amount_cents=amount_cents,
            line_items=line_items,
            payer_id=payer_id,
            currency=currency,
            reference=reference,
            metadata=metadata,
        )
        return self._post(Payment, "/payments", body, key)

    def list_payments(
        self,
        *,
        incident_id: Id | None = None,
        vendor_id: Id | None = None,
        status: str | None = None,
        payer_type: str | None = None,
        reference: str | None = None,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        min_amount_cents: int | None = None,
        max_amount_cents: int | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Pages[PaymentPage, Payment]:
        """Payments for which all filters fit, newest first; `limit` is that of a page."""
        asked = {
            "incidentId": incident_id,
            "vendorId": vendor_id,
            "status": status,
            "payerType": payer_type,
            "reference": reference,
            "createdFrom": created_from,
            "createdTo": created_to,
            "minAmountCents": min_amount_cents,
            "maxAmountCents": max_amount_cents,
            "limit": limit,
        }
        return Pages(lambda after: self._get(PaymentPage, "/payments", **asked, cursor=after), cursor)

    def list_pending_payments(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        offset: int | None = None,
        waiting_for: str | None = None,
    ) -> Pages[PendingPage, Payment]:
        """What waits for approval, oldest first; with `waiting_for="me"`, by the caller. `offset` is for the first
        page; the others are led to by cursor."""

        def ask(after: str | None) -> PendingPage:
            skipped = offset if after is None else None
            asked = {"limit": limit, "cursor": after, "offset": skipped, "waitingFor": waiting_for}
            return self._get(PendingPage, "/payments/pending", **asked)

        return Pages(ask, cursor)

    def get_payment(self, payment_id: Id) -> Payment:
        """One payment."""
        return self._get(Payment, path("payments", payment_id))

    def get_incident_payment(self, incident_id: Id) -> Payment:
        """The newest live payment of an incident; when none is live, the newest."""
        return self._get(Payment, path("incidents", incident_id, "payment"))

    def list_vendor_payments(
        self, vendor_id: Id, *, status: str | None = None, limit: int | None = None, cursor: str | None = None
    ) -> Pages[PaymentPage, Payment]:
        """A vendor's payments, newest first."""
        place = path("vendors", vendor_id, "payments")
        return Pages(lambda after: self._get(PaymentPage, place, status=status, limit=limit, cursor=after), cursor)

    def get_payment_audit_log(self, payment_id: Id) -> AuditLog:
        """A payment's history, oldest first."""
        return self._get(AuditLog, path("payments", payment_id, "audit-log"))

    def update_payment(
        self,
        payment_id: Id,
        *,
        if_match: Version,
        line_items: Sequence[NewLine] | UnsetType = UNSET,
        amount_cents: int | UnsetType = UNSET,
        metadata: Mapping[str, Any] | UnsetType = UNSET,
        reference: str | UnsetType = UNSET,
        key: str | None = None,
    ) -> Payment:
        """Changes the version of a payment that was seen: Problem 412 when it is another one by now. `metadata` is
        merged, and a value of None takes its key away (RFC 7396)."""
        body = patched(line_items=line_items, amount_cents=amount_cents, metadata=metadata, reference=reference)
        return self._post(Payment, path("payments", payment_id), body, key, if_match=if_match, method="PATCH")
