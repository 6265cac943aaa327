"""A superuser with every trigger switched off, who knows the code and makes everything fit that is in their reach."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection
from psycopg.rows import DictRow, dict_row
from psycopg.sql import SQL, Identifier

from vendorpay.domain.audit import GENESIS, AuditEntry, canonical_bytes, link
from vendorpay.domain.checkpoint import Checkpoint
from vendorpay.domain.payment import LineItem, content_digest

Row = dict[str, Any]
HAPPENED = ("log_id", "actor_id", "timestamp", "notes_digest", "salt", "text")
COLUMNS = tuple(name for name in AuditEntry.__struct_fields__ if name not in {"canonical", "prev_hash", "hash"})


class Attacker:
    """Works in one transaction of a superuser."""

    def __init__(self, connection: Connection[DictRow]) -> None:
        self._connection = connection

    def do(self, statement: str, **values: Any) -> None:
        """One statement that changes something."""
        assert self._connection.execute(statement.encode(), values).rowcount != 0, statement

    def rows(self, statement: str, **values: Any) -> list[Row]:
        """What a query finds."""
        return [dict(row) for row in self._connection.execute(statement.encode(), values).fetchall()]

    def rewrite(self, subject_id: UUID, change: Callable[[list[Row]], list[Row]]) -> None:
        """Replaces a chain by what `change` makes of it: numbers, hashes, texts, approvals and the head fit again."""
        of = {"id": subject_id}
        before = self.rows(
            "SELECT a.*, t.salt, t.text FROM payment_audit_log a LEFT JOIN audit_texts t USING (subject_id, seq)"
            " WHERE a.subject_id = %(id)s ORDER BY a.seq",
            **of,
        )
        numbers = {row["log_id"]: row["seq"] for row in before}
        self._connection.execute("DELETE FROM payment_audit_log WHERE subject_id = %(id)s", of)
        self._connection.execute("DELETE FROM audit_texts WHERE subject_id = %(id)s", of)
        head, moved = GENESIS, {}
        entries = change(before)
        for seq, entry in enumerate(entries, start=1):
            if entry["log_id"] in numbers:
                moved[numbers[entry["log_id"]]] = seq
            entry["seq"], entry["prev_hash"] = seq, head
            entry["canonical"] = canonical_bytes(**{name: entry[name] for name in COLUMNS})
            entry["hash"] = head = link(head, entry["canonical"])
            salt, text = entry.pop("salt"), entry.pop("text")
            self.insert("payment_audit_log", entry)
            if text is not None:
                key = {"org_id": entry["org_id"], "subject_id": subject_id, "seq": seq}
                self.insert("audit_texts", {**key, "salt": salt, "text": text})
        self.do(
            "UPDATE payments SET audit_seq = %(seq)s, audit_head = %(head)s WHERE payment_id = %(id)s",
            **of, seq=len(entries), head=head,
        )  # fmt: skip
        for row in self.rows("SELECT approval_id, audit_seq FROM approvals WHERE payment_id = %(id)s", **of):
            self.do(
                'UPDATE approvals SET audit_seq = %(seq)s, approved_at = coalesce((SELECT a."timestamp"'
                " FROM payment_audit_log a WHERE a.subject_id = approvals.payment_id AND a.seq = %(seq)s), approved_at)"
                " WHERE approval_id = %(id)s",
                id=row["approval_id"],
                seq=moved.get(row["audit_seq"], row["audit_seq"]),
            )

    def insert(self, table: str, row: Row) -> None:
        """A row with these columns."""
        names = SQL(", ").join(map(Identifier, row))
        places = SQL(", ").join(SQL("%s") for _ in row)
        statement = SQL("INSERT INTO {} ({}) VALUES ({})").format(Identifier(table), names, places)
        self._connection.execute(statement, list(row.values()))

    def sign_content(self, payment_id: UUID) -> str:
        """Makes the digest in the payment's row that of its content; the caller puts it into the entries."""
        (row,) = self.rows("SELECT * FROM payments WHERE payment_id = %(id)s", id=payment_id)
        lines = self.rows(
            "SELECT line_item_id, line_no, description, quantity, unit_price_cents, total_cents"
            " FROM payment_line_items WHERE payment_id = %(id)s ORDER BY line_no",
            id=payment_id,
        )
        names = ("incident_id", "vendor_id", "payer_type", "payer_id", "amount_cents", "currency")
        digest = content_digest(
            **{name: row[name] for name in names},
            payee_account_version=row["payee_account_version"],
            lines=[LineItem(**line) for line in lines],
        )
        self.do("UPDATE payments SET digest = %(digest)s WHERE payment_id = %(id)s", id=payment_id, digest=digest)
        self.do("UPDATE approvals SET digest = %(digest)s WHERE payment_id = %(id)s", id=payment_id, digest=digest)
        return digest

    def forget(self, payment_id: UUID) -> None:
        """Removes a payment and every trace, and closes the gap in the positions."""
        for table, column in (
            *(("audit_texts", "subject_id"), ("payment_audit_log", "subject_id"), ("audit_positions", "subject_id")),
            *(("payment_line_items", "payment_id"), ("approvals", "payment_id"), ("payments", "payment_id")),
        ):
            self.do(f"DELETE FROM {table} WHERE {column} = %(id)s", id=payment_id)
        self.renumber("position")

    def renumber(self, order: str) -> None:
        """Positions 1..n anew, in that order, with the counter."""
        found = self.rows(f"DELETE FROM audit_positions RETURNING *, {order} AS place")
        for position, row in enumerate(sorted(found, key=lambda row: row["place"]), start=1):
            self.insert("audit_positions", {"position": position, "subject_id": row["subject_id"], "seq": row["seq"]})
        self.do("UPDATE position_counters SET last_position = %(n)s WHERE stream = 'audit'", n=len(found))

    def rewrite_checkpoints(self) -> None:
        """Makes every checkpoint on record one over what the log is now; those that cover nothing any more go."""
        before: Checkpoint | None = None
        for row in sorted(self.rows("DELETE FROM audit_checkpoints RETURNING *"), key=lambda row: row["number"]):
            lines = [
                found["line"]
                for found in self.rows(
                    "SELECT concat_ws(' ', position, subject_id, seq, encode(hash, 'hex')) AS line"
                    " FROM audit_positions LEFT JOIN payment_audit_log USING (subject_id, seq)"
                    " WHERE position > %(after)s AND position <= %(until)s ORDER BY position",
                    after=row["from_position"],
                    until=row["to_position"],
                )
            ]
            if lines:
                before = Checkpoint.over(lines, before, now=row["made_at"])
                self.insert(
                    "audit_checkpoints",
                    {
                        "number": before.number,
                        "from_position": before.from_position,
                        "to_position": before.to_position,
                        "previous_hash": bytes.fromhex(before.previous_hash),
                        "canonical": before.canonical(),
                        "hash": hashlib.sha256(before.canonical()).digest(),
                        "made_at": row["made_at"],
                    },
                )


