"""Making checkpoints and handing them over: each once, in order, whole, whoever dies or runs beside."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

import msgspec
import psycopg
import pytest

from tests.database import DatabaseUrls
from tests.usecases.checkpointing import Command, hand_over, held_against, make, placed, tamper, three_entries
from tests.usecases.tampering import attacking, drop_checks
from tests.usecases.world import World, open_world, rounds
from vendorpay.adapters.checkpoint_reading import documents_in
from vendorpay.domain.audit_months import month_of
from vendorpay.domain.checkpoint import NotShipped, document_of
from vendorpay.usecases import write_checkpoint
from vendorpay.usecases.verify_audit import AuditReport, verify

pytestmark = pytest.mark.anyio


async def test_a_checkpoint_covers_what_is_committed_when_it_is_made(world: World, tmp_path: Path) -> None:
    assert await make(world) == []
    first = await world.create()
    (one,) = await make(world)
    assert (one.number, one.from_position, one.to_position, one.chains) == (1, 0, 1, 1)
    assert await make(world) == []
    await world.approve(first.payment_id)
    await world.create()
    (two,) = await make(world)
    assert (two.number, two.from_position, two.to_position, two.chains) == (2, 1, 3, 2)
    assert two.previous_hash == one.hash().hex()
    assert await hand_over(world, tmp_path) == (1, 2)
    documents = list(documents_in(tmp_path))
    assert [each.checkpoint for each in documents] == [one, two]
    assert f" {first.payment_id} 2 " in documents[1].entries[0] + documents[1].entries[1]
    report = await held_against(world, tmp_path)
    assert report.clean
    found = report.checkpoints
    assert (found.documents, found.stored, found.proved_to, found.entries_since) == (2, 2, 3, 0)


async def test_a_long_log_becomes_several_checkpoints(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_checkpoint, "ENTRIES_MAX", 3)
    for _ in range(8):
        await world.create()
    assert [each.entries for each in await make(world, most=2)] == [3, 3]
    assert [each.entries for each in await make(world)] == [2]
    assert await hand_over(world, tmp_path) == (1, 2, 3)
    assert (await held_against(world, tmp_path)).clean


async def test_two_at_once_never_make_two_with_one_number(world: World, database_urls: DatabaseUrls) -> None:
    async with open_world(database_urls) as other:
        for _ in range(rounds(quick=5, soak=200)):
            for _ in range(3):
                await world.create()
            made = await asyncio.gather(make(world), make(other), make(world), make(other))
            assert sum(len(each) for each in made) == 1
    numbers = [row["number"] for row in world.rows("SELECT number FROM audit_checkpoints ORDER BY number")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert (await world.audit()).clean


async def test_checkpoints_under_load_miss_nothing(world: World, tmp_path: Path) -> None:
    stop = asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            made = await world.create()
            await world.approve(made.payment_id, notes="n")

    await world.create()
    writers = [asyncio.create_task(write()) for _ in range(3)]
    for _ in range(rounds(quick=6, soak=100)):
        await make(world)
        await hand_over(world, tmp_path)
        assert (await held_against(world, tmp_path)).clean
    stop.set()
    await asyncio.gather(*writers)
    await make(world)
    await hand_over(world, tmp_path)
    report = await held_against(world, tmp_path)
    assert (report.clean, report.checkpoints.entries_since) == (True, 0)
    assert report.checkpoints.proved_to == report.entries


async def test_what_died_before_its_file_was_written_is_written_next_time_byte_for_byte(
    world: World, tmp_path: Path
) -> None:
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    for _ in range(3):
        await world.create()
        await make(world)
        await hand_over(world, whole)
    await hand_over(world, torn)
    (torn / "checkpoint-2.json").unlink()
    (torn / ".checkpoint-2.json.4711").write_bytes(b"half a li")
    assert await hand_over(world, torn) == (2,)
    for number in (1, 2, 3):
        name = f"checkpoint-{number}.json"
        assert (torn / name).read_bytes() == (whole / name).read_bytes()


async def test_a_folder_that_was_emptied_of_old_ones_is_not_filled_again(world: World, tmp_path: Path) -> None:
    for _ in range(3):
        await world.create()
        await make(world)
    await hand_over(world, tmp_path)
    (tmp_path / "checkpoint-1.json").unlink()
    assert await hand_over(world, tmp_path) == ()
    report = await held_against(world, tmp_path)
    assert (report.clean, report.checkpoints.documents) == (True, 2)


async def test_a_command_that_fails_is_handed_the_same_again(world: World) -> None:
    command = Command()
    for _ in range(3):
        await world.create()
        await make(world)
    command.fails_at = 2
    with pytest.raises(NotShipped, match="it said no"):
        await write_checkpoint.hand_over(world.database, command, world.clock)
    command.fails_at = None
    assert await write_checkpoint.hand_over(world.database, command, world.clock) == (2, 3)
    assert await write_checkpoint.hand_over(world.database, command, world.clock) == ()
    assert [number for number, _ in command.got] == [1, 2, 3]
    command.identity = b"d" * 32
    assert await write_checkpoint.hand_over(world.database, command, world.clock) == (1, 2, 3)
    assert command.got[3:] == command.got[:3]


async def test_a_folder_of_another_database_is_left_alone(
    world: World, make_database: Callable[[], DatabaseUrls], tmp_path: Path
) -> None:
    async with open_world(make_database()) as other:
        for one in (world, other):
            await one.create()
            await make(one)
        await hand_over(world, tmp_path)
        before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
        with pytest.raises(NotShipped, match="is not in this database"):
            await hand_over(other, tmp_path)
        await other.create()
        await make(other)
        with pytest.raises(NotShipped, match="is not in this database"):
            await hand_over(other, tmp_path)
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
        assert not (await held_against(other, tmp_path)).clean


async def test_what_was_tampered_with_is_not_handed_over_but_the_rest_is(world: World, tmp_path: Path) -> None:
    victim = await three_entries(world)
    await make(world)
    await world.create()
    await make(world)
    tamper(world, victim)
    with pytest.raises(NotShipped, match="checkpoint 1 are not those that it was made of"):
        await hand_over(world, tmp_path)
    assert [each.checkpoint.number for each in documents_in(tmp_path)] == [2]


async def test_no_checkpoint_signs_that_an_entry_is_gone(world: World) -> None:
    victim = await three_entries(world)
    world.rows("SELECT number_stream('audit', 100, NULL)")
    with attacking(world.urls.superuser) as attacker:
        attacker.do("DELETE FROM payment_audit_log WHERE seq = 3")
    with pytest.raises(NotShipped, match=f"entry 3 of {victim}, at position 3, is gone"):
        await make(world)
    assert world.count("audit_checkpoints") == 0


async def test_what_is_made_is_handed_over_also_when_no_more_can_be_made(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_checkpoint, "ENTRIES_MAX", 3)
    await three_entries(world)
    victim = await three_entries(world)
    world.rows("SELECT number_stream('audit', 100, NULL)")
    with attacking(world.urls.superuser) as attacker:
        attacker.do("DELETE FROM payment_audit_log WHERE subject_id = %(id)s", id=victim)
    for _ in range(2):
        with pytest.raises(NotShipped, match=f"No checkpoint can be made: entry 1 of {victim}"):
            await write_checkpoint.step(placed(world, tmp_path))
        assert [each.checkpoint.number for each in documents_in(tmp_path)] == [1]
    (tmp_path / "file").write_text("")
    with pytest.raises(NotShipped, match=r"No checkpoint can be made: .* cannot be used"):
        await write_checkpoint.step(placed(world, tmp_path / "file"))


async def test_two_who_hand_over_at_once_to_a_command_may_both_hand_it_the_same(world: World) -> None:
    """As docs/audit.md says; and never another one."""
    command = Command()
    await world.create()
    await make(world)
    await asyncio.gather(*(write_checkpoint.hand_over(world.database, command, world.clock) for _ in range(2)))
    assert {number for number, _ in command.got} == {1}
    assert len(set(command.got)) == 1


async def test_the_timer_does_nothing_without_a_place_and_everything_with_one(world: World, tmp_path: Path) -> None:
    await world.create()
    assert await write_checkpoint.step(world.deps) is False
    assert world.count("audit_checkpoints") == 0
    deps = placed(world, tmp_path)
    assert await write_checkpoint.step(deps) is False
    assert await write_checkpoint.step(deps) is False
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint-1.json"]


async def test_the_timer_survives_a_place_that_cannot_be_used(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    await world.create()
    with pytest.raises(NotShipped, match="cannot be used"):
        await write_checkpoint.step(placed(world, tmp_path / "file"))
    assert "checkpoints were not handed over" in capsys.readouterr().err
    assert await write_checkpoint.step(placed(world, tmp_path / "folder")) is False
    assert document_of((tmp_path / "folder" / "checkpoint-1.json").read_bytes()).checkpoint.entries == 1


# --- what the verifier tells -----------------------------------------------------------------------------------


async def test_the_entry_is_named_from_the_document(world: World, tmp_path: Path) -> None:
    await three_entries(world)
    victim = await three_entries(world)
    await make(world)
    await hand_over(world, tmp_path)
    tamper(world, victim)
    (fault,) = (await held_against(world, tmp_path)).checkpoints.faults
    assert (fault.number, fault.subject_id, fault.seq, fault.what) == (1, victim, 3, "this entry was changed")
    alone = await verify(world.database, victim, documents=documents_in(tmp_path))
    assert [(each.subject_id, each.seq) for each in alone.checkpoints.faults] == [(victim, 3)]
    assert (await verify(world.database, uuid4(), documents=documents_in(tmp_path))).clean


async def test_ask_16_a_payment_that_is_gone_with_all_its_entries_is_named(world: World, tmp_path: Path) -> None:
    await three_entries(world)
    victim = await three_entries(world)
    await make(world)
    await hand_over(world, tmp_path)
    drop_checks(world.urls.superuser)
    with attacking(world.urls.superuser) as attacker:
        attacker.forget(victim)
        attacker.rewrite_checkpoints()
    assert (await world.audit()).clean
    report = await held_against(world, tmp_path)
    gone = [(each.subject_id, each.seq) for each in report.checkpoints.faults if each.what == "this entry is gone"]
    assert gone == [(victim, 1), (victim, 2), (victim, 3)]


async def test_the_newest_document_alone_leads_back_to_the_first_entry(world: World, tmp_path: Path) -> None:
    victim = await three_entries(world)
    await make(world)
    await world.create()
    await make(world)
    await hand_over(world, tmp_path)
    (tmp_path / "checkpoint-1.json").unlink()
    assert (await held_against(world, tmp_path)).clean
    tamper(world, victim)
    assert [each.number for each in (await held_against(world, tmp_path)).checkpoints.faults] == [1]
    with attacking(world.urls.superuser) as attacker:
        attacker.rewrite_checkpoints()
    assert (await world.audit()).clean
    found = await held_against(world, tmp_path)
    assert [(each.number, each.what) for each in found.checkpoints.faults] == [
        (2, "the database has another one in its place")
    ]


async def test_a_document_that_is_missing_or_was_touched_is_told(world: World, tmp_path: Path) -> None:
    for _ in range(3):
        await world.create()
        await make(world)
    await hand_over(world, tmp_path)
    second = tmp_path / "checkpoint-2.json"
    text = second.read_bytes()
    second.unlink()
    assert told(await held_against(world, tmp_path)) == [
        (3, "the document is not what was written: the one before it is missing: it follows on number 1")
    ]
    document = document_of(text)
    forged = msgspec.structs.replace(document, entries=(document.entries[0].replace(" 1 ", " 2 "),))
    second.write_bytes(forged.text())
    assert (2, "the document is not what was written: its entries are not those that its Merkle root signs") in told(
        await held_against(world, tmp_path)
    )


def told(report: AuditReport) -> Sequence[tuple[int | None, str]]:
    assert not report.clean
    return [(each.number, each.what) for each in report.checkpoints.faults]


async def test_an_archived_month_is_missing_and_not_tampered_with(world: World, tmp_path: Path) -> None:
    payment = await three_entries(world)
    await make(world)
    await hand_over(world, tmp_path)
    month = month_of(payment)
    with psycopg.connect(world.urls.superuser) as connection:
        for table in ("payment_audit_log", "audit_texts"):
            name = f"{table}_y{month.replace('-', 'm')}"
            connection.execute(f"ALTER TABLE {table} DETACH PARTITION {name}".encode())
    report = await held_against(world, tmp_path)
    (missing,) = report.missing_months
    assert (report.clean, report.broken, report.checkpoints.broken) == (False, 0, 0)
    assert (missing.month, missing.chains, missing.covered_entries, missing.archived) == (month, 1, 3, False)
    assert (await held_against(world, tmp_path, archived=frozenset({month}))).clean
    assert (await verify(world.database, None, archived=frozenset({month}))).clean
    assert not (await verify(world.database, None, archived=frozenset({"2001-01"}))).clean


async def test_later_entries_that_claim_to_be_older_are_told(world: World, tmp_path: Path) -> None:
    await three_entries(world)
    await make(world)
    await hand_over(world, tmp_path)
    world.clock.advance(hours=-2)
    await world.create()
    report = await held_against(world, tmp_path)
    assert (report.clean, report.checkpoints.entries_since, report.checkpoints.backdated_since) == (True, 1, 1)
