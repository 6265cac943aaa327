"""As whom PostgreSQL runs. It refuses to be root, and its files must belong to whom it runs as.

An ordinary user simply runs it. Root has two ways. In a user namespace the process is root outside (so it
reaches /root, and its files are root's) but a harmless user inside, without any capability. Where the kernel
or a container forbids that, root becomes a real other user, who must be able to reach the directory and the
binaries. An existing cluster keeps its owner, so the same directory works for `sudo` and without it.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from vendorpay.entrypoints.embedded_postgres.binaries import Binaries, copy_for_everyone
from vendorpay.entrypoints.embedded_postgres.errors import BelongsToAnotherUser, NoUsableIdentity
from vendorpay.entrypoints.embedded_postgres.layout import Layout

PROBE_WAIT_S = 10


@dataclass(frozen=True, slots=True)
class Identity:
    """A way to run a program: by a command in front of it, or by becoming another user."""

    name: str
    owner: tuple[int, int]
    prefix: tuple[str, ...] = ()
    becomes: tuple[int, int] | None = None

    def command(self, *argv: str, at_launchers_death: str | None = None) -> list[str]:
        """The whole command line; with the signal the program gets when the thread that started it ends.

        The signal is set behind the namespace, since entering one clears it. Without `setpriv` there is none.
        """
        setpriv = shutil.which("setpriv") if at_launchers_death else None
        watch = [setpriv, "--pdeathsig", str(at_launchers_death), "--"] if setpriv else []
        return [*self.prefix, *watch, *argv]

    def spawn(
        self, argv: list[str], *, stdin: int = subprocess.DEVNULL, output: int | IO[bytes]
    ) -> subprocess.Popen[bytes]:
        """Starts a command in its own session, out of reach of the terminal's Ctrl-C, with a clean environment.

        Clean, because PGPORT and the like would change PostgreSQL's behaviour, and because whoever may run
        programs through SQL has no business with the service's secrets.
        """
        user, group = self.becomes or (None, None)
        return subprocess.Popen(
            argv,
            stdin=stdin,
            stdout=output,
            stderr=output,
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=[] if self.becomes else None,
            umask=0o077,
        )

    def succeeds(self, *argv: str) -> bool:
        """Whether a quick command ends well under this identity."""
        try:
            with self.spawn([*self.prefix, *argv], output=subprocess.DEVNULL) as process:
                try:
                    return process.wait(PROBE_WAIT_S) == 0
                except subprocess.TimeoutExpired:
                    process.kill()
                    return False
        except OSError:
            return False


def choose(layout: Layout, binaries: Binaries) -> tuple[Identity, Binaries]:
    """The first identity that can enter the directory and run the binaries, and the binaries it can run.

    Raises BelongsToAnotherUser, NoUsableIdentity.
    """
    if os.geteuid() != 0:
        return _ourselves(layout), binaries
    tried: list[str] = []
    for identity in _roots_ways(layout):
        if not identity.succeeds("/bin/sh", "-c", 'cd "$1"', "sh", str(_gate(layout, identity))):
            tried.append(f"{identity.name} (cannot enter the directory, or the kernel forbids it)")
            continue
        _let_pass(layout, identity)
        if identity.succeeds(binaries.path("postgres"), "--version"):
            return identity, binaries
        if identity.becomes and _has_own_share(binaries):
            copy = copy_for_everyone(binaries, layout.data_dir / "postgres-binaries")
            if identity.succeeds(copy.path("postgres"), "--version"):
                return identity, copy
        tried.append(f"{identity.name} (cannot run {binaries.path('postgres')})")
    raise NoUsableIdentity(data_dir=layout.data_dir, tried="; ".join(tried))


def hand_over(tree: Path, identity: Identity) -> None:
    """Gives a cluster to whom PostgreSQL will run as, when an earlier run left it to somebody else.

    The top comes last: it is what is looked at, so a hand-over that was cut short is done again.
    """
    if os.geteuid() != 0 or tree.stat().st_uid == identity.owner[0]:
        return
    for folder, folders, files in os.walk(tree, topdown=False):
        for name in (*folders, *files):
            os.chown(os.path.join(folder, name), *identity.owner, follow_symlinks=False)
    os.chown(tree, *identity.owner)


def _ourselves(layout: Layout) -> Identity:
    ours = os.geteuid()
    for path in (layout.cluster, layout.log, layout.lock, layout.password):
        if path.exists() and path.stat().st_uid != ours:
            raise BelongsToAnotherUser(path=path, owner=path.stat().st_uid, ours=ours)
    ourselves = Identity(name=f"uid {ours}", owner=(ours, os.getegid()))
    inside = _namespace(ourselves.owner)
    if inside and not _has_name(ours) and inside.succeeds("/bin/sh", "-c", ":"):
        return inside  # `docker run --user 1234`: initdb wants a name, and inside there is one.
    return ourselves


def _roots_ways(layout: Layout) -> Iterator[Identity]:
    """In the order of whose the directory is: who owns it should be able to use it without root afterwards."""
    if layout.cluster.exists() and layout.cluster.stat().st_uid:
        yield _becoming(layout.cluster.stat().st_uid, layout.cluster.stat().st_gid)
    if layout.uid and _has_name(layout.uid):
        yield _becoming(layout.uid, layout.gid)
    inside = _namespace((0, 0))
    if inside:
        yield inside
    parent = layout.data_dir.parent.stat()
    if parent.st_uid and _has_name(parent.st_uid):
        yield _becoming(parent.st_uid, parent.st_gid)
    yield _becoming(*_harmless_user())


def _namespace(owner: tuple[int, int]) -> Identity | None:
    """Ourselves outside, a harmless user with a passwd entry inside; None without the command for it."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    uid, gid = _harmless_user()
    prefix = (unshare, "-U", f"--map-user={uid}", f"--map-group={gid}", "--")
    return Identity(name=f"uid {owner[0]} in a user namespace", owner=owner, prefix=prefix)


def _has_name(uid: int) -> bool:
    """Whether a user has a passwd entry, which initdb insists on."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _becoming(uid: int, gid: int) -> Identity:
    return Identity(name=f"uid {uid}", owner=(uid, gid), becomes=(uid, gid))


def _harmless_user() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return 65534, 65534
    return entry.pw_uid, entry.pw_gid


def _gate(layout: Layout, identity: Identity) -> Path:
    """What the identity must be able to enter by itself: a directory of root's is opened by `_let_pass`."""
    return layout.data_dir.parent if identity.becomes and layout.uid == 0 else layout.data_dir


def _let_pass(layout: Layout, identity: Identity) -> None:
    if identity.becomes and layout.uid == 0:
        # Passing through is not reading: names and contents stay private.
        layout.data_dir.chmod(layout.data_dir.stat().st_mode & 0o777 | 0o011)


def _has_own_share(binaries: Binaries) -> bool:
    """Whether the installation is one tree that can be copied, as wheels are and Debian's is not."""
    return (binaries.directory.parent / "share").is_dir()
