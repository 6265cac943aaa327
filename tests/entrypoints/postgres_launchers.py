"""Processes that run embedded_postgres.start(), to be killed, and users to run them as."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg

from vendorpay.entrypoints import embedded_postgres
from vendorpay.entrypoints.embedded_postgres import processes

SRC = Path(embedded_postgres.__file__).parents[3]
SITE = Path(psycopg.__file__).parents[1]
# Another user must leave no files of its own in our folders; what was compiled before, it may read.
IMPORTING = {"PYTHONPATH": f"{SRC}:{SITE}", "PYTHONDONTWRITEBYTECODE": "1"}
if sys.pycache_prefix is not None:
    IMPORTING["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix
ANSWER_WAIT_S = 40

LAUNCHER = """
import json, sys
from pathlib import Path
from vendorpay.entrypoints import embedded_postgres
options = json.loads(sys.argv[2])
if "bin_dir" in options:
    options["bin_dir"] = Path(options["bin_dir"])
try:
    with embedded_postgres.start(Path(sys.argv[1]), fsync=False, **options) as postgres:
        print(json.dumps({"pid": postgres.pid, "url": postgres.superuser_url()}), flush=True)
        sys.stdin.read()
    print("stopped", flush=True)
except embedded_postgres.EmbeddedPostgresError as error:
    print(json.dumps({"error": type(error).__name__, "message": str(error)}), flush=True)
"""


class Launcher:
    """A process that starts the PostgreSQL of a directory and stops it when its standard input ends."""

    def __init__(self, data_dir: Path, python: "Python | None" = None, **options: object) -> None:
        python = python or Python((sys.executable,))
        self.data_dir = data_dir
        self.process = subprocess.Popen(
            [*python.command, "-c", LAUNCHER, str(data_dir), json.dumps(options)],
            env={"PATH": os.environ["PATH"], **IMPORTING},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            user=python.uid,
            group=python.uid,
            extra_groups=None if python.uid is None else [],
        )
        assert self.process.stdout
        self.said: dict[str, str] = json.loads(self.process.stdout.readline() or '{"error": "it died"}')

    @property
    def postgres_pid(self) -> int:
        return int(self.said["pid"])

    @property
    def url(self) -> str:
        return self.said["url"]

    def kill(self) -> None:
        """kill -9, as the contract's faults do it."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> str:
        """Lets it stop PostgreSQL; returns the last thing it said."""
        return self.process.communicate(timeout=ANSWER_WAIT_S)[0].strip()

    def clean_up(self) -> None:
        """Leaves no process behind, whatever the test did."""
        if self.process.poll() is None:
            self.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        processes.end(lambda: processes.using(self.data_dir / "postgres", None), processes.ORPHANS)


class Python:
    """An interpreter and the user it runs as."""

    def __init__(self, command: tuple[str, ...], uid: int | None = None) -> None:
        self.command = command
        self.uid = uid

    def works(self) -> bool:
        """Whether it can import the launcher and the driver."""
        asked = subprocess.run(
            [*self.command, "-c", "import psycopg, vendorpay.entrypoints.embedded_postgres"],
            env=IMPORTING,
            user=self.uid,
            group=self.uid,
            extra_groups=None if self.uid is None else [],
            cwd="/",
            capture_output=True,
            check=False,
        )
        return asked.returncode == 0


def ordinary_python() -> Python | None:
    """An interpreter that runs as an ordinary user.

    As root: as `nobody`, if some interpreter and this project can be reached by it; else as root in a user
    namespace, which is an ordinary user there: not uid 0, and without capabilities.
    """
    if os.geteuid() != 0:
        return Python((sys.executable,))
    for interpreter in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}", "/usr/bin/python3"):
        python = Python((interpreter,), uid=65534)
        try:
            if python.works():
                return python
        except OSError:  # It may not even be looked at.
            continue
    unshare = shutil.which("unshare")
    inside = Python((str(unshare), "-U", "--map-user=65534", "--map-group=65534", "--", sys.executable))
    return inside if unshare and inside.works() else None


def words(url: str) -> list[str]:
    """The rows of the first cluster's table."""
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT word FROM kept ORDER BY word")]


def add_word(url: str, word: str) -> None:
    """Commits a row."""
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO kept VALUES (%s)", [word])
