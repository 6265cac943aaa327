"""Lambda as a function sees it: the Runtime API over HTTP, and the real runtime client as a process of its own.

The process is started when it is first asked something, kept for the next invocation, killed when its time is over,
and frozen (SIGSTOP) between two invocations where a test wants that, as Lambda does.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

import msgspec

from tests.scenarios.serving import HOST, STARTER, clean_environment, started

START_S_MAX: Final = 30.0
"""For imports on a machine that others use too; Lambda gives ten seconds."""
TIMEOUT_S: Final = 30.0
GRACE_S: Final = 5.0
"""How long after its deadline a function lives here: a machine that others use, too, is slower than Lambda."""
_VERSION: Final = "/2018-06-01/runtime"
_ARN: Final = "arn:aws:lambda:eu-central-1:123456789012:function:tested"


class TimedOut(Exception):
    """The function did not answer in time, and was killed."""


class Crashed(Exception):
    """The process ended without an answer."""


class FunctionError(Exception):
    """The handler raised; `type` is the error's name."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self.type = str(told.get("errorType"))
        self.message = str(told.get("errorMessage"))
        super().__init__(f"{self.type}: {self.message}")


class InitError(FunctionError):
    """The handler could not be imported."""


@dataclass
class _Invocation:
    event: bytes
    deadline_ms: int
    id: str = field(default_factory=lambda: str(uuid4()))
    ended: threading.Event = field(default_factory=threading.Event)
    answer: bytes | None = None
    error: FunctionError | None = None


class RuntimeApi:
    """The HTTP side: one function's invocations, handed out one by one."""

    def __init__(self, on_restore: Callable[[], None]) -> None:
        self.on_restore = on_restore
        self.waiting: queue.SimpleQueue[_Invocation] = queue.SimpleQueue()
        self.under_way: dict[str, _Invocation] = {}
        self.asked = threading.Event()
        """Set while the function waits for work."""
        self.init_error: InitError | None = None
        self._closing = threading.Event()
        self._server = _Server((HOST, 0), type("_Bound", (_Handler,), {"api": self}))
        self._server.daemon_threads = True
        self.address = f"{HOST}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next(self) -> _Invocation | None:
        """The next invocation; None at the end."""
        self.asked.set()
        while not self._closing.is_set():
            with suppress(queue.Empty):
                invocation = self.waiting.get(timeout=0.2)
                self.asked.clear()
                self.under_way[invocation.id] = invocation
                return invocation
        return None

    def ended(self, invocation_id: str, *, answer: bytes | None = None, error: FunctionError | None = None) -> None:
        invocation = self.under_way.pop(invocation_id)
        invocation.answer, invocation.error = answer, error
        invocation.ended.set()

    def failed_to_start(self, told: Mapping[str, Any]) -> None:
        self.init_error = InitError(told)
        self.asked.set()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """A function that was killed hangs up; everything else is told."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    api: RuntimeApi
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == f"{_VERSION}/restore/next":
            self.api.on_restore()
            self._say(200, b"")
            return
        assert self.path == f"{_VERSION}/invocation/next", self.path
        invocation = self.api.next()
        if invocation is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": _ARN,
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
            "Content-Type": "application/json",
        }
        self._say(200, invocation.event, headers)

    def do_POST(self) -> None:
        body = self._body()
        parts = self.path.removeprefix(f"{_VERSION}/").split("/")
        match parts:
            case ["invocation", invocation_id, "response"]:
                self.api.ended(invocation_id, answer=body)
            case ["invocation", invocation_id, "error"]:
                self.api.ended(invocation_id, error=FunctionError(msgspec.json.decode(body)))
            case ["init" | "restore", "error"]:
                self.api.failed_to_start(msgspec.json.decode(body))
            case _:
                raise AssertionError(self.path)
        self._say(202, b'{"status":"OK"}')

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _say(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: the function's own log is what tests show."""


