"""How the commands on the audit log say what they found or wrote."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from vendorpay.domain.audit_check import named
from vendorpay.entrypoints.cli.output import as_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vendorpay.domain.checkpoint import Checkpoint
    from vendorpay.usecases.verify_audit import AuditReport
    from vendorpay.usecases.verify_checkpoints import CheckpointFault, CheckpointReport


def verified(report: AuditReport, *, json: bool) -> None:
    """Prints the outcome: faults on stderr, one line each, and the sum on stdout."""
    if json:
        import msgspec

        as_json({**msgspec.to_builtins(report), "clean": report.clean})
        return
    print(f"chains {report.chains}, entries {report.entries}, erased texts {report.erased}, broken {report.broken}")
    _say_checkpoints(report.checkpoints)
    for fault in report.faults:
        called = named(fault.subject_type)
        entry = f"the {called}'s row" if fault.seq is None else f"entry {fault.seq} (logId {fault.log_id})"
        _warn(f"TAMPERED: {called} {fault.subject_id}, {entry}: {fault.what}")
    for found in report.checkpoints.faults:
        _warn(f"TAMPERED: {_place(found)}: {found.what}")
    hidden = report.broken + report.checkpoints.broken - len(report.faults) - len(report.checkpoints.faults)
    if hidden:
        _warn(f"TAMPERED: and {hidden} more")
    for month in report.missing_months:
        what = f"{month.chains} chains and {month.covered_entries} entries of checkpoints were not compared"
        told = "archived, as you say" if month.archived else f"if it was archived, say so with --archived {month.month}"
        _warn(f"MISSING: the partition of {month.month}: {what}; {told}")
    print(_sum(report))


def _say_checkpoints(report: CheckpointReport) -> None:
    if report.documents:
        print(f"checkpoints given {report.documents}, on record {report.stored}: up to position {report.proved_to}, of")
        print(f"{report.made_at}, the log is held against them; {report.entries_since} entries came later")
    elif report.stored:
        print(f"checkpoints on record {report.stored}, none given: who rewrites these too is not found out")
    if report.backdated_since:
        _warn(f"NOTE: {report.backdated_since} of the later entries claim to be more than an hour older than that")


def _place(fault: CheckpointFault) -> str:
    parts = [] if fault.number is None else [f"checkpoint {fault.number}"]
    if fault.subject_id is not None:
        parts.append(f"entry {fault.seq} of {fault.subject_id}, position {fault.position}")
    return ", ".join(parts) or "positions of the log"


def _sum(report: AuditReport) -> str:
    if report.clean:
        return "The audit log is as it was written."
    if report.broken or report.checkpoints.broken:
        return "The audit log was tampered with."
    return "A part of the audit log is missing."


def written(made: Sequence[Checkpoint], handed: Sequence[int] | None, *, json: bool) -> None:
    """Prints what was covered, and what was handed over (None: nowhere to hand it)."""
    if json:
        import msgspec

        covered = [msgspec.to_builtins(each) for each in made]
        as_json({"made": covered, "handedOver": list(handed or ())})
        return
    for each in made:
        entries = f"positions {each.from_position + 1} to {each.to_position}, {each.entries} entries"
        print(f"checkpoint {each.number}: {entries} of {each.chains} chains")
    if not made:
        print("Nothing is new since the last checkpoint.")
    if handed:
        print(f"handed over: {', '.join(map(str, handed))}")


def _warn(sentence: str) -> None:
    print(sentence, file=sys.stderr)
