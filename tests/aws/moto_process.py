"""moto's server as a process, without three detours that took most of its time; what it answers is the same.

It looks at the clock for each message of a queue whenever one comes or goes, by way of two datetimes; for each that it
hands out it counts all others, to know for how long the queue keeps it; and for each request it lists its own folders.
A queue of a hundred messages then takes a core for itself, and the tests that wait for it take minutes.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import Any

from moto import backends
from moto.core import utils

_slow_unix_time = utils.unix_time


def _unix_time(dt: datetime | None = None) -> float:
    return time.time() if dt is None else _slow_unix_time(dt)


def _is_kept(self: Any, queue_name: str, message: Any) -> bool:
    until_s = self.get_queue(queue_name).message_retention_period + message.sent_timestamp / 1000
    return bool(until_s > time.time())


def main() -> None:
    """Serves until it is killed; options as `moto_server` has them."""
    modules = tuple(backends.list_of_moto_modules())
    backends.list_of_moto_modules = lambda: modules
    utils.unix_time = _unix_time  # before anything imports it by its name
    from moto.server import main as serve
    from moto.sqs.models import SQSBackend

    SQSBackend.is_message_valid_based_on_retention_period = _is_kept  # type: ignore[method-assign]
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    serve()


if __name__ == "__main__":
    main()
