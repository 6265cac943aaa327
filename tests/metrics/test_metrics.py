"""What is counted comes out as Prometheus's own parser reads it, and every metric is explained in the documentation."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed

from vendorpay import metrics
from vendorpay.metrics import cells, families
from vendorpay.metrics.cells import Part

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Part]]:
    """Memory of two processes, of which this is the second; the numbers of the other tests are left alone."""
    monkeypatch.setattr(metrics, "_numbers", metrics._Numbers())
    with cells.reserved(2) as memory:
        metrics.attach(memory, 2, 2, at_s=1.5)
        yield metrics._numbers.parts


def scraped() -> dict[str, float]:
    """Every sample by its name and labels, as the parser shows them."""
    found = {}
    for family in parsed(metrics.exposition({}).decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name.removeprefix('vendorpay_')}{{{labels}}}"] = sample.value
    return found


@pytest.mark.usefixtures("parts")
def test_a_histogram_counts_each_value_once_up_to_its_bound_included() -> None:
    for commands in (1, 2, 3, 256, 257):
        metrics.batch(commands, 0.001)
    found = scraped()
    assert found["batch_commands_bucket{le=1}"] == 1
    assert found["batch_commands_bucket{le=2}"] == 2
    assert found["batch_commands_bucket{le=4}"] == 3
    assert found["batch_commands_bucket{le=256}"] == 4
    assert found["batch_commands_bucket{le=+Inf}"] == found["batch_commands_count{}"] == 5
    assert found["batch_commands_sum{}"] == 519
    assert found["batch_duration_seconds_bucket{le=0.001}"] == 5


def test_numbers_of_all_processes_are_added_up_and_of_moments_the_last_counts(parts: list[Part]) -> None:
    metrics.request_began(0.0)
    metrics.request_ended("createPayment", 201, 0.25)
    metrics.timer_ran("upkeep", failed=False, at_s=100.0)
    other = parts[0]
    for series, value in (
        (("vendorpay_requests_total", ("createPayment", "201")), 41.0),
        (("vendorpay_timer_last_success_timestamp_seconds", ("upkeep",)), 99.0),
        (("vendorpay_queue_commands", ()), 3.0),
    ):
        other.cells[other.place(series, 1)] = value
    found = scraped()
    assert found["requests_total{operation=createPayment,status=201}"] == 42
    assert found["timer_last_success_timestamp_seconds{timer=upkeep}"] == 100
    assert found["queue_commands{}"] == 3
    assert found["requests_in_flight{}"] == 0


def test_a_crowd_is_one_for_a_moment_after_its_answers(parts: list[Part]) -> None:
    """A batch is answered at once: whoever looks between two batches sees nobody."""
    for _ in range(metrics.CROWD_FROM - 1):
        metrics.request_began(10.0)
    assert not metrics.crowded(10.0)
    metrics.request_began(10.0)
    assert metrics.crowded(10.0)
    assert metrics.crowded(100.0), "they still wait"
    for _ in range(metrics.CROWD_FROM):
        metrics.request_ended("createPayment", 201, 0.01)
    assert metrics.crowded(10.0 + metrics.CROWD_ECHO_S / 2)
    assert not metrics.crowded(10.0 + metrics.CROWD_ECHO_S * 2)


def test_who_only_waits_for_a_body_or_a_score_is_no_crowd(parts: list[Part]) -> None:
    """Approvals wait for scores, which give way to a crowd: to these very approvals, unless they do not count."""
    with metrics.at_rest, metrics.at_rest:
        for _ in range(metrics.CROWD_FROM + 1):
            metrics.request_began(10.0)
        assert not metrics.crowded(10.0)
    assert metrics.crowded(100.0), "now they work"
    assert scraped()["requests_in_flight{}"] == metrics.CROWD_FROM + 1


def test_what_a_dead_process_counted_stays_and_what_it_held_does_not(parts: list[Part]) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    other = parts[0]
    other.cells[other.place(("process", ()), 2)] = float(ended.pid)
    for name, value in (("vendorpay_stragglers_total", 5.0), ("vendorpay_pool_waiting", 7.0)):
        other.cells[other.place((name, ()), 1)] = value
    found = scraped()
    assert found["stragglers_total{}"] == 5
    assert "pool_waiting{}" not in found


def test_a_process_that_begins_anew_counts_on_but_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with cells.reserved(1) as memory:
        for birth in (1.0, 2.0):
            monkeypatch.setattr(metrics, "_numbers", metrics._Numbers())
            metrics.attach(memory, 1, 1, at_s=birth)
            metrics.request_began(0.0)
            metrics.pool_in_use(1)
            metrics.straggler_began()
        found = scraped()
    assert found["process_starts_total{process=1}"] == 2
    assert found["process_start_timestamp_seconds{process=1}"] == 2.0
    assert found["stragglers_total{}"] == 2
    assert found["requests_in_flight{}"] == found["pool_connections_in_use{}"] == found["stragglers_waiting{}"] == 1


def test_a_process_in_the_place_of_one_that_failed_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart every hour would else keep the age of the last success below any alarm."""
    with cells.reserved(1) as memory:
        for birth in (10.0, 20.0):
            monkeypatch.setattr(metrics, "_numbers", metrics._Numbers())
            metrics.attach(memory, 1, 1, at_s=birth)
            metrics.timer_begins("upkeep", every_s=60, at_s=birth)
            metrics.upkeep_begins("commands", at_s=birth)
            metrics.timer_ran("upkeep", failed=True, at_s=birth + 1)
            metrics.upkeep_ended("commands", failed=True, at_s=birth + 1)
        found = scraped()
        assert found["timer_last_success_timestamp_seconds{timer=upkeep}"] == 10
        assert found["upkeep_last_success_timestamp_seconds{task=commands}"] == 10
        assert found["timer_period_seconds{timer=upkeep}"] == 60
        metrics.timer_ran("upkeep", failed=False, at_s=30.0)
        metrics.timer_begins("upkeep", every_s=60, at_s=40.0)
        assert scraped()["timer_last_success_timestamp_seconds{timer=upkeep}"] == 30


