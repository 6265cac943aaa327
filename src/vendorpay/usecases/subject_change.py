"""A change of what has an audit chain and events of its own besides payments and endpoints: policies, delegations, and
what people tell the scorer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from vendorpay.domain.audit import NewEntry, SubjectType
from vendorpay.domain.events import EventDraft
from vendorpay.domain.payment import Chains
from vendorpay.store.batch_writer import Rows


class SubjectChange(msgspec.Struct, frozen=True, kw_only=True):
    """One audit entry and one event; `write` adds the subject's row, with its chain's new head, to those of a batch."""

    subject_type: SubjectType
    subject_id: UUID
    org_id: str
    chains: Chains
    entry: NewEntry
    event: EventDraft
    about: Mapping[str, Any]
    write: Callable[[Rows, Chains], None]
