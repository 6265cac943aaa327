"""What a function's use cases work with, put together from its settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Final

import msgspec

from vendorpay.entrypoints.aws.database import open_database
from vendorpay.entrypoints.aws.settings import AwsSettings
from vendorpay.entrypoints.ids import new_id, new_salt, system_now
from vendorpay.store.db import Database
from vendorpay.usecases.active_policies import ActivePolicies
from vendorpay.usecases.carry_out import WritePath
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
    async with open_database(settings, settings.function.role, pool_size=pool_size) as database:
        policies = ActivePolicies() if settings.required_approvals is None else None
        scoring = settings.fraud_provider != "off"
        path = WritePath(
            database=database, now=system_now, new_id=new_id, new_salt=new_salt, scoring=scoring, policies=policies
        )
        async with aclosing(GroupCommit(path)) as commands:
            deps = Deps(
                database=database,
                commands=commands,
                now=system_now,
                new_id=new_id,
                event_sources=settings.event_sources,
                required_approvals=settings.required_approvals or 1,
            )
            yield Working(deps=deps, database=database, commands=commands)
