"""How many faults the items of one request may be given together: each has its own, and there may be thousands."""

from __future__ import annotations

from typing import Final

from vendorpay.domain.parsing import FAULTS_MAX

ITEM_FAULTS_MAX: Final = 5
"""How many an item is still given when the request's are used up."""


class FaultBudget:
    """FAULTS_MAX faults for whoever comes first, then a few each; else 2 MiB of bad items had 42 MiB of answer."""

    def __init__(self) -> None:
        self._left = FAULTS_MAX

    def of_next(self) -> int:
        """How many faults of the next item are named."""
        return max(self._left, ITEM_FAULTS_MAX)

    def spend(self, faults: int) -> None:
        """Counts those that were."""
        self._left -= faults
