"""Propose a rule set, try it in shadow, and let it count; who brought it does not put it in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import msgspec

from vendorpay.domain.errors import FieldFault, FourEyes, InvalidRequest, NotFound
from vendorpay.domain.fraud import rule_set as rule_sets
from vendorpay.domain.fraud.rule_set import DEFAULT_VERSION, RuleSet
from vendorpay.domain.roles import Caller
from vendorpay.store import fraud_settings
from vendorpay.store.fraud_rows import ProposedRuleSet, RuleSetUse
from vendorpay.usecases.command import Command, Done, Facts, Key, Outcome
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.fraud_setting import FraudSetting

RULE_SETS_MAX: Final = 100
"""How many are listed, the newest first."""


class UseMode(StrEnum):
    """What a rule set is used for: `live`, it decides; `shadow`, its scores are kept beside and touch nothing."""

    LIVE = "live"
    SHADOW = "shadow"


class StoredRuleSet(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A rule set with who brought it. `mode` is what it is used for now, null when for nothing."""

    rule_set_id: UUID
    version: str
    proposed_by: str
    proposed_at: datetime
    mode: UseMode | None = None
    document: dict[str, Any]


class RuleSetList(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The organisation's rule sets, newest first. Where none is live, the service's own one, version 1, decides."""

    rule_sets: tuple[StoredRuleSet, ...]


@dataclass(frozen=True, kw_only=True)
class ProposeRuleSet(Command):
    """A rule set to choose; a version is brought once."""

    operation = "propose_rule_set"

    document: RuleSet
    taken: bool

    def other_claims(self) -> tuple[object, ...]:
        return (("fraud rule set", self.caller.org_id, self.document.version),)

    def decide(self, facts: Facts) -> Outcome:
        if self.taken or self.document.version == DEFAULT_VERSION:
            raise InvalidRequest([FieldFault("version", "is taken: a version never changes")])
        proposed = ProposedRuleSet(
            rule_set_id=facts.new_id(),
            version=self.document.version,
            document=rule_sets.written(self.document),
            proposed_by=self.caller.sub,
            proposed_at=facts.now,
        )
        shown = StoredRuleSet(
            rule_set_id=proposed.rule_set_id,
            version=proposed.version,
            proposed_by=proposed.proposed_by,
            proposed_at=proposed.proposed_at,
            document=msgspec.json.decode(proposed.document),
        )
        setting = FraudSetting(proposed=proposed)
        return Outcome(answer=msgspec.json.encode(shown), payment_id=None, fraud_setting=setting)


@dataclass(frozen=True, kw_only=True)
class UseRuleSet(Command):
    """From now on it decides, or is tried."""

    operation = "use_rule_set"

    rule_set: StoredRuleSet
    mode: UseMode

    def decide(self, facts: Facts) -> Outcome:
        if self.mode is UseMode.LIVE and self.rule_set.proposed_by == self.caller.sub:
            raise FourEyes
        use = RuleSetUse(
            use_id=facts.new_id(),
            mode=self.mode.value,
            rule_set_id=self.rule_set.rule_set_id,
            proposed_by=self.rule_set.proposed_by,
            set_by=self.caller.sub,
            set_at=facts.now,
        )
        shown = msgspec.structs.replace(self.rule_set, mode=self.mode)
        return Outcome(answer=msgspec.json.encode(shown), payment_id=None, fraud_setting=FraudSetting(used=use))


async def propose(deps: Deps, caller: Caller, document: RuleSet, key: Key | None) -> Done:
    """The rule set as it is kept. Raises InvalidRequest for a version that there is."""
    async with deps.database.reading() as connection:
        taken = await fraud_settings.has_version(connection, caller.scope().org_id, document.version)
    command = ProposeRuleSet(command_id=deps.new_id(deps.now()), caller=caller, key=key, document=document, taken=taken)
    return await deps.commands.submit(command)


async def use(deps: Deps, caller: Caller, rule_set_id: UUID, key: Key | None, *, mode: UseMode) -> Done:
    """The rule set, used. Raises NotFound, and FourEyes for who would put their own in force."""
    found = {one.rule_set_id: one for one in (await every(deps, caller)).rule_sets}
    if rule_set_id not in found:
        raise NotFound(subject="fraud rule set", id=rule_set_id)
    command = UseRuleSet(
        command_id=deps.new_id(deps.now()), caller=caller, key=key, rule_set=found[rule_set_id], mode=mode
    )
    return await deps.commands.submit(command)


async def every(deps: Deps, caller: Caller) -> RuleSetList:
    """The organisation's rule sets, newest first."""
    async with deps.database.reading() as connection:
        found = await fraud_settings.rule_sets(connection, caller.scope().org_id, limit=RULE_SETS_MAX)
    return RuleSetList(rule_sets=tuple(_stored(row) for row in found))


def _stored(row: fraud_settings.RuleSetRow) -> StoredRuleSet:
    return StoredRuleSet(
        rule_set_id=row.rule_set_id,
        version=row.version,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        mode=None if row.mode is None else UseMode(row.mode),
        document=row.document,
    )
