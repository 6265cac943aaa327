"""`vendorpay payments`: what the back office does all day, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from vendorpay.entrypoints.cli import payment_decisions
from vendorpay.entrypoints.cli.ask_and_show import ask_and_show, ask_and_show_page
from vendorpay.entrypoints.cli.checks import Faults, checked_limit
from vendorpay.entrypoints.cli.options import DEFAULT_LIMIT, DEFAULT_URL, AsJson, Cursor, Limit, Token, Url
from vendorpay.entrypoints.cli.output import amount, moment, table
from vendorpay.entrypoints.cli.payment_page import print_payment
from vendorpay.entrypoints.cli.payments_import.command import HELP, import_payments

if TYPE_CHECKING:
    from vendorpay.client import Client
    from vendorpay.client.payment_values import PaymentPage, PendingPage

app = typer.Typer(no_args_is_help=True, help="List, show, decide on, edit and import payments.")


@app.command("list")
def list_payments(
    status: Annotated[str | None, typer.Option("--status", help="For example pending_approval.")] = None,
    vendor: Annotated[str | None, typer.Option("--vendor", metavar="UUID")] = None,
    incident: Annotated[str | None, typer.Option("--incident", metavar="UUID")] = None,
    waiting_for_me: Annotated[
        bool, typer.Option("--waiting-for-me", help="What you could approve now, oldest first; without other filters.")
    ] = False,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """List payments, newest first.

    Examples:

        vendorpay payments list --status pending_approval --token "$TOKEN"

        vendorpay payments list --waiting-for-me --token "$TOKEN"
    """
    faults = Faults()
    vendor_id, incident_id = faults.uuid("--vendor", vendor), faults.uuid("--incident", incident)
    if waiting_for_me and (status or vendor or incident):
        faults.add("--waiting-for-me is a list of its own: leave --status, --vendor and --incident out.")
    many = checked_limit(limit, url, token, faults)

    def ask(client: Client) -> PaymentPage | PendingPage:
        if waiting_for_me:
            return client.list_pending_payments(limit=many, cursor=cursor, waiting_for="me").first()
        return client.list_payments(
            status=status, vendor_id=vendor_id, incident_id=incident_id, limit=many, cursor=cursor
        ).first()

    ask_and_show_page(url, token, ask, _print_page, json=json)


@app.command()
def flagged(
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """List payments with an open fraud case, oldest first. `vendorpay fraud cases` says why.

    Example:

        vendorpay payments flagged --token "$TOKEN"
    """
    many = checked_limit(limit, url, token)
    ask_and_show_page(
        url,
        token,
        lambda client: client.list_flagged_payments(limit=many, cursor=cursor).first(),
        _print_page,
        json=json,
    )


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
    ask_and_show(url, token, lambda client: client.get_payment(ids[0]), print_payment, json=json)


def _print_page(found: PaymentPage | PendingPage) -> None:
    columns = ("payment", "status", "amount", "vendor", "incident", "created")
    rows = [
        (
            str(each.payment_id),
            each.status,
            amount(each.amount_cents, each.currency),
            str(each.vendor_id),
            str(each.incident_id),
            moment(each.created_at),
        )
        for each in found.payments
    ]
    table(columns, rows, right=("amount",))


# In the order of the help: what one looks at, what one does about it, and many at once.
app.command()(payment_decisions.approve)
app.command()(payment_decisions.hold)
app.command()(payment_decisions.release)
app.command("undo-approval")(payment_decisions.undo_approval)
app.command()(payment_decisions.edit)
app.command("import", help=HELP)(import_payments)
