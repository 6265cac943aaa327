"""Where everything that runs is put together: the only place that knows which adapter stands behind a port."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

from vendorpay.adapters.checkpoint_command import CheckpointCommand
from vendorpay.adapters.checkpoint_folder import CheckpointFolder
from vendorpay.adapters.embedded_fraud import EmbeddedFraud
from vendorpay.adapters.jwks import JwksCache
from vendorpay.adapters.jwks_source import JwksUrl
from vendorpay.adapters.local_issuer import AUDIENCE, ISSUER, LocalIssuer
from vendorpay.adapters.token_verifier import JwtVerifier
from vendorpay.api.rate_limits import RateLimits
from vendorpay.entrypoints import background, shared_wiring
from vendorpay.entrypoints.background import Bell
from vendorpay.entrypoints.handoff import Handoff, Work
from vendorpay.ports import CheckpointDestination, FraudProvider, TokenVerifier
from vendorpay.store.db import Database
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.group_commit import GroupCommit


@asynccontextmanager
async def opened(handoff: Handoff) -> AsyncIterator[tuple[Deps, TokenVerifier]]:
    """The dependencies and the verifier of one serving process, for as long as it lives.

    Raises IssuerKeyUnusable or JwksUrlRefused; a database that is away is no reason not to start.
    """
    keys = _keys(handoff)
    async with aclosing(keys), working(handoff) as deps:
        yield deps, _verifier(handoff, keys)


@asynccontextmanager
async def working(work: Work) -> AsyncIterator[Deps]:
    """What use cases work with, and beside it the background work where this process has that."""
    bell = Bell()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database.open(work.database_url, pool_size=work.pool_size))
        commands = GroupCommit(shared_wiring.write_path(work, database), after_commit=bell.ring)
        await stack.enter_async_context(aclosing(commands))
        deps = _deps(work, database, commands)
        if work.background:
            own = await stack.enter_async_context(Database.open(work.database_url, pool_size=background.POOL_SIZE))
            at_work = background.at_work(
                replace(deps, database=own),
                bell,
                checkpoint_every_s=float(work.checkpoint_every_s),
                scoring=shared_wiring.scores(work),
            )
            await stack.enter_async_context(at_work)
        yield deps


def rate_limits(handoff: Handoff) -> RateLimits | None:
    """What each caller may ask of this process, its part of what the settings allow; None without limits."""
    if not handoff.rate_limits:
        return None
    parts = {rate_class: limit.shared_by(handoff.workers) for rate_class, limit in handoff.rate_limits.items()}
    return RateLimits(parts, monotonic_ns=time.monotonic_ns)


def _deps(work: Work, database: Database, commands: GroupCommit) -> Deps:
    return replace(
        shared_wiring.deps(work, database, commands),
        webhooks_to_private=work.webhooks_to_private,
        checkpoints=_checkpoints(work),
        fraud_provider=fraud_provider_of(work.fraud_provider, work.fraud_detector),
        fraud_thresholds=work.fraud_thresholds,
    )


def fraud_provider_of(name: str, detector: str | None) -> FraudProvider:
    """Who scores, by the setting. With `off` our own engine still scores what waits for a score from before; nothing
    new does.
    """
    if name != "frauddetector":
        return EmbeddedFraud()
    from vendorpay.adapters.aws.clients import AwsClient
    from vendorpay.adapters.aws.fraud_detector import FraudDetector

    assert detector is not None, "the settings insist on it"
    detector_id, event_type = detector.split("/")
    return FraudDetector(AwsClient("frauddetector"), detector_id=detector_id, event_type=event_type)


def _checkpoints(work: Work) -> CheckpointDestination | None:
    if work.checkpoint_dir is not None:
        return CheckpointFolder(Path(work.checkpoint_dir))
    if work.checkpoint_command is not None:
        return CheckpointCommand(work.checkpoint_command, os.environ)
    return None


def _keys(handoff: Handoff) -> JwksCache:
    if handoff.issuer is not None:
        return JwksCache(JwksUrl(handoff.issuer.jwks_url), monotonic=time.monotonic)
    return JwksCache(LocalIssuer.open(Path(handoff.data_dir)).jwks, monotonic=time.monotonic)


def _verifier(handoff: Handoff, keys: JwksCache) -> JwtVerifier:
    issuer, audience = (handoff.issuer.issuer, handoff.issuer.audience) if handoff.issuer else (ISSUER, AUDIENCE)
    return JwtVerifier(keys, issuer=issuer, audience=audience, now=time.time)
