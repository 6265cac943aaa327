"""Work that never waits for anything gives the others their turn all the same."""

from __future__ import annotations

import asyncio
from typing import Final

BUSY_S_MAX: Final = 0.02
"""How long one request may keep its process to itself; one step of it may take longer."""


class Pace:
    """Kept by one piece of work: each `step` lets everybody else go first when it has been busy for long enough."""

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        self._since = self._now()

    async def step(self) -> None:
        """To be called between the steps of the work."""
        if self._now() - self._since > BUSY_S_MAX:
            await asyncio.sleep(0)
            self._since = self._now()