@contextmanager
def attacking(superuser_url: str) -> Iterator[Attacker]:
    """An attack, committed at the end."""
    with psycopg.connect(superuser_url, row_factory=dict_row) as connection:
        connection.execute("SET session_replication_role = replica")
        yield Attacker(connection)


def drop_checks(superuser_url: str) -> None:
    """What a superuser can do first, so that no check of the tables stops the rest."""
    with psycopg.connect(superuser_url) as connection:
        found = connection.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint"
            " WHERE contype = 'c' AND coninhcount = 0 AND connamespace = 'public'::regnamespace"
        ).fetchall()
        for table, name in found:
            connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'.encode())


# --- what is done to a payment with the entries created, approved (with notes), cancelled; `other` has the same ---


def change_an_entry(attacker: Attacker, victim: UUID, other: UUID) -> None:
    attacker.do("UPDATE payment_audit_log SET actor_id = 'x' WHERE subject_id = %(id)s AND seq = 2", id=victim)


def change_an_entry_and_rehash(attacker: Attacker, victim: UUID, other: UUID) -> None:
    def change(entries: list[Row]) -> list[Row]:
        entries[2]["reason_code"] = "duplicate"
        return entries

    attacker.rewrite(victim, change)


def change_a_text(attacker: Attacker, victim: UUID, other: UUID) -> None:
    attacker.do("UPDATE audit_texts SET text = 'x' WHERE subject_id = %(id)s AND seq = 2", id=victim)


def change_people(attacker: Attacker, victim: UUID, other: UUID) -> None:
    """Somebody else created and approved it: in its row, its approvals and its entries."""

    def change(entries: list[Row]) -> list[Row]:
        entries[0]["actor_id"], entries[1]["actor_id"] = "mallory", "trudy"
        return entries

    _say_people(attacker, victim, creator="mallory", approver="trudy")
    attacker.rewrite(victim, change)


