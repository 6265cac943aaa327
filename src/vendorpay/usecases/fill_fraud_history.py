"""Fill the gaps of the fraud history, a little at a time."""

from __future__ import annotations

from vendorpay.usecases.deps import Deps


async def step(deps: Deps) -> bool:
    """One step, for a timer; whether the walk goes on. Any number of processes may run it: one of them fills."""
    done = await deps.fraud_gaps.step()
    return done.is_our_turn and not done.is_last
