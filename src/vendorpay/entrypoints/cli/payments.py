"""`vendorpay payments`: what the back office does all day, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from vendorpay.entrypoints.cli import payment_decisions
from vendorpay.entrypoints.cli.checks import Faults
from vendorpay.entrypoints.cli.failures import WrongUsage
from vendorpay.entrypoints.cli.options import DEFAULT_URL, AsJson, Token, Url
from vendorpay.entrypoints.cli.output import amount, as_json, field, table
from vendorpay.entrypoints.cli.payment_page import print_payment
from vendorpay.entrypoints.cli.payments_import.command import HELP, import_payments

app = typer.Typer(no_args_is_help=True, help="List, show, decide on, edit and import payments.")


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
    """Show one payment: who approved it, what holds it, its line items, and the keys of its metadata.

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
    print_payment(payment)


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


# In the order of the help: what one looks at, what one does about it, and many at once.
app.command()(payment_decisions.approve)
app.command()(payment_decisions.hold)
app.command()(payment_decisions.release)
app.command("undo-approval")(payment_decisions.undo_approval)
app.command()(payment_decisions.edit)
app.command("import", help=HELP)(import_payments)
