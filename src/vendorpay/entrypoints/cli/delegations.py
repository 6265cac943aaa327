"""`vendorpay delegations`: who approves in whose name while somebody is away, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from vendorpay.entrypoints.cli.ask_and_show import ask_and_show, ask_and_show_page
from vendorpay.entrypoints.cli.checks import Faults, checked_id, checked_limit
from vendorpay.entrypoints.cli.options import DEFAULT_LIMIT, DEFAULT_URL, AsJson, Cursor, Limit, Token, Url
from vendorpay.entrypoints.cli.output import moment, table
from vendorpay.entrypoints.cli.times import end_of, moment_of

if TYPE_CHECKING:
    from vendorpay.client.policy_values import Delegation

app = typer.Typer(no_args_is_help=True, help="Let somebody approve in your name for a period.")
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="When it ends: 2026-08-14T18:00:00Z.")]
For = Annotated[str | None, typer.Option("--for", metavar="PERIOD", help="How long instead: 45m, 12h, 7d.")]


@app.command()
def give(
    delegate: Annotated[str, typer.Argument(metavar="SUB", help="Who is to approve for you: the sub of their token.")],
    until: Until = None,
    lasting: For = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="When it begins.  [default: at once]")
    ] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Let somebody approve in your name, with the role that you have now: for at most 90 days.

    They then say so: `vendorpay payments approve ID --on-behalf-of YOUR-SUB`. The two of you count as one person, so a
    payment that needs two still needs somebody else.

    Example:

        vendorpay delegations give dispatcher-7 --for 7d --token "$TOKEN"
    """
    faults = Faults()
    begins = None if start is None else moment_of(faults, "--from", start)
    ends = end_of(faults, until, lasting, begins)
    if until is None and lasting is None:
        faults.add("Give --until with a time, or --for with a period: a delegation has an end.")
    faults.address(url, token)
    faults.end()

    ends_at = "" if ends is None else moment(ends)
    starts_at = None if begins is None else moment(begins)
    ask_and_show(
        url,
        token,
        lambda client: client.create_delegation(delegate_id=delegate, ends_at=ends_at, starts_at=starts_at),
        _print,
        json=json,
    )


@app.command("list")
def list_delegations(
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """List who acts for whom, newest first; those that are over too.

    Example:

        vendorpay delegations list --token "$TOKEN"
    """
    many = checked_limit(limit, url, token)
    ask_and_show_page(
        url,
        token,
        lambda client: client.list_delegations(limit=many, cursor=cursor).first(),
        lambda page: _print(*page.delegations),
        json=json,
    )


@app.command()
def end(
    delegation_id: Annotated[
        str, typer.Argument(metavar="DELEGATION", help="Its id, of `vendorpay delegations list`.")
    ],
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """End a delegation before its time: your own, or as an admin anybody's. What was approved stays approved.

    Example:

        vendorpay delegations end 0190a1b2-0000-7000-8000-000000000001 --token "$TOKEN"
    """
    asked_for = checked_id("DELEGATION", delegation_id, url, token)
    ask_and_show(url, token, lambda client: client.end_delegation(asked_for), _print, json=json)


def _print(*delegations: Delegation) -> None:
    from vendorpay.entrypoints.ids import system_now

    now = system_now()
    rows = [
        (
            str(each.delegation_id),
            each.delegator_id,
            each.delegator_role,
            each.delegate_id,
            moment(each.starts_at),
            moment(each.ends_at),
            _standing(each, now),
        )
        for each in delegations
    ]
    table(("delegation", "in the name of", "as", "approves", "from", "until", "now"), rows)


def _standing(delegation: Delegation, now: datetime) -> str:
    if delegation.ended_at is not None:
        return f"ended by {delegation.ended_by}"
    if delegation.ends_at <= now:
        return "over"
    return "open" if delegation.starts_at <= now else "to come"
