"""What wakes the review: one run for however many wake-ups, none of which carries anything that could be lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.aws.listening import Queue, a_queue
from tests.aws.moto_server import MotoServer
from tests.aws.runtime_api import LambdaFunction, lambda_function
from tests.aws.stage.messages import records
from tests.aws.told import away, rows, told
from tests.database import DatabaseUrls
from tests.usecases.test_escalation import NEEDS_NOBODY, ONLY_ANN
from tests.usecases.test_policies import under
from tests.usecases.world import a_new_payment, open_world
from vendorpay.adapters.embedded_fraud import EmbeddedFraud
from vendorpay.entrypoints.aws import review_work
from vendorpay.entrypoints.aws.functions import REVIEW_WORK_HANDLER
from vendorpay.entrypoints.aws.metric_names import NAMESPACE, SCORE_SECONDS, STAGE_DIMENSION
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.score_payment import PROVIDER_S_MAX
from vendorpay.workers.schedule import Timer

NAME = "review-work"


@pytest.fixture
def queue(moto: MotoServer) -> Queue:
    return a_queue(moto, "wake-ups", VisibilityTimeout="1")


@pytest.fixture
def reviewing(database_urls: DatabaseUrls) -> Iterator[LambdaFunction]:
    with lambda_function(
        REVIEW_WORK_HANDLER, told(NAME, database_urls, VENDORPAY_FRAUD_PROVIDER="embedded")
    ) as started:
        yield started


def woken(reviewing: LambdaFunction, queue: Queue, *bodies: str) -> Any:
    """Sends these, and does what Lambda does with what is there: hands it over, and deletes what is not named."""
    for body in bodies:
        queue.sqs.send_message(QueueUrl=queue.url, MessageBody=body)
    messages = queue.take(visibility_s=1)
    answer = reviewing.invoke(records(messages, "payment-approval"))
    failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
    for message in messages:
        if message["MessageId"] not in failed:
            queue.remove(message)
    return len(messages), len(failed)


def left(queue: Queue) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = queue.sqs.get_queue_attributes(QueueUrl=queue.url, AttributeNames=names)["Attributes"]
    return sum(int(value) for value in found.values())


def payments(urls: DatabaseUrls, rule: dict[str, Any], many: int = 1, *, hours_ago: float = 0, scored: bool) -> None:
    """So many payments under a policy of that one rule; with `scored`, nobody has to score them first."""

    async def live() -> None:
        async with open_world(urls, by_policy=True, fraud_provider=None if scored else EmbeddedFraud()) as world:
            world.clock.advance(hours=-hours_ago)
            await under(world, rule)
            for _ in range(many):
                await world.create(a_new_payment())

    asyncio.run(live())


def statuses(urls: DatabaseUrls) -> list[str]:
    return [row["status"] for row in rows(urls, "SELECT status FROM payments")]


def test_ten_wake_ups_are_one_run_and_leave_the_queue_empty(
    reviewing: LambdaFunction, queue: Queue, database_urls: DatabaseUrls
) -> None:
    """origin 15: a queue that nobody read from, and an alarm that rang for ever."""
    payments(database_urls, NEEDS_NOBODY, 3, scored=True)
    assert woken(reviewing, queue, *(["{}"] * 10)) == (10, 0)
    assert statuses(database_urls) == ["approved"] * 3
    assert reviewing.log().count("reviewed what was due") == 1
    assert left(queue) == 0


def test_it_scores_what_waits_too_long_and_then_approves_it(
    reviewing: LambdaFunction, queue: Queue, database_urls: DatabaseUrls
) -> None:
    payments(database_urls, NEEDS_NOBODY, hours_ago=1, scored=False)
    assert woken(reviewing, queue, "{}") == (1, 0)
    (row,) = rows(database_urls, "SELECT status, fraud_gate, fraud_score FROM payments")
    assert (row["status"], row["fraud_gate"]) == ("approved", "clear")
    assert row["fraud_score"] is not None
    (line,) = [json.loads(line) for line in reviewing.log().splitlines() if line.startswith('{"_aws"')]
    (took_s,) = line[SCORE_SECONDS.name]
    assert 0 < took_s < PROVIDER_S_MAX
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == (NAMESPACE, [[STAGE_DIMENSION]])
    assert directive["Metrics"] == [{"Name": SCORE_SECONDS.name, "Unit": "Seconds"}]


def test_it_escalates_what_is_due(reviewing: LambdaFunction, queue: Queue, database_urls: DatabaseUrls) -> None:
    payments(database_urls, ONLY_ANN, hours_ago=5, scored=True)
    assert woken(reviewing, queue, "{}") == (1, 0)
    (row,) = rows(database_urls, "SELECT escalated_at FROM payments")
    assert row["escalated_at"] is not None


def test_a_wake_up_that_is_nonsense_wakes_as_well_and_poisons_nothing(
    reviewing: LambdaFunction, queue: Queue, database_urls: DatabaseUrls
) -> None:
    payments(database_urls, NEEDS_NOBODY, scored=True)
    assert woken(reviewing, queue, "no JSON", '{"detail": null}', "\U0001f4a5") == (3, 0)
    assert statuses(database_urls) == ["approved"]
    assert left(queue) == 0


def test_whoever_invokes_it_by_hand_wakes_it_too(reviewing: LambdaFunction) -> None:
    events: tuple[Any, ...] = ({}, None, [], {"Records": None}, {"Records": [None, {"messageId": "m"}]})
    for event in events:
        assert reviewing.invoke(event) == {"batchItemFailures": []}


def test_while_the_database_is_away_all_come_again_and_then_all_is_done(
    reviewing: LambdaFunction, queue: Queue, database_urls: DatabaseUrls
) -> None:
    payments(database_urls, NEEDS_NOBODY, scored=True)
    assert woken(reviewing, queue, "{}") == (1, 0)
    payments(database_urls, NEEDS_NOBODY, scored=True)
    with away(database_urls):
        assert woken(reviewing, queue, "{}", "{}") == (2, 2)
    assert left(queue) == 2
    assert reviewing.invoke({}) == {"batchItemFailures": []}
    assert statuses(database_urls) == ["approved"] * 2, "by the next one, whether those come again or are lost"


@pytest.mark.anyio
async def test_a_step_that_fails_keeps_no_other_from_its_work(database_urls: DatabaseUrls) -> None:
    taken: list[str] = []

    async def fails(_: Deps) -> bool:
        raise LookupError("a fault of ours")

    async def works(_: Deps) -> bool:
        taken.append("worked")
        return False

    failing = Timer(name="score_again", every_s=1, step=fails)
    async with open_world(database_urls) as world:
        with pytest.raises(LookupError, match="a fault of ours"):
            await review_work.all_of((failing, replace(failing, step=works)), world.deps, _Context())
    assert taken == ["worked"]


class _Context:
    aws_request_id = "r"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000
