"""A database in use gets 0023: what ended before, by the functions of before, has its limits back."""

from __future__ import annotations

import psycopg
import pytest

from tests.database import DatabaseUrls, approving, moving, new_payment, write
from tests.store.test_schema_refusals_governance import LIMITED, used
from tests.store.test_schema_refusals_rules import under
from vendorpay.store.migrate import migrate, shipped

pytestmark = pytest.mark.anyio

BEFORE = [migration for migration in shipped() if migration.name < "0023"]


async def test_what_was_cancelled_before_limits_were_given_back_has_them_back(
    empty_database_urls: DatabaseUrls,
) -> None:
    await migrate(empty_database_urls.owner, BEFORE)
    with psycopg.connect(empty_database_urls.app) as connection:
        columns = under(connection, LIMITED, required_approvals=1)
        for cents, status in ((300, "approved"), (600, "cancelled")):
            payment = write(connection, new_payment(lines=((1, cents),), **columns))
            payment = write(connection, approving(payment))
            if status != "approved":
                write(connection, moving(payment, status))
        assert used(connection) == {"approver": 900, "vendor": 900}
    assert await migrate(empty_database_urls.owner) == [one.name for one in shipped()[len(BEFORE) :]]
    with psycopg.connect(empty_database_urls.app) as connection:
        assert used(connection) == {"approver": 300, "vendor": 300}