class LambdaFunction:
    """One execution environment of a function. A context manager that leaves no process."""

    def __init__(
        self,
        handler: str,
        environment: Mapping[str, str],
        *,
        frozen_between: bool = False,
        python: tuple[str, ...] = (sys.executable,),
    ) -> None:
        self._handler = handler
        self._environment = dict(environment)
        self._frozen_between = frozen_between
        self._python = python
        self._log = tempfile.NamedTemporaryFile(prefix="vendorpay-function-", suffix=".log")  # noqa: SIM115
        self.on_restore: Callable[[], None] = lambda: None
        """Called when a snapshot would be taken and restored (AWS_LAMBDA_INITIALIZATION_TYPE=snap-start)."""
        self.api: RuntimeApi | None = None
        self._process: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        self.kill()
        if kind is not None:
            print(f"the log of {self._handler}:\n{self.words()}")
        self._log.close()

    @property
    def pid(self) -> int:
        """The process of now."""
        assert self._process is not None, "it was not started"
        return int(self._process.pid)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Starts it and waits until it asks for work. Raises InitError, Crashed."""
        self.kill()
        self.api = RuntimeApi(self.on_restore)
        environment = clean_environment(
            **{
                "AWS_LAMBDA_RUNTIME_API": self.api.address,
                "AWS_LAMBDA_FUNCTION_NAME": "tested",
                "AWS_REGION": "eu-central-1",
                **self._environment,
            }
        )
        argv = [*self._python, "-m", "awslambdaric", self._handler]
        with open(self._log.name, "ab") as log:
            self._process = STARTER.submit(started, argv, log, environment).result()
        deadline = time.monotonic() + START_S_MAX
        while not self.api.asked.wait(0.02):
            if not self.running:
                raise Crashed(self.words())
            assert time.monotonic() < deadline, f"it did not start within {START_S_MAX} s:\n{self.words()}"
        if self.api.init_error is not None:
            raise self.api.init_error

    def invoke(self, event: Any, *, timeout_s: float = TIMEOUT_S) -> Any:
        """What the handler answers. Raises FunctionError, TimedOut (then it was killed), Crashed, InitError."""
        invocation = self.begin(event, timeout_s=timeout_s)
        return self.finish(invocation)

    def begin(self, event: Any, *, timeout_s: float = TIMEOUT_S) -> _Invocation:
        """Hands an event over, and waits for nothing but the start."""
        if not self.running:
            self.start()
        self.thaw()
        assert self.api is not None
        deadline_ms = int((time.time() + timeout_s) * 1000)
        invocation = _Invocation(msgspec.json.encode(event), deadline_ms)
        self.api.waiting.put(invocation)
        return invocation

    def finish(self, invocation: _Invocation) -> Any:
        """What came of it; raises as `invoke` does."""
        assert self.api is not None
        while not invocation.ended.wait(0.005):
            if not self.running:
                raise Crashed(self.words())
            if time.time() * 1000 > invocation.deadline_ms + GRACE_S * 1000:
                self.kill()
                raise TimedOut
        if self._frozen_between:
            self.api.asked.wait(START_S_MAX)
            self.freeze()
        if invocation.error is not None:
            raise invocation.error
        return msgspec.json.decode(invocation.answer or b"null")

    def freeze(self) -> None:
        """What Lambda does between two invocations: nothing of the process runs."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """kill -9; the next invocation starts another process. Nothing when none runs."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(START_S_MAX)
            if self._process.stdout is not None:
                self._process.stdout.close()
            self._process = None
        if self.api is not None:
            self.api.close()
            self.api = None

    def words(self) -> str:
        """The last lines that it said."""
        return "\n".join(Path(self._log.name).read_text(errors="replace").splitlines()[-25:])

    def log(self) -> str:
        """Everything that it said."""
        return Path(self._log.name).read_text(errors="replace")


@contextmanager
def lambda_function(
    handler: str, environment: Mapping[str, str], *, frozen_between: bool = False
) -> Iterator[LambdaFunction]:
    """A function for the length of a block; it starts at its first invocation."""
    with LambdaFunction(handler, environment, frozen_between=frozen_between) as function:
        yield function
