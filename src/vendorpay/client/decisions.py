"""The decisions on a payment, one method each; with `if_match` only on the version that was seen."""

from __future__ import annotations

from vendorpay.client.asking import Asking
from vendorpay.client.payment_values import Payment
from vendorpay.client.request import Id, Version, given, path


class DecisionOperations(Asking):
    """Approve, reject, cancel, hold, release; and undo."""

    def approve_payment(
        self,
        payment_id: Id,
        *,
        expected_digest: str | None = None,
        on_behalf_of: str | None = None,
        notes: str | None = None,
        if_match: Version | None = None,
        key: str | None = None,
    ) -> Payment:
        """Approves what was seen: with `expected_digest`, Problem 409 when its content is another one by now; with
        `on_behalf_of`, in the name of somebody who delegated it.
        """
        body = given(notes=notes, expected_digest=expected_digest, on_behalf_of=on_behalf_of)
        return self._decide(payment_id, "approve", body, if_match, key)

    def reject_payment(
        self,
        payment_id: Id,
        *,
        reason: str,
        reason_code: str | None = None,
        notes: str | None = None,
        if_match: Version | None = None,
        key: str | None = None,
    ) -> Payment:
        """Rejects it; the job may then be billed again."""
        return self._decide_for(reason, reason_code, notes, payment_id, "reject", if_match, key)

    def cancel_payment(
        self,
        payment_id: Id,
        *,
        reason: str,
        reason_code: str | None = None,
        notes: str | None = None,
        if_match: Version | None = None,
        key: str | None = None,
    ) -> Payment:
        """Cancels it before the money is on its way, or when it failed."""
        return self._decide_for(reason, reason_code, notes, payment_id, "cancel", if_match, key)

    def hold_payment(
        self,
        payment_id: Id,
        *,
        reason: str,
        reason_code: str | None = None,
        notes: str | None = None,
        if_match: Version | None = None,
        key: str | None = None,
    ) -> Payment:
        """Holds it: it is neither approved nor paid until it is released."""
        return self._decide_for(reason, reason_code, notes, payment_id, "hold", if_match, key)

    def release_payment(
        self, payment_id: Id, *, notes: str | None = None, if_match: Version | None = None, key: str | None = None
    ) -> Payment:
        """Ends every hold that a person placed."""
        return self._decide(payment_id, "release", given(notes=notes), if_match, key)

    def undo_approval(
        self, payment_id: Id, *, notes: str | None = None, if_match: Version | None = None, key: str | None = None
    ) -> Payment:
        """Takes one's own approval back; or, of an approved payment, by somebody who gave none, all of them."""
        return self._decide(payment_id, "undo-approval", given(notes=notes), if_match, key)

    def _decide_for(
        self,
        reason: str,
        reason_code: str | None,
        notes: str | None,
        payment_id: Id,
        verb: str,
        if_match: Version | None,
        key: str | None,
    ) -> Payment:
        body = given(reason=reason, reason_code=reason_code, notes=notes)
        return self._decide(payment_id, verb, body, if_match, key)

    def _decide(self, payment_id: Id, verb: str, body: bytes, if_match: Version | None, key: str | None) -> Payment:
        return self._post(Payment, path("payments", payment_id, verb), body, key, if_match=if_match)
