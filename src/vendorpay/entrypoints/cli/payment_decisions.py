"""`vendorpay payments approve | hold | release | undo-approval | edit`: what people do about payments, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from vendorpay.entrypoints.cli.checks import Faults
from vendorpay.entrypoints.cli.options import DEFAULT_URL, AsJson, Notes, Token, Url
from vendorpay.entrypoints.cli.output import as_json, as_written, table

if TYPE_CHECKING:
    from vendorpay.client import Client, ClientError, Payment

Ids = Annotated[list[str], typer.Argument(metavar="ID..")]
Result = dict[str, Any]
"""What became of one payment: its status, or the code and reason of a refusal."""
APPROVALS_MAX: Final = 1_000
"""How many the service approves in one request."""


def approve(
    payment_ids: Ids,
    on_behalf_of: Annotated[
        str | None,
        typer.Option("--on-behalf-of", metavar="SUB", help="In the name of somebody who delegated it to you."),
    ] = None,
    notes: Notes = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Approve payments, each for itself. Exit code 1 when one was refused; the others are approved all the same.

    Example:

        vendorpay payments approve 0190a1b2-0000-7000-8000-000000000001 --notes "photos seen" --token "$TOKEN"
    """
    if on_behalf_of is None:
        _decide_and_show(payment_ids, url, token, lambda client, ids: _together(client, ids, notes), json=json)
    else:  # of many at once nobody is asked in whose name
        _one_by_one(
            payment_ids,
            url,
            token,
            lambda client, each: client.approve_payment(each, on_behalf_of=on_behalf_of, notes=notes),
            json=json,
        )


