"""A database that says nothing any more: nobody sleeps on it, and an invocation ends while Lambda still listens."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.conftest import environment_of
from tests.aws.silent_line import SilentLine, silent_line
from tests.aws.test_runtime import Invocation, Opened, create
from tests.database import DatabaseUrls
from vendorpay.entrypoints.aws import runtime
from vendorpay.entrypoints.aws.runtime import MARGIN_S, OutOfTime
from vendorpay.entrypoints.aws.settings import AwsSettings
from vendorpay.usecases.deps import Deps

LEFT_S = MARGIN_S + 5


@pytest.fixture
def line_and_opened(database_urls: DatabaseUrls) -> Iterator[tuple[SilentLine, Opened]]:
    # Short: the path of a socket has a hundred characters at most.
    with tempfile.TemporaryDirectory() as folder, silent_line(database_urls.app, Path(folder)) as (line, url):
        told = {**environment_of("create-payment", database_urls), "AWS_REGION": "eu-central-1"}
        made = Opened(AwsSettings.read({**told, "VENDORPAY_DATABASE_URL": url}))
        yield line, made
        made.environment.close()


async def read(deps: Deps) -> None:
    async with deps.database.reading() as connection:
        await connection.execute("SELECT count(*) FROM payments")


def test_a_read_that_nobody_answers_ends_before_lambda_ends_it(line_and_opened: tuple[SilentLine, Opened]) -> None:
    """psycopg waits ten seconds for a silent server to confirm that a statement was called off."""
    line, opened = line_and_opened
    opened.environment.run(create, Invocation())
    line.fall_silent()
    began = time.monotonic()
    with pytest.raises(OutOfTime):
        opened.environment.run(read, Invocation(left_s=LEFT_S), s_max=0.3)
    assert time.monotonic() - began < LEFT_S
    line.speak()
    opened.environment.run(create, Invocation())
    assert opened.opened == 2, "nothing is left of what was cut short"


def test_a_read_that_is_called_off_in_time_costs_no_connection(
    line_and_opened: tuple[SilentLine, Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, opened = line_and_opened
    monkeypatch.setattr(runtime, "SETTLE_S_MAX", 30.0)  # "in time", on any machine
    opened.environment.run(create, Invocation())

    async def read_slowly(deps: Deps) -> None:
        async with deps.database.reading() as connection:
            await connection.execute("SELECT pg_sleep(60)")

    with pytest.raises(OutOfTime):
        opened.environment.run(read_slowly, Invocation(), s_max=0.3)
    opened.environment.run(create, Invocation())
    assert opened.opened == 1
