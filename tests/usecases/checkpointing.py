"""What tests of checkpoints do: make them, hand them over, hold the log against them."""

from dataclasses import replace
from pathlib import Path
from uuid import UUID

from tests.usecases.tampering import attacking, change_an_entry_and_rehash, drop_checks
from tests.usecases.world import World
from vendorpay.adapters.checkpoint_folder import CheckpointFolder
from vendorpay.adapters.checkpoint_reading import documents_in
from vendorpay.domain.checkpoint import Checkpoint, Held, NotShipped
from vendorpay.usecases import write_checkpoint
from vendorpay.usecases.deps import Deps
from vendorpay.usecases.verify_audit import AuditReport, verify


async def make(world: World, most: int = 100) -> list[Checkpoint]:
    return await write_checkpoint.make(world.database, world.clock, most=most)


async def hand_over(world: World, folder: Path) -> tuple[int, ...]:
    return await write_checkpoint.hand_over(world.database, CheckpointFolder(folder), world.clock)


async def held_against(world: World, kept: Path, **asked: object) -> AuditReport:
    return await verify(world.database, None, documents=documents_in(kept), **asked)  # type: ignore[arg-type]


class Command:
    """A destination that cannot be asked, and sometimes fails."""

    def __init__(self) -> None:
        self.got: list[tuple[int, bytes]] = []
        self.fails_at: int | None = None
        self.identity = b"c" * 32

    async def held(self) -> Held:
        return Held()

    async def put(self, number: int, document: bytes) -> None:
        if number == self.fails_at:
            raise NotShipped("it said no")
        self.got.append((number, document))


def placed(world: World, folder: Path) -> Deps:
    """The same process with a place for checkpoints."""
    return replace(world.deps, checkpoints=CheckpointFolder(folder))


async def three_entries(world: World) -> UUID:
    made = await world.create()
    await world.approve(made.payment_id, notes="looked at it")
    await world.cancel(made.payment_id)
    return made.payment_id


def tamper(world: World, victim: UUID) -> None:
    drop_checks(world.urls.superuser)
    with attacking(world.urls.superuser) as attacker:
        change_an_entry_and_rehash(attacker, victim, victim)
