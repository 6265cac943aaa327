"""Every query on an organisation's rows names it, and every function that reads takes it (correctness 11)."""

import inspect
import re
from collections.abc import Iterator
from importlib import import_module, resources
from types import FunctionType

import pytest

from vendorpay.store import queries

ORG_TABLES = frozenset(
    {
        "payments",
        "payment_line_items",
        "approvals",
        "holds",
        "limit_usage",
        "fraud_history",
        "fraud_scores",
        "fraud_cases",
        "payment_audit_log",
        "audit_texts",
        "outbox",
        "commands",
        "inbox",
        "quarantine",
        "pending_approvals",
        "payment_summary",
        "webhook_endpoints",
        "webhook_secrets",
        "webhook_failures",
    }
)
_TABLE = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)", re.IGNORECASE)
_ORG = re.compile(r"\borg_id\s*=|\bUSING\s*\([^)]*\borg_id\b|^INSERT INTO \w+ \(\s*[^)]*\borg_id\b", re.MULTILINE)

WITHOUT_AN_ORGANISATION = {
    # Fragments: they hang on a payment `p` that the query around them has picked by its organisation.
    ("payments.sql", "lines"),
    ("payments.sql", "approvals"),
    ("payments.sql", "holds"),
    ("payments.sql", "whole"),
    ("payments.sql", "fraud_case"),
    # What waits to be scored again, whoever's it is.
    *(("fraud_cases.sql", name) for name in ("never_asked", "without_score")),
    # What the fraud history lacks, whoever's it is.
    ("fraud_backfill.sql", "lacking"),
    # What a timer escalates, whoever's it is.
    ("policies.sql", "overdue"),
    # What became of our own command, asked by the id that only we know.
    ("claims.sql", "committed"),
    # The verifier reads every chain of every organisation; only the operator's command line can start it.
    ("audit.sql", "links"),
    ("audit.sql", "all_holds"),
    ("audit.sql", "heads_count"),
    ("audit_subjects.sql", "heads"),
    ("audit_subjects.sql", "heads_count"),
    # Of the subscriptions that a relay has leased, of any organisation: how many requests each takes at once.
    ("webhooks.sql", "limits"),
    # What came to its end, whoever's it was.
    ("webhooks.sql", "forget_secrets"),
    # Numbers of everything together, which name nobody.
    *(("standing.sql", name) for name in ("approvals", "deliveries", "fraud", "sequencer", "upkeep")),
    # Checkpoints sign the entries of all organisations together.
    ("checkpoints.sql", "lines"),
    ("checkpoints.sql", "entries_now"),
    ("checkpoints.sql", "hashes_of"),
    ("checkpoints.sql", "since"),
}

