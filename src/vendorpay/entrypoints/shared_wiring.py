"""What is put together alike wherever the service runs: how commands are written, and what use cases are given.

A serving process (wiring.py) and a function on AWS (aws/working.py) add what only they have. No adapter is imported
here: every function starts with this file, and not every one needs them.
"""

from __future__ import annotations

from typing import Protocol

from vendorpay.domain.setting_values import FRAUD_OFF
from vendorpay.entrypoints.ids import new_id, new_salt, system_now
from vendorpay.store.db import Database
from vendorpay.usecases.active_policies import ActivePolicies
from vendorpay.usecases.carry_out import WritePath
from vendorpay.usecases.command import Commands
from vendorpay.usecases.deps import Deps


class Told(Protocol):
    """What of the settings decides how commands are written: `Work` has it, and so have `AwsSettings`."""

    @property
    def event_sources(self) -> frozenset[str]: ...
    @property
    def required_approvals(self) -> int | None: ...
    @property
    def fraud_provider(self) -> str: ...


def scores(told: Told) -> bool:
    """Whether new content waits for a score."""
    return told.fraud_provider != FRAUD_OFF


def write_path(told: Told, database: Database) -> WritePath:
    """Rules come from the approval policies unless a plain number of approvals is set."""
    policies = ActivePolicies() if told.required_approvals is None else None
    return WritePath(
        database=database,
        now=system_now,
        new_id=new_id,
        new_salt=new_salt,
        scoring=scores(told),
        policies=policies,
    )


def deps(told: Told, database: Database, commands: Commands) -> Deps:
    """Without what only some processes have: a scorer, a place for checkpoints."""
    return Deps(
        database=database,
        commands=commands,
        now=system_now,
        new_id=new_id,
        event_sources=told.event_sources,
        required_approvals=told.required_approvals or 1,
    )
