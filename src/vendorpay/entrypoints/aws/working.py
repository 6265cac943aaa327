"""What a function's use cases work with, put together from its settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final

import msgspec

from vendorpay.entrypoints import shared_wiring
from vendorpay.entrypoints.aws.database import open_database
from vendorpay.entrypoints.aws.settings import AwsSettings
from vendorpay.store.db import Database
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.group_commit import GroupCommit

POOL_SIZE: Final = 1
"""An environment answers one request at a time: hundreds of them must not take two connections each."""


class Working(msgspec.Struct, frozen=True, kw_only=True):
    """The use cases' dependencies, and apart what an invocation's end is asked of."""

    deps: Deps
    database: Database
    commands: GroupCommit


@asynccontextmanager
async def working(settings: AwsSettings, *, pool_size: int = POOL_SIZE) -> AsyncIterator[Working]:
    """The database as the function's role, and a write path of its own. Connects when first asked."""
    async with (
        open_database(settings, settings.function.role, pool_size=pool_size) as database,
        aclosing(GroupCommit(shared_wiring.write_path(settings, database))) as commands,
    ):
        yield Working(deps=shared_wiring.deps(settings, database, commands), database=database, commands=commands)
