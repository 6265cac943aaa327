"""Whoever works on the same tables in another order ends in a deadlock with a batch: the batch is carried out again."""

from __future__ import annotations

import asyncio
import time

import psycopg
import pytest

from tests.database import DatabaseUrls
from tests.usecases.world import open_world, payment_in
from vendorpay.usecases.carry_out import carry_out
from vendorpay.usecases.command import Done

pytestmark = pytest.mark.anyio

PATIENCE_S = 30.0
PATIENT = "SET LOCAL deadlock_timeout = '30s'"
"""Who looks for the circle later is not the one that is ended."""
WAITS = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'approvals'::regclass"


async def waited_for(someone: psycopg.AsyncConnection[tuple[int]]) -> None:
    """Returns when a batch has written payments and waits for approvals."""
    deadline = time.monotonic() + PATIENCE_S
    while await (await someone.execute(WAITS)).fetchone() == (0,):
        assert time.monotonic() < deadline, "nobody came"
        await asyncio.sleep(0.005)


@pytest.mark.parametrize("many", [1, 2])
async def test_what_was_ended_in_a_deadlock_is_carried_out_again_and_no_caller_notices(
    many: int, database_urls: DatabaseUrls
) -> None:
    with psycopg.connect(database_urls.superuser, autocommit=True) as superuser:
        # The batch looks for the circle once, that long after it began to wait: it must be closed by then.
        superuser.execute(f"ALTER DATABASE {database_urls.name} SET deadlock_timeout = '2s'".encode())
    async with open_world(database_urls) as world:
        payments = [(await world.create()).payment_id for _ in range(many)]
        async with await psycopg.AsyncConnection[tuple[int]].connect(database_urls.superuser) as someone:
            await someone.execute(PATIENT)
            await someone.execute("LOCK TABLE approvals IN EXCLUSIVE MODE")
            carrying_out = asyncio.create_task(carry_out(world.path, [world.approval(each) for each in payments]))
            await waited_for(someone)
            await someone.execute("LOCK TABLE payments IN EXCLUSIVE MODE")
            assert not carrying_out.done(), "only who was ended gave way"
            await someone.rollback()
        results = await carrying_out
        assert [isinstance(result, Done) and payment_in(result).status for result in results] == ["approved"] * many
        assert world.count("approvals") == many
        assert (await world.audit()).clean
