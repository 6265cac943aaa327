"""Notices by mail, through SES: from one address that AWS knows to be ours, to those who were named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from vendorpay.adapters.aws.clients import AwsClient, AwsRefused
from vendorpay.ports import Notice, NotNotified

SERVICE: Final = "sesv2"
RECIPIENTS_MAX: Final = 50
"""SES takes no more in one mail."""


class SesMail:
    """Mail to these people, each of whom sees the others."""

    def __init__(self, sender: str, recipients: Sequence[str], client: AwsClient) -> None:
        if not 0 < len(recipients) <= RECIPIENTS_MAX:
            raise ValueError(f"a mail has 1 to {RECIPIENTS_MAX} recipients")
        self._sender = sender
        self._recipients = list(recipients)
        self._client = client

    async def notify(self, notice: Notice) -> None:
        """Sends one mail. Raises NotNotified."""
        body = {"Subject": _content(notice.subject), "Body": {"Text": _content(notice.text)}}
        try:
            await self._client.call(
                "send_email",
                FromEmailAddress=self._sender,
                Destination={"ToAddresses": self._recipients},
                Content={"Simple": body},
            )
        except AwsRefused as refused:
            raise NotNotified(f"SES: {refused.code}") from refused


def _content(text: str) -> dict[str, Any]:
    return {"Data": text, "Charset": "UTF-8"}
