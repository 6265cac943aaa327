"""`vendorpay fraud`: what was flagged, histories with known frauds, and how the fraud engine does on them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from vendorpay.entrypoints.cli import fraud_cases, fraud_listings, fraud_rule_sets
from vendorpay.entrypoints.cli.checks import Faults, require_database
from vendorpay.entrypoints.cli.options import AsJson, DatabaseUrl, DataDir, database_settings_of
from vendorpay.entrypoints.cli.output import as_json
from vendorpay.entrypoints.cli.times import moment_of

if TYPE_CHECKING:
    from vendorpay.domain.fraud.rule_set import RuleSet

app = typer.Typer(
    no_args_is_help=True, help="Decide what was flagged; simulate histories, and test fraud rules on them."
)
PAYMENTS_MAX: Final = 5_000_000
SEED_MAX: Final = 10**18
DAYS_MAX: Final = 3_650


@app.callback()
def fraud() -> None:
    """Decide what was flagged; simulate histories, and test fraud rules on them."""


# First in the help: what people do every day.
app.command()(fraud_cases.cases)
app.command()(fraud_cases.case)
app.command()(fraud_cases.assign)
app.command()(fraud_cases.decide)
app.add_typer(fraud_listings.app, name="listings")
app.add_typer(fraud_rule_sets.app, name="rule-sets")


@app.command()
def simulate(
    events: Annotated[Path, typer.Option("--events", metavar="FILE.jsonl", help="Where the events go.")],
    labels: Annotated[Path, typer.Option("--labels", metavar="FILE.csv", help="Where their labels go.")],
    payments: Annotated[str, typer.Option("--payments", help="How many in all.")] = "50000",
    planted: Annotated[str, typer.Option("--planted", help="Which share of them is fraud.")] = "0.01",
    seed: Annotated[str, typer.Option("--seed", help="The same seed makes the same history.")] = "1",
    days: Annotated[str, typer.Option("--days", help="How long the history is.")] = "200",
) -> None:
    """Write a history of WorkCompleted events with frauds planted in it, and labels that name them.

    Honest vendors with seasons, rush hours and price drift; planted in equal parts: inflated mileage, resubmitted jobs
    with small edits, splitting below an approval limit, bursts by new vendors, ghost jobs at odd hours, collusion.

    Example:

        vendorpay fraud simulate --seed 7 --events events.jsonl --labels labels.csv
    """
    faults = Faults()
    many = faults.whole("--payments", payments, 1, PAYMENTS_MAX)
    seed_number = faults.whole("--seed", seed, 0, SEED_MAX)
    span_days = faults.whole("--days", days, 1, DAYS_MAX)
    share = _share(faults, planted)
    faults.end()

    from vendorpay.entrypoints.fraud_simulation.history import Wish, simulate
    from vendorpay.entrypoints.fraud_simulation.writing import write

    write(simulate(Wish(many, share, seed_number, span_days)), events, labels)


@app.command()
def backtest(
    events: Annotated[
        Path | None, typer.Option("--events", metavar="FILE.jsonl", help="WorkCompleted events, one a line.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", metavar="FILE.csv", help="eventId,label,pattern; label 0 or 1.")
    ] = None,
    ruleset: Annotated[
        Path | None, typer.Option("--ruleset", metavar="FILE.json", help="Other rules than the default ones.")
    ] = None,
    start: Annotated[str | None, typer.Option("--from", metavar="TIME", help="What is stored, from then on.")] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="And before that time.")] = None,
    org: Annotated[str, typer.Option("--org", help="Whose payments are stored.")] = "default",
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: AsJson = False,
) -> None:
    """Score a history with a rule set, and say how many frauds were found; stores nothing.

    With --events and --labels: events of a file in order of completedAt, on an empty history, each as of its own time.
    Events without a label count as honest. Lines that cannot be scored are counted and named on stderr. With --json
    the last line of stdout is
    {"precision", "recall", "flagged", "scored", "patterns": {name: {"planted", "flagged"}}}.

    With --from and --to: the payments that are stored, each as of its own time. What people decided about cases are
    the labels; the payments whose verdict changes are named.

    Examples:

        vendorpay fraud backtest --events events.jsonl --labels labels.csv --json

        vendorpay fraud backtest --from 2026-01-01T00:00:00Z --to 2026-04-01T00:00:00Z --ruleset rules.json
    """
    faults = Faults()
    stored = start is not None or end is not None
    _check_source(faults, events, labels, stored=stored)
    for option, path in (("--events", events), ("--labels", labels), ("--ruleset", ruleset)):
        if path is not None and not path.is_file():
            faults.add(f"{option}: {str(path)!r} {'is a directory' if path.is_dir() else 'does not exist'}.")
    rules = _rules_of(faults, ruleset)
    if stored:
        _backtest_stored(faults, rules, (start, end), org, (data_dir, database_url), json=json)
        return
    faults.end()
    assert events is not None
    assert labels is not None
    _backtest_files(events, labels, rules, json=json)


def _check_source(faults: Faults, events: Path | None, labels: Path | None, *, stored: bool) -> None:
    if stored and (events is not None or labels is not None):
        faults.add("--from and --to are for what is stored; leave --events and --labels out.")
    elif not stored and (events is None or labels is None):
        faults.add("Give --events and --labels, or --from and --to for what is stored.")


def _backtest_files(events: Path, labels: Path, rules: RuleSet, *, json: bool) -> None:
    from vendorpay.entrypoints.cli import fraud_reports

    tally = fraud_reports.run(events, labels, rules)
    if json:
        as_json(fraud_reports.figures(tally))
    else:
        fraud_reports.show(tally)


def _backtest_stored(
    faults: Faults,
    rules: RuleSet,
    times: tuple[str | None, str | None],
    org: str,
    place: tuple[Path | None, str | None],
    *,
    json: bool,
) -> None:
    begin, until = (moment_of(faults, option, text) for option, text in zip(("--from", "--to"), times, strict=True))
    settings = faults.settings(lambda: database_settings_of(*place))
    faults.end()

    from vendorpay.entrypoints.cli import fraud_stored

    require_database(settings, "backtest")
    fraud_stored.show(fraud_stored.run(settings, org, rules, start=begin, end=until), json=json)


@app.command()
def backfill(data_dir: DataDir = None, database_url: DatabaseUrl = None, json: AsJson = False) -> None:
    """Put stored payments into the fraud history that it lacks: after an upgrade from a version without one, or a time
    with VENDORPAY_FRAUD_PROVIDER=off.

    The service does the same by itself, slowly, from its start on and every hour. This does it now, says how far it is,
    and may run beside it. It may be broken off and given again: what is there is passed over.

    Example:

        vendorpay fraud backfill --data-dir .vendorpay
    """
    faults = Faults()
    settings = faults.settings(lambda: database_settings_of(data_dir, database_url))
    faults.end()

    from vendorpay.entrypoints.cli import fraud_backfill

    require_database(settings, "fill")
    fraud_backfill.show(fraud_backfill.run(settings), json=json)


@app.command()
def rules() -> None:
    """Print the default rule set as JSON: a beginning for one of your own.

    Example:

        vendorpay fraud rules > rules.json
    """
    from vendorpay.domain.fraud.rule_set import DEFAULT, written

    print(written(DEFAULT).decode())


def _share(faults: Faults, text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        faults.add(f"--planted must be a share from 0 to 1, not {text[:40]!r}.")
    return share


def _rules_of(faults: Faults, path: Path | None) -> RuleSet:
    """The rule set of a file; the default one without a file, or where it is missing, which was said already."""
    from vendorpay.domain.fraud.rule_set import DEFAULT
    from vendorpay.entrypoints.cli import rule_set_files

    return DEFAULT if path is None or not path.is_file() else rule_set_files.read(faults, "--ruleset", path)[0]
