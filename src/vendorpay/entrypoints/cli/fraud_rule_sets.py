"""`vendorpay fraud rule-sets`: what signals weigh; one person proposes it, another lets it decide, over HTTP."""

from __future__ import annotations

import json as jsons
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vendorpay.entrypoints.cli.ask_and_show import ask_and_show, ask_and_show_page
from vendorpay.entrypoints.cli.checks import Faults, checked_id, checked_limit
from vendorpay.entrypoints.cli.options import DEFAULT_LIMIT, DEFAULT_URL, AsJson, Cursor, Limit, Token, Url
from vendorpay.entrypoints.cli.output import moment, table

if TYPE_CHECKING:
    from vendorpay.client.fraud_values import FraudRuleSet

app = typer.Typer(no_args_is_help=True, help="Propose, try and activate fraud rule sets.")
RuleSetId = Annotated[str, typer.Argument(metavar="RULE-SET", help="Its id, of `vendorpay fraud rule-sets list`.")]


@app.command("list")
def list_rule_sets(
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """List rule sets, newest first, and what each is used for. Where none is live, the service's own decides.

    Example:

        vendorpay fraud rule-sets list --token "$TOKEN"
    """
    many = checked_limit(limit, url, token)
    ask_and_show_page(
        url,
        token,
        lambda client: client.list_fraud_rule_sets(limit=many, cursor=cursor).first(),
        lambda page: _print(*page.rule_sets),
        json=json,
    )


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
    ask_and_show(url, token, lambda client: client.propose_fraud_rule_set(**document), _print, json=json)


@app.command()
def activate(rule_set_id: RuleSetId, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False) -> None:
    """Let a rule set decide from now on; by somebody other than who proposed it.

    Example:

        vendorpay fraud rule-sets activate 0190a1b2-0000-7000-8000-000000000001 --token "$OTHER_ADMIN"
    """
    asked_for = checked_id("RULE-SET", rule_set_id, url, token)
    ask_and_show(url, token, lambda client: client.use_fraud_rule_set(asked_for, mode="live"), _print, json=json)


@app.command()
def shadow(rule_set_id: RuleSetId, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False) -> None:
    """Try a rule set beside the one that decides: its scores are kept, and touch nothing.

    Example:

        vendorpay fraud rule-sets shadow 0190a1b2-0000-7000-8000-000000000001 --token "$TOKEN"
    """
    asked_for = checked_id("RULE-SET", rule_set_id, url, token)
    ask_and_show(url, token, lambda client: client.use_fraud_rule_set(asked_for, mode="shadow"), _print, json=json)


@app.command("end-shadow")
def end_shadow(rule_set_id: RuleSetId, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False) -> None:
    """Try a rule set no longer. Its scores stay.

    Example:

        vendorpay fraud rule-sets end-shadow 0190a1b2-0000-7000-8000-000000000001 --token "$TOKEN"
    """
    asked_for = checked_id("RULE-SET", rule_set_id, url, token)
    ask_and_show(url, token, lambda client: client.end_fraud_shadow(asked_for), _print, json=json)


def _print(*rule_sets: FraudRuleSet) -> None:
    rows = [
        (str(each.rule_set_id), each.version, each.mode or "", each.proposed_by, moment(each.proposed_at))
        for each in rule_sets
    ]
    table(("rule set", "version", "used", "proposed by", "at"), rows)
