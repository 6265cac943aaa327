"""A PostgreSQL whose every flush to the disk takes 2 ms longer, as on network storage.

`commit_delay` is something else: those who come while it waits are flushed with it. So a small library, compiled here,
stands in front of fsync and fdatasync.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from bench.database import say

DELAY_MS: Final = 2
COMPILERS: Final = ("cc", "gcc", "clang")
SOURCE: Final = """
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void wait_for_the_network(void) {
    struct timespec delay = {0, DELAY_MS * 1000000L};
    nanosleep(&delay, 0);
}
int fsync(int fd) { wait_for_the_network(); return (int) syscall(SYS_fsync, fd); }
int fdatasync(int fd) { wait_for_the_network(); return (int) syscall(SYS_fdatasync, fd); }
"""


def binaries(home: Path, real: Path) -> Path | None:
    """A directory of PostgreSQL's programs whose `postgres` flushes slowly; None without a C compiler."""
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        say("no C compiler: creates with slow commits are not measured")
        return None
    place = home / "slow" / "bin"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    source, library = place.parent / "slow_flush.c", place.parent / "slow_flush.so"
    source.write_text(SOURCE)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", f"-DDELAY_MS={DELAY_MS}", "-o", str(library), str(source)], check=True
    )
    for program in real.iterdir():
        if program.name != "postgres":
            (place / program.name).symlink_to(program)
    postgres = place / "postgres"
    postgres.write_text(f'#!/bin/sh\nLD_PRELOAD="{library}" exec "{real / "postgres"}" "$@"\n')
    postgres.chmod(0o755)
    return place
