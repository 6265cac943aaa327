"""What `serve` hands to each of its processes: through their standard input, which no `ps` shows."""

from __future__ import annotations

from typing import BinaryIO, Final

import msgspec

from vendorpay.domain.fraud_thresholds import Cuts
from vendorpay.domain.rate_limits import RateClass
from vendorpay.domain.token_bucket import Limit
from vendorpay.settings import Settings

LINE_BYTES_MAX: Final = 1024 * 1024


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """Whose tokens are accepted."""

    issuer: str
    audience: str
    jwks_url: str


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What use cases and background work are told. `database_url` is the service's role's, not the owner's."""

    database_url: str
    pool_size: int
    event_sources: frozenset[str]
    required_approvals: int | None
    """A plain number for all payments; None leaves it to the approval policies."""
    fraud_provider: str
    fraud_detector: str | None
    fraud_thresholds: Cuts | None
    webhooks_to_private: bool
    background: bool
    checkpoint_dir: str | None
    checkpoint_command: str | None
    checkpoint_every_s: int


class Handoff(Work, frozen=True, kw_only=True):
    """One line of JSON for a serving process. `memory` is where all `workers` count, each in its part."""

    data_dir: str
    issuer: Issuer | None
    rate_limits: dict[RateClass, Limit] = {}
    metrics: bool
    log_level: str
    log_format: str
    socket: int
    memory: int
    workers: int
    number: int


def work_of(settings: Settings, *, database_url: str, background: bool) -> Work:
    """What the settings say about work."""
    return Work(
        database_url=database_url,
        pool_size=settings.pool_size,
        event_sources=settings.event_sources,
        required_approvals=settings.required_approvals,
        fraud_provider=settings.fraud_provider,
        fraud_detector=settings.fraud_detector,
        fraud_thresholds=settings.fraud_thresholds,
        webhooks_to_private=settings.webhooks_to_private,
        background=background,
        checkpoint_dir=None if settings.checkpoint_dir is None else str(settings.checkpoint_dir.absolute()),
        checkpoint_command=settings.checkpoint_command,
        checkpoint_every_s=settings.checkpoint_every_s,
    )


def made(settings: Settings, *, database_url: str, socket: int, memory: int, number: int) -> bytes:
    """The line for one process, which inherits the listening `socket` and the metrics' `memory`."""
    issuer = None
    if settings.jwt_issuer and settings.jwt_audience and settings.jwks_url:
        issuer = Issuer(issuer=settings.jwt_issuer, audience=settings.jwt_audience, jwks_url=settings.jwks_url)
    # In one of a machine's processes; it is put in its place again when it dies.
    work = work_of(settings, database_url=database_url, background=settings.background and number == 1)
    handoff = Handoff(
        **msgspec.structs.asdict(work),
        data_dir=str(settings.data_dir.absolute()),
        issuer=issuer,
        rate_limits=dict(settings.rate_limits or {}),
        metrics=settings.metrics,
        log_level=settings.log_level,
        log_format=settings.log_format,
        socket=socket,
        memory=memory,
        workers=settings.workers,
        number=number,
    )
    return msgspec.json.encode(handoff) + b"\n"


def taken(source: BinaryIO) -> Handoff:
    """The handoff as it comes in; raises msgspec.ValidationError or DecodeError for anything else."""
    return msgspec.json.decode(source.readline(LINE_BYTES_MAX), type=Handoff)
