"""A rule set as it is kept: who brought it, what it is used for, and its audit chain.

Apart from what is in it (`fraud.rule_set`), which knows every signal.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from vendorpay.domain.payment import Chains


class UseMode(StrEnum):
    """What a rule set is used for: `live`, it decides; `shadow`, its scores are kept beside and touch nothing."""

    LIVE = "live"
    SHADOW = "shadow"


class RuleSetStage(StrEnum):
    """What the newest entry of a rule set's chain says; that another took its place is the other's doing."""

    PROPOSED = "proposed"
    SHADOW = "shadow"
    LIVE = "live"
    ENDED = "ended"


class StoredRuleSet(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A rule set with who brought it. `mode` is what it is used for now, null when for nothing."""

    rule_set_id: UUID
    version: str
    proposed_by: str
    proposed_at: datetime
    mode: UseMode | None = None
    document: dict[str, Any]

    @property
    def digest(self) -> str:
        """What its audit entries vouch for: the document, as JSON without spaces, its keys sorted."""
        return hashlib.sha256(msgspec.json.encode(self.document, order="sorted")).hexdigest()


class RuleSetState(msgspec.Struct, frozen=True, kw_only=True):
    """A rule set with what its rules need and nobody outside sees."""

    org_id: str
    rule_set: StoredRuleSet
    stage: RuleSetStage = RuleSetStage.PROPOSED
    is_tried: bool = False
    """Whether it is the one in shadow, be it live besides or not."""
    has_decided: bool = False
    """Whether it is live, or was."""
    chains: Chains = Chains()
