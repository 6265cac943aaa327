"""Every rule that is broken on purpose, and every wildcard in a policy: where, and why it has to be so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Acknowledged:
    """A rule of cdk-nag that does not hold at `where`: a construct's path without service and stage, or its beginning."""

    rule: str
    where: str
    reason: str


ACKNOWLEDGED: Final[tuple[Acknowledged, ...]] = ()
