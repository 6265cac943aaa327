"""A bucket keeps checkpoints as every destination must, with an object lock and without one."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.aws.free_port import free_port
from tests.aws.moto_server import REGION, MotoServer
from tests.contracts.checkpoint_destination import CheckpointDestinationContract, chain
from vendorpay.adapters.aws.checkpoint_bucket import PREFIX, CheckpointBucket
from vendorpay.adapters.aws.clients import AwsClient
from vendorpay.domain.checkpoint import Held, NotShipped
from vendorpay.ports import CheckpointDestination

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def as_on_lambda(moto: MotoServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in moto.environment().items():
        monkeypatch.setenv(name, value)


def made(moto: MotoServer, **more: Any) -> str:
    """The name of a new bucket."""
    name = f"checkpoints-{uuid4().hex}"
    moto.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION}, **more)
    return name


class TestCheckpointBucket(CheckpointDestinationContract):
    @pytest.fixture
    def place(self, moto: MotoServer) -> CheckpointDestination:
        self.moto, self.bucket = moto, self.new_bucket(moto)
        return CheckpointBucket(self.bucket, AwsClient("s3", region=REGION, endpoint=moto.url))

    def new_bucket(self, moto: MotoServer) -> str:
        return made(moto)

    def spoil(self, place: CheckpointDestination, number: int) -> None:
        self.moto.client("s3").put_object(Bucket=self.bucket, Key=f"{PREFIX}checkpoint-{number}.json", Body=b"{}")


class TestCheckpointBucketUnderLock(TestCheckpointBucket):
    """The archive's bucket: nobody removes or writes over an object for years."""

    def new_bucket(self, moto: MotoServer) -> str:
        name = made(moto, ObjectLockEnabledForBucket=True)
        rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
        moto.client("s3").put_object_lock_configuration(
            Bucket=name, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule}
        )
        return name


async def test_only_checkpoints_count(moto: MotoServer) -> None:
    bucket = made(moto)
    for key in ("checkpoint-1.json", "checkpoints/checkpoint-0.json", "checkpoints/checkpoint-2.json.part", "notes"):
        moto.client("s3").put_object(Bucket=bucket, Key=key, Body=b"x")
    assert await CheckpointBucket(bucket, AwsClient("s3", region=REGION, endpoint=moto.url)).held() == Held()


async def test_more_than_a_page_of_them_are_all_found(moto: MotoServer) -> None:
    place = CheckpointBucket(made(moto), AwsClient("s3", region=REGION, endpoint=moto.url), page=3)
    documents = chain(10)
    for number, document in enumerate(documents, start=1):
        await place.put(number, document.text())
    assert await place.held() == Held(numbers=frozenset(range(1, 11)), newest_hash=documents[-1].hash)


async def test_a_bucket_that_is_not_there_or_cannot_be_reached_is_said(moto: MotoServer) -> None:
    document = chain(1)[0].text()
    nowhere = AwsClient("s3", region=REGION, endpoint=f"http://127.0.0.1:{free_port()}")
    for bucket, client, why in (
        ("not-there", AwsClient("s3", region=REGION, endpoint=moto.url), "NoSuchBucket"),
        ("far-away", nowhere, "no answer: EndpointConnectionError"),
    ):
        for attempt in (CheckpointBucket(bucket, client).held(), CheckpointBucket(bucket, client).put(1, document)):
            with pytest.raises(NotShipped, match=f"The bucket {bucket} cannot be used: {why}"):
                await attempt
