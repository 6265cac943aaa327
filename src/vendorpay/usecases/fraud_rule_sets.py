"""Propose a rule set, try it in shadow, end that, and let it count; who brought it does not put it in force."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

from vendorpay.domain.audit import AuditAction
from vendorpay.domain.errors import FieldFault, FourEyes, FraudRuleSetReplaced, InvalidRequest, NotFound
from vendorpay.domain.events import EventDraft
from vendorpay.domain.fraud import rule_set as rule_sets
from vendorpay.domain.fraud.rule_set import DEFAULT_VERSION, RuleSet
from vendorpay.domain.fraud_rule_sets import RuleSetStage, RuleSetState, StoredRuleSet, UseMode
from vendorpay.domain.fraud_setting_events import (
    FraudRuleSetActivated,
    FraudRuleSetProposed,
    FraudRuleSetShadowed,
    FraudRuleSetShadowEnded,
)
from vendorpay.domain.roles import Caller
from vendorpay.store import fraud_settings
from vendorpay.store.claims import PoliciesClaim
from vendorpay.store.subjects import FraudRuleSetClaim
from vendorpay.usecases import cursor as cursors
from vendorpay.usecases.command import Command, Done, Facts, Key, Outcome
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.fraud_setting_change import rule_set_proposed, rule_set_used

_RULE_SETS: Final = "fraud-rule-sets"


class RuleSetPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One page of rule sets, newest first. Where none is live, the service's own one, version 1, decides."""

    rule_sets: tuple[StoredRuleSet, ...]
    next_cursor: str | None = None


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
        proposed = StoredRuleSet(
            rule_set_id=facts.new_id(),
            version=self.document.version,
            proposed_by=self.caller.sub,
            proposed_at=facts.now,
            document=msgspec.json.decode(rule_sets.written(self.document)),
        )
        event = EventDraft(kind=FraudRuleSetProposed, own={"proposed_by": self.caller.sub})
        change = rule_set_proposed(RuleSetState(org_id=self.caller.org_id, rule_set=proposed), event)
        return Outcome(answer=msgspec.json.encode(proposed), payment_id=None, change=change)


@dataclass(frozen=True, kw_only=True)
class _OfRuleSet(Command):
    """A command about the use of one rule set; the organisation's rule sets are used by one person at a time."""

    rule_set_id: UUID

    def subject_claim(self) -> FraudRuleSetClaim:
        return FraudRuleSetClaim(self.caller.org_id, self.rule_set_id)

    def policies_claim(self) -> PoliciesClaim:
        return PoliciesClaim(self.caller.org_id)

    def found(self, facts: Facts) -> RuleSetState:
        """The rule set. Raises NotFound."""
        if not isinstance(facts.fraud_subject, RuleSetState):
            raise NotFound(subject="fraud rule set", id=self.rule_set_id)
        return facts.fraud_subject


@dataclass(frozen=True, kw_only=True)
class UseRuleSet(_OfRuleSet):
    """From now on it decides, or is tried; what it is used for already, it stays. It comes to decide once: what another
    followed is proposed anew, so that nobody alone goes to and fro between rule sets that others proposed long ago.
    """

    operation = "use_rule_set"

    mode: UseMode

    def decide(self, facts: Facts) -> Outcome:
        before, by = self.found(facts), self.caller.sub
        live = self.mode is UseMode.LIVE
        if live and before.rule_set.proposed_by == by:
            raise FourEyes
        if before.rule_set.mode is UseMode.LIVE if live else before.is_tried:
            return Outcome(answer=msgspec.json.encode(before.rule_set), payment_id=None)
        if live and before.has_decided:
            raise FraudRuleSetReplaced
        if live:
            stage, action = RuleSetStage.LIVE, AuditAction.FRAUD_RULE_SET_ACTIVATED
            event = EventDraft(kind=FraudRuleSetActivated, own={"activated_by": by})
        else:
            stage, action = RuleSetStage.SHADOW, AuditAction.FRAUD_RULE_SET_SHADOWED
            event = EventDraft(kind=FraudRuleSetShadowed, own={"shadowed_by": by})
        change = rule_set_used(before, stage, action, event, facts, by)
        shown = msgspec.structs.replace(before.rule_set, mode=self.mode)
        return Outcome(answer=msgspec.json.encode(shown), payment_id=None, change=change)


@dataclass(frozen=True, kw_only=True)
class EndShadow(_OfRuleSet):
    """It is tried no more; one that is not tried stays as it is."""

    operation = "end_rule_set_shadow"

    def decide(self, facts: Facts) -> Outcome:
        before, by = self.found(facts), self.caller.sub
        if not before.is_tried:
            return Outcome(answer=msgspec.json.encode(before.rule_set), payment_id=None)
        event = EventDraft(kind=FraudRuleSetShadowEnded, own={"ended_by": by})
        change = rule_set_used(before, RuleSetStage.ENDED, AuditAction.FRAUD_RULE_SET_SHADOW_ENDED, event, facts, by)
        live = before.rule_set.mode is UseMode.LIVE
        shown = msgspec.structs.replace(before.rule_set, mode=UseMode.LIVE if live else None)
        return Outcome(answer=msgspec.json.encode(shown), payment_id=None, change=change)


async def propose(deps: Deps, caller: Caller, document: RuleSet, key: Key | None) -> Done:
    """The rule set as it is kept. Raises InvalidRequest for a version that there is."""
    async with deps.database.reading() as connection:
        taken = await fraud_settings.has_version(connection, caller.scope().org_id, document.version)
    command = ProposeRuleSet(command_id=deps.new_id(deps.now()), caller=caller, key=key, document=document, taken=taken)
    return await deps.commands.submit(command)


async def page(deps: Deps, caller: Caller, *, limit: int, cursor: str | None) -> RuleSetPage:
    """The organisation's rule sets, newest first. Raises InvalidRequest for a foreign cursor."""
    before = cursors.before(_RULE_SETS, cursor)
    async with deps.database.reading() as connection:
        found = await fraud_settings.rule_sets(connection, caller.scope().org_id, before=before, limit=limit + 1)
    shown, more = cursors.cut(_RULE_SETS, found, limit, lambda one: one.rule_set_id)
    return RuleSetPage(rule_sets=shown, next_cursor=more)
