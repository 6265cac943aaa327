"""The tampering table: what a superuser can do to the record, and who finds it; docs/audit.md shows the same table.

Each attack is made on a copy of an honest database, once on payments that came after the newest checkpoint and once on
payments that checkpoints cover; and each is put before our verifier and before the one that shares no line with it.
(Peers' ask 16: "deleting the newest rows is undetectable - ship off-box".)
"""

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Identifier

from tests.bucket import KEEP, environ_of
from tests.conftest import PASSWORD, READONLY
from tests.database import DatabaseUrls
from tests.usecases import other_verifier, tampering
from tests.usecases.tampering import Attacker, drop_checks
from tests.usecases.world import World, a_caller, open_world
from vendorpay.adapters.checkpoint_command import CheckpointCommand
from vendorpay.adapters.checkpoint_folder import CheckpointFolder
from vendorpay.adapters.checkpoint_reading import documents_in
from vendorpay.domain.checkpoint import NotShipped
from vendorpay.domain.roles import Role
from vendorpay.entrypoints.embedded_postgres import RunningPostgres
from vendorpay.entrypoints.ids import system_now
from vendorpay.store.db import Database
from vendorpay.usecases import write_checkpoint
from vendorpay.usecases.verify_audit import AuditReport, verify

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "audit.md").read_text("utf-8")
FOUND, MISSED, NO_MATTER = "found", "not found", "does not apply"


@dataclass(frozen=True)
class Attack:
    """What is done, and what is found of it: done to what came after the newest checkpoint; done to what checkpoints
    on record in the database cover; and to what checkpoints kept elsewhere cover, those on record rewritten too."""

    what: str
    do: Callable[[Attacker, UUID, UUID], None]
    later: str
    on_record: str
    elsewhere: str
    handed_over: bool = False
    """Whether the service hands over what is on record once more, to where documents were kept."""


ATTACKS = (
    Attack("change an entry", tampering.change_an_entry, FOUND, FOUND, FOUND),
    Attack(
        "change an entry and rewrite its chain up to the head",
        tampering.change_an_entry_and_rehash,
        *(MISSED, FOUND, FOUND),
    ),
    Attack("change a text", tampering.change_a_text, FOUND, FOUND, FOUND),
    Attack("change who created and approved, everywhere", tampering.change_people, MISSED, FOUND, FOUND),
    Attack("insert an entry", tampering.insert_an_entry, FOUND, FOUND, FOUND),
    Attack(
        "insert an entry in the middle and rewrite the chain",
        tampering.insert_an_entry_and_rehash,
        *(MISSED, FOUND, FOUND),
    ),
    Attack("remove an entry from the middle", tampering.remove_an_entry, FOUND, FOUND, FOUND),
    Attack(
        "remove an entry from the middle and rewrite the chain",
        tampering.remove_an_entry_and_rehash,
        *(MISSED, FOUND, FOUND),
    ),
    Attack("remove the newest entry", tampering.remove_the_newest, FOUND, FOUND, FOUND),
    Attack(
        "remove the newest entry and set row and head back",
        tampering.remove_the_newest_and_set_back,
        *(MISSED, FOUND, FOUND),
    ),
    Attack("edit line items", tampering.edit_lines, FOUND, FOUND, FOUND),
    Attack("edit line items, sign them, rewrite the chain", tampering.edit_lines_and_sign, MISSED, FOUND, FOUND),
    Attack("edit a head", tampering.edit_a_head, FOUND, FOUND, FOUND),
    Attack("swap two chains", tampering.swap_two_chains, FOUND, FOUND, FOUND),
    Attack("swap two chains and rewrite both", tampering.swap_two_chains_and_rehash, MISSED, FOUND, FOUND),
    Attack("replace a partition by a forged one", tampering.replace_a_partition, MISSED, FOUND, FOUND),
    Attack("remove a whole payment with its chain", tampering.remove_a_payment, MISSED, FOUND, FOUND),
    Attack("give positions to other entries", tampering.rewrite_positions, MISSED, FOUND, FOUND),
    Attack("remove positions", tampering.remove_positions, FOUND, FOUND, FOUND),
    Attack("rewrite a chain and the checkpoints on record", tampering.rewrite_checkpoints, NO_MATTER, MISSED, FOUND),
    Attack(
        "rewrite a chain and remove the checkpoints on record", tampering.remove_checkpoints, NO_MATTER, MISSED, FOUND
    ),
    Attack(
        "rewrite a chain and the checkpoints, and let the service hand them over again",
        tampering.forge_what_is_handed_over,
        *(NO_MATTER, MISSED, FOUND),
        handed_over=True,
    ),
    Attack("add an entry with an older time", tampering.add_an_entry_of_yesterday, MISSED, MISSED, MISSED),
)


@dataclass(frozen=True)
class Honest:
    """A database to copy, what was kept of it, and two payments of each kind: covered, and later than checkpoints."""

    name: str
    kept: Path
    covered: tuple[UUID, UUID]
    later: tuple[UUID, UUID]


@pytest.fixture(scope="module")
def honest(make_database: Callable[[], DatabaseUrls], tmp_path_factory: pytest.TempPathFactory) -> Honest:
    urls, kept = make_database(), tmp_path_factory.mktemp("kept")
    covered, later = asyncio.run(_written(urls, kept))
    drop_checks(urls.superuser)
    _drop_months_ahead(urls.superuser)
    return Honest(urls.name, kept, covered, later)


def _drop_months_ahead(superuser_url: str) -> None:
    """Nobody writes to them here, and a small database is copied and read in a third of the time."""
    with psycopg.connect(superuser_url) as connection:
        found = connection.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid"
            " WHERE c.relkind = 'r' AND c.relname ~ '_y[0-9]+m[0-9]+$' AND pg_relation_size(inhrelid) = 0"
        ).fetchall()
        for (name,) in found:
            connection.execute(f"DROP TABLE {name}".encode())