def _say_people(attacker: Attacker, victim: UUID, **names: str) -> None:
    for table, approver in (("payments", "approved_by"), ("approvals", "approver_id")):
        attacker.do(
            f"UPDATE {table} SET created_by = %(creator)s, {approver} = %(approver)s WHERE payment_id = %(id)s",
            **names,
            id=victim,
        )


def insert_an_entry(attacker: Attacker, victim: UUID, other: UUID) -> None:
    (row,) = attacker.rows("SELECT * FROM payment_audit_log WHERE subject_id = %(id)s AND seq = 3", id=victim)
    before, row["seq"] = row["hash"], 4
    canonical = canonical_bytes(**{name: row[name] for name in COLUMNS})
    hashes = {"canonical": canonical, "prev_hash": before, "hash": link(before, canonical)}
    attacker.insert("payment_audit_log", {**row, **hashes})


def insert_an_entry_and_rehash(attacker: Attacker, victim: UUID, other: UUID) -> None:
    def change(entries: list[Row]) -> list[Row]:
        forged = {**entries[0], "log_id": uuid4(), "action": "payment_updated", "actor_id": "x"}
        return [entries[0], {**forged, "previous_status": "pending_approval", "text": None}, *entries[1:]]

    attacker.rewrite(victim, change)


def remove_an_entry(attacker: Attacker, victim: UUID, other: UUID) -> None:
    attacker.do("DELETE FROM payment_audit_log WHERE subject_id = %(id)s AND seq = 2", id=victim)


def remove_an_entry_and_rehash(attacker: Attacker, victim: UUID, other: UUID) -> None:
    """The approval in the middle, with its row and what the payment says of it; and the position that is left over."""

    def change(entries: list[Row]) -> list[Row]:
        return [entries[0], {**entries[2], "previous_status": "pending_approval"}]

    attacker.do("DELETE FROM approvals WHERE payment_id = %(id)s", id=victim)
    attacker.do(
        "UPDATE payments SET approved_by = NULL, approved_at = NULL, approvals_valid = 0 WHERE payment_id = %(id)s",
        id=victim,
    )
    attacker.rewrite(victim, change)
    attacker.do("DELETE FROM audit_positions WHERE subject_id = %(id)s AND seq = 3", id=victim)
    attacker.renumber("position")


def remove_the_newest(attacker: Attacker, victim: UUID, other: UUID) -> None:
    attacker.do("DELETE FROM payment_audit_log WHERE subject_id = %(id)s AND seq = 3", id=victim)


def remove_the_newest_and_set_back(attacker: Attacker, victim: UUID, other: UUID) -> None:
    """The cancellation never happened: no entry, no position, the row's head and status as they were before."""
    attacker.rewrite(victim, lambda entries: entries[:2])
    attacker.do("UPDATE payments SET status = 'approved' WHERE payment_id = %(id)s", id=victim)
    attacker.do("DELETE FROM audit_positions WHERE subject_id = %(id)s AND seq = 3", id=victim)
    attacker.renumber("position")


def edit_lines(attacker: Attacker, victim: UUID, other: UUID) -> None:
    attacker.do("UPDATE payment_line_items SET unit_price_cents = 7 WHERE payment_id = %(id)s", id=victim)


def edit_lines_and_sign(attacker: Attacker, victim: UUID, other: UUID) -> None:
    """Prices, amount, digests in row, approval and entries, and the whole chain."""
    attacker.do("UPDATE payment_line_items SET unit_price_cents = 7 WHERE payment_id = %(id)s", id=victim)
    attacker.do(
        "UPDATE payments SET amount_cents = (SELECT sum(total_cents) FROM payment_line_items"
        " WHERE payment_id = %(id)s) WHERE payment_id = %(id)s",
        id=victim,
    )
    digest = attacker.sign_content(victim)
    attacker.rewrite(victim, lambda entries: [{**entry, "content_digest": digest} for entry in entries])


def edit_a_head(attacker: Attacker, victim: UUID, other: UUID) -> None:
    attacker.do("UPDATE payments SET audit_head = sha256('x') WHERE payment_id = %(id)s", id=victim)