FUNCTIONS_WITHOUT_AN_ORGANISATION = {
    ("claims", "committed"),  # by our own command ids
    ("claims", "committed_under_locks"),  # the same
    ("claims", "fate"),  # a transaction's, of no table
    ("claims", "take"),  # each claim in `wanted` names its organisation
    ("audit_log", "heads"),  # the verifier
    ("audit_log", "heads_count"),
    ("audit_log", "links"),
    ("audit_log", "snapshot"),
    *(("audit_subjects", name) for name in ("attached", "heads", "heads_count")),
    *(("checkpoints", name) for name in ("after", "entry_now", "given", "hashes_of", "hold", "insert", "lines")),
    *(("checkpoints", name) for name in ("newest", "ship", "shipped", "since")),
    *(("migration_locks", name) for name in ("take_locks", "wanted_locks")),  # of tables, not of their rows
    *(("policies", name) for name in ("automatic", "overdue")),  # the timers', of everybody
    ("standing", "look"),  # numbers of everything together
    *(("sequencer", name) for name in ("number", "renumber")),  # the positions of all of them
    *(
        ("upkeep", name) for name in ("delete_commands", "delete_deliveries", "months_left", "take_turn")
    ),  # by age alone
    ("webhooks", "limits"),  # of the subscriptions that a relay has leased
    *(("webhooks", name) for name in ("replaying", "cancel_deleted", "forget_secrets")),  # whoever's turn it is
    *(("relay_leases", name) for name in ("announce", "appear", "disappear", "lay_out")),  # whose relay works on what
    *(("relay_leases", name) for name in ("release", "release_all", "renew", "standing_of_lines", "take", "withdraw")),
    *(("deliveries", name) for name in ("block", "due", "events", "record")),  # the relay's, of everybody
    ("batch_writer", "write_and_commit"),  # each row in `rows` names its own
    ("guarded_writer", "write_if_unclaimed"),  # likewise, and each claim
    *(("fraud_backfill", name) for name in ("about", "held", "lacking", "take_turn")),  # the walk's, of everybody
    ("fraud_history", "keep"),  # each row in `kept` names its organisation
    *(("fraud_history", name) for name in ("to_score", "windows")),  # each payment asked for names its organisation
    *(("fraud_cases", name) for name in ("never_asked", "without_score")),  # whoever's payment was not scored
    ("read_payments", "by_ids"),  # each question names its scope
    ("limit_rows", "used"),  # each row asked for names its organisation
    *(("db", name) for name in ("execute", "rows")),  # run what the functions above hand them
    ("straight", "one_value"),  # likewise
}

ABOUT_THE_DATABASE_ITSELF = frozenset({"migrate", "scripts", "set_up", "catalog", "readiness"})
"""Modules that read and write no row of an organisation."""


def _blocks() -> Iterator[tuple[str, str, str]]:
    for file in resources.files("vendorpay.store").iterdir():
        if file.name.endswith(".sql") and file.name != "roles.sql":
            for name, text in queries.load(file.name).items():
                yield file.name, name, text


BLOCKS = sorted(_blocks())


@pytest.mark.parametrize(("file", "name", "text"), BLOCKS, ids=[f"{file}:{name}" for file, name, _ in BLOCKS])
def test_a_query_on_an_organisations_rows_names_the_organisation(file: str, name: str, text: str) -> None:
    touched = set(_TABLE.findall(text)) & ORG_TABLES
    if (file, name) in WITHOUT_AN_ORGANISATION:
        assert touched, "drop what needs no exception"
        assert not _ORG.search(text), "drop what needs no exception any more"
    elif touched:
        assert _ORG.search(text), f"{touched} without their organisation"


def test_every_exception_still_exists() -> None:
    known = {(file, name) for file, name, _ in BLOCKS}
    assert known >= WITHOUT_AN_ORGANISATION


def _reading_functions() -> Iterator[tuple[str, str, FunctionType]]:
    for file in resources.files("vendorpay.store").iterdir():
        if file.name.endswith(".py") and file.name[:-3] not in {"__init__", *ABOUT_THE_DATABASE_ITSELF}:
            module = import_module(f"vendorpay.store.{file.name[:-3]}")
            for name, found in vars(module).items():
                if isinstance(found, FunctionType) and found.__module__ == module.__name__ and name[0] != "_":
                    yield file.name[:-3], name, found


def test_every_store_function_that_takes_a_connection_takes_an_organisation_or_a_scope() -> None:
    missing = set()
    for module, name, function in _reading_functions():
        parameters = inspect.signature(inspect.unwrap(function)).parameters
        if "connection" in parameters and not parameters.keys() & {"org_id", "scope"}:
            missing.add((module, name))
    assert missing == FUNCTIONS_WITHOUT_AN_ORGANISATION


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 FROM payments p WHERE p.payment_id = %(id)s",
        "UPDATE quarantine SET resolved_at = %(now)s WHERE quarantine_id = %(id)s",
        "SELECT org_id FROM payments",
    ],
)
def test_a_query_that_forgets_the_organisation_is_found(text: str) -> None:
    assert set(_TABLE.findall(text)) & ORG_TABLES
    assert not _ORG.search(text)
