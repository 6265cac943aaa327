"""Create many payments at once: each is created or refused for itself, as one that comes alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vendorpay.domain.approval_rule import Source
from vendorpay.domain.errors import DuplicatePayment
from vendorpay.domain.new_payment import NewPayment
from vendorpay.domain.roles import Caller
from vendorpay.usecases.command import Command, Done, Key
from vendorpay.usecases.create_payment import CreatePayment
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.in_bulk import ItemResult, TakeOn, item_key, submit_in_chunks


@dataclass(frozen=True, kw_only=True)
class CreateInBulk(CreatePayment):
    """One payment of many; its key is not one that a payment alone could have."""

    operation = "create_payments"
    source = Source.BULK


@dataclass(frozen=True, kw_only=True)
class TakeOnCreating(TakeOn):
    """A request to create many."""

    operation = "take_on_create_payments"


async def create(
    deps: Deps, caller: Caller, wanted: Iterable[NewPayment | Exception], key: Key | None
) -> list[ItemResult]:
    """What became of each; one that could not be read comes as its error and keeps its place.

    Of two for the same job the first wins. With a key, item n has the key `<key>#<n>`: a repeated request gets the
    answers of what was finished, and does the rest. Raises IdempotencyKeyReused before anything is done, and
    Overloaded or DatabaseUnavailable when nothing was.
    """
    new = True
    if key is not None:
        taken_on = TakeOnCreating(command_id=deps.new_id(deps.now()), caller=caller, key=key)
        new = not (await deps.commands.submit(taken_on)).replayed
    commands = _commands(deps, caller, wanted, key)
    return await submit_in_chunks(deps.commands, commands, refused_as_twin if new else _ask)


def refused_as_twin(before: ItemResult) -> DuplicatePayment | None:
    """What the second for a job is refused with, when this just became of the first.

    A refusal writes nothing, so nobody need be asked: two thousand equal payments would wait for two thousand turns.
    Only in a repeated request an item may have an answer of its own, and is asked for.
    """
    if isinstance(before, Done) and not before.replayed and before.payment_id is not None:
        return DuplicatePayment(before.payment_id)
    if isinstance(before, DuplicatePayment):
        return DuplicatePayment(before.existing_payment_id)
    return None


def _ask(_: ItemResult) -> None:
    return None


def _commands(
    deps: Deps, caller: Caller, wanted: Iterable[NewPayment | Exception], key: Key | None
) -> Iterator[Command | Exception]:
    for n, new in enumerate(wanted):
        if isinstance(new, Exception):
            yield new
            continue
        yield CreateInBulk(
            command_id=deps.new_id(deps.now()),
            caller=caller,
            key=item_key(key, n),
            new=new,
            required_approvals=deps.required_approvals,
        )
