"""`vendorpay policies`: who must approve what; one person proposes a document, another activates it, over HTTP."""

from __future__ import annotations

import json as jsons
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from vendorpay.entrypoints.cli.checks import Faults
from vendorpay.entrypoints.cli.options import DEFAULT_URL, AsJson, Token, Url
from vendorpay.entrypoints.cli.output import as_written, moment, table, text

if TYPE_CHECKING:
    from vendorpay.client.policy_values import Need, PolicyVersion

app = typer.Typer(no_args_is_help=True, help="Propose, try and activate approval policies.")
File = Annotated[Path, typer.Argument(metavar="FILE.json", help="The policy's document (docs/approvals.md).")]
PolicyId = Annotated[str, typer.Argument(metavar="POLICY", help="A version's id, of `vendorpay policies list`.")]
Notes = Annotated[str | None, typer.Option("--notes", help="What else is to be said, for the record.")]
SIMULATED_MAX: Final = 1_000
DOCUMENT_BYTES_MAX: Final = 1024 * 1024
"""More than the service takes: what is larger is no policy, and not worth reading."""


@app.command("list")
def list_policies(url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False) -> None:
    """List the newest versions of the approval policy, the active one first.

    Example:

        vendorpay policies list --token "$TOKEN"
    """
    from vendorpay.entrypoints.cli.asked_service import asked

    page = asked(url, token, lambda client: client.list_policies().first())
    if json:
        as_written(page.json)
        return
    versions = [page.active, *(each for each in page.policies if each.version != page.active.version)]
    _print_versions(versions)


@app.command()
def show(policy_id: PolicyId, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False) -> None:
    """Show the document of a version, as it can be changed and proposed anew.

    Example:

        vendorpay policies show 0190a1b2-0000-7000-8000-000000000001 --token "$TOKEN" > policy.json
    """
    asked_for = _checked(policy_id, url, token)
    from vendorpay.entrypoints.cli.asked_service import asked

    found = asked(url, token, lambda client: client.get_policy(asked_for))
    if json:
        as_written(found.json)
    else:
        print(jsons.dumps(jsons.loads(found.json)["document"], ensure_ascii=False, indent=2))


@app.command()
def propose(file: File, notes: Notes = None, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False) -> None:
    """Propose a policy; nothing changes until somebody else activates it. Every fault of the document is named.

    Example:

        vendorpay policies propose policy.json --notes "two people from 500.00 on" --token "$TOKEN"
    """
    document = _document(file, url, token)
    from vendorpay.entrypoints.cli.asked_service import asked

    _show_proposed(asked(url, token, lambda client: client.propose_policy(document=document, notes=notes)), json)


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
    again = earlier if earlier == "default" else _checked(earlier, url, token)
    from vendorpay.entrypoints.cli.asked_service import asked

    _show_proposed(asked(url, token, lambda client: client.propose_policy(again=again, notes=notes)), json)


def _show_proposed(proposed: PolicyVersion, json: bool) -> None:
    if json:
        as_written(proposed.json)
    else:
        _print_versions([proposed])


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
    from vendorpay.entrypoints.cli.asked_service import asked

    found = asked(url, token, lambda client: client.simulate_policy(document=document, last=payments))
    if json:
        as_written(found.json)
        return
    table(("rule", "payments"), [(each.rule, str(each.payments)) for each in found.rules], right=("payments",))
    print(f"{found.changed} of {found.payments} payments would need something else than now.")
    if found.differences:
        rows = [(str(each.payment_id), _need(each.now), _need(each.then)) for each in found.differences]
        table(("payment", f"now, by version {found.active_version}", "then"), rows)


@app.command()
def activate(
    policy_id: PolicyId, notes: Notes = None, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False
) -> None:
    """Let a version apply to what is created or edited from now on; by somebody other than who proposed it.

    Example:

        vendorpay policies activate 0190a1b2-0000-7000-8000-000000000001 --token "$OTHER_ADMIN"
    """
    asked_for = _checked(policy_id, url, token)
    from vendorpay.entrypoints.cli.asked_service import asked

    active = asked(url, token, lambda client: client.activate_policy(asked_for, notes=notes))
    if json:
        as_written(active.json)
    else:
        _print_versions([active])


def _checked(policy_id: str, url: str, token: str | None) -> str:
    faults = Faults()
    found = faults.uuid("POLICY", policy_id)
    faults.address(url, token)
    faults.end()
    return str(found)


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


def _need(need: Need) -> str:
    people = f", {need.required_approvals} to approve" if need.effect == "approvals" else f", {need.effect}"
    return f"{need.rule}{people}"


def _print_versions(versions: list[PolicyVersion]) -> None:
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
