"""`vendorpay payments approve | hold | release | undo-approval | edit`: what people do about payments, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from vendorpay.entrypoints.cli.checks import Faults
from vendorpay.entrypoints.cli.failures import CommandFailed
from vendorpay.entrypoints.cli.options import DEFAULT_URL, AsJson, Token, Url
from vendorpay.entrypoints.cli.output import as_json, table

Ids = Annotated[list[str], typer.Argument(metavar="ID..")]
Notes = Annotated[str | None, typer.Option("--notes", help="What else is to be said, for the record.")]


def approve(
    payment_ids: Ids, notes: Notes = None, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False
) -> None:
    """Approve payments one by one. Exit code 1 when one of them was refused; the others are approved all the same.

    Example:

        vendorpay payments approve 0190a1b2-0000-7000-8000-000000000001 --notes "photos seen" --token "$TOKEN"
    """
    _each(payment_ids, "approve", {"notes": notes}, url=url, token=token, in_json=json)


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
    body = {"reason": reason, "reasonCode": reason_code, "notes": notes}
    _each(payment_ids, "hold", body, url=url, token=token, in_json=json)


def release(
    payment_ids: Ids, notes: Notes = None, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False
) -> None:
    """Release payments that people hold, one by one.

    Example:

        vendorpay payments release 0190a1b2-0000-7000-8000-000000000001 --token "$TOKEN"
    """
    _each(payment_ids, "release", {"notes": notes}, url=url, token=token, in_json=json)


def undo_approval(
    payment_ids: Ids, notes: Notes = None, url: Url = DEFAULT_URL, token: Token = None, json: AsJson = False
) -> None:
    """Undo approvals one by one: your own, or all of a payment that others approved. It waits for approval again.

    Example:

        vendorpay payments undo-approval 0190a1b2-0000-7000-8000-000000000001 --notes "wrong one" --token "$TOKEN"
    """
    _each(payment_ids, "undo-approval", {"notes": notes}, url=url, token=token, in_json=json)


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
    given = {"metadata": faults.json_object("--metadata", metadata), "reference": reference}
    if metadata is None and reference is None:
        faults.add("Nothing is to be changed: give --metadata or --reference.")
    faults.address(url, token)
    faults.end()

    import asyncio

    payment = asyncio.run(_edited(url, token, ids[0], _body(given)))
    if json:
        as_json(payment)
    else:
        table(("payment", "version"), [(payment["paymentId"], str(payment["version"]))])


async def _edited(url: str, token: str | None, payment_id: str, body: bytes) -> dict[str, Any]:
    from uuid import uuid4

    from vendorpay.entrypoints.cli.http_client import service

    path = f"/payments/{payment_id}"
    async with service(url, token) as opened:
        seen = await opened.get(path)
        return await opened.patch(path, body, version=seen["version"], key=str(uuid4()))


def _each(
    payment_ids: list[str], verb: str, given: dict[str, Any], *, url: str, token: str | None, in_json: bool
) -> None:
    """Does it to each payment, and shows what became of them. Exits with 1 when one of them was refused."""
    faults = Faults()
    ids = faults.payment_ids(payment_ids)
    faults.address(url, token)
    faults.end()

    import asyncio

    results = asyncio.run(_all(url, token, ids, verb, _body(given)))
    if in_json:
        as_json({"results": results})
    else:
        table(("payment", "result"), [(each["paymentId"], _result(each)) for each in results])
    raise typer.Exit(1 if any("reason" in each for each in results) else 0)


async def _all(url: str, token: str | None, ids: list[str], verb: str, body: bytes) -> list[dict[str, Any]]:
    from uuid import uuid4

    from vendorpay.entrypoints.cli.http_client import Refused, service

    results: list[dict[str, Any]] = []
    async with service(url, token) as opened:
        for each in ids:
            try:
                # A key of its own: an answer that was lost on the way is given again, not refused.
                payment = await opened.post(f"/payments/{each}/{verb}", body, key=str(uuid4()))
                results.append({"paymentId": each, "status": payment["status"], "held": bool(payment["holds"])})
            except Refused as refused:
                if refused.status == 401:
                    raise
                results.append({"paymentId": each, "code": refused.code, "reason": str(refused)})
            except CommandFailed as failed:
                results.append({"paymentId": each, "code": "no_answer", "reason": str(failed)})
                break
    return results


def _result(each: dict[str, Any]) -> str:
    """A payment that is held keeps its status: without this, `hold` would seem to have done nothing."""
    return str(each["reason"] if "reason" in each else each["status"] + (", held" if each["held"] else ""))


def _body(given: dict[str, Any]) -> bytes:
    import json

    return json.dumps({name: value for name, value in given.items() if value is not None}).encode()