def swap_two_chains(attacker: Attacker, victim: UUID, other: UUID) -> None:
    between = UUID(int=victim.int ^ 1)
    for source, target in ((victim, between), (other, victim), (between, other)):
        attacker.do(
            "UPDATE payment_audit_log SET subject_id = %(to)s, payment_id = %(to)s WHERE subject_id = %(from)s",
            **{"from": source, "to": target},
        )


def swap_two_chains_and_rehash(attacker: Attacker, victim: UUID, other: UUID) -> None:
    """What happened to the one is said to have happened to the other, words and all."""
    query = (
        "SELECT a.*, t.salt, t.text FROM payment_audit_log a LEFT JOIN audit_texts t USING (subject_id, seq)"
        " WHERE a.subject_id = %(id)s ORDER BY a.seq"
    )
    chains = {one: attacker.rows(query, id=one) for one in (victim, other)}

    def taking(sources: list[Row]) -> Callable[[list[Row]], list[Row]]:
        def change(entries: list[Row]) -> list[Row]:
            pairs = zip(entries, sources, strict=True)
            return [{**entry, **{name: source[name] for name in HAPPENED}} for entry, source in pairs]

        return change

    for one, another in ((victim, other), (other, victim)):
        attacker.rewrite(one, taking(chains[another]))
        _say_people(attacker, one, creator=chains[another][0]["actor_id"], approver=chains[another][1]["actor_id"])


def replace_a_partition(attacker: Attacker, victim: UUID, other: UUID) -> None:
    """A forged month in the place of the real one, in which one chain is another and its head fits."""
    (found,) = attacker.rows(
        "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bounds FROM payment_audit_log a"
        " JOIN pg_class c ON c.oid = a.tableoid WHERE a.subject_id = %(id)s AND a.seq = 1",
        id=victim,
    )
    name = found["relname"]
    attacker.do(f"ALTER TABLE payment_audit_log DETACH PARTITION {name}")
    attacker.do(f"CREATE TABLE forged (LIKE {name} INCLUDING DEFAULTS)")
    attacker.do(f"INSERT INTO forged SELECT * FROM {name}")
    attacker.do(f"DROP TABLE {name}")
    attacker.do(f"ALTER TABLE forged RENAME TO {name}")
    attacker.do(f"ALTER TABLE payment_audit_log ATTACH PARTITION {name} {found['bounds']}")
    change_an_entry_and_rehash(attacker, victim, other)


def remove_a_payment(attacker: Attacker, victim: UUID, other: UUID) -> None:
    attacker.forget(victim)


def rewrite_positions(attacker: Attacker, victim: UUID, other: UUID) -> None:
    """The entries that one has a position for are said to have been the other's, and the other way round."""
    found = attacker.rows(
        "DELETE FROM audit_positions WHERE subject_id IN (%(a)s, %(b)s) RETURNING *", a=victim, b=other
    )
    for row in found:
        attacker.insert("audit_positions", {**row, "subject_id": victim if row["subject_id"] == other else other})


def remove_positions(attacker: Attacker, victim: UUID, other: UUID) -> None:
    attacker.do("DELETE FROM audit_positions WHERE subject_id = %(id)s AND seq < 3", id=victim)


def rewrite_checkpoints(attacker: Attacker, victim: UUID, other: UUID) -> None:
    """A chain, and every checkpoint that the database has of it."""
    change_an_entry_and_rehash(attacker, victim, other)
    attacker.rewrite_checkpoints()


def remove_checkpoints(attacker: Attacker, victim: UUID, other: UUID) -> None:
    """A chain, and all checkpoints."""
    change_an_entry_and_rehash(attacker, victim, other)
    attacker.do("DELETE FROM audit_checkpoints")


def forge_what_is_handed_over(attacker: Attacker, victim: UUID, other: UUID) -> None:
    """A chain and the checkpoints on record; and nobody was ever handed one, so that the service does it again."""
    rewrite_checkpoints(attacker, victim, other)
    attacker.rows("DELETE FROM audit_checkpoint_shipments RETURNING number")


def add_an_entry_of_yesterday(attacker: Attacker, victim: UUID, other: UUID) -> None:
    """Nothing is changed: an entry is put on the end of the chain, as the service would, with an older time."""

    def change(entries: list[Row]) -> list[Row]:
        (day,) = attacker.rows("SELECT interval '1 day' AS day")
        at = entries[2]["timestamp"] - day["day"]
        return [*entries, {**entries[2], "log_id": uuid4(), "timestamp": at, "previous_status": "cancelled"}]

    attacker.rewrite(victim, change)
