"""`vendorpay demo`: the life of payments on an empty database, step by step, with every result checked."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vendorpay.entrypoints.cli.failures import CommandFailed
from vendorpay.entrypoints.cli.options import AsJson
from vendorpay.entrypoints.cli.output import amount, as_json, table

if TYPE_CHECKING:
    from vendorpay.client import Client
    from vendorpay.entrypoints.cli.temporary_service import TemporaryService

EVENTS = "work_completed.jsonl"
EXPECTED = "work_completed.expected.json"
APPROVED_COUNT = 5
SHOWN_COUNT = 5
PAGE = 200
ACTIONS = ("payment_created", "payment_scored", "payment_approved")
FLAGGED = "flagged"
REASONS_SHOWN = 3
SCORES_WAIT_S = 30.0
SCORES_POLL_S = 0.25


def demo(
    examples: Annotated[
        Path | None, typer.Option("--examples", help=f"Where {EVENTS} and {EXPECTED} are.  [default: found]")
    ] = None,
    json: AsJson = False,
) -> None:
    """Walk through the life of payments on an empty database of its own, which is gone afterwards.

    Exit code 0 when everything came out as expected, else 1.

    Example:

        vendorpay demo
    """
    from vendorpay.entrypoints.cli.temporary_service import running

    folder = _found(examples)
    steps: dict[str, object] = {}
    _say(json, "Starting the service with an empty database of its own")
    with running() as service:
        _say(json, f"  it answers on {service.url}")
        _walk(service, folder, steps, quiet=json)
        _verify_audit(service, steps, quiet=json)
    _say(json, "Stopped. Everything came out as expected.")
    if json:
        as_json(steps)


def _walk(temporary: TemporaryService, folder: Path, steps: dict[str, object], *, quiet: bool) -> None:
    from vendorpay.entrypoints.cli.asked_service import service

    with service(temporary.url, temporary.token("service")) as publisher:
        _publish(publisher, folder, steps, quiet=quiet)
    with service(temporary.url, temporary.token("dispatcher")) as dispatcher:
        _sum_up(dispatcher, folder, steps, quiet=quiet)
        _scored(dispatcher, steps, quiet=quiet)
        approved = _approve(dispatcher, steps, quiet=quiet)
        _show(dispatcher, approved, quiet=quiet)


def _publish(client: Client, folder: Path, steps: dict[str, object], *, quiet: bool) -> None:
    import msgspec

    from vendorpay.entrypoints.cli.event_lines import batches
    from vendorpay.entrypoints.cli.publishing import Tally, publish

    _say(quiet, f"\nPublishing {EVENTS}, as a program would")
    expected = msgspec.json.decode((folder / EXPECTED).read_bytes())
    tally = Tally()
    with (folder / EVENTS).open("rb") as source:
        publish(client, batches(source), tally, concurrency=1, progress=lambda batch: None)
    _say(quiet, f"  accepted {tally.accepted}, duplicate {tally.duplicate}, rejected {tally.rejected}")
    for error in tally.errors[:3]:
        _say(quiet, f"  line {error['line']} was rejected: {error['reason']}")
    _expect("accepted", tally.accepted, expected["accepted"])
    _expect("duplicate", tally.duplicate, expected["duplicate"])
    rejected = [n for n, line in enumerate(expected["perLine"], start=1) if line["result"] == "rejected"]
    _expect("rejected lines", [error["line"] for error in tally.as_dict()["errors"]], rejected)  # type: ignore[attr-defined]
    steps["published"] = {"accepted": tally.accepted, "duplicate": tally.duplicate, "rejected": tally.rejected}


def _sum_up(client: Client, folder: Path, steps: dict[str, object], *, quiet: bool) -> None:
    """Reads back every payment: their sum must be to the cent what the accepted events said."""
    import msgspec

    total = sum(payment.amount_cents for payment in client.list_payments(limit=PAGE))
    expected = msgspec.json.decode((folder / EXPECTED).read_bytes())
    _expect("sum of all payments", total, expected["acceptedAmountCents"])
    _say(quiet, f"  all of them add up to {amount(total, 'USD')}, as expected")
    steps["acceptedAmountCents"] = total


def _approve(client: Client, steps: dict[str, object], *, quiet: bool) -> list[str]:
    """Approves the oldest that wait, as a person who did not create them; returns their ids."""
    queue = client.list_pending_payments(limit=PAGE).first().payments
    alone = [payment for payment in queue if payment.fraud_status != FLAGGED and payment.required_approvals == 1]
    pending = alone[:SHOWN_COUNT]
    _say(quiet, "\nThe oldest payments that are not flagged and wait for one approval")
    if not quiet:
        rows = [
            (str(each.payment_id), amount(each.amount_cents, each.currency), f"{each.fraud_score:.2f}")
            for each in pending
        ]
        table(("payment", "amount", "fraud score"), rows, right=("amount", "fraud score"))
    _say(quiet, f"\nA dispatcher approves {APPROVED_COUNT} of them")
    approved = []
    for payment in pending[:APPROVED_COUNT]:
        answer = client.approve_payment(
            payment.payment_id, expected_digest=payment.digest, notes="Checked against the photos."
        )
        _expect(f"status of {payment.payment_id}", answer.status, "approved")
        _say(quiet, f"  {answer.payment_id}: {answer.status}")
        approved.append(str(answer.payment_id))
    _expect("approved", len(approved), APPROVED_COUNT)
    steps["approved"] = approved
    return approved


def _scored(client: Client, steps: dict[str, object], *, quiet: bool) -> None:
    """Waits until every payment has its fraud score, and says what came of it."""
    _say(quiet, "\nScoring every payment for fraud")
    deadline = time.monotonic() + SCORES_WAIT_S
    found = list(client.list_payments(limit=PAGE))
    while not all(payment.fraud_status for payment in found):
        if time.monotonic() > deadline:
            raise CommandFailed(f"The demo went wrong: payments have no score after {SCORES_WAIT_S:g} seconds.")
        time.sleep(SCORES_POLL_S)
        found = list(client.list_payments(limit=PAGE))
    counts = Counter(str(payment.fraud_status) for payment in found)
    _say(quiet, "  " + ", ".join(f"{status} {count}" for status, count in sorted(counts.items())))
    flagged = client.list_flagged_payments(limit=SHOWN_COUNT).first().payments
    for payment in flagged[:1]:
        _say(quiet, f"  flagged: {payment.payment_id}, {amount(payment.amount_cents, payment.currency)}")
        for reason in payment.fraud_reasons[:REASONS_SHOWN]:
            _say(quiet, f"    {reason.code}: {reason.message}")
    steps["scored"] = dict(sorted(counts.items()))


def _show(client: Client, approved: list[str], *, quiet: bool) -> None:
    payment = client.get_payment(approved[0])
    entries = client.get_payment_audit_log(approved[0]).entries
    _expect("audit entries", [entry.action for entry in entries], list(ACTIONS))
    if quiet:
        return
    print(f"\nOne of them, {approved[0]}, for {amount(payment.amount_cents, payment.currency)}")
    lines = [(line.description, amount(line.total_cents, payment.currency)) for line in payment.line_items]
    table(("line", "total"), lines, right=("total",))
    print("\nand its audit log")
    rows = [(str(each.seq), each.action, each.actor_id, each.hash) for each in entries]
    table(("seq", "action", "by", "hash"), rows)


def _verify_audit(service: TemporaryService, steps: dict[str, object], *, quiet: bool) -> None:
    _say(quiet, "\nVerifying every chain of the audit log")
    report = service.verified_audit()
    _say(quiet, f"  chains {report['chains']}, entries {report['entries']}, broken {report['broken']}")
    _expect("broken chains", report["broken"], 0)
    published: Any = steps["published"]
    _expect("chains", report["chains"], published["accepted"])
    steps["audit"] = {name: report[name] for name in ("chains", "entries", "broken")}


def _found(examples: Path | None) -> Path:
    """The folder of the examples: the one that was named, the package's, the checkout's, or the current one's."""
    here = Path(__file__)
    folders = [examples] if examples else [here.parents[2] / "examples", here.parents[4] / "examples", Path("examples")]
    for folder in folders:
        if (folder / EVENTS).is_file() and (folder / EXPECTED).is_file():
            return folder
    looked_at = ", ".join(map(str, folders))
    raise CommandFailed(f"{EVENTS} and {EXPECTED} were not found in {looked_at}. Name their folder with --examples.")


def _expect(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise CommandFailed(f"The demo went wrong: {what} should be {expected}, and is {found}.")


def _say(quiet: bool, line: str) -> None:
    if not quiet:
        print(line, flush=True)
