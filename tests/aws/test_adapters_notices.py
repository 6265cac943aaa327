"""SNS and SES carry notices to people as every notifier must."""

from __future__ import annotations

import json
import urllib.request

import pytest

from tests.aws.free_port import free_port
from tests.aws.listening import Queue, a_queue
from tests.aws.moto_server import ACCOUNT, REGION, MotoServer
from tests.contracts.notifier import NotifierContract
from vendorpay.adapters.aws import mail, notices
from vendorpay.adapters.aws.clients import AwsClient
from vendorpay.adapters.aws.mail import RECIPIENTS_MAX, SesMail
from vendorpay.adapters.aws.notices import SnsNotices
from vendorpay.ports import Notice, Notifier, NotNotified

pytestmark = pytest.mark.anyio

SENDER, RECIPIENTS = "payments@example.org", ("office@example.org", "night@example.org")


@pytest.fixture(autouse=True)
def as_on_lambda(moto: MotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in moto.environment().items():
        monkeypatch.setenv(name, value)


def client(service: str, url: str) -> AwsClient:
    return AwsClient(service, region=REGION, endpoint=url)


def nowhere(service: str) -> AwsClient:
    return client(service, f"http://127.0.0.1:{free_port()}")


class TestSns(NotifierContract):
    queue: Queue

    @pytest.fixture
    def notifier(self, moto: MotoServer) -> Notifier:
        sns = moto.client("sns")
        topic = sns.create_topic(Name="notices")["TopicArn"]
        self.queue = a_queue(moto, "notices")
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=self.queue.arn)
        self.sns = SnsNotices(topic, client(notices.SERVICE, moto.url))
        return self.sns

    def arrived(self) -> list[tuple[str, str]]:
        found = self.queue.events()
        return [(one["Subject"], one["Message"]) for one in found]

    def go_away(self) -> None:
        self.sns._client = nowhere(notices.SERVICE)

    async def test_a_subject_in_other_letters_leaves_in_those_that_sns_takes(self, notifier: Notifier) -> None:
        await notifier.notify(Notice(subject="Zwölf warten", text="Zwölf"))
        assert self.arrived() == [("Zw?lf warten", "Zwölf")]


class TestSes(NotifierContract):
    @pytest.fixture
    def notifier(self, moto: MotoServer) -> Notifier:
        self.moto = moto
        urllib.request.urlopen(urllib.request.Request(f"{moto.url}/moto-api/reset", method="POST")).close()
        moto.client("sesv2").create_email_identity(EmailIdentity=SENDER)
        self.ses = SesMail(SENDER, RECIPIENTS, client(mail.SERVICE, moto.url))
        return self.ses

    def arrived(self) -> list[tuple[str, str]]:
        with urllib.request.urlopen(f"{self.moto.url}/moto-api/data.json") as answer:
            sent = json.load(answer)["ses"]["Message"]
        assert {one["source"] for one in sent} <= {SENDER}
        return [(one["subject"], one["body"]) for one in sent]

    def go_away(self) -> None:
        self.ses._client = nowhere(mail.SERVICE)

    async def test_a_sender_that_aws_does_not_know_is_said(self, moto: MotoServer) -> None:
        stranger = SesMail("stranger@example.org", RECIPIENTS, client(mail.SERVICE, moto.url))
        with pytest.raises(NotNotified, match="SES: MessageRejected"):
            await stranger.notify(Notice(subject="x", text="y"))


async def test_a_topic_that_is_not_there_is_said(moto: MotoServer) -> None:
    gone = SnsNotices(f"arn:aws:sns:{REGION}:{ACCOUNT}:gone", client(notices.SERVICE, moto.url))
    with pytest.raises(NotNotified, match="SNS: NotFound"):
        await gone.notify(Notice(subject="x", text="y"))


@pytest.mark.parametrize("subject", ["", "s" * 101, "two\nlines", "bell\a"])
def test_a_subject_is_one_line_without_what_could_be_a_header(subject: str) -> None:
    with pytest.raises(ValueError, match="one printable line"):
        Notice(subject=subject, text="x")


@pytest.mark.parametrize("text", ["", "t" * 10_001])
def test_a_notice_says_something_and_not_too_much(text: str) -> None:
    with pytest.raises(ValueError, match="1 to 10,000 characters"):
        Notice(subject="x", text=text)


@pytest.mark.parametrize("many", [0, RECIPIENTS_MAX + 1])
def test_a_mail_has_somebody_to_go_to_and_no_crowd(many: int) -> None:
    with pytest.raises(ValueError, match="recipients"):
        SesMail(SENDER, ["x@example.org"] * many, AwsClient(mail.SERVICE))
