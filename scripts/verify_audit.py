"""Verifies an exported audit log with nothing but Python's standard library; docs/audit.md says how to export.

usage: python3 verify_audit.py EXPORTS [CHECKPOINTS]      two folders; exit code 0 clean, 1 tampered

Shares no line with vendorpay: whoever doubts the one may ask the other, on another machine.
"""

import csv, hashlib, json, pathlib, re, sys  # noqa: E401, I001
from datetime import datetime

faults, entries, chains = [], {}, {}


def rows(name):
    csv.field_size_limit(1 << 30)
    with open(pathlib.Path(sys.argv[1]) / name, newline="", encoding="utf-8") as file:
        yield from (json.loads(row[0]) for row in csv.reader(file))


def check(holds, *words):
    if not holds:
        faults.append(" ".join(map(str, words)))


def sha(data):
    return hashlib.sha256(data).hexdigest()


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def tree(items):  # RFC 6962, section 2.1
    if len(items) < 2:
        return hashlib.sha256(b"\0" + items[0] if items else b"").digest()
    half = 1 << (len(items) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + tree(items[:half]) + tree(items[half:])).digest()


def roots(lines):
    newest = {line.split()[1]: line.split(" ", 1)[1] for line in lines}
    return [tree([line.encode() for line in some]).hex() for some in (lines, [newest[key] for key in sorted(newest)])]


for row in rows("entries.csv"):  # each chain by itself: hashes, links, columns, texts
    key, chain = (row["subject_id"], row["seq"]), chains.setdefault(row["subject_id"], [])
    canonical, said = bytes.fromhex(row["canonical"][2:]), json.loads(bytes.fromhex(row["canonical"][2:]))
    before = chain[-1] if chain else {"seq": 0, "hash": "\\x" + "00" * 32, "new_status": None}
    check(row["seq"] == before["seq"] + 1, "entry", *key, "does not follow on entry", before["seq"])
    check(row["prev_hash"] == before["hash"] and row["previous_status"] == before["new_status"], "link", *key)
    check(row["hash"] == "\\x" + sha(bytes.fromhex(row["prev_hash"][2:]) + canonical), "hash", *key)
    held = {name: row[re.sub("[A-Z]", lambda found: "_" + found[0].lower(), name)] for name in said}
    held["timestamp"] = datetime.fromisoformat(held["timestamp"]).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    held["notesDigest"] = held["notesDigest"] and held["notesDigest"][2:]
    check(len(said) == 15 and held == said, "columns", *key)
    check((row["notes_digest"] is None) == (not row["has_text"]), "text", *key)
    if row["text"] is not None:
        check("\\x" + sha(bytes.fromhex(row["salt"][2:]) + row["text"].encode()) == row["notes_digest"], "text", *key)
    chain.append({name: row[name] for name in ("seq", "hash", "new_status", "content_digest", "actor_id", "action")})
    entries[key] = row["hash"][2:]
for row in rows("heads.csv"):  # what each chain is about
    chain = chains.pop(row["subject_id"], [dict.fromkeys(("seq", "hash", "new_status", "content_digest", "actor_id"))])
    check((row["audit_seq"], row["audit_head"]) == (chain[-1]["seq"], chain[-1]["hash"]), "head", row["subject_id"])
    signed = {row["digest"], chain[-1]["content_digest"], sha(compact(row["signs"]))}
    check(row["status"] == chain[-1]["new_status"] and len(signed) == 1, "content", row["subject_id"])
    check(row["created_by"] in (None, chain[0]["actor_id"]), "creator", row["subject_id"])
    check(row["changed_by"] in (None, chain[-1]["actor_id"]), "whoever changed it last", row["subject_id"])
    approvers = [entry["actor_id"] for entry in chain if entry.get("action") == "payment_approved"]
    check(row["approved_by"] in (None, *approvers[-1:]), "approver", row["subject_id"])
check(not chains, "what these entries are about is gone:", *chains)
lines = [f"{at} {subject} {seq} {entries.get((subject, seq), 'gone')}" for at, subject, seq in rows("positions.csv")]
for number, line in enumerate(lines, start=1):
    check(line.startswith(f"{number} ") and not line.endswith("gone"), "position", line)


def follow(said, own_hash, before, covered):  # one checkpoint after another
    check(said["number"] == before["number"] + 1, "checkpoint", said["number"], "follows on", before["number"])
    check((said["previousHash"], said["fromPosition"]) == (before["hash"], before["to"]), "link", said["number"])
    check(sha(compact(said)) == own_hash, "hash of checkpoint", said["number"])
    check(roots(covered) == [said["entriesRoot"], said["headsRoot"]], "entries of checkpoint", said["number"])
    return {"number": said["number"], "hash": own_hash, "to": said["toPosition"]}


last, on_record = {"number": 0, "hash": "00" * 32, "to": 0}, {}
for text, own_hash in rows("checkpoints.csv"):
    said = json.loads(text)
    last = follow(said, own_hash, last, lines[said["fromPosition"] : said["toPosition"]])
    on_record[said["number"]] = own_hash
files = [file for place in sys.argv[2:] for file in pathlib.Path(place).glob("checkpoint-*.json")]
last = None
for file in sorted(files, key=lambda file: int(file.stem.partition("-")[2])):
    document = json.loads(file.read_bytes())
    said = document["checkpoint"]
    start = {"number": said["number"] - 1, "hash": said["previousHash"], "to": said["fromPosition"]}
    last = follow(said, document["hash"], last or start, document["entries"])
    check(on_record.get(said["number"]) == document["hash"], "the database has another checkpoint", said["number"])
    for line in set(document["entries"]) ^ set(lines[said["fromPosition"] : said["toPosition"]]):
        check(False, "changed since checkpoint", said["number"], line)
print(*faults or [f"{len(entries)} entries are as they were written"], sep="\n")  # noqa: T201
sys.exit(bool(faults))
