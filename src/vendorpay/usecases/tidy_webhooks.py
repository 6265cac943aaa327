"""Tidy up after webhook endpoints: cancel what waits for deleted ones, forget secrets that sign no more."""

from __future__ import annotations

from typing import Final

from vendorpay.store import webhooks
from vendorpay.usecases.deps import Deps

BATCH_MAX: Final = 1_000


async def step(deps: Deps) -> bool:
    """Does a part of it; whether more is left."""
    async with deps.database.reading() as connection:
        cancelled = await webhooks.cancel_deleted(connection, limit=BATCH_MAX)
        await webhooks.forget_secrets(connection, limit=BATCH_MAX)
    return cancelled == BATCH_MAX
