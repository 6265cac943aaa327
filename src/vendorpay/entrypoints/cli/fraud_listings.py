"""`vendorpay fraud listings`: vendors that are trusted or blocked, and signals that are snoozed for one, over HTTP."""

from __future__ import annotations

from datetime import datetime
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
    ReasonCode,
    Token,
    Url,
)
from vendorpay.entrypoints.cli.output import moment, table, text
from vendorpay.entrypoints.cli.times import end_of

if TYPE_CHECKING:
    from vendorpay.client.fraud_values import FraudListing

app = typer.Typer(no_args_is_help=True, help="Trust or block vendors, or snooze a signal for one.")
Vendor = Annotated[str, typer.Argument(metavar="VENDOR", help="The vendor's id.")]
ListingId = Annotated[str, typer.Argument(metavar="LISTING", help="Its id, of `vendorpay fraud listings list`.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="When it ends: 2026-12-31T23:59:59Z.")]
For = Annotated[str | None, typer.Option("--for", metavar="PERIOD", help="How long instead: 12h, 90d.")]


@app.command("list")
def list_listings(
    vendor: Annotated[str | None, typer.Option("--vendor", metavar="UUID", help="Only this vendor's.")] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """List them, oldest first; those that ended or expired too.

    Example:

        vendorpay fraud listings list --vendor 4f426dcb-b394-4b36-bb2d-420f0f88080b --token "$TOKEN"
    """
    faults = Faults()
    whose = faults.uuid("--vendor", vendor)
    many = checked_limit(limit, url, token, faults)
    ask_and_show_page(
        url,
        token,
        lambda client: client.list_fraud_listings(vendor_id=whose, limit=many, cursor=cursor).first(),
        lambda page: _print(*page.listings),
        json=json,
    )


@app.command()
def block(
    vendor: Vendor,
    reason_code: ReasonCode,
    until: Until = None,
    lasting: For = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Flag whatever the vendor sends from now on, for as long as you say, or until it is ended.

    Example:

        vendorpay fraud listings block 4f426dcb-b394-4b36-bb2d-420f0f88080b --reason-code inflated --token "$TOKEN"
    """
    _list(vendor, "block", reason_code, (until, lasting), (url, token), json=json)


@app.command()
def allow(
    vendor: Vendor,
    reason_code: ReasonCode,
    until: Until = None,
    lasting: For = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Trust a vendor for at most 366 days: what is found flags nothing, but for bills that came twice and ties between
    people. It counts when another admin confirms it.

    Example:

        vendorpay fraud listings allow "$VENDOR" --reason-code verified_with_vendor --for 90d --token "$TOKEN"
    """
    _list(vendor, "allow", reason_code, (until, lasting), (url, token), json=json)


@app.command()
def snooze(
    vendor: Vendor,
    signal: Annotated[str, typer.Option("--signal", help="Which one: a name of `vendorpay fraud rules`.")],
    reason_code: ReasonCode,
    until: Until = None,
    lasting: For = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Let one signal not speak of a vendor, for at most 366 days. It counts when another admin confirms it.

    Example:

        vendorpay fraud listings snooze "$VENDOR" --signal unusual_hour --reason-code known_pattern --for 30d
    """
    _list(vendor, "snooze", reason_code, (until, lasting), (url, token), json=json, signal=signal)


@app.command()
def confirm(listing_id: ListingId, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False) -> None:
    """Let trust in a vendor, or a snooze, count; by somebody other than who listed it.

    Example:

        vendorpay fraud listings confirm 0190a1b2-0000-7000-8000-000000000001 --token "$OTHER_ADMIN"
    """
    asked_for = checked_id("LISTING", listing_id, url, token)
    ask_and_show(url, token, lambda client: client.confirm_fraud_listing(asked_for), _print, json=json)


@app.command()
def end(listing_id: ListingId, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False) -> None:
    """End a listing; what is scored from now on does not heed it. It stays on record.

    Example:

        vendorpay fraud listings end 0190a1b2-0000-7000-8000-000000000001 --token "$TOKEN"
    """
    asked_for = checked_id("LISTING", listing_id, url, token)
    ask_and_show(url, token, lambda client: client.end_fraud_listing(asked_for), _print, json=json)


def _list(
    vendor: str,
    kind: str,
    reason_code: str,
    end: tuple[str | None, str | None],
    place: tuple[str, str | None],
    *,
    json: bool,
    signal: str | None = None,
) -> None:
    faults = Faults()
    vendor_id = faults.uuid("VENDOR", vendor)
    expires_at = end_of(faults, *end, None)
    if kind != "block" and end == (None, None):
        faults.add(f"Give --until with a time, or --for with a period: {kind} has an end, within 366 days.")
    faults.address(*place)
    faults.end()

    def in_words(listed: FraudListing) -> None:
        _print(listed)
        if kind != "block":
            print(f"It counts when another admin says: vendorpay fraud listings confirm {listed.listing_id}")

    ask_and_show(
        *place,
        lambda client: client.create_fraud_listing(
            vendor_id=str(vendor_id), kind=kind, reason_code=reason_code, signal=signal, expires_at=expires_at
        ),
        in_words,
        json=json,
    )


def _print(*listings: FraudListing) -> None:
    from vendorpay.entrypoints.ids import system_now

    now = system_now()
    rows = [
        (
            str(each.listing_id),
            str(each.vendor_id),
            " ".join(filter(None, (each.kind, each.signal))),
            each.reason_code,
            each.listed_by,
            text(each.confirmed_by),
            moment(each.expires_at) if each.expires_at else "",
            _standing(each, now),
        )
        for each in listings
    ]
    table(("listing", "vendor", "what", "because of", "by", "confirmed by", "until", "now"), rows)


def _standing(listing: FraudListing, now: datetime) -> str:
    if listing.ended_at is not None:
        return "ended"
    if listing.expires_at is not None and listing.expires_at <= now:
        return "over"
    waits = listing.kind != "block" and listing.confirmed_at is None
    return "to be confirmed" if waits else "counts"
