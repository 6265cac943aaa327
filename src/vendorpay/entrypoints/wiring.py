"""Where everything that runs is put together: the only place that knows which adapter stands behind a port."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from vendorpay.adapters.checkpoint_command import CheckpointCommand
from vendorpay.adapters.checkpoint_folder import CheckpointFolder
from vendorpay.adapters.jwks import JwksCache
from vendorpay.adapters.jwks_source import JwksUrl
from vendorpay.adapters.local_issuer import AUDIENCE, ISSUER, LocalIssuer
from vendorpay.adapters.token_verifier import JwtVerifier
from vendorpay.entrypoints.handoff import Handoff
from vendorpay.entrypoints.ids import new_id, new_salt, system_now
from vendorpay.ports import CheckpointDestination, TokenVerifier
from vendorpay.store.db import Database
from vendorpay.usecases.carry_out import WritePath
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.group_commit import GroupCommit


@asynccontextmanager
async def opened(handoff: Handoff) -> AsyncIterator[tuple[Deps, TokenVerifier]]:
    """The dependencies and the verifier of one serving process, for as long as it lives.

    Raises IssuerKeyUnusable or JwksUrlRefused; a database that is away is no reason not to start.
    """
    keys = _keys(handoff)
    async with (
        aclosing(keys),
        Database.open(handoff.database_url, pool_size=handoff.pool_size) as database,
        aclosing(GroupCommit(_write_path(database))) as commands,
    ):
        commands.start()
        yield _deps(handoff, database, commands), _verifier(handoff, keys)


def _write_path(database: Database) -> WritePath:
    return WritePath(database=database, now=system_now, new_id=new_id, new_salt=new_salt)


def _deps(handoff: Handoff, database: Database, commands: GroupCommit) -> Deps:
    return Deps(
        database=database,
        commands=commands,
        now=system_now,
        new_id=new_id,
        event_sources=handoff.event_sources,
        required_approvals=handoff.required_approvals,
        checkpoints=_checkpoints(handoff),
    )


def _checkpoints(handoff: Handoff) -> CheckpointDestination | None:
    if handoff.checkpoint_dir is not None:
        return CheckpointFolder(Path(handoff.checkpoint_dir))
    if handoff.checkpoint_command is not None:
        return CheckpointCommand(handoff.checkpoint_command, os.environ)
    return None


def _keys(handoff: Handoff) -> JwksCache:
    if handoff.issuer is not None:
        return JwksCache(JwksUrl(handoff.issuer.jwks_url), monotonic=time.monotonic)
    return JwksCache(LocalIssuer.open(Path(handoff.data_dir)).jwks, monotonic=time.monotonic)


def _verifier(handoff: Handoff, keys: JwksCache) -> JwtVerifier:
    issuer, audience = (handoff.issuer.issuer, handoff.issuer.audience) if handoff.issuer else (ISSUER, AUDIENCE)
    return JwtVerifier(keys, issuer=issuer, audience=audience, now=time.time)
