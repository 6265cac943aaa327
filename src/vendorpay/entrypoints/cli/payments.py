"""`vendorpay payments`: what the back office does all day, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from vendorpay.entrypoints.cli.checks import Faults
from vendorpay.entrypoints.cli.failures import CommandFailed, WrongUsage
from vendorpay.entrypoints.cli.options import DEFAULT_URL, AsJson, Token, Url
from vendorpay.entrypoints.cli.output import amount, as_json, field, table
from vendorpay.entrypoints.cli.payments_import.command import HELP, import_payments

app = typer.Typer(no_args_is_help=True, help="List, show, approve and import payments.")
app.command("import", help=HELP)(import_payments)


@app.command("list")
def list_payments(
    status: Annotated[str | None, typer.Option("--status", help="For example pending_approval.")] = None,
    vendor: Annotated[str | None, typer.Option("--vendor", metavar="UUID")] = None,
    incident: Annotated[str | None, typer.Option("--incident", metavar="UUID")] = None,
    limit: Annotated[str, typer.Option("--limit", help="How many at most, 1 to 200.")] = "50",
    cursor: Annotated[str | None, typer.Option("--cursor", help="Go on where an earlier list ended.")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """List payments, newest first.

    Example:

        vendorpay payments list --status pending_approval --token "$TOKEN"
    """
    faults = Faults()
    asked = {
        "limit": faults.whole("--limit", limit, 1, 200),
        "vendorId": faults.uuid("--vendor", vendor),
        "incidentId": faults.uuid("--incident", incident),
    }
    faults.address(url, token)
    faults.end()
    found = _get(url, token, "/payments", status=status, cursor=cursor, **asked)
    if json:
        as_json(found)
        return
    columns = ("payment", "status", "amount", "vendor", "incident", "created")
    rows = [
        (
            field(each, "paymentId"),
            field(each, "status"),
            amount(each["amountCents"], each["currency"]),
            field(each, "vendorId"),
            field(each, "incidentId"),
            field(each, "createdAt"),
        )
        for each in found["payments"]
    ]
    table(columns, rows, right=("amount",))
    if found.get("nextCursor"):
        print(f"There are more: --cursor {found['nextCursor']}")


@app.command()
def show(
    payment_id: Annotated[str, typer.Argument(metavar="ID")],
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Show one payment with its line items.

    Example:

        vendorpay payments show 0190a1b2-0000-7000-8000-000000000001 --token "$TOKEN"
    """
    faults = Faults()
    ids = faults.payment_ids([payment_id])
    faults.address(url, token)
    faults.end()
    payment = _get(url, token, f"/payments/{ids[0]}")
    if json:
        as_json(payment)
        return
    names = ("paymentId", "status", "vendorId", "incidentId", "reference", "payerType", "createdBy", "createdAt")
    rows = [(name, field(payment, name)) for name in (*names, "approvedBy", "approvedAt", "failedReason")]
    table(("field", "value"), [(name, value) for name, value in rows if value])
    print()
    currency = payment["currency"]
    lines = [
        (
            field(line, "lineNo"),
            field(line, "description"),
            field(line, "quantity"),
            amount(line["unitPriceCents"], currency),
            amount(line["totalCents"], currency),
        )
        for line in payment["lineItems"]
    ]
    lines.append(("", "Total", "", "", amount(payment["amountCents"], currency)))
    table(("line", "description", "quantity", "price", "total"), lines, right=("quantity", "price", "total"))


@app.command()
def approve(
    payment_ids: Annotated[list[str], typer.Argument(metavar="ID..")],
    notes: Annotated[str | None, typer.Option("--notes", help="Why, for the record.")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Approve payments one by one. Exit code 1 when one of them was refused; the others are approved all the same.

    Example:

        vendorpay payments approve 0190a1b2-0000-7000-8000-000000000001 --notes "photos seen" --token "$TOKEN"
    """
    faults = Faults()
    ids = faults.payment_ids(payment_ids)
    faults.address(url, token)
    faults.end()

    import asyncio

    results = asyncio.run(_approve_all(url, token, ids, notes))
    if json:
        as_json({"results": results})
    else:
        table(("payment", "result"), [(each["paymentId"], each.get("status") or each["reason"]) for each in results])
    raise typer.Exit(1 if any("reason" in each for each in results) else 0)


async def _approve_all(url: str, token: str | None, ids: list[str], notes: str | None) -> list[dict[str, Any]]:
    import json
    from uuid import uuid4

    from vendorpay.entrypoints.cli.http_client import Refused, service

    body = json.dumps({} if notes is None else {"notes": notes}).encode()
    results: list[dict[str, Any]] = []
    async with service(url, token) as opened:
        for each in ids:
            try:
                # A key of its own: an answer that was lost on the way is given again, not refused.
                payment = await opened.post(f"/payments/{each}/approve", body, key=str(uuid4()))
                results.append({"paymentId": each, "status": payment["status"]})
            except Refused as refused:
                if refused.status == 401:
                    raise
                results.append({"paymentId": each, "code": refused.code, "reason": str(refused)})
            except CommandFailed as failed:
                results.append({"paymentId": each, "code": "no_answer", "reason": str(failed)})
                break
    return results


def _get(url: str, token: str | None, path: str, **query: object) -> dict[str, Any]:
    import asyncio

    from vendorpay.entrypoints.cli.http_client import Refused, service

    async def get() -> dict[str, Any]:
        async with service(url, token) as opened:
            return await opened.get(path, **query)

    try:
        return asyncio.run(get())
    except Refused as refused:
        if refused.status == 400:  # Only the service knows every status and cursor, but the options were wrong.
            raise WrongUsage(str(refused)) from refused
        raise
