"""Timers as a function: the laptop's own table, a step at a time, and checkpoints in a bucket."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.aws.moto_server import REGION, MotoServer
from tests.aws.runtime_api import FunctionError, LambdaFunction, lambda_function
from tests.aws.told import away, count, rows, told
from tests.database import DatabaseUrls
from tests.usecases.world import open_world
from vendorpay.domain.checkpoint import document_of
from vendorpay.entrypoints.aws.functions import TIMERS_HANDLER, FromTimer, function
from vendorpay.workers.schedule import schedule

NAMES = [timer.name for timer in schedule(checkpoint_every_s=3600)]


@pytest.fixture
def bucket(moto: MotoServer) -> str:
    name = f"checkpoints-{uuid4().hex}"
    moto.client("s3").create_bucket(
        Bucket=name,
        CreateBucketConfiguration={"LocationConstraint": REGION},
        ObjectLockEnabledForBucket=True,
    )
    return name


@pytest.fixture
def timers(database_urls: DatabaseUrls, moto: MotoServer, bucket: str) -> Iterator[LambdaFunction]:
    given = told("timers", database_urls, VENDORPAY_CHECKPOINT_BUCKET=bucket, **moto.environment())
    with lambda_function(TIMERS_HANDLER, given) as started:
        yield started


def lives(urls: DatabaseUrls, many: int) -> None:
    """So many payments are created, and their entries have positions."""

    async def live() -> None:
        async with open_world(urls) as world:
            for _ in range(many):
                await world.create()

    asyncio.run(live())
    assert rows(urls, "SELECT outcome FROM number_stream('audit', 10000, NULL)") == [{"outcome": "done"}]


def test_every_timer_of_the_laptop_has_its_rule_here() -> None:
    triggers = [trigger for trigger in function("timers").triggers if isinstance(trigger, FromTimer)]
    assert sorted(trigger.input_name for trigger in triggers) == sorted(NAMES), "FUNCTIONS needs a trigger for each"
    assert all(trigger.event == {"timer": trigger.input_name} for trigger in triggers)


@pytest.mark.parametrize("name", NAMES)
def test_a_timer_takes_its_step(name: str, timers: LambdaFunction) -> None:
    assert timers.invoke({"timer": name}) == {"timer": name, "steps": 1, "more": False}


def test_partitions_that_are_missing_are_made(timers: LambdaFunction, database_urls: DatabaseUrls) -> None:
    timers.invoke({"timer": "upkeep"})
    before = rows(database_urls, "SELECT partition_months_left(now()) AS n")[0]["n"]
    assert before >= 23


def test_a_step_runs_again_while_more_is_waiting(timers: LambdaFunction, database_urls: DatabaseUrls) -> None:
    rows(
        database_urls,
        "INSERT INTO commands (command_id, org_id, operation, caller, idempotency_key, fingerprint, answer,"
        " created_at, recorded_at) SELECT uuid7_of(now() - interval '40 days', n), 'roadcall', 'x', 'x', n::text,"
        " sha256('x'), '{}', now() - interval '40 days', now() - interval '40 days'"
        " FROM generate_series(1, 20500) AS n",
    )
    assert timers.invoke({"timer": "upkeep"}, timeout_s=60) == {"timer": "upkeep", "steps": 2, "more": False}
    assert count(database_urls, "commands") == 0


def test_checkpoints_go_to_the_bucket_one_after_the_other(
    timers: LambdaFunction, database_urls: DatabaseUrls, moto: MotoServer, bucket: str
) -> None:
    lives(database_urls, 3)
    timers.invoke({"timer": "write_checkpoint"})
    timers.invoke({"timer": "write_checkpoint"})
    lives(database_urls, 2)
    timers.invoke({"timer": "write_checkpoint"})
    s3 = moto.client("s3")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == ["checkpoints/checkpoint-1.json", "checkpoints/checkpoint-2.json"]
    one, two = (document_of(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys)
    assert (one.checkpoint.entries, two.checkpoint.from_position) == (3, 3)
    assert two.checkpoint.previous_hash == one.hash


def test_a_bucket_that_is_away_counts_as_an_error_and_the_next_time_brings_what_is_missing(
    timers: LambdaFunction, database_urls: DatabaseUrls, moto: MotoServer, bucket: str
) -> None:
    lives(database_urls, 3)
    s3 = moto.client("s3")
    s3.delete_bucket(Bucket=bucket)
    with pytest.raises(FunctionError) as caught:
        timers.invoke({"timer": "write_checkpoint"})
    assert caught.value.type == "NotShipped"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    timers.invoke({"timer": "write_checkpoint"})
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [
        "checkpoints/checkpoint-1.json"
    ]


def test_a_database_that_is_away_counts_as_an_error_and_its_return_is_noticed(
    timers: LambdaFunction, database_urls: DatabaseUrls
) -> None:
    timers.invoke({"timer": "tidy_webhooks"})
    with away(database_urls), pytest.raises(FunctionError) as caught:
        timers.invoke({"timer": "tidy_webhooks"})
    assert caught.value.type == "DatabaseUnavailable"
    assert timers.invoke({"timer": "tidy_webhooks"})["steps"] == 1


@pytest.mark.parametrize("event", [{}, None, [], {"timer": "payday"}, {"timer": None}, {"timer": ["upkeep"]}])
def test_a_timer_that_is_not_there_is_refused_by_name(event: object, timers: LambdaFunction) -> None:
    with pytest.raises(FunctionError) as caught:
        timers.invoke(event)
    assert caught.value.type == "UnknownTimer"
    assert "there are replay_events, upkeep" in caught.value.message
