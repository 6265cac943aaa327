"""The stand-in for AWS's services: moto's server, a process of its own that can be asked, killed and started again."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.config import Config

from tests.aws.free_port import free_port

REGION: Final = "eu-west-1"
ACCOUNT: Final = "123456789012"
PROCESS: Final = Path(__file__).with_name("moto_process.py")
START_S_MAX: Final = 30.0
STOP_S_MAX: Final = 10.0
# What moto takes from anybody; set for functions and for boto3 alike.
CREDENTIALS: Final = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "a/session+token==",
    "AWS_REGION": REGION,
}


@dataclass
class MotoServer:
    """A running server; what it holds is lost with its process."""

    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What AWS_ENDPOINT_URL is set to."""
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        """For whoever should take this for AWS."""
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.url, "AWS_DEFAULT_REGION": REGION}

    def client(self, service: str) -> Any:
        """boto3's client, to set the scene and to look at it afterwards."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}),
        )

    def start(self) -> None:
        """Returns when it answers."""
        # -P: nothing of this folder is imported in the place of a library.
        command = [sys.executable, "-P", str(PROCESS), "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_S_MAX
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/moto-api/data.json", timeout=1):
                    return
            except OSError:
                assert self._process.poll() is None, "moto's server ended at once"
                assert time.monotonic() < deadline, "moto's server does not answer"
                time.sleep(0.05)

    def empty(self) -> None:
        """Everything that it holds is gone."""
        asked = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")
        with urllib.request.urlopen(asked, timeout=START_S_MAX):
            pass

    def kill(self) -> None:
        """kill -9; a second time does nothing."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_S_MAX)
            self._process = None


@contextmanager
def moto_server() -> Iterator[MotoServer]:
    """A server of one's own."""
    server = MotoServer()
    server.start()
    try:
        yield server
    finally:
        server.kill()
