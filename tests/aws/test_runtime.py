"""One environment: opened once, bounded in time, whole after every error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from tests.aws.conftest import environment_of
from tests.database import DatabaseUrls
from tests.usecases.world import DISPATCHER, a_new_payment
from vendorpay.domain.errors import DatabaseUnavailable
from vendorpay.entrypoints.aws import runtime
from vendorpay.entrypoints.aws.runtime import Environment, OutOfTime
from vendorpay.entrypoints.aws.settings import AwsSettings
from vendorpay.entrypoints.aws.working import Working, working
from vendorpay.entrypoints.ids import new_id, system_now
from vendorpay.store.db import Connection, Database
from vendorpay.usecases.create_payment import CreatePayment
from vendorpay.usecases.deps import Deps


@dataclass
class Invocation:
    """A context with so much time left."""

    left_s: float = 30.0
    aws_request_id: str = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.left_s * 1000)


@dataclass
class Opened:
    """An environment, and how often what it works with was opened and closed."""

    settings: AwsSettings
    clock_s: float = 1_800_000_000.0
    opened: int = 0
    closed: int = 0
    fails_with: Exception | None = None
    environment: Environment = field(init=False)

    def __post_init__(self) -> None:
        self.environment = Environment(self._opening, wall_clock_s=lambda: self.clock_s)

    @asynccontextmanager
    async def _opening(self) -> AsyncIterator[Working]:
        if self.fails_with is not None:
            raise self.fails_with
        self.opened += 1
        async with working(self.settings) as found:
            yield found
        self.closed += 1


@pytest.fixture
def opened(database_urls: DatabaseUrls) -> Iterator[Opened]:
    made = Opened(AwsSettings.read({**environment_of("create-payment", database_urls), "AWS_REGION": "eu-central-1"}))
    yield made
    made.environment.close()


def creation() -> CreatePayment:
    return CreatePayment(
        command_id=new_id(system_now()), caller=DISPATCHER, key=None, new=a_new_payment(), required_approvals=1
    )


async def create(deps: Deps) -> None:
    await deps.commands.submit(creation())


async def nothing(_: Deps) -> None:
    return None


def test_what_is_opened_is_kept(opened: Opened) -> None:
    seen: list[Deps] = []

    async def look(deps: Deps) -> None:
        seen.append(deps)

    assert opened.opened == 0, "nothing before the first invocation"
    for _ in range(3):
        opened.environment.run(look, Invocation())
    assert opened.opened == 1
    assert seen[0] is seen[1] is seen[2]


def test_the_works_own_errors_pass_and_cost_nothing(opened: Opened) -> None:
    async def fail(_: Deps) -> None:
        raise LookupError

    async def run_into_a_timeout_of_its_own(_: Deps) -> None:
        raise TimeoutError

    with pytest.raises(LookupError):
        opened.environment.run(fail, Invocation())
    with pytest.raises(TimeoutError):
        opened.environment.run(run_into_a_timeout_of_its_own, Invocation())
    opened.environment.run(create, Invocation())
    assert opened.opened == 1


def test_work_ends_before_lambda_ends_it(opened: Opened) -> None:
    async def sleep(_: Deps) -> None:
        await asyncio.sleep(30)

    opened.environment.run(nothing, Invocation())  # what is opened takes its own time
    with pytest.raises(OutOfTime):
        opened.environment.run(sleep, Invocation(left_s=0.2))
    with pytest.raises(OutOfTime):
        opened.environment.run(sleep, Invocation(), s_max=0.05)
    opened.environment.run(create, Invocation())
    assert opened.opened == 1, "it was the work that was late, and no connection"


def test_what_was_handed_in_and_not_waited_for_is_written_before_the_end(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is left over would wake in another invocation, hours later."""
    monkeypatch.setattr(runtime, "SETTLE_S_MAX", 30.0)  # writing takes longer on a busy machine
    left: list[asyncio.Task[object]] = []

    async def hand_in(deps: Deps) -> None:
        left.append(asyncio.ensure_future(deps.commands.submit(creation())))
        await asyncio.sleep(0)

    opened.environment.run(hand_in, Invocation())
    opened.environment.run(nothing, Invocation())
    assert left[0].done()
    assert left[0].exception() is None
    assert opened.opened == 1


def test_an_opening_that_failed_is_tried_again(opened: Opened) -> None:
    opened.fails_with = DatabaseUnavailable()
    with pytest.raises(DatabaseUnavailable):
        opened.environment.run(nothing, Invocation())
    opened.fails_with = None
    opened.environment.run(create, Invocation())
    assert opened.opened == 1


def test_what_was_closed_for_a_snapshot_is_opened_again(opened: Opened) -> None:
    opened.environment.run(create, Invocation())
    opened.environment.close()
    assert opened.closed == 1
    opened.environment.run(create, Invocation())
    assert opened.opened == 2


def test_a_connection_is_asked_whether_it_lives_after_a_sleep_alone(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the loop's own clock stood still with the machine, or the other one was set back."""
    asked: list[Connection] = []
    check = Database._check

    async def counted(self: Database, connection: Connection) -> None:
        asked.append(connection)
        await check(self, connection)

    async def read(deps: Deps) -> None:
        async with deps.database.reading():
            pass

    monkeypatch.setattr(Database, "_check", counted)
    for _ in range(3):
        opened.environment.run(read, Invocation())
    first = len(asked)
    assert first <= 1, "when the pool hands it out for the first time"
    for count, slept_s in enumerate((10.0, -3600.0), start=1):
        opened.clock_s += slept_s
        for _ in range(3):
            opened.environment.run(read, Invocation())
        assert len(asked) == first + count
