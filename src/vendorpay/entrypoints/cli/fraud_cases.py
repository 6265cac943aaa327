"""`vendorpay fraud cases | case | assign | decide`: what people do about payments that were flagged, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vendorpay.entrypoints.cli.ask_and_show import ask_and_show, ask_and_show_page
from vendorpay.entrypoints.cli.checks import Faults, checked_id, checked_limit
from vendorpay.entrypoints.cli.options import (
    DEFAULT_LIMIT,
    DEFAULT_URL,
    AsJson,
    Cursor,
    Limit,
    Notes,
    ReasonCode,
    Token,
    Url,
)
from vendorpay.entrypoints.cli.output import amount, moment, table, text

if TYPE_CHECKING:
    from vendorpay.client.fraud_values import FraudCase, FraudCaseInFull, FraudCasePage

CaseId = Annotated[str, typer.Argument(metavar="CASE", help="A case's id, of `vendorpay fraud cases`.")]


def cases(
    status: Annotated[str, typer.Option("--status", help="open, cleared, confirmed or superseded.")] = "open",
    assignee: Annotated[str | None, typer.Option("--assignee", metavar="SUB", help="Only this person's.")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """List fraud cases, oldest first: payments that were flagged, and why.

    Example:

        vendorpay fraud cases --token "$TOKEN"
    """
    many = checked_limit(limit, url, token)
    ask_and_show_page(
        url,
        token,
        lambda client: client.list_fraud_cases(status=status, assignee=assignee, limit=many, cursor=cursor).first(),
        _print_page,
        json=json,
    )


def case(case_id: CaseId, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False) -> None:
    """Show one fraud case: what was found, with figures, payments that may be for the same work, and its payment.

    Example:

        vendorpay fraud case 0190a1b2-0000-7000-8000-000000000001 --token "$TOKEN"
    """
    asked_for = checked_id("CASE", case_id, url, token)
    ask_and_show(url, token, lambda client: client.get_fraud_case(asked_for), _print_case, json=json)


def assign(
    case_id: CaseId,
    to: Annotated[
        str | None, typer.Option("--to", metavar="SUB", help="Who is to decide it: the sub of a token.")
    ] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="Take it from whoever has it.")] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Give an open fraud case to somebody, or take it back. Others may decide it all the same.

    Example:

        vendorpay fraud assign 0190a1b2-0000-7000-8000-000000000001 --to dispatcher-7 --token "$TOKEN"
    """
    faults = Faults()
    if (to is None) != nobody:
        faults.add("Give --to with somebody's sub, or --nobody.")
    asked_for = checked_id("CASE", case_id, url, token, faults)
    ask_and_show(
        url, token, lambda client: client.assign_fraud_case(asked_for, assignee=to), _print_assigned, json=json
    )


def decide(
    case_id: CaseId,
    decision: Annotated[str, typer.Option("--decision", help="cleared or confirmed.")],
    reason_code: ReasonCode,
    notes: Notes = None,
    block_vendor: Annotated[
        bool, typer.Option("--block-vendor", help="With confirmed: flag whatever the vendor sends from now on.")
    ] = False,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Say that a flagged payment is all right (cleared), or fraud (confirmed): then it is rejected.

    By somebody who did not create the payment. A cleared one then needs its approvals, as any other.

    Example:

        vendorpay fraud decide "$CASE" --decision cleared --reason-code verified_with_vendor --token "$TOKEN"
    """
    asked_for = checked_id("CASE", case_id, url, token)
    ask_and_show(
        url,
        token,
        lambda client: client.decide_fraud_case(
            asked_for,
            decision=decision,
            reason_code=reason_code,
            notes=notes,
            block_vendor=block_vendor or None,
        ),
        _print_decided,
        json=json,
    )


def _print_page(page: FraudCasePage) -> None:
    rows = [
        (
            str(each.case_id),
            text(each.payment.fraud_score),
            text(each.assignee),
            amount(each.payment.amount_cents, each.payment.currency),
            str(each.payment.vendor_id),
            moment(each.opened_at),
            ", ".join(reason.code for reason in each.payment.fraud_reasons),
        )
        for each in page.cases
    ]
    table(("case", "score", "assignee", "amount", "vendor", "opened", "because of"), rows, right=("score", "amount"))


def _print_case(found: FraudCaseInFull) -> None:
    from vendorpay.entrypoints.cli.payment_page import print_payment

    facts = [
        ("caseId", str(found.case_id)),
        ("status", found.status),
        ("cause", found.cause),
        ("openedAt", moment(found.opened_at)),
        ("assignee", text(found.assignee)),
        ("decidedBy", text(found.decided_by)),
        ("reasonCode", text(found.reason_code)),
        *(("may be the same", f"{each.payment_id}, {each.status}") for each in found.twins),
    ]
    table(("field", "value"), [(name, value) for name, value in facts if value])
    print()
    rows = [(each.code, f"{each.strength:.2f}", f"{each.weight:.2f}", each.message) for each in found.findings]
    table(("found", "strength", "weight", "what"), rows, right=("strength", "weight"))
    print()
    print_payment(found.payment)


def _print_assigned(found: FraudCase) -> None:
    row = (str(found.case_id), found.status, str(found.payment_id), text(found.assignee))
    table(("case", "status", "payment", "assignee"), [row])


def _print_decided(found: FraudCase) -> None:
    row = (str(found.case_id), found.status, str(found.payment_id), found.payment.status)
    table(("case", "status", "payment", "its status"), [row])
