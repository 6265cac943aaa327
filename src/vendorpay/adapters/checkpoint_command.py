"""Checkpoints handed to a command of the operator's, one run for each, through its standard input."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Final

from vendorpay.adapters.checkpoint_folder import NAME
from vendorpay.domain.checkpoint import Held, NotShipped

COMMAND_S_MAX: Final = 300.0


class CheckpointCommand:
    """A shell command, like `sh keep_checkpoint.sh bucket`. Exit code 0 says that it keeps the document for good.

    It may be handed one twice, and must not write another over what it kept under that name: the database that
    remembers what it was handed may be the one that was tampered with. It finds CHECKPOINT_FILE (checkpoint-7.json) and
    CHECKPOINT_NUMBER in its environment.
    """

    def __init__(self, command: str, environ: Mapping[str, str], *, seconds_max: float = COMMAND_S_MAX) -> None:
        self._command = command
        self._environ = dict(environ)
        self._seconds_max = seconds_max

    @property
    def identity(self) -> bytes:
        """A hash of the command: another command is another destination, which gets everything from the first on."""
        return sha256(self._command.encode()).digest()

    async def held(self) -> Held:
        """Nothing that it could tell."""
        return Held()

    async def put(self, number: int, document: bytes) -> None:
        """Runs the command. Raises NotShipped when it fails or takes longer than five minutes."""
        environ = {**self._environ, "CHECKPOINT_FILE": NAME.format(number), "CHECKPOINT_NUMBER": str(number)}
        try:
            process = await asyncio.create_subprocess_exec(
                *("/bin/sh", "-c", self._command),
                stdin=asyncio.subprocess.PIPE,
                # Its words are for whoever reads our log; our own standard output may be read by a program.
                stdout=2,
                env=environ,
                start_new_session=True,
            )
        except OSError as error:
            raise NotShipped(f"The command for checkpoints cannot be run: {error.strerror}.") from error
        try:
            async with asyncio.timeout(self._seconds_max):
                await process.communicate(document)
        except TimeoutError as error:
            raise NotShipped(
                f"The command took longer than {self._seconds_max:.0f} s for checkpoint {number}."
            ) from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # with all that it started
                await process.wait()
        if process.returncode != 0:
            raise NotShipped(f"The command ended with exit code {process.returncode} for checkpoint {number}.")
