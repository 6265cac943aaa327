"""A deploy runs `pre` before the new code and `post` after the old is gone; what is out of turn is refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.database import DatabaseUrls
from vendorpay.store.migrate import Migration, MigrationError, Phase, migrate, shipped, status

pytestmark = pytest.mark.anyio


def with_more(*names: str) -> list[Migration]:
    """What is shipped, and after it migrations that each make a table of their name."""
    return [*shipped(), *(Migration(name=name, text=f"CREATE TABLE of_{name} (id int)") for name in names)]


async def ran(urls: DatabaseUrls, phase: Phase | None, names: Sequence[str]) -> list[str]:
    return await migrate(urls.owner, with_more(*names), phase=phase)


async def test_each_phase_runs_its_own_and_once(database_urls: DatabaseUrls) -> None:
    release = ["9001_pre_a", "9002_pre_b", "9003_post_c"]
    assert await ran(database_urls, Phase.PRE, release) == ["9001_pre_a", "9002_pre_b"]
    assert await ran(database_urls, Phase.PRE, release) == []
    assert await ran(database_urls, Phase.POST, release) == ["9003_post_c"]
    assert await ran(database_urls, Phase.POST, release) == []


async def test_a_fresh_database_gets_everything_before_the_first_code(empty_database_urls: DatabaseUrls) -> None:
    names = [migration.name for migration in with_more("9001_post_a", "9002_pre_b", "9003_post_c")]
    assert await ran(empty_database_urls, Phase.PRE, ["9001_post_a", "9002_pre_b", "9003_post_c"]) == names


async def test_an_earlier_release_is_finished_before_the_next_begins(database_urls: DatabaseUrls) -> None:
    releases = ["9001_post_a", "9002_pre_b", "9003_post_c"]
    with pytest.raises(MigrationError, match=r"9001_post_a must run before 9002_pre_b: run the post phase first\."):
        await ran(database_urls, Phase.PRE, releases)
    assert await ran(database_urls, Phase.POST, releases) == ["9001_post_a"]
    assert await ran(database_urls, Phase.PRE, releases) == ["9002_pre_b"]
    assert await ran(database_urls, Phase.POST, releases) == ["9003_post_c"]


async def test_the_end_of_a_release_never_runs_before_its_beginning(database_urls: DatabaseUrls) -> None:
    with pytest.raises(MigrationError, match=r"9001_pre_a must run before 9002_post_b: run the pre phase first\."):
        await ran(database_urls, Phase.POST, ["9001_pre_a", "9002_post_b"])


async def test_who_skipped_a_release_is_told_the_way_and_it_works(database_urls: DatabaseUrls) -> None:
    releases = ["9001_pre_a", "9002_post_b", "9003_pre_c"]
    for phase in Phase:
        with pytest.raises(MigrationError, match="must run before"):
            await ran(database_urls, phase, releases)
    with pytest.raises(MigrationError, match="releases were skipped, stop the service and run `vendorpay db migrate`"):
        await ran(database_urls, Phase.PRE, releases)
    assert await ran(database_urls, None, releases) == releases


async def test_what_is_shipped_names_its_phase_and_a_name_without_one_is_refused(database_urls: DatabaseUrls) -> None:
    assert {migration.phase for migration in shipped()} <= set(Phase)
    with pytest.raises(MigrationError, match="9001_later_a must be named NNNN_pre_what or NNNN_post_what"):
        await ran(database_urls, Phase.PRE, ["9001_later_a"])
    assert all(standing.applied for standing in await status(database_urls.owner))
