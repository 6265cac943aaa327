"""A real PostgreSQL that the service brings along: no container, no installation, no root needed.

`start` runs the one of a data directory and owns it; `running` finds the one that another process runs there.
"""

from vendorpay.entrypoints.embedded_postgres.errors import (
    AlreadyRunning,
    BelongsToAnotherUser,
    BinariesNotFound,
    DataDirectoryUnusable,
    EmbeddedPostgresError,
    InitFailed,
    MajorVersionMismatch,
    NotOurCluster,
    NoUsableIdentity,
    ProtectedSetting,
    SecretRefused,
    StartFailed,
    SurvivorWillNotDie,
    UnsupportedVersion,
)
from vendorpay.entrypoints.embedded_postgres.handles import AttachedPostgres, Postgres, RunningPostgres
from vendorpay.entrypoints.embedded_postgres.launch import running, start

__all__ = [
    "AlreadyRunning",
    "AttachedPostgres",
    "BelongsToAnotherUser",
    "BinariesNotFound",
    "DataDirectoryUnusable",
    "EmbeddedPostgresError",
    "InitFailed",
    "MajorVersionMismatch",
    "NoUsableIdentity",
    "NotOurCluster",
    "Postgres",
    "ProtectedSetting",
    "RunningPostgres",
    "SecretRefused",
    "StartFailed",
    "SurvivorWillNotDie",
    "UnsupportedVersion",
    "running",
    "start",
]
