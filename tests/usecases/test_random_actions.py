"""Everything a person can do, in any order: what the service answers is what a model in twenty lines says."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.usecases.world import (
    ADMIN,
    DISPATCHER,
    World,
    a_caller,
    a_patch,
    payment_in,
    rounds,
    seeded,
)
from vendorpay.domain.errors import VendorPayError
from vendorpay.domain.payment import Payment, PaymentState
from vendorpay.domain.payment_patch import edit
from vendorpay.domain.roles import Caller, Role
from vendorpay.usecases import read_payment

pytestmark = pytest.mark.anyio

CONTENTS: dict[str, Any] = {"a": ((1, 10_000), (2, 250)), "b": ((2, 50),), "c": ((2, 50), (1, 1))}
PEOPLE = (DISPATCHER, *(a_caller(Role.ADMIN, f"person-{number}") for number in range(4)))
REQUIRED = 2


@dataclass
class Model:
    """A payment as people think of it; each action answers with the code of its refusal, or None."""

    status: str = "pending_approval"
    content: str = "a"
    editor: str | None = None
    version: int = 1
    approvals: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)

    def _done(self) -> str | None:
        self.version += 1
        return None

    def approve(self, person: str, seen: str) -> str | None:
        if self.status != "pending_approval":
            return "already_decided"
        for code, applies in (
            ("four_eyes", person in (DISPATCHER.sub, self.editor)),
            ("payment_held", bool(self.holds)),
            ("already_approved", person in self.approvals),
            ("digest_mismatch", seen != self.content),
        ):
            if applies:
                return code
        self.approvals.append(person)
        if len(self.approvals) == REQUIRED:
            self.status = "approved"
        return self._done()

    def undo(self, person: str) -> str | None:
        own = person in self.approvals
        if self.status not in ("pending_approval", "approved") or (self.status == "pending_approval" and not own):
            return "invalid_transition"
        self.approvals = [one for one in self.approvals if own and one != person]
        self.status = "pending_approval"
        return self._done()

    def edit(self, content: str, person: str) -> str | None:
        if self.status not in ("pending_approval", "approved"):
            return "invalid_transition"
        if content == self.content:
            return None
        self.content, self.editor, self.approvals, self.status = content, person, [], "pending_approval"
        return self._done()

    def label(self, name: str, value: int | None) -> str | None:
        if self.status not in ("pending_approval", "approved"):
            return "invalid_transition"
        merged = {key: kept for key, kept in {**self.metadata, name: value}.items() if kept is not None}
        if merged == self.metadata:
            return None
        self.metadata = merged
        return self._done()

    def hold(self, person: str) -> str | None:
        if self.status not in ("pending_approval", "approved"):
            return "invalid_transition"
        if len(self.holds) == 20:
            return "payment_held"
        self.holds.append(person)
        return self._done()

    def release(self) -> str | None:
        if self.status not in ("pending_approval", "approved"):
            return "invalid_transition"
        if not self.holds:
            return None
        self.holds = []
        return self._done()

    def end(self, status: str) -> str | None:
        possible = ("pending_approval",) if status == "rejected" else ("pending_approval", "approved")
        if self.status not in possible:
            return "already_decided" if status == "rejected" else "invalid_transition"
        self.status = status
        return self._done()


Step = tuple[str, Callable[[Model], str | None], Callable[[], Awaitable[Payment]]]


@dataclass
class Walk:
    """One payment, its model, and the digests of the contents it can have."""

    world: World
    payment_id: UUID
    chance: random.Random
    digests: dict[str, str]

    def step(self) -> Step:
        chance, world, payment_id = self.chance, self.world, self.payment_id
        person: Caller = chance.choice(PEOPLE)
        seen, content = chance.choice("aabc"), chance.choice("aabc")
        name, value = chance.choice("xy"), chance.choice([None, 1, 2])
        digest = self.digests.get(seen, "0" * 64)
        steps: tuple[Step, ...] = (
            (
                f"approve {seen} by {person.sub}",
                lambda model: model.approve(person.sub, seen),
                lambda: world.approve(payment_id, by=person, expected_digest=digest),
            ),
            (
                f"undo by {person.sub}",
                lambda model: model.undo(person.sub),
                lambda: self._submit(world.undoing(payment_id, by=person)),
            ),
            (
                f"edit to {content} by {person.sub}",
                lambda model: model.edit(content, person.sub),
                lambda: world.update(payment_id, a_patch(lines=CONTENTS[content]), by=person),
            ),
            (
                f"label {name}={value}",
                lambda model: model.label(name, value),
                lambda: world.update(payment_id, a_patch(metadata={name: value}), by=person),
            ),
            (
                f"hold by {person.sub}",
                lambda model: model.hold(person.sub),
                lambda: self._submit(world.hold(payment_id, by=person)),
            ),
            (
                f"release by {person.sub}",
                lambda model: model.release(),
                lambda: self._submit(world.release(payment_id, by=person)),
            ),
            ("reject", lambda model: model.end("rejected"), lambda: world.reject(payment_id, by=person)),
            ("cancel", lambda model: model.end("cancelled"), lambda: world.cancel(payment_id, by=person)),
        )
        (chosen,) = chance.choices(steps, weights=[40, 12, 10, 8, 8, 12, 1, 1])
        return chosen

    async def _submit(self, command: Any) -> Payment:
        return payment_in(await self.world.submit(command))


def digests_of(made: Payment) -> dict[str, str]:
    """The digest that a payment has with each of the contents."""
    state = PaymentState(payment=made)
    return {name: edit(a_patch(lines=lines), state, uuid4).payment.digest for name, lines in CONTENTS.items()}


async def test_fault_80_every_action_in_any_order_does_what_the_model_says(strict_world: World) -> None:
    """Origin 80: wrong payments stayed pending for ever; every way out of it, mixed as people would mix them."""
    world, chance = strict_world, seeded("every action")
    for _ in range(rounds(quick=6, soak=400)):
        made = await world.create()
        walk, model = Walk(world, made.payment_id, chance, digests_of(made)), Model()
        history: list[str] = []
        for _ in range(chance.randint(5, 30)):
            what, expect, act = walk.step()
            expected, got = expect(model), None
            try:
                shown = await act()
            except VendorPayError as refusal:
                got = refusal.code
                shown = await read_payment.get(world.deps, ADMIN, made.payment_id)
            history.append(f"{what}: {got}")
            assert got == expected, history
            assert as_model(shown, walk.digests) == model, history
            assert await read_payment.get(world.deps, ADMIN, made.payment_id) == shown, history
    report = await world.audit()
    assert report.clean, report.faults


def as_model(shown: Payment, digests: dict[str, str]) -> Model:
    """The payment as people think of it."""
    return Model(
        status=shown.status,
        content=next(name for name, digest in digests.items() if digest == shown.digest),
        editor=shown.edited_by,
        version=shown.version,
        approvals=[one.approver_id for one in shown.approvals],
        holds=[one.by for one in shown.holds],
        metadata=shown.metadata,
    )
