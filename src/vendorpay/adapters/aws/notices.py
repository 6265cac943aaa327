"""Notices through a topic of SNS: whoever subscribes to it gets them, by whatever way they chose there."""

from __future__ import annotations

from typing import Final

from vendorpay.adapters.aws.clients import AwsClient, AwsRefused
from vendorpay.ports import Notice, NotNotified

SERVICE: Final = "sns"


class SnsNotices:
    """A topic, by its ARN."""

    def __init__(self, topic: str, client: AwsClient) -> None:
        self._topic = topic
        self._client = client

    async def notify(self, notice: Notice) -> None:
        """Publishes it once. Raises NotNotified."""
        # SNS takes no other letters in a subject; in the text it does.
        subject = notice.subject.encode("ascii", "replace").decode()
        try:
            await self._client.call("publish", TopicArn=self._topic, Subject=subject, Message=notice.text)
        except AwsRefused as refused:
            raise NotNotified(f"SNS: {refused.code}") from refused
