"""Runs the migrations of a phase for CloudFormation, and tells it how that went.

It stands alone: Lambda's Python and the boto3 that comes with it, nothing of vendorpay, for it has to work when that
does not. CloudFormation waits for an answer at the URL it gave, for an hour when there is none: so every way out of
`handler` answers.
"""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any, Protocol

ANSWER_S_MAX = 10
MARGIN_S = 15
REASON_CHARACTERS_MAX = 1_000
DATABASE_IS_NEWER = "this version does not know"
"""What the migrations say of a database that a newer version has migrated (store/migrate.py)."""


ONE_AT_A_TIME = "ReservedFunctionConcurrentInvocationLimitExceeded"
"""Lambda's word for it that a function runs as often already as it may: of the migrations, once."""


class Failed(Exception):
    """The phase did not succeed; the message is for whoever deploys."""


class Context(Protocol):
    """The part of Lambda's context that is used."""

    log_stream_name: str

    def get_remaining_time_in_millis(self) -> int:
        """How long until this function is killed."""
        ...


def handler(event: dict[str, Any], context: Context) -> None:
    """Lambda's entry: one request of CloudFormation for a Custom::Migrations."""
    status, reason = "SUCCESS", ""
    try:
        reason = carried_out(event, context.get_remaining_time_in_millis() / 1000 - MARGIN_S)
    except Exception as error:  # whatever it was, CloudFormation waits for an answer
        status, reason = "FAILED", f"{error} (log stream {context.log_stream_name})"
    print(json.dumps({"phase": _phase(event), "status": status, "reason": reason}))
    _answer(event, status, reason)


def carried_out(event: dict[str, Any], within_s: float) -> str:
    """What there is to say of a phase that went well. Raises Failed, with the reason, for one that did not."""
    if event["RequestType"] == "Delete":
        return "a schema is not undone"
    payload = {"phase": event["ResourceProperties"]["phase"]}
    status, body = _invoked(json.dumps(payload).encode(), within_s)
    if status is None:
        return body[:REASON_CHARACTERS_MAX]
    told = json.loads(body)
    message = str(told.get("errorMessage", told))
    if event["RequestType"] == "Update" and DATABASE_IS_NEWER in message:
        # A deploy that is rolled back: what it ran before the new code was made for the old code, too.
        return "the database is newer than this version, and stays so"
    raise Failed(f"migrations ({payload['phase']}): {message}"[:REASON_CHARACTERS_MAX])


def _invoked(payload: bytes, within_s: float) -> tuple[str | None, str]:
    """The error's kind, or None, and what the migrations function said. Raises Failed while another deploy's run."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

    # Never a second time by itself: a run that is cut off here may still be at work, and holds the migrations' lock.
    # Alive while it is silent: what stands between two machines forgets a connection that says nothing for minutes.
    patience = Config(
        connect_timeout=5,
        read_timeout=max(1, int(within_s)),
        retries={"total_max_attempts": 1},
        tcp_keepalive=True,
    )
    client = boto3.client("lambda", config=patience)
    try:
        answer = client.invoke(FunctionName=os.environ["MIGRATIONS_FUNCTION"], Payload=payload)
    except ClientError as error:
        if error.response.get("Reason") != ONE_AT_A_TIME:
            raise
        raise Failed(
            "Another deploy of this stage is running its migrations at this moment. This one has changed nothing: wait "
            "until that one has ended, then deploy again."
        ) from error
    return answer.get("FunctionError"), answer["Payload"].read().decode()


def _phase(event: dict[str, Any]) -> str:
    return str(event.get("ResourceProperties", {}).get("phase", "?"))


def _answer(event: dict[str, Any], status: str, reason: str) -> None:
    body = {
        "Status": status,
        "Reason": reason,
        # Always the same: a resource with a new id would have its old one deleted.
        "PhysicalResourceId": f"migrations-{_phase(event)}",
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    request = urllib.request.Request(  # noqa: S310 - the address is CloudFormation's
        event["ResponseURL"], data=json.dumps(body).encode(), method="PUT", headers={"Content-Type": ""}
    )
    with urllib.request.urlopen(request, timeout=ANSWER_S_MAX):  # noqa: S310
        pass