def test_what_another_version_counts_harms_no_scrape_and_is_counted_beside(parts: list[Part]) -> None:
    """An upgrade on disk while the service runs: a process that is started again has the new code."""
    other = parts[0]
    for series, width in (
        (("vendorpay_unheard_of_total", ()), 1),
        (("vendorpay_queue_commands", ("a", "label")), 1),
        (("vendorpay_batch_commands", ()), 3),
    ):
        other.cells[other.place(series, width)] = 9.0625  # no number of hundredths, as CPU seconds are
    assert other.place(("vendorpay_batch_commands", ()), 3) != other.place(("vendorpay_batch_commands", ()), 11)
    metrics.batch(1, 0.1)
    found = scraped()
    assert found["batch_commands_count{}"] == 1
    assert 9.0625 not in found.values()


@pytest.mark.usefixtures("parts")
def test_every_family_has_its_own_kind_and_help_even_before_anything_happened() -> None:
    found = {family.name: family for family in parsed(metrics.exposition({}).decode())}
    assert len(found) == len(families.FAMILIES)
    for family in families.FAMILIES:
        told = found[family.name.removesuffix("_total") if family.kind == "counter" else family.name]
        assert (told.type, told.documentation) == (family.kind, family.told)


def test_names_follow_the_conventions_and_labels_name_nobody() -> None:
    for family in families.FAMILIES:
        assert re.fullmatch(r"vendorpay_[a-z_]+", family.name)
        assert family.name.endswith("_total") == (family.kind == "counter")
        assert family.told.endswith(".")
        assert set(family.labels) <= {
            "operation",
            "status",
            "rate_class",
            "stream",
            "kind",
            "provider",
            "outcome",
            "timer",
            "what",
            "task",
            "process",
        }
        assert family.width <= cells.WIDTH_MAX
        assert list(family.buckets) == sorted(set(family.buckets))
    assert len({family.name for family in families.FAMILIES}) == len(families.FAMILIES)


def test_every_metric_is_explained_and_nothing_else_is() -> None:
    explained = re.findall(r"^\| `(vendorpay_\w+)`", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(explained) == sorted(family.name for family in families.FAMILIES)


def test_every_metric_that_the_page_names_exists() -> None:
    known = {family.name for family in families.FAMILIES}
    suffixed = {f"{family.name}{end}" for family in families.FAMILIES for end in ("_bucket", "_sum", "_count")}
    assert set(re.findall(r"\bvendorpay_\w+_\w+\b", PAGE.read_text("utf-8"))) - {"vendorpay_app"} <= known | suffixed
