"""What `serve` hands to each of its processes: through their standard input, which no `ps` shows."""

from __future__ import annotations

from typing import BinaryIO, Final

import msgspec

from vendorpay.settings import Settings

LINE_BYTES_MAX: Final = 1024 * 1024


class Issuer(msgspec.Struct, frozen=True, kw_only=True):
    """Whose tokens are accepted."""

    issuer: str
    audience: str
    jwks_url: str


class Handoff(msgspec.Struct, frozen=True, kw_only=True):
    """One line of JSON. `database_url` is the service's role's, not the owner's.

    `memory` is where all `workers` count, each in the part of its `number`.
    """

    database_url: str
    pool_size: int
    data_dir: str
    issuer: Issuer | None
    event_sources: frozenset[str]
    required_approvals: int
    background: bool
    checkpoint_dir: str | None
    checkpoint_command: str | None
    checkpoint_every_s: int
    metrics: bool
    log_level: str
    log_format: str
    socket: int
    memory: int
    workers: int
    number: int


def made(settings: Settings, *, database_url: str, socket: int, memory: int, number: int) -> bytes:
    """The line for one process, which inherits the listening `socket` and the metrics' `memory`."""
    issuer = None
    if settings.jwt_issuer and settings.jwt_audience and settings.jwks_url:
        issuer = Issuer(issuer=settings.jwt_issuer, audience=settings.jwt_audience, jwks_url=settings.jwks_url)
    handoff = Handoff(
        database_url=database_url,
        pool_size=settings.pool_size,
        data_dir=str(settings.data_dir.absolute()),
        issuer=issuer,
        event_sources=settings.event_sources,
        required_approvals=settings.required_approvals,
        # One of a machine's processes is enough, and it is put in its place again when it dies.
        background=settings.background and number == 1,
        checkpoint_dir=None if settings.checkpoint_dir is None else str(settings.checkpoint_dir.absolute()),
        checkpoint_command=settings.checkpoint_command,
        checkpoint_every_s=settings.checkpoint_every_s,
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
