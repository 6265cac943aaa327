"""What differs between a laptop and AWS, as small protocols; the adapters are chosen by entrypoints alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

# Every start imports this file, and hardly any needs what these are: a function on AWS must start in an instant.
if TYPE_CHECKING:
    from vendorpay.domain.checkpoint import Held
    from vendorpay.domain.fraud.facts import FraudFacts
    from vendorpay.domain.fraud.finding import Assessment
    from vendorpay.domain.fraud.rows import FraudRow
    from vendorpay.domain.fraud.rule_set import RuleSet


class TokenVerifier(Protocol):
    """Checks access tokens against the keys of one issuer."""

    async def verify(self, token: str) -> Mapping[str, Any]:
        """The claims of a valid token.

        Raises `Unauthenticated` for a token that is not valid, `IssuerUnavailable` when no key could ever be fetched.
        """
        ...


WEBHOOKS_AT_ONCE_MAX: Final = 400
"""How many requests a sender has under way at once, and how many the relay gives it: so none waits in between."""


class WebhookRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One POST to an outside subscriber, complete; `timeout_s` is for all of it."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    timeout_s: float


class WebhookAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: a `status`, or the `error` that kept one from coming.

    `answer` is the beginning of what the receiver said, `retry_after_s` what it asked us to wait: heeded
    with the statuses 429 and 503, and given with these alone.
    """

    status: int | None
    error: str | None
    answer: str | None
    duration_ms: int
    retry_after_s: float | None


class WebhookSender(Protocol):
    """Sends to addresses that strangers chose: only to public ones, without following them anywhere."""

    async def send(self, request: WebhookRequest) -> WebhookAnswer:
        """The answer; what the receiver or the network does is never an error of ours.

        Raises Overloaded when it could not even begin, for want of what all requests share.
        """
        ...


class CheckpointDestination(Protocol):
    """Where checkpoints are kept, away from the database."""

    @property
    def identity(self) -> bytes | None:
        """Of one that cannot be asked what it holds: by what the database remembers what it was handed. Else None."""
        ...

    async def held(self) -> Held:
        """What it holds; nothing, when it has an identity. Raises `NotShipped` when it cannot be looked at."""
        ...

    async def put(self, number: int, document: bytes) -> None:
        """Keeps a document for good, or raises `NotShipped`; the same one again is harmless."""
        ...


BUS_ENTRIES_MAX: Final = 10
BUS_BYTES_MAX: Final = 256 * 1024
"""What EventBridge takes in one request: so many entries, and so much of them together."""
_TIME_BYTES: Final = 14


class BusEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One event for the bus; `detail` is the text of a JSON object in UTF-8."""

    source: str
    detail_type: str
    at: datetime
    detail: bytes

    @property
    def size_bytes(self) -> int:
        """What it counts towards BUS_BYTES_MAX, by EventBridge's own rule."""
        return _TIME_BYTES + len(self.source.encode()) + len(self.detail_type.encode()) + len(self.detail)


class BusUnavailable(Exception):
    """The bus did not answer, or takes nothing from us at all; the message says why, in our words."""


class EventBus(Protocol):
    """Where events go for whoever listens."""

    async def put(self, entries: Sequence[BusEntry]) -> list[str | None]:
        """Why each entry was not taken, as the bus calls it, in their order; None for those that were.

        For at most BUS_ENTRIES_MAX with BUS_BYTES_MAX. A 200 proves nothing: each entry is looked at (origin 28).
        Raises BusUnavailable when that says nothing about a single entry; some may have been taken then.
        """
        ...


class SecretUnavailable(Exception):
    """A secret cannot be had. The message says which, why and what to do, and holds nothing of it."""


class Secrets(Protocol):
    """Where passwords are kept."""

    async def current(self, name: str) -> str:
        """The text of the version that is in force, never of one that is on its way in or out.

        Raises SecretUnavailable.
        """
        ...


class NoScore(Exception):
    """A fraud provider has no score for a payment; the message says why, in our words and without its own."""


class FraudProvider(Protocol):
    """Who judges whether a claim looks true: our own engine, or a service elsewhere."""

    @property
    def name(self) -> str:
        """What scores say gave them."""
        ...

    async def score(self, row: FraudRow, facts: FraudFacts, rule_set: RuleSet, snoozed: Collection[str]) -> Assessment:
        """What it makes of a payment, leaving out the signals that are snoozed, where it has them.

        Raises NoScore; whoever asks sees to it that it does not take too long.
        """
        ...


MESSAGES_MAX: Final = 10
"""What SQS takes or gives in one request."""
LONG_POLL_S_MAX: Final = 20


class QueuedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was received: `receipt` removes it, `receives` counts how often it came."""

    receipt: str
    body: str
    receives: int


class QueueUnavailable(Exception):
    """The queue did not answer, or takes nothing from us at all; the message says why, in our words."""


class Queue(Protocol):
    """Wake-ups for others: what it carries may come twice, late, or never, and the database knows better."""

    async def send(self, bodies: Sequence[str]) -> list[str | None]:
        """Why each was not taken, in their order; None for those that were. At most MESSAGES_MAX.

        Raises QueueUnavailable; some may have been taken then.
        """
        ...

    async def receive(self, *, wait_s: int = 0) -> list[QueuedMessage]:
        """What is there, at most MESSAGES_MAX; waits up to LONG_POLL_S_MAX for a first one. Others do not see them
        until the queue's patience is over. Raises QueueUnavailable."""
        ...

    async def remove(self, messages: Sequence[QueuedMessage]) -> list[QueuedMessage]:
        """Takes away what was dealt with; returns those that come again all the same. Raises QueueUnavailable."""
        ...


SUBJECT_CHARACTERS_MAX: Final = 100
NOTICE_CHARACTERS_MAX: Final = 10_000


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Some words for people; a subject of one line."""

    subject: str
    text: str

    def __post_init__(self) -> None:
        if not (0 < len(self.subject) <= SUBJECT_CHARACTERS_MAX and self.subject.isprintable()):
            raise ValueError("a subject is one printable line of at most 100 characters")
        if not 0 < len(self.text) <= NOTICE_CHARACTERS_MAX:
            raise ValueError("a notice has 1 to 10,000 characters")


class NotNotified(Exception):
    """A notice did not leave; the message says why, in our words."""


class Notifier(Protocol):
    """The way to people who look after the service."""

    async def notify(self, notice: Notice) -> None:
        """Hands it over for good, or raises NotNotified; it may have left all the same."""
        ...
