"""Create many payments at once: each is created or refused for itself, as one that comes alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vendorpay.domain.new_payment import NewPayment
from vendorpay.domain.roles import Caller
from vendorpay.usecases.command import Command, Key
from vendorpay.usecases.create_payment import CreatePayment
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.in_bulk import ItemResult, TakeOn, item_key, submit_in_chunks


@dataclass(frozen=True, kw_only=True)
class CreateInBulk(CreatePayment):
    """One payment of many; its key is not one that a payment alone could have."""

    operation = "create_payments"


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
    if key is not None:
        await deps.commands.submit(TakeOnCreating(command_id=deps.new_id(deps.now()), caller=caller, key=key))
    return await submit_in_chunks(deps.commands, _commands(deps, caller, wanted, key))


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
