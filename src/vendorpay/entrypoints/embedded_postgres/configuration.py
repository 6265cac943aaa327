"""The settings PostgreSQL starts with. They go on its command line, so nothing in the directory grows stale."""

from collections.abc import Mapping
from pathlib import Path

from vendorpay.entrypoints.embedded_postgres.errors import ProtectedSetting

# For a laptop: small, and as durable as PostgreSQL can be.
LAPTOP: Mapping[str, str] = {
    "cluster_name": "vendorpay",
    "max_connections": "100",
    "shared_buffers": "128MB",
    # A system's PostgreSQL may compile plans that look expensive, as one over all months of a record does: that takes
    # longer than any statement of ours.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    # Values of statements are people's data; a log is no place for them.
    "log_parameter_max_length_on_error": "0",
    "logging_collector": "off",
}

# Survives a kill -9 of PostgreSQL, not a power cut. synchronous_commit stays on: off loses committed rows even
# when only the process is killed.
FOR_TESTS: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on"}

PROTECTED = frozenset(
    {
        "config_file",
        "data_directory",
        "external_pid_file",
        "hba_file",
        "ident_file",
        "listen_addresses",
        "log_destination",
        "logging_collector",
        "password_encryption",
        "port",
        "unix_socket_directories",
        "unix_socket_group",
        "unix_socket_permissions",
    }
)


def arguments(cluster: Path, socket_dir: Path, port: int, *, fsync: bool, settings: Mapping[str, str]) -> list[str]:
    """PostgreSQL's arguments; the caller's settings win over the laptop's. Raises ProtectedSetting."""
    refused = sorted(name for name in settings if name.lower() in PROTECTED)
    if refused:
        raise ProtectedSetting(names=", ".join(refused))
    ours = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        # A list in PostgreSQL's eyes: quoted, or a comma in the path would cut it in two.
        "unix_socket_directories": '"{}"'.format(str(socket_dir).replace('"', '""')),
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
    }
    durability = {} if fsync else FOR_TESTS
    chosen = {**LAPTOP, **durability, **settings, **ours}
    return ["-D", str(cluster), *(part for name, value in chosen.items() for part in ("-c", f"{name}={value}"))]