async def _written(urls: DatabaseUrls, kept: Path) -> tuple[tuple[UUID, UUID], tuple[UUID, UUID]]:
    """Payments and checkpoints in turn, and positions for what came last."""
    async with open_world(urls) as world:

        async def checkpoint() -> None:
            await write_checkpoint.make(world.database, world.clock, most=10)
            await write_checkpoint.hand_over(world.database, CheckpointFolder(kept), world.clock)

        await _three_entries(world, "0")
        await checkpoint()
        covered = await _three_entries(world, "1"), await _three_entries(world, "2")
        await checkpoint()
        await _three_entries(world, "3")
        await checkpoint()
        later = await _three_entries(world, "4"), await _three_entries(world, "5")
        await _three_entries(world, "6")
        world.rows("SELECT number_stream('audit', 1000, NULL)")
        return covered, later


async def _three_entries(world: World, name: str) -> UUID:
    made = await world.create(by=a_caller(Role.DISPATCHER, f"creator-{name}"))
    await world.approve(made.payment_id, by=a_caller(Role.DISPATCHER, f"approver-{name}"), notes=f"seen by {name}")
    await world.cancel(made.payment_id)
    return made.payment_id


@dataclass(frozen=True)
class Copy:
    """A copy of the honest database, and one connection of a superuser to it, for attacks and exports."""

    readonly: str
    owner: str
    superuser: psycopg.Connection[DictRow]

    def attack(self, do: Callable[[Attacker], object]) -> None:
        """Makes an attack, committed."""
        do(Attacker(self.superuser))
        self.superuser.commit()

    def exported(self, folder: Path) -> Path:
        """The database as the other verifier reads it."""
        return other_verifier.exported(self.superuser, folder)


@pytest.fixture
def copied(postgres: RunningPostgres, honest: Honest) -> Iterator[Callable[[], Copy]]:
    """Makes copies of the honest database, all dropped at the end."""
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as connection, ExitStack() as made:

        def copy() -> Copy:
            name = f"{honest.name}_{next(_numbers)}"
            connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(honest.name)))
            made.callback(lambda: connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name))))
            superuser = made.enter_context(psycopg.connect(postgres.superuser_url(name), row_factory=dict_row))
            superuser.execute("SET session_replication_role = replica")
            superuser.commit()
            return Copy(postgres.url(READONLY, PASSWORD, name), postgres.superuser_url(name), superuser)

        yield copy


_numbers = count(1)


def verified(copy: Copy, kept: Path | None) -> AuditReport:
    """What our verifier says, as the role that only reads."""

    async def ask() -> AuditReport:
        async with Database.open(copy.readonly, pool_size=1) as database:
            return await verify(database, None, documents=() if kept is None else documents_in(kept))

    return asyncio.run(ask())


@pytest.fixture
def agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Copy, Path | None, str], None]:
    """Expects that outcome of both verifiers."""

    def ask(copy: Copy, kept: Path | None, expected: str) -> None:
        report = verified(copy, kept)
        assert report.clean is (expected == MISSED), report
        code, said = other_verifier.asked(copy.exported(tmp_path / "out"), kept, monkeypatch)
        assert (code == 0) is report.clean, said

    return ask


def test_both_verifiers_are_silent_on_an_honest_database(
    copied: Callable[[], Copy], honest: Honest, tmp_path: Path
) -> None:
    copy = copied()
    report = verified(copy, honest.kept)
    assert (report.clean, report.entries, report.missing_months) == (True, 21, ())
    found = report.checkpoints
    assert (found.stored, found.documents, found.proved_to, found.entries_since) == (3, 3, 12, 9)
    argv = [sys.executable, "-I", str(other_verifier.SCRIPT), str(copy.exported(tmp_path / "out")), str(honest.kept)]
    other = subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/")
    assert (other.returncode, other.stdout, other.stderr) == (0, "21 entries are as they were written\n", "")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.what)
def test_ask_16_the_tampering_table(
    attack: Attack,
    copied: Callable[[], Copy],
    honest: Honest,
    agree: Callable[[Copy, Path | None, str], None],
    tmp_path: Path,
) -> None:
    copy = copied()
    if attack.later != NO_MATTER:
        copy.attack(lambda attacker: attack.do(attacker, *honest.later))
        agree(copy, honest.kept, attack.later)
    if attack.later == FOUND:
        copy = copied()
    copy.attack(lambda attacker: attack.do(attacker, *honest.covered))
    agree(copy, None, attack.on_record)
    copy.attack(lambda attacker: attacker.rewrite_checkpoints())
    kept = shutil.copytree(honest.kept, tmp_path / "bucket")
    if attack.handed_over:
        hand_over(copy, kept)
    agree(copy, kept, attack.elsewhere)


def hand_over(copy: Copy, bucket: Path) -> None:
    """What the service does, by the command that the page tells to use; it does not get the forged ones through."""

    async def work() -> None:
        command = CheckpointCommand(KEEP, environ_of(bucket))
        async with Database.open(copy.owner, pool_size=1) as database:
            with pytest.raises(NotShipped, match="exit code 1 for checkpoint 2"):
                await write_checkpoint.hand_over(database, command, system_now)

    asyncio.run(work())


def test_the_page_shows_this_table() -> None:
    rows = re.findall(r"^\| (.+?) \| (found|not found|does not apply) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
    assert rows == [(each.what, each.later, each.on_record, each.elsewhere) for each in ATTACKS]
