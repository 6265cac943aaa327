"""A whole stage of the service as it is on AWS, on stand-ins: functions, gateway, bus, queues, people, Aurora."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

from tests.aws.aurora import DATABASE, Aurora, aurora
from tests.aws.moto_server import MotoServer, moto_server
from tests.aws.runtime_api import Crashed, FunctionError, TimedOut
from tests.aws.stage.functions import Functions
from tests.aws.stage.gateway import Gateway
from tests.aws.stage.messages import BUS, Listener, Messages, QueueReader, incoming
from tests.aws.stage.people import TTL_S, People
from vendorpay.entrypoints.aws.functions import APPROVALS, FUNCTIONS, FromTimer, function

BUCKET: Final = "vendorpay-test-checkpoints"
ORG: Final = "roadcall"
TIMER_S: Final = 20.0
"""The time that a function woken by a timer gets here: the next one begins when it ends."""
TIMERS_LEFT_OUT: Final = frozenset({"write_checkpoint"})


class Stage:
    """What is deployed; `url`, `token` and `books_url` are as of a `serve`, so that scenarios know no difference."""

    def __init__(
        self, moto: MotoServer, aurora: Aurora, people: People, messages: Messages, functions: Functions
    ) -> None:
        self.moto, self.aurora, self.people = moto, aurora, people
        self.messages, self.functions = messages, functions
        self.listener = Listener(messages)
        self.gateway = Gateway(functions, people)
        self.resting: set[str] = set()
        """Timers, by their names, and queues that nobody takes from meanwhile."""

    @property
    def url(self) -> str:
        return self.gateway.url

    def token(
        self,
        role: str,
        *,
        sub: str | None = None,
        org: str = ORG,
        vendor: str | None = None,
        ttl_s: float = TTL_S,
    ) -> str:
        return self.people.token(role, sub=sub or str(uuid4()), org=org, vendor=vendor, ttl_s=ttl_s)

    def books_url(self) -> str:
        """The database as a superuser sees it."""
        return self.aurora.postgres.superuser_url(DATABASE)


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """A deployed stage, whose timers, queues and pump are at work."""
    with ExitStack() as stack:
        moto = stack.enter_context(moto_server())
        database = stack.enter_context(aurora(folder, moto))
        moto.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        people, messages = People(moto), Messages(moto)
        functions = Functions(partial(_environment, database, people, messages))
        stack.callback(functions.close)
        made = Stage(moto, database, people, messages, functions)
        stack.callback(made.gateway.close)
        stop = threading.Event()
        workers = [threading.Thread(target=work, args=(stop,), daemon=True) for work in _work(made)]
        for worker in workers:
            worker.start()
        stack.callback(_end, stop, workers, functions)
        yield made


def _environment(database: Aurora, people: People, messages: Messages, name: str) -> Mapping[str, str]:
    row = function(name)
    told = {
        "VENDORPAY_STAGE": "test",
        "VENDORPAY_ORG": ORG,
        "COGNITO_USER_POOL_ID": people.pool,
        "COGNITO_CLIENT_IDS": people.client,
        "EVENT_BUS_NAME": BUS,
        "APPROVAL_QUEUE_URL": messages.urls[APPROVALS],
        "VENDORPAY_CHECKPOINT_BUCKET": BUCKET,
    }
    return {**database.environment(row.role.value), **told, "VENDORPAY_FUNCTION": name}


def _work(made: Stage) -> Iterator[Callable[[threading.Event], None]]:
    yield made.listener.run
    for name, queue in incoming().items():
        yield QueueReader(made.messages, queue, name, made.functions.invoke, made.resting).run
    for row in FUNCTIONS:
        for trigger in row.triggers:
            if isinstance(trigger, FromTimer) and trigger.input_name not in TIMERS_LEFT_OUT:
                yield partial(_repeat, made, row.name, trigger)


def _repeat(made: Stage, name: str, trigger: FromTimer, stop: threading.Event) -> None:
    """As the rule of a timer; the pump without a pause, the rest every few seconds, so that tests need not wait."""
    pause_s = 0.0 if trigger.input_name == name else 5.0
    while not stop.is_set():
        began = time.monotonic()
        if trigger.input_name in made.resting:
            stop.wait(0.1)
            continue
        try:
            made.functions.invoke(name, {"timer": trigger.input_name}, timeout_s=TIMER_S)
        except (Crashed, FunctionError, TimedOut):
            stop.wait(1.0)
        stop.wait(max(0.0, pause_s - (time.monotonic() - began)))


def _end(stop: threading.Event, workers: list[threading.Thread], functions: Functions) -> None:
    stop.set()
    for row in FUNCTIONS:
        if row.triggers:
            functions.kill_all(row.name)
    for worker in workers:
        worker.join(TIMER_S)
