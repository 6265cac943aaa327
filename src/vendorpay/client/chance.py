"""The only place of the client that asks for what it was not given: keys, and the jitter of pauses.

The client lives in other people's programs, where nobody is there to pass these in; whoever has both passes them.
"""

from __future__ import annotations

import os
from uuid import uuid4


def new_key() -> str:
    """An Idempotency-Key that nobody else has."""
    return str(uuid4())


def chance() -> float:
    """From 0 to 1, for the pauses between attempts."""
    return int.from_bytes(os.urandom(4), "big") / 2**32
