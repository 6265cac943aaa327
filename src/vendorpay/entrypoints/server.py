"""`vendorpay serve`: the socket and the processes that answer on it; then, while these import, the rest of it.

What a process imports is most of what a start takes. So this file imports little, starts them, and leaves the database
and the looking after to `service`, which takes as long to import as they do.
"""

from __future__ import annotations

from vendorpay import metrics, observe
from vendorpay.entrypoints.listening import listen
from vendorpay.entrypoints.members import Members, Signals
from vendorpay.settings import Settings


def serve(settings: Settings) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit code.

    Raises SettingsError, CannotListen, EmbeddedPostgresError, DatabaseUrlRefused, DatabaseNotReady, MigrationError,
    IssuerKeyUnusable or NeverReady, with nothing left running.
    """
    signals = Signals()
    observe.configure(settings.log_level, json=settings.log_format == "json")
    with (
        listen(settings.host, settings.port) as listening,
        metrics.reserved(settings.workers) as memory,
        Members(settings.workers, (listening.fileno(), memory)) as members,
    ):
        from vendorpay.entrypoints.service import run

        in_order = run(settings, members, signals, listening, memory)
    observe.info("stopped")
    return 0 if in_order else 1
