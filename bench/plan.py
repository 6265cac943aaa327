"""How much is measured: the full run, and the quick one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Sizes and times of one run."""

    payments: int
    """How many are loaded; every 20th of them waits for approval."""
    rounds: int
    cell_s: float
    """How long each cell of a round is measured."""
    approvals_per_cell: int
    """How many payments wait for each cell of approvals; it ends when they are used up, or its time is."""
    import_sizes: tuple[int, int]
    page_sizes: tuple[int, ...]
    """The sizes of the databases whose pages are compared."""
    side_rounds: int
    """How many rounds for imports, pages, slow commits; and how many starts."""
    every_cell_in_every_round: bool
    """Else only pgbench's best cell is measured again after the first round."""


FULL = Plan(
    payments=1_000_000,
    rounds=5,
    cell_s=3.0,
    approvals_per_cell=15_000,
    import_sizes=(10_000, 50_000),
    page_sizes=(10_000, 1_000_000, 5_000_000),
    side_rounds=5,
    every_cell_in_every_round=True,
)
QUICK = Plan(
    payments=30_000,
    rounds=3,
    cell_s=0.75,
    approvals_per_cell=3_000,
    import_sizes=(1_000, 5_000),
    page_sizes=(10_000, 30_000),
    side_rounds=1,
    every_cell_in_every_round=False,
)
