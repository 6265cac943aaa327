"""The functions of the table, each in as many execution environments as are asked of it at once, up to a few."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from queue import Empty, LifoQueue
from typing import Any, Final

from tests.aws.runtime_api import TIMEOUT_S, LambdaFunction
from vendorpay.entrypoints.aws.functions import function

AT_ONCE_MAX: Final = 2
"""Two cores: more environments of one function would only wait for each other."""


class Functions:
    """Starts environments as they are needed; each answers one invocation at a time, and is kept."""

    def __init__(self, environment_of: Callable[[str], Mapping[str, str]]) -> None:
        self._environment_of = environment_of
        self._lock = threading.Lock()
        self._rested: dict[str, LifoQueue[LambdaFunction]] = {}
        self._made: dict[str, int] = {}
        self._all: list[tuple[str, LambdaFunction]] = []
        self._stack = ExitStack()

    def close(self) -> None:
        """Ends every process."""
        self._stack.close()

    def invoke(self, name: str, event: Any, *, timeout_s: float = TIMEOUT_S) -> Any:
        """What the handler answers; raises what LambdaFunction.invoke raises."""
        environment = self._rested_or_new(name)
        try:
            return environment.invoke(event, timeout_s=timeout_s)
        finally:
            self._rested[name].put(environment)

    def kill_all(self, name: str) -> None:
        """kill -9 of every environment of a function, whatever it does now; the next invocation starts others."""
        for of, environment in self._all:
            if of == name:
                environment.kill()

    def _rested_or_new(self, name: str) -> LambdaFunction:
        with self._lock:
            rested = self._rested.setdefault(name, LifoQueue())
            try:
                return rested.get_nowait()
            except Empty:
                if self._made.get(name, 0) < AT_ONCE_MAX:
                    self._made[name] = self._made.get(name, 0) + 1
                    made = LambdaFunction(function(name).handler, self._environment_of(name))
                    self._all.append((name, made))
                    return self._stack.enter_context(made)
        return rested.get()
