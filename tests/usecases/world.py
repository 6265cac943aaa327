"""A service without its HTTP edge: real database, real group commit, a clock that the test moves."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import msgspec
import psycopg
from psycopg.rows import dict_row

from tests import database as rows_of_tests
from tests.database import DatabaseUrls
from vendorpay.domain.new_payment import NewLine, NewPayment
from vendorpay.domain.payment import PayerType, Payment
from vendorpay.domain.payment_patch import PaymentPatch
from vendorpay.domain.roles import Caller, Role
from vendorpay.entrypoints.ids import new_id, new_salt
from vendorpay.ports import FraudProvider
from vendorpay.store.db import Database
from vendorpay.usecases import update_payment
from vendorpay.usecases.active_policies import ActivePolicies
from vendorpay.usecases.approve_payment import ApprovePayment
from vendorpay.usecases.cancel_payment import CancelPayment
from vendorpay.usecases.carry_out import WritePath
from vendorpay.usecases.command import Command, Done, Key
from vendorpay.usecases.create_payment import CreatePayment
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.group_commit import GroupCommit
from vendorpay.usecases.hold_payment import HoldPayment
from vendorpay.usecases.reject_payment import RejectPayment
from vendorpay.usecases.release_payment import ReleasePayment
from vendorpay.usecases.undo_approval import UndoApproval
from vendorpay.usecases.update_payment import UpdatePayment
from vendorpay.usecases.verify_audit import AuditReport, verify

ORG = "roadcall"
SOURCES = frozenset({"roadcall.incident-service", "roadcall.incident"})
SOAK = os.environ.get("VENDORPAY_SOAK") == "1"
Row = dict[str, Any]


def a_caller(role: Role, sub: str | None = None, *, org_id: str = ORG, vendor_id: UUID | None = None) -> Caller:
    """Somebody of that role; by default each role has one person."""
    return Caller(sub=sub or f"{role}-1", role=role, org_id=org_id, vendor_id=vendor_id)


ADMIN = a_caller(Role.ADMIN)
DISPATCHER = a_caller(Role.DISPATCHER)
OTHER_DISPATCHER = a_caller(Role.DISPATCHER, "dispatcher-2")
SERVICE = a_caller(Role.SERVICE)


class Clock:
    """A millisecond passes at every look, so that ids are in the order of their making."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC)

    def __call__(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def advance(self, **by: float) -> None:
        """Lets time pass."""
        self.at += timedelta(**by)


def seeded(name: str) -> random.Random:
    """Chance that can be repeated: the seed is printed, and VENDORPAY_SEED brings it back."""
    seed = int(os.environ.get("VENDORPAY_SEED") or random.SystemRandom().getrandbits(32))
    print(f"{name}: VENDORPAY_SEED={seed}")
    return random.Random(seed)


def rounds(quick: int, soak: int) -> int:
    """How often a race is run."""
    return soak if SOAK else quick


def a_new_payment(*, lines: Sequence[tuple[int, int]] = ((1, 10_000), (2, 250)), **fields: Any) -> NewPayment:
    """A payment to be created; `lines` are (quantity, unit price), `fields` win over the defaults."""
    given: Row = {
        "incident_id": uuid4(),
        "vendor_id": uuid4(),
        "payer_type": PayerType.BACK_OFFICE,
        "amount_cents": sum(quantity * price for quantity, price in lines),
        "line_items": new_lines(lines),
    }
    return NewPayment(**{**given, **fields})


def new_lines(lines: Sequence[tuple[int, int]]) -> tuple[NewLine, ...]:
    """Positions of a bill by (quantity, unit price)."""
    return tuple(
        NewLine(description=f"Work {number}", quantity=quantity, unit_price_cents=price)
        for number, (quantity, price) in enumerate(lines, start=1)
    )


def a_patch(*, lines: Sequence[tuple[int, int]] = (), **fields: Any) -> PaymentPatch:
    """An edit; with `lines` of (quantity, unit price) it has them and their sum, and `fields` win."""
    content: Row = {"line_items": new_lines(lines), "amount_cents": sum(quantity * price for quantity, price in lines)}
    return PaymentPatch(**{**(content if lines else {}), **fields})


def a_key(text: str, request: str = "") -> Key:
    """An Idempotency-Key with the fingerprint of a request."""
    return Key(text=text, fingerprint=sha256(request.encode()).digest())


def work_completed(*, detail: Mapping[str, Any] | None = None, **envelope: Any) -> bytes:
    """A WorkCompleted event that fits; `detail` and `envelope` win over the defaults, None leaves a field out."""
    inside: Row = {
        "incidentId": str(uuid4()),
        "vendorId": str(uuid4()),
        "completedAt": "2026-01-01T12:00:00Z",
        "workDetails": {"photos": ["a", "b"], "serviceType": "Towing", "duration": 45, "notes": "went well"},
        "pricing": {"basePrice": 12_000, "mileageCharge": 800, "additionalCharges": []},
        **(detail or {}),
    }
    outside: Row = {
        "id": str(uuid4()),
        "source": "roadcall.incident-service",
        "detail-type": "WorkCompleted",
        "time": "2026-01-01T12:00:01Z",
        "detail": {name: value for name, value in inside.items() if value is not None},
        **envelope,
    }
    return msgspec.json.encode({name: value for name, value in outside.items() if value is not None})


@dataclass(kw_only=True)
class World:
    """One process of the service on one database."""

    urls: DatabaseUrls
    database: Database
    clock: Clock
    path: WritePath
    group: GroupCommit
    deps: Deps

    def new_command_id(self) -> UUID:
        """What the edge makes once per request."""
        return new_id(self.clock())

    async def submit(self, command: Command) -> Done:
        """The answer of the group commit."""
        return await self.group.submit(command)

    def creation(
        self, new: NewPayment | None = None, *, by: Caller = DISPATCHER, key: Key | None = None
    ) -> CreatePayment:
        """A command that creates a payment."""
        required = self.deps.required_approvals
        new = new or a_new_payment()
        return CreatePayment(command_id=self.new_command_id(), caller=by, key=key, new=new, required_approvals=required)

    def approval(self, payment_id: UUID, *, by: Caller = OTHER_DISPATCHER, **fields: Any) -> ApprovePayment:
        """A command that approves."""
        return ApprovePayment(command_id=self.new_command_id(), caller=by, payment_id=payment_id, **fields)

    def rejection(self, payment_id: UUID, *, by: Caller = OTHER_DISPATCHER, **fields: Any) -> RejectPayment:
        """A command that rejects."""
        fields = {"reason": "not performed", **fields}
        return RejectPayment(command_id=self.new_command_id(), caller=by, payment_id=payment_id, **fields)

    def cancellation(self, payment_id: UUID, *, by: Caller = ADMIN, **fields: Any) -> CancelPayment:
        """A command that cancels."""
        fields = {"reason": "by mistake", **fields}
        return CancelPayment(command_id=self.new_command_id(), caller=by, payment_id=payment_id, **fields)

    def hold(self, payment_id: UUID, *, by: Caller = OTHER_DISPATCHER, **fields: Any) -> HoldPayment:
        """A command that holds."""
        fields = {"reason": "a photo is missing", **fields}
        return HoldPayment(command_id=self.new_command_id(), caller=by, payment_id=payment_id, **fields)

    def release(self, payment_id: UUID, *, by: Caller = OTHER_DISPATCHER, **fields: Any) -> ReleasePayment:
        """A command that releases what people hold."""
        return ReleasePayment(command_id=self.new_command_id(), caller=by, payment_id=payment_id, **fields)

    def undoing(self, payment_id: UUID, *, by: Caller = OTHER_DISPATCHER, **fields: Any) -> UndoApproval:
        """A command that undoes an approval."""
        return UndoApproval(command_id=self.new_command_id(), caller=by, payment_id=payment_id, **fields)

    def edit(self, payment_id: UUID, patch: PaymentPatch, *, by: Caller = DISPATCHER, **fields: Any) -> UpdatePayment:
        """A command that edits; for a new reference `update` is the way, which finds the job out."""
        return UpdatePayment(command_id=self.new_command_id(), caller=by, payment_id=payment_id, patch=patch, **fields)

    async def update(self, payment_id: UUID, patch: PaymentPatch, *, by: Caller = DISPATCHER, **fields: Any) -> Payment:
        """The payment after an edit."""
        command_id = self.new_command_id()
        return payment_in(
            await update_payment.submit(self.deps, by, payment_id, patch, command_id=command_id, **fields)
        )

    async def create(
        self, new: NewPayment | None = None, *, by: Caller = DISPATCHER, key: Key | None = None
    ) -> Payment:
        """A payment that was created."""
        return payment_in(await self.submit(self.creation(new, by=by, key=key)))

    async def approve(self, payment_id: UUID, **fields: Any) -> Payment:
        """The payment after an approval."""
        return payment_in(await self.submit(self.approval(payment_id, **fields)))

    async def reject(self, payment_id: UUID, **fields: Any) -> Payment:
        """The payment after its rejection."""
        return payment_in(await self.submit(self.rejection(payment_id, **fields)))

    async def cancel(self, payment_id: UUID, **fields: Any) -> Payment:
        """The payment after its cancellation."""
        return payment_in(await self.submit(self.cancellation(payment_id, **fields)))

    async def in_status(self, status: str) -> UUID:
        """A payment in that status: created and decided by commands, moved on as a payout would."""
        payment_id = (await self.create()).payment_id
        steps = list(rows_of_tests.WAYS[status])
        decisions = {"approved": self.approve, "rejected": self.reject, "cancelled": self.cancel}
        if steps and steps[0] in decisions:
            await decisions[steps.pop(0)](payment_id)
        with psycopg.connect(self.urls.app) as connection:
            for step in steps:
                payment = rows_of_tests.stored(connection, payment_id)
                rows_of_tests.write(connection, rows_of_tests.moving(payment, step))
        return payment_id

    def move(self, payment_id: UUID, target: str, **columns: Any) -> None:
        """Moves a payment on as a part of the service would that there is not yet; `columns` win."""
        with psycopg.connect(self.urls.app) as connection:
            payment = rows_of_tests.stored(connection, payment_id)
            rows = rows_of_tests.change(payment, action=f"payment_{target}", status=target)
            rows.sets = {**(rows.sets or {}), "approved_at": payment["updated_at"], **columns}
            rows_of_tests.write(connection, rows)

    def rows(self, statement: str, *parameters: Any) -> list[Row]:
        """What the tables hold, asked by a superuser."""
        with psycopg.connect(self.urls.superuser, row_factory=dict_row) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return [dict(row) for row in cursor.fetchall()] if cursor.description else []

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"])

    async def audit(self) -> AuditReport:
        """What the verifier says of everything."""
        return await verify(self.database, None)


def payment_in(done: Done) -> Payment:
    """The payment that an answer shows."""
    return msgspec.json.decode(done.answer, type=Payment)


@asynccontextmanager
async def open_world(
    urls: DatabaseUrls,
    *,
    app_url: str | None = None,
    required_approvals: int = 1,
    sources: frozenset[str] = SOURCES,
    queue_max: int = 4096,
    batch_max: int = 256,
    pool_size: int = 10,
    patience_s: float = 30.0,
    wait_s_max: float = 10.0,
    fraud_provider: FraudProvider | None = None,
    after_commit: Callable[[], None] = lambda: None,
    by_policy: bool = False,
) -> AsyncIterator[World]:
    """A process that serves, and drains at the end; `app_url` leads it to the database by another way. `by_policy`,
    payments have the rules of approval policies instead of a plain number.
    """
    clock = Clock()
    async with Database.open(app_url or urls.app, pool_size=pool_size, patience_s=patience_s) as database:
        path = WritePath(
            database=database, now=clock, new_id=new_id, new_salt=new_salt, scoring=fraud_provider is not None
        )
        if by_policy:
            path = replace(path, policies=ActivePolicies())
        group = GroupCommit(
            path, queue_max=queue_max, batch_max=batch_max, wait_s_max=wait_s_max, after_commit=after_commit
        )
        deps = Deps(
            database=database,
            commands=group,
            now=clock,
            new_id=new_id,
            event_sources=sources,
            required_approvals=required_approvals,
            fraud_provider=fraud_provider,
        )
        try:
            yield World(urls=urls, database=database, clock=clock, path=path, group=group, deps=deps)
        finally:
            await group.aclose()
