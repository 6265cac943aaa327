"""A function's start: its settings are read once, its log is opened, its environment waits for the first invocation.

Nothing connects here. A fault in the settings is raised at each invocation until somebody mends it: Lambda starts a
function again and again, and each time the log says all that is wrong.
"""

from __future__ import annotations

import os
from functools import lru_cache

from vendorpay import observe
from vendorpay.entrypoints.aws.runtime import Environment
from vendorpay.entrypoints.aws.settings import AwsSettings
from vendorpay.entrypoints.aws.working import POOL_SIZE, working


@lru_cache(maxsize=1)
def started(*, pool_size: int = POOL_SIZE) -> tuple[Environment, AwsSettings]:
    """The environment and the settings of this function. Raises AwsSettingsError."""
    try:
        settings = AwsSettings.read(os.environ)
    except Exception as error:
        observe.log_failed_start(error)
        raise
    observe.configure(settings.log_level)
    return Environment(lambda: working(settings, pool_size=pool_size)), settings
