"""`vendorpay policies`: who must approve what; one person proposes a document, another activates it, over HTTP."""

from __future__ import annotations

import json as jsons
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vendorpay.entrypoints.cli.ask_and_show import ask_and_show
from vendorpay.entrypoints.cli.checks import Faults, checked_id
from vendorpay.entrypoints.cli.options import DEFAULT_URL, AsJson, Notes, Token, Url
from vendorpay.entrypoints.cli.output import moment, table, text

if TYPE_CHECKING:
    from vendorpay.client.policy_values import Need, PolicyPage, PolicyVersion, Simulation

app = typer.Typer(no_args_is_help=True, help="Propose, try and activate approval policies.")
File = Annotated[Path, typer.Argument(metavar="FILE.json", help="The policy's document (docs/approvals.md).")]
PolicyId = Annotated[str, typer.Argument(metavar="POLICY", help="A version's id, of `vendorpay policies list`.")]
SIMULATED_MAX: Final = 1_000
DOCUMENT_BYTES_MAX: Final = 1024 * 1024
"""More than the service takes: what is larger is no policy, and not worth reading."""


@app.command("list")
def list_policies(url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False) -> None:
    """List the newest versions of the approval policy, the active one first.

    Example:

        vendorpay policies list --token "$TOKEN"
    """
    ask_and_show(url, token, lambda client: client.list_policies().first(), _print_page, json=json)


@app.command()
def show(policy_id: PolicyId, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False) -> None:
    """Show the document of a version, as it can be changed and proposed anew.

    Example:

        vendorpay policies show 0190a1b2-0000-7000-8000-000000000001 --token "$TOKEN" > policy.json
    """
    asked_for = checked_id("POLICY", policy_id, url, token)
    ask_and_show(url, token, lambda client: client.get_policy(asked_for), _print_document, json=json)


@app.command()
def propose(file: File, notes: Notes = None, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False) -> None:
    """Propose a policy; nothing changes until somebody else activates it. Every fault of the document is named.

    Example:

        vendorpay policies propose policy.json --notes "two people from 500.00 on" --token "$TOKEN"
    """
    document = _document(file, url, token)
    ask_and_show(
        url, token, lambda client: client.propose_policy(document=document, notes=notes), _print_versions, json=json
    )


@app.command("propose-again")
def propose_again(
    earlier: Annotated[str, typer.Argument(metavar="POLICY", help="An earlier version's id, or `default`.")],
    notes: Notes = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Propose an earlier version once more, or the default policy: what was replaced comes back only so.

    Example:

        vendorpay policies propose-again default --notes "as it was before" --token "$TOKEN"
    """
    again = earlier if earlier == "default" else checked_id("POLICY", earlier, url, token)
    ask_and_show(url, token, lambda client: client.propose_policy(again=again, notes=notes), _print_versions, json=json)


@app.command()
def simulate(
    file: File,
    last: Annotated[str, typer.Option("--last", help=f"How many payments, 1 to {SIMULATED_MAX}.")] = "200",
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Show what the last payments would have needed under a policy, and for which that is something else than now.

    Example:

        vendorpay policies simulate policy.json --last 500 --token "$TOKEN"
    """
    many = Faults()
    payments = many.whole("--last", last, 1, SIMULATED_MAX)
    document = _document(file, url, token, many)
    ask_and_show(
        url,
        token,
        lambda client: client.simulate_policy(document=document, last=payments),
        _print_simulation,
        json=json,
    )


@app.command()
def activate(
    policy_id: PolicyId, notes: Notes = None, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False
) -> None:
    """Let a version apply to what is created or edited from now on; by somebody other than who proposed it.

    Example:

        vendorpay policies activate 0190a1b2-0000-7000-8000-000000000001 --token "$OTHER_ADMIN"
    """
    asked_for = checked_id("POLICY", policy_id, url, token)
    ask_and_show(url, token, lambda client: client.activate_policy(asked_for, notes=notes), _print_versions, json=json)


def _document(file: Path, url: str, token: str | None, faults: Faults | None = None) -> dict[str, Any]:
    """The document of a file. Raises WrongUsage with every fault; of the document itself the service names them."""
    faults = faults or Faults()
    faults.address(url, token)
    found: object = None
    try:
        with file.open("rb") as opened:
            found = jsons.loads(opened.read(DOCUMENT_BYTES_MAX + 1))
    except OSError as error:
        faults.add(f"{file}: {error.strerror}.")
    except (ValueError, RecursionError):
        faults.add(f"{file} is no JSON.")
    else:
        if not isinstance(found, dict):
            faults.add(f'{file} must be a JSON object like {{"rules": [..]}}.')
    faults.end()
    return found if isinstance(found, dict) else {}


def _print_document(version: PolicyVersion) -> None:
    print(jsons.dumps(jsons.loads(version.json)["document"], ensure_ascii=False, indent=2))


def _print_simulation(found: Simulation) -> None:
    table(("rule", "payments"), [(each.rule, str(each.payments)) for each in found.rules], right=("payments",))
    print(f"{found.changed} of {found.payments} payments would need something else than now.")
    if found.differences:
        rows = [(str(each.payment_id), _need(each.now), _need(each.then)) for each in found.differences]
        table(("payment", f"now, by version {found.active_version}", "then"), rows)


def _need(need: Need) -> str:
    people = f", {need.required_approvals} to approve" if need.effect == "approvals" else f", {need.effect}"
    return f"{need.rule}{people}"


def _print_page(page: PolicyPage) -> None:
    _print_versions(page.active, *(each for each in page.policies if each.version != page.active.version))


def _print_versions(*versions: PolicyVersion) -> None:
    rows = [
        (
            str(each.version),
            each.status,
            text(each.policy_id) or "comes with the service",
            text(each.proposed_by),
            text(each.activated_by),
            moment(each.activated_at) if each.activated_at else "",
            str(len(each.document.rules)),
        )
        for each in versions
    ]
    columns = ("version", "status", "policy", "proposed by", "activated by", "at", "rules")
    table(columns, rows, right=("version", "rules"))
