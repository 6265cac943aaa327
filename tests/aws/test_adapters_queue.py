"""SQS is a queue as every queue must be; what it says of single messages is looked at."""

from __future__ import annotations

import boto3
import pytest
from botocore.stub import ANY, Stubber

from tests.aws.free_port import free_port
from tests.aws.listening import a_queue
from tests.aws.moto_server import REGION, MotoServer
from tests.contracts.queue import QueueContract
from vendorpay.adapters.aws import clients
from vendorpay.adapters.aws.clients import AwsClient
from vendorpay.adapters.aws.queue import READ_S_MAX, SERVICE, UNSAID, SqsQueue
from vendorpay.ports import LONG_POLL_S_MAX, Queue, QueuedMessage

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def as_on_lambda(moto: MotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in moto.environment().items():
        monkeypatch.setenv(name, value)


class TestSqs(QueueContract):
    @pytest.fixture
    def queue(self, moto: MotoServer) -> Queue:
        made = a_queue(moto, "contract", VisibilityTimeout="1")
        self.sqs = SqsQueue(made.url, AwsClient(SERVICE, region=REGION, endpoint=moto.url, read_s=READ_S_MAX))
        return self.sqs

    def go_away(self) -> None:
        nowhere = f"http://127.0.0.1:{free_port()}"
        self.sqs._client = AwsClient(SERVICE, region=REGION, endpoint=nowhere)


def test_an_answer_may_take_as_long_as_the_longest_wait() -> None:
    assert READ_S_MAX > LONG_POLL_S_MAX


async def test_of_each_message_it_is_said_whether_it_was_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """origin 28, of the queue: SQS answers 200 too when it took a part."""
    client = boto3.client("sqs", region_name=REGION)
    monkeypatch.setattr(clients, "_client", lambda *_: client)
    taken = {"Id": "0", "MessageId": "m", "MD5OfMessageBody": "900150983cd24fb0d6963f7d28e17f72"}
    failed = {"Id": "1", "SenderFault": False, "Code": "InternalError"}
    with Stubber(client) as stubber:
        stubber.add_response(
            "send_message_batch", {"Successful": [taken], "Failed": [failed]}, {"QueueUrl": ANY, "Entries": ANY}
        )
        stubber.add_response("delete_message_batch", {"Successful": [{"Id": "0"}], "Failed": [failed]})
        queue = SqsQueue("https://sqs.invalid/q", AwsClient(SERVICE))
        assert await queue.send(["abc", "def", "ghi"]) == [None, "InternalError", UNSAID]
        messages = [QueuedMessage(receipt=str(n), body="x", receives=1) for n in range(2)]
        assert await queue.remove(messages) == messages[1:]
