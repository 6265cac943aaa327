"""The only SQL is in the store."""

import pytest

from tests.style.rules.source import Source, listing, package
from tests.style.rules.sql import sql_strings

# Path -> beginnings of statements it may hold, each with the reason in a comment. Empty is best.
ALLOWED: dict[str, frozenset[str]] = {
    # The superuser's password is set in a cluster that does not run: there is no connection a store could use.
    "src/vendorpay/entrypoints/embedded_postgres/cluster.py": frozenset({"ALTER ROLE postgres PASSWORD"}),
    # Whether a PostgreSQL just started answers, before there is anything a store could use.
    "src/vendorpay/entrypoints/embedded_postgres/postmaster.py": frozenset({"SELECT 1"}),
}


def test_no_statement_is_written_outside_the_store() -> None:
    found = [finding for file in package() for finding in sql_strings(file, ALLOWED)]
    assert not found, listing(found)


def test_every_allowed_statement_is_still_there() -> None:
    texts = {file.path: file.text for file in package()}
    gone = [(path, start) for path, starts in ALLOWED.items() for start in starts if start not in texts.get(path, "")]
    assert not gone, f"drop what is no longer used from ALLOWED: {gone}"


@pytest.mark.parametrize(
    "literal",
    [
        "'SELECT id FROM payments'",
        "'SELECT pg_sleep(1)'",
        "'''\n    SELECT id\n    FROM payments'''",
        "b'DELETE FROM payments'",
        "f'INSERT INTO {table} (id) VALUES (1)'",
        "f'UPDATE {table} SET a = 1'",
        "'select 1'",
        "'select id from payments where id = 1'",
        "'update payments set status = 1'",
        "'CREATE DATABASE vendorpay'",
        "'BEGIN; DROP TABLE payments'",
        "'WITH x AS (SELECT 1) SELECT * FROM x'",
    ],
)
def test_a_statement_outside_the_store_is_found(literal: str) -> None:
    assert len(sql_strings(Source.parse("src/vendorpay/api/app.py", f"x = {literal}"), {})) == 1
    assert sql_strings(Source.parse("src/vendorpay/store/db.py", f"x = {literal}"), {}) == []


@pytest.mark.parametrize(
    "literal",
    [
        "'Select one payment from the list'",
        "'select a vendor from the list'",
        "'Update the vendor; set its address'",
        "'delete from the list'",
        "'Create a payment'",
        "'DELETE'",
        "'PATCH'",
        "'Insert into the queue'",
    ],
)
def test_prose_is_no_statement(literal: str) -> None:
    assert sql_strings(Source.parse("src/vendorpay/api/app.py", f"x = {literal}"), {}) == []


def test_an_allowed_statement_is_allowed_in_its_file_alone() -> None:
    allowed = {"src/vendorpay/entrypoints/a.py": frozenset({"CREATE DATABASE"})}
    text = "x = 'CREATE DATABASE vendorpay'"
    assert sql_strings(Source.parse("src/vendorpay/entrypoints/a.py", text), allowed) == []
    assert len(sql_strings(Source.parse("src/vendorpay/entrypoints/b.py", text), allowed)) == 1
