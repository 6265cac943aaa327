"""Checkpoints on record that are false: they are named, stop no other, and docs/audit.md knows the way back."""

import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest

from tests.usecases.checkpointing import Command, hand_over, held_against, make, placed, three_entries
from tests.usecases.tampering import attacking, drop_checks
from tests.usecases.world import World
from vendorpay.adapters.checkpoint_reading import documents_in
from vendorpay.domain.checkpoint import Checkpoint, NotShipped
from vendorpay.store import checkpoints
from vendorpay.usecases import write_checkpoint

pytestmark = pytest.mark.anyio
PAGE = Path(__file__).parents[2] / "docs" / "audit.md"
LIES: dict[str, dict[str, Any]] = {
    "entries": {"entries_root": "0" * 64},
    "heads": {"heads_root": "0" * 64},
    "chains": {"chains": 3},
}


async def test_a_row_that_is_no_checkpoint_is_named_and_the_page_knows_the_way_back(
    world: World, tmp_path: Path
) -> None:
    await three_entries(world)
    await write_checkpoint.step(placed(world, tmp_path))
    forge(world, b'{"number":2,"root":"forged"}')
    await three_entries(world)
    for _ in range(2):
        with pytest.raises(NotShipped, match="Row 2 of audit_checkpoints is no checkpoint"):
            await write_checkpoint.step(placed(world, tmp_path))
    with pytest.raises(NotShipped, match="Row 2 of audit_checkpoints is no checkpoint"):
        await hand_over(world, tmp_path / "new")
    assert [each.checkpoint.number for each in documents_in(tmp_path / "new")] == [1]
    take_off_the_record(world, 2)
    await write_checkpoint.step(placed(world, tmp_path))
    assert [each.checkpoint.number for each in documents_in(tmp_path)] == [1, 2]
    report = await held_against(world, tmp_path)
    assert (report.clean, report.checkpoints.entries_since) == (True, 0)


@pytest.mark.parametrize("lie", LIES)
async def test_a_checkpoint_that_signs_what_is_not_so_stops_no_other_and_the_page_knows_the_way_back(
    lie: str, world: World, tmp_path: Path
) -> None:
    """As much as vendorpay_app can do, with what the schema lets in."""
    await three_entries(world)
    (first,) = await make(world)
    await three_entries(world)
    world.rows("SELECT number_stream('audit', 100, NULL)")
    async with world.database.reading() as connection:
        honest = Checkpoint.over(await checkpoints.lines(connection, 3, 6), first, now=world.clock())
    async with world.database.connection() as connection:
        await checkpoints.insert(connection, msgspec.structs.replace(honest, **LIES[lie]))
    await three_entries(world)
    command = Command()
    for _ in range(2):
        with pytest.raises(NotShipped, match="entries of checkpoint 2 are not those"):
            await write_checkpoint.step(replace(world.deps, checkpoints=command))
    assert [number for number, _ in command.got] == [1, 3]
    assert not (await world.audit()).clean
    take_off_the_record(world, 2)
    await write_checkpoint.step(placed(world, tmp_path))
    assert [each.checkpoint.to_position for each in documents_in(tmp_path)] == [3, 9]
    assert (await held_against(world, tmp_path)).clean


def forge(world: World, canonical: bytes) -> None:
    """A superuser's row that says what its columns do not."""
    drop_checks(world.urls.superuser)
    with attacking(world.urls.superuser) as attacker:
        (before,) = attacker.rows("SELECT * FROM audit_checkpoints ORDER BY number DESC LIMIT 1")
        number, start = before["number"] + 1, before["to_position"]
        places = {"number": number, "from_position": start, "to_position": start + 1, "previous_hash": before["hash"]}
        said = {"canonical": canonical, "hash": sha256(canonical).digest(), "made_at": before["made_at"]}
        attacker.insert("audit_checkpoints", {**places, **said})


def take_off_the_record(world: World, number: int) -> None:
    """What docs/audit.md tells to do, as the owner of the tables."""
    (told,) = re.findall(r"^BEGIN;\n.*?^COMMIT;$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    with psycopg.connect(world.urls.owner, autocommit=True) as connection:
        connection.execute(told.replace(">= 7", f">= {number}").encode())
        asleep = connection.execute(
            "SELECT count(*) FROM pg_trigger WHERE tgname = 'refuse_change' AND tgenabled = 'D'"
        )
        assert asleep.fetchone() == (0,)
