"""SQS: messages in groups of ten, and what it said of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from vendorpay.adapters.aws.clients import AwsClient, AwsRefused
from vendorpay.ports import LONG_POLL_S_MAX, MESSAGES_MAX, QueuedMessage, QueueUnavailable

SERVICE: Final = "sqs"
READ_S_MAX: Final = LONG_POLL_S_MAX + 5.0
"""An answer may take as long as the queue waits for a message."""
UNSAID: Final = "unsaid"
_RECEIVES: Final = "ApproximateReceiveCount"


class SqsQueue:
    """A queue, by its URL."""

    def __init__(self, url: str, client: AwsClient) -> None:
        self._url = url
        self._client = client

    async def send(self, bodies: Sequence[str]) -> list[str | None]:
        """As the port says."""
        assert len(bodies) <= MESSAGES_MAX, "SQS takes ten at once"
        if not bodies:
            return []
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
        return _refusals(await self._asked("send_message_batch", Entries=entries), len(bodies))

    async def receive(self, *, wait_s: int = 0) -> list[QueuedMessage]:
        """As the port says."""
        answer = await self._asked(
            "receive_message",
            MaxNumberOfMessages=MESSAGES_MAX,
            WaitTimeSeconds=min(wait_s, LONG_POLL_S_MAX),
            MessageSystemAttributeNames=[_RECEIVES],
        )
        return [_message(found) for found in answer.get("Messages", ())]

    async def remove(self, messages: Sequence[QueuedMessage]) -> list[QueuedMessage]:
        """As the port says."""
        assert len(messages) <= MESSAGES_MAX, "SQS takes ten at once"
        if not messages:
            return []
        entries = [{"Id": str(n), "ReceiptHandle": message.receipt} for n, message in enumerate(messages)]
        said = _refusals(await self._asked("delete_message_batch", Entries=entries), len(messages))
        return [message for message, refusal in zip(messages, said, strict=True) if refusal is not None]

    async def _asked(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        try:
            return await self._client.call(operation, QueueUrl=self._url, **parameters)
        except AwsRefused as refused:
            raise QueueUnavailable(f"SQS: {refused.code}") from refused


def _message(found: Mapping[str, Any]) -> QueuedMessage:
    return QueuedMessage(
        receipt=found["ReceiptHandle"], body=found["Body"], receives=int(found.get("Attributes", {}).get(_RECEIVES, 1))
    )


def _refusals(answer: Mapping[str, Any], count: int) -> list[str | None]:
    """Taken is what the answer names so; what it says nothing of was not."""
    taken = {one["Id"] for one in answer.get("Successful", ())}
    codes = {one["Id"]: str(one.get("Code") or UNSAID) for one in answer.get("Failed", ())}
    return [None if str(n) in taken else codes.get(str(n), UNSAID) for n in range(count)]
