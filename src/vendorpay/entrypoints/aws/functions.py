"""Every Lambda function of the service, as one table: what it answers, what wakes it, and the least that it may do.

The entry points find themselves in it by VENDORPAY_FUNCTION, and infra/ makes the functions, routes, triggers, roles
and alarms from it. A new function is a row here; it needs code only when no entry point fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

API_HANDLER: Final = "vendorpay.entrypoints.aws.api.handler"
MESSAGES_HANDLER: Final = "vendorpay.entrypoints.aws.messages.handler"
PUMP_HANDLER: Final = "vendorpay.entrypoints.aws.pump.handler"
TIMERS_HANDLER: Final = "vendorpay.entrypoints.aws.timers.handler"
REVIEW_WORK_HANDLER: Final = "vendorpay.entrypoints.aws.review_work.handler"
MIGRATIONS_HANDLER: Final = "vendorpay.entrypoints.aws.migrations.handler"

WORK_COMPLETED: Final = "WorkCompleted"
APPROVALS: Final = "payment-approval"
"""The queue of wake-ups for what is to be reviewed: each may be lost, for clocks do the same work later."""
WAKES_REVIEW: Final = (
    "PaymentCreated",
    "PaymentUpdated",
    "PaymentScored",
    "PaymentReleased",
    "FraudCaseClosed",
)
"""Never one that this work brings forth by itself, again and again: an approval, an escalation."""


class DatabaseRole(StrEnum):
    """As whom a function connects, and whose secret it may read."""

    APP = "vendorpay_app"
    READONLY = "vendorpay_readonly"
    OWNER = "vendorpay_owner"


class Right(StrEnum):
    """What a function may do beyond the database and its own log."""

    PUBLISH_EVENTS = "publish_events"
    KEEP_CHECKPOINTS = "keep_checkpoints"
    SCORE_PAYMENTS = "score_payments"
    SEND_NOTICES = "send_notices"
    REACH_THE_INTERNET = "reach_the_internet"


@dataclass(frozen=True, kw_only=True)
class FromQueue:
    """Messages of a queue that a rule of the bus fills, so many at once; each is answered for by itself.

    `of_ours` is whether the rule takes events that we publish ourselves, or those of whoever completes work. Up to
    `gathers_s` Lambda waits for a batch to fill; SQS wants a second at least for more than ten.
    """

    queue: str
    detail_types: tuple[str, ...]
    of_ours: bool = False
    batch: int = 10
    gathers_s: int = 0
    receives_max: int = 3


@dataclass(frozen=True, kw_only=True)
class FromTimer:
    """Every so often; `input_name` tells one timer of a function from another."""

    every_s: int
    input_name: str

    @property
    def event(self) -> dict[str, str]:
        """What the function is invoked with."""
        return {"timer": self.input_name}


Trigger = FromQueue | FromTimer


@dataclass(frozen=True, kw_only=True)
class Function:
    """One Lambda function. `hot`: a caller waits for it, so that it must start fast and stay small.

    `groups` are the files of api/operations/ that it imports for its operations; without them it imports all.
    `reserved` is how many of it run at once at most; None leaves it to the account.
    """

    name: str
    handler: str
    does: str
    role: DatabaseRole
    operations: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    rights: frozenset[Right] = frozenset()
    hot: bool = False
    timeout_s: int = 30
    memory_mb: int = 1024
    reserved: int | None = None

    @property
    def at_once_min(self) -> int:
        """How many of it must be able to run at once in the smallest stage.

        Clocks strike together, and what is throttled then is dropped a minute later. A poller that finds fewer than two
        takes messages only to throttle them.
        """
        clocks = sum(isinstance(trigger, FromTimer) for trigger in self.triggers)
        return max(clocks, min(2, self.reserved or 2))


FUNCTIONS: Final[tuple[Function, ...]] = (
    Function(
        name="create-payment",
        handler=API_HANDLER,
        does="Creates a payment.",
        role=DatabaseRole.APP,
        operations=("createPayment",),
        groups=("payments",),
        hot=True,
        reserved=50,
    ),
    Function(
        name="get-payment",
        handler=API_HANDLER,
        does="Shows one payment.",
        role=DatabaseRole.READONLY,
        operations=("getPayment",),
        groups=("payments",),
        hot=True,
        reserved=50,
    ),
    Function(
        name="approve-payment",
        handler=API_HANDLER,
        does="Records an approval.",
        role=DatabaseRole.APP,
        operations=("approvePayment",),
        groups=("decisions",),
        hot=True,
        reserved=25,
    ),
    Function(
        name="get-pending-approvals",
        handler=API_HANDLER,
        does="Shows the queue for approval.",
        role=DatabaseRole.READONLY,
        operations=("listPendingPayments",),
        groups=("payments",),
        hot=True,
        reserved=25,
    ),
    Function(
        name="reads",
        handler=API_HANDLER,
        does="Answers everything else that only reads.",
        role=DatabaseRole.READONLY,
        operations=(
            "listPayments",
            "getPaymentAuditLog",
            "getIncidentPayment",
            "listVendorPayments",
            "readFeed",
            "listQuarantinedEvents",
            "listDeadLetters",
            "listFlaggedPayments",
            "listFraudCases",
            "getFraudCase",
            "listFraudListings",
            "listFraudRuleSets",
            "listPolicies",
            "getPolicy",
            "simulatePolicy",
            "listDelegations",
        ),
        reserved=25,
    ),
    Function(
        name="reviews",
        handler=API_HANDLER,
        does="Changes payments: reject, hold, release, undo, cancel, edit; decides fraud cases.",
        role=DatabaseRole.APP,
        operations=(
            "rejectPayment",
            "holdPayment",
            "releasePayment",
            "undoApproval",
            "cancelPayment",
            "updatePayment",
            "decideFraudCase",
            "assignFraudCase",
            "noteFraudCase",
            "createDelegation",
            "endDelegation",
        ),
        reserved=25,
    ),
    Function(
        name="bulk",
        handler=API_HANDLER,
        does="Takes many payments, approvals or events in one request.",
        role=DatabaseRole.APP,
        operations=("createPayments", "approvePayments", "publishEvents"),
        reserved=10,
    ),
    Function(
        name="administration",
        handler=API_HANDLER,
        does="Administers events, webhooks and fraud rules.",
        role=DatabaseRole.APP,
        operations=(
            "replayQuarantinedEvent",
            "createFraudListing",
            "confirmFraudListing",
            "endFraudListing",
            "proposeFraudRuleSet",
            "useFraudRuleSet",
            "endFraudShadow",
            "redriveDeadLetter",
            "proposePolicy",
            "activatePolicy",
            # Those who only read may not see what is signed with, and so no endpoint.
            "listWebhookEndpoints",
            "getWebhookEndpoint",
            "listWebhookDeliveries",
            "createWebhookEndpoint",
            "updateWebhookEndpoint",
            "deleteWebhookEndpoint",
            "rotateWebhookSecret",
            "replayWebhookEvents",
            "redeliverWebhook",
        ),
        reserved=10,
    ),
    Function(
        name="service",
        handler=API_HANDLER,
        does="Says how the service is, and shows its document.",
        role=DatabaseRole.READONLY,
        operations=("getLiveness", "getReadiness", "getMetrics", "getOpenApiDocument", "getReference"),
        reserved=5,
    ),
    Function(
        name="work-completed-handler",
        handler=MESSAGES_HANDLER,
        does="Turns completed work into payments, ten events in one transaction.",
        role=DatabaseRole.APP,
        # What cannot be read is in quarantine at once: what comes again waits for the database, and does so for three
        # hours (36 times 5 minutes) before it waits for a person.
        triggers=(FromQueue(queue="work-completed", detail_types=(WORK_COMPLETED,), receives_max=36),),
        hot=True,
        reserved=10,
    ),
    Function(
        name="pump",
        handler=PUMP_HANDLER,
        does="Gives positions to what was committed, and delivers it.",
        role=DatabaseRole.APP,
        triggers=(FromTimer(every_s=60, input_name="pump"),),
        rights=frozenset({Right.PUBLISH_EVENTS, Right.REACH_THE_INTERNET, Right.SCORE_PAYMENTS}),
        timeout_s=90,
        reserved=2,
    ),
    Function(
        name="timers",
        handler=TIMERS_HANDLER,
        does="Makes partitions, deletes what has had its time, queues replays, writes checkpoints.",
        role=DatabaseRole.APP,
        triggers=(
            FromTimer(every_s=60, input_name="replay_events"),
            FromTimer(every_s=60, input_name="upkeep"),
            FromTimer(every_s=60, input_name="score_again"),
            FromTimer(every_s=60, input_name="tidy_webhooks"),
            FromTimer(every_s=60, input_name="approve_automatically"),
            FromTimer(every_s=60, input_name="escalate_approvals"),
            FromTimer(every_s=3600, input_name="fill_fraud_history"),
            FromTimer(every_s=3600, input_name="write_checkpoint"),
        ),
        rights=frozenset({Right.KEEP_CHECKPOINTS, Right.SCORE_PAYMENTS}),
        timeout_s=60,
        reserved=10,
    ),
    Function(
        name="review-work",
        handler=REVIEW_WORK_HANDLER,
        does="Approves, scores and escalates what is due, as soon as something has happened.",
        role=DatabaseRole.APP,
        triggers=(
            FromQueue(
                queue=APPROVALS,
                detail_types=WAKES_REVIEW,
                of_ours=True,
                # However many wake it at once, it has to get up only once.
                batch=100,
                gathers_s=1,
            ),
        ),
        rights=frozenset({Right.SCORE_PAYMENTS}),
        timeout_s=45,
        reserved=2,
    ),
    Function(
        name="migrations",
        handler=MIGRATIONS_HANDLER,
        does="Brings the schema up to date: before the new code (pre) and after it (post).",
        role=DatabaseRole.OWNER,
        # Less than what starts it has (infra/migrations.py), so that its end is always seen.
        timeout_s=840,
        reserved=1,
    ),
)
"""Of an operation's name there is exactly one row; of a row's operations at least one, or a trigger (or a deploy)."""


def function(name: str) -> Function:
    """The row of a function. Raises LookupError, naming those there are."""
    for row in FUNCTIONS:
        if row.name == name:
            return row
    raise LookupError(f"there is no function {name!r}; there are {', '.join(row.name for row in FUNCTIONS)}")
