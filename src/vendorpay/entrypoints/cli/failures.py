"""What a command says when it cannot do its work: a sentence and what to do next, never a traceback."""

from __future__ import annotations

import sys
from typing import Final

from vendorpay.settings import SettingsError

FAILED: Final = 1
WRONG_USAGE: Final = 2
NO_ANSWER: Final = "The database does not answer. Check --database-url, or try again."
NOT_MIGRATED: Final = "This database has not all its tables yet. Run `vendorpay db migrate` on it first."


class WrongUsage(Exception):
    """Options or arguments that cannot be meant so; `faults` has a sentence for each."""

    def __init__(self, *faults: str) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


class CommandFailed(Exception):
    """The work could not be done; the message says why and what to do next."""


def report(error: Exception) -> int:
    """Says on stderr what went wrong; returns the exit code."""
    if isinstance(error, SettingsError | WrongUsage):
        for fault in error.faults:
            _say(fault)
        return WRONG_USAGE
    if isinstance(error, BrokenPipeError):  # Whoever read our output has seen enough.
        return FAILED
    if isinstance(error, CommandFailed | OSError) or _is_explained(error):
        _say(str(error))
        if said := getattr(error, "said", None):  # by the database, to a migration
            from vendorpay.observe import scrub

            _say(f"The database said: {scrub(said)}")
        return FAILED
    from vendorpay import observe

    # The type and the places only: a message may quote what was secret.
    facts = observe.facts_of(error)
    _say(f"This is a fault of vendorpay: {facts['error']} at {', '.join(map(str, facts['raised_at'][-3:]))}.")  # type: ignore[index]
    _say("Please report it with this line and the command that was given.")
    return FAILED


def _is_explained(error: Exception) -> bool:
    """Whether its message was written for people. The rooms are imported here: most commands need none of them."""
    from vendorpay.adapters.local_issuer import IssuerKeyUnusable
    from vendorpay.entrypoints.database_home import DatabaseNotReady
    from vendorpay.entrypoints.database_urls import DatabaseUrlRefused
    from vendorpay.entrypoints.embedded_postgres import EmbeddedPostgresError
    from vendorpay.entrypoints.listening import CannotListen
    from vendorpay.entrypoints.service import NeverReady
    from vendorpay.store.migrate import MigrationError

    explained = (IssuerKeyUnusable, DatabaseNotReady, DatabaseUrlRefused, EmbeddedPostgresError, CannotListen)
    return isinstance(error, (*explained, NeverReady, MigrationError))


def _say(sentence: str) -> None:
    print(f"vendorpay: {sentence}", file=sys.stderr)
