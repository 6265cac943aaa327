"""One payment, for people to read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from vendorpay.entrypoints.cli.output import amount, moment, table, text

if TYPE_CHECKING:
    from vendorpay.client import Payment

_NAMES: Final = (
    *("payment_id", "status", "version", "vendor_id", "incident_id", "reference", "payer_type", "created_by"),
    *("created_at", "edited_by", "required_approvals", "approved_by", "approved_at", "failed_reason"),
)


def print_payment(payment: Payment) -> None:
    """Prints what it is and what stands in its way, then its line items. Vendors and drivers are shown less."""
    names = dict(zip(payment.__struct_fields__, payment.__struct_encode_fields__, strict=True))
    rows = [(names[name], text(getattr(payment, name))) for name in _NAMES]
    rows += [
        *_fraud(payment),
        *_rule(payment),
        *_approvals(payment),
        *_holds(payment),
        ("metadata", ", ".join(payment.metadata)),
    ]
    table(("field", "value"), [(name, value) for name, value in rows if value])
    print()
    currency = payment.currency
    lines = [
        (
            str(line.line_no),
            line.description,
            str(line.quantity),
            amount(line.unit_price_cents, currency),
            amount(line.total_cents, currency),
        )
        for line in payment.line_items
    ]
    lines.append(("", "Total", "", "", amount(payment.amount_cents, currency)))
    table(("line", "description", "quantity", "price", "total"), lines, right=("quantity", "price", "total"))


def _fraud(payment: Payment) -> Iterator[tuple[str, str]]:
    if payment.fraud_score is not None:
        yield "fraudScore", f"{payment.fraud_score:.2f}, {payment.fraud_status}"
    for each in payment.fraud_reasons:
        yield each.code, each.message


def _rule(payment: Payment) -> Iterator[tuple[str, str]]:
    """Which rule says who must approve it, and whom it still lacks; alternatives by their own lines."""
    if (rule := payment.policy) is None:
        return
    yield "rule", f"{rule.rule} (policy {rule.version}): {rule.effect}"
    for each in (rule, *rule.others):
        steps = [f"{step.quorum} {' or '.join(step.people) or step.role}, given {step.given}" for step in each.steps]
        if steps:
            yield ("needs" if each is rule else "or"), f"{'; '.join(steps)}: {each.open} open"


def _approvals(payment: Payment) -> Iterator[tuple[str, str]]:
    for each in payment.approvals:
        notes = f": {each.notes}" if each.notes else ""
        yield "approval", f"by {each.approver_id} ({each.role}) at {moment(each.at)}{notes}"


def _holds(payment: Payment) -> Iterator[tuple[str, str]]:
    for each in payment.holds:
        yield "hold", f"{each.kind}, by {each.by} since {moment(each.at)}: {each.reason}"