def hold(
    payment_ids: Ids,
    reason: Annotated[str, typer.Option("--reason", help="Why it must not go on yet.")],
    reason_code: Annotated[str | None, typer.Option("--reason-code", help="For example missing_documents.")] = None,
    notes: Notes = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Hold payments one by one: they are neither approved nor paid until they are released.

    Example:

        vendorpay payments hold 0190a1b2-0000-7000-8000-000000000001 --reason "no photo" --token "$TOKEN"
    """
    _one_by_one(
        payment_ids,
        url,
        token,
        lambda client, each: client.hold_payment(each, reason=reason, reason_code=reason_code, notes=notes),
        json=json,
    )


def release(
    payment_ids: Ids, notes: Notes = None, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False
) -> None:
    """Release payments that people hold, one by one.

    Example:

        vendorpay payments release 0190a1b2-0000-7000-8000-000000000001 --token "$TOKEN"
    """
    _one_by_one(payment_ids, url, token, lambda client, each: client.release_payment(each, notes=notes), json=json)


def undo_approval(
    payment_ids: Ids, notes: Notes = None, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False
) -> None:
    """Undo approvals one by one: your own, or all of a payment that others approved. It waits for approval again.

    Example:

        vendorpay payments undo-approval 0190a1b2-0000-7000-8000-000000000001 --notes "wrong one" --token "$TOKEN"
    """
    _one_by_one(payment_ids, url, token, lambda client, each: client.undo_approval(each, notes=notes), json=json)


def edit(
    payment_id: Annotated[str, typer.Argument(metavar="ID")],
    metadata: Annotated[
        str | None, typer.Option("--metadata", metavar="JSON", help="Keys to set, or with null to remove; others stay.")
    ] = None,
    reference: Annotated[str | None, typer.Option("--reference", help="The vendor's invoice number.")] = None,
    url: Url = DEFAULT_URL,
    token: Token = None,
    json: AsJson = False,
) -> None:
    """Change a payment's metadata or reference; what is approved stays so. Lines and amount go over the API.

    Example:

        vendorpay payments edit 0190a1b2-0000-7000-8000-000000000001 --reference TW-20419 --token "$TOKEN"
    """
    faults = Faults()
    ids = faults.payment_ids([payment_id])
    changes = faults.json_object("--metadata", metadata)
    if metadata is None and reference is None:
        faults.add("Nothing is to be changed: give --metadata or --reference.")
    faults.address(url, token)
    faults.end()

    from msgspec import UNSET

    from vendorpay.entrypoints.cli.asked_service import service

    with service(url, token) as client:
        seen = client.get_payment(ids[0])
        payment = client.update_payment(
            ids[0],
            if_match=seen.version,
            metadata=UNSET if changes is None else changes,
            reference=UNSET if reference is None else reference,
        )
    if json:
        as_written(payment.json)
    else:
        table(("payment", "version"), [(str(payment.payment_id), str(payment.version))])


def _one_by_one(
    payment_ids: list[str], url: str, token: str | None, decide: Callable[[Client, str], Payment], *, json: bool
) -> NoReturn:
    """Does it to each payment, and shows what became of them, as `_decide_and_show` does."""
    _decide_and_show(
        payment_ids, url, token, lambda client, ids: _each_alone(ids, lambda each: decide(client, each)), json=json
    )


def _decide_and_show(
    payment_ids: list[str],
    url: str,
    token: str | None,
    decide: Callable[[Client, Sequence[str]], Iterator[Result]],
    *,
    json: bool,
) -> NoReturn:
    """Decides on payments, on each id once. Raises WrongUsage with every fault; exits with 1 when one was refused."""
    faults = Faults()
    ids = faults.payment_ids(payment_ids)
    faults.address(url, token)
    faults.end()
    from vendorpay.entrypoints.cli.asked_service import service

    with service(url, token) as client:
        results = list(decide(client, list(dict.fromkeys(ids))))
    _show(results, in_json=json)


def _together(client: Client, ids: Sequence[str], notes: str | None) -> Iterator[Result]:
    """Approves all of them, as many at once as the service takes; each is answered for itself."""
    from vendorpay.client import ClientError, Problem

    for first in range(0, len(ids), APPROVALS_MAX):
        some = ids[first : first + APPROVALS_MAX]
        try:
            found = client.approve_payments(some, notes=notes)
        except ClientError as error:
            if isinstance(error, Problem) and error.status == 401:
                raise
            yield from (_refused(each, error) for each in some)
            continue
        for each, result in zip(some, found.results, strict=True):
            if result.payment is not None:
                yield _done(each, result.payment)
            elif result.problem is not None:
                yield {"paymentId": each, "code": result.problem.code, "reason": str(result.problem)}


def _each_alone(ids: Sequence[str], decide: Callable[[str], Payment]) -> Iterator[Result]:
    """Does it to each payment; stops where the service stays away."""
    from vendorpay.client import ClientError, Problem

    for each in ids:
        try:
            # The client gives each a key of its own: an answer that was lost is given again, not refused.
            yield _done(each, decide(each))
        except ClientError as error:
            if isinstance(error, Problem) and error.status == 401:
                raise
            yield _refused(each, error)
            if not isinstance(error, Problem):
                return


def _done(payment_id: str, payment: Payment) -> Result:
    return {"paymentId": payment_id, "status": payment.status, "held": bool(payment.holds)}


def _refused(payment_id: str, error: ClientError) -> Result:
    from vendorpay.client import Problem
    from vendorpay.entrypoints.cli.asked_service import words

    code = error.code if isinstance(error, Problem) else "no_answer"
    return {"paymentId": payment_id, "code": code, "reason": words(error)}


def _show(results: Sequence[Result], *, in_json: bool) -> NoReturn:
    """Shows what became of them. Exits with 1 when one of them was refused."""
    if in_json:
        as_json({"results": results})
    else:
        table(("payment", "result"), [(str(each["paymentId"]), _result(each)) for each in results])
    raise typer.Exit(1 if any("reason" in each for each in results) else 0)


def _result(each: Result) -> str:
    """A payment that is held keeps its status: without this, `hold` would seem to have done nothing."""
    return str(each["reason"] if "reason" in each else each["status"] + (", held" if each["held"] else ""))
