"""`vendorpay fraud rule-sets`: what signals weigh; one person proposes it, another lets it decide, over HTTP."""

from __future__ import annotations

import json as jsons
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from vendorpay.entrypoints.cli.checks import Faults
from vendorpay.entrypoints.cli.options import DEFAULT_URL, AsJson, Token, Url
from vendorpay.entrypoints.cli.output import as_written, moment, table

if TYPE_CHECKING:
    from vendorpay.client import Client
    from vendorpay.client.fraud_values import FraudRuleSet

app = typer.Typer(no_args_is_help=True, help="Propose, try and activate fraud rule sets.")
PAGE_MAX: Final = 200
RuleSetId = Annotated[str, typer.Argument(metavar="RULE-SET", help="Its id, of `vendorpay fraud rule-sets list`.")]


@app.command("list")
def list_rule_sets(
    limit: Annotated[str, typer.Option("--limit", help=f"How many at most, 1 to {PAGE_MAX}.")] = "50",
    cursor: Annotated[str | None, typer.Option("--cursor", help="Go on where an earlier list ended.")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """List rule sets, newest first, and what each is used for. Where none is live, the service's own decides.

    Example:

        vendorpay fraud rule-sets list --token "$TOKEN"
    """
    faults = Faults()
    many = faults.whole("--limit", limit, 1, PAGE_MAX)
    faults.address(url, token)
    faults.end()

    from vendorpay.entrypoints.cli.asked_service import asked

    page = asked(url, token, lambda client: client.list_fraud_rule_sets(limit=many, cursor=cursor).first())
    if json:
        as_written(page.json)
        return
    _print(page.rule_sets)
    if page.next_cursor:
        print(f"There are more: --cursor {page.next_cursor}")


@app.command()
def propose(
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="Like that of `vendorpay fraud rules`.")],
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Propose a rule set, with a version of its own; nothing changes until somebody else activates it.

    Try it before: `vendorpay fraud backtest --ruleset FILE.json`, and then in shadow.

    Example:

        vendorpay fraud rule-sets propose rules.json --token "$TOKEN"
    """
    from vendorpay.entrypoints.cli import rule_set_files

    faults = Faults()
    _, raw = rule_set_files.read(faults, "FILE.json", file)
    faults.address(url, token)
    faults.end()
    document = jsons.loads(raw)

    from vendorpay.entrypoints.cli.asked_service import asked

    _show(asked(url, token, lambda client: client.propose_fraud_rule_set(**document)), json=json)


@app.command()
def activate(rule_set_id: RuleSetId, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False) -> None:
    """Let a rule set decide from now on; by somebody other than who proposed it.

    Example:

        vendorpay fraud rule-sets activate 0190a1b2-0000-7000-8000-000000000001 --token "$OTHER_ADMIN"
    """
    _do(rule_set_id, lambda client, found: client.use_fraud_rule_set(found, mode="live"), (url, token), json=json)


@app.command()
def shadow(rule_set_id: RuleSetId, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False) -> None:
    """Try a rule set beside the one that decides: its scores are kept, and touch nothing.

    Example:

        vendorpay fraud rule-sets shadow 0190a1b2-0000-7000-8000-000000000001 --token "$TOKEN"
    """
    _do(rule_set_id, lambda client, found: client.use_fraud_rule_set(found, mode="shadow"), (url, token), json=json)


@app.command("end-shadow")
def end_shadow(rule_set_id: RuleSetId, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False) -> None:
    """Try a rule set no longer. Its scores stay.

    Example:

        vendorpay fraud rule-sets end-shadow 0190a1b2-0000-7000-8000-000000000001 --token "$TOKEN"
    """
    _do(rule_set_id, lambda client, found: client.end_fraud_shadow(found), (url, token), json=json)


def _do(
    rule_set_id: str, ask: Callable[[Client, str], FraudRuleSet], place: tuple[str, str | None], *, json: bool
) -> None:
    faults = Faults()
    found = faults.uuid("RULE-SET", rule_set_id)
    faults.address(*place)
    faults.end()

    from vendorpay.entrypoints.cli.asked_service import asked

    _show(asked(*place, lambda client: ask(client, str(found))), json=json)


def _show(rule_set: FraudRuleSet, *, json: bool) -> None:
    if json:
        as_written(rule_set.json)
    else:
        _print([rule_set])


def _print(rule_sets: Iterable[FraudRuleSet]) -> None:
    rows = [
        (str(each.rule_set_id), each.version, each.mode or "", each.proposed_by, moment(each.proposed_at))
        for each in rule_sets
    ]
    table(("rule set", "version", "used", "proposed by", "at"), rows)
