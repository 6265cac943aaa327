"""The cells of the table: what is measured of the service, and of pgbench, in every round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from bench import pgbench, statements
from bench.database import PENDING_EVERY, Loaded, Pool, say, settle
from bench.load_generator import Task
from bench.measuring import Measured
from bench.pgbench import Script
from bench.plan import Plan
from bench.process_tree import Tree
from bench.service import Service
from bench.statements import APPROVER, CREATOR, ORG_READ, ORG_WRITTEN
from vendorpay.entrypoints.embedded_postgres import RunningPostgres

SINGLE: Final = (4, 16, 64)
"""The numbers of clients among which pgbench's best is looked for."""
VENDORS_WRITTEN: Final = 1000
PGBENCH_APPROVALS_A_S: Final = 1_500
"""About what pgbench approves in a second: it runs for so many, for it cannot end at both a number and a time."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One kind of work by so many clients, by the service with so many workers or, without any, by pgbench."""

    kind: str
    clients: int
    workers: int = 0

    @property
    def name(self) -> str:
        """As `create_c64`; pgbench's begin with `pgbench_`, those of more than one worker end with their number."""
        before = "" if self.workers else "pgbench_"
        return f"{before}{self.kind}_c{self.clients}" + (f"_w{self.workers}" if self.workers > 1 else "")


def all_cells(*, quick: bool = False) -> Sequence[Cell]:
    """Service and pgbench in turn, kind by kind; `quick` leaves out what no goal is about."""
    cells: list[Cell] = []
    for kind in ("create", "approve"):
        if kind == "create" or not quick:
            cells += [Cell(kind=kind, clients=1, workers=1), Cell(kind=kind, clients=1)]
            cells += [Cell(kind=kind, clients=64, workers=2)]
        cells += [Cell(kind=kind, clients=SINGLE[0]), Cell(kind=kind, clients=64, workers=1)]
        cells += [Cell(kind=kind, clients=n) for n in SINGLE[1:]]
    for kind in ("get", "pending") if quick else ("get", "pending", "pending_pages"):
        cells += [Cell(kind=kind, clients=16, workers=1), Cell(kind=kind, clients=16)]
    return cells


Rounds = Mapping[str, Sequence[Measured]]
"""What each cell gave, round by round."""


@dataclass
class Bench:
    """Everything that cells are measured with."""

    plan: Plan
    postgres: RunningPostgres
    loaded: Loaded
    pool: Pool
    services: Mapping[int, Service]
    """By their number of workers."""
    tokens: dict[tuple[int, str], str] = field(default_factory=dict)

    def warm_up(self) -> None:
        """Lets every service plan its statements and come to rest."""
        for workers in self.services:
            for kind in ("create", "get", "pending"):
                self.measure(Cell(kind=kind, clients=16, workers=workers))

    def measure(self, cell: Cell) -> Measured:
        """One cell, once. Raises RuntimeError when anything of it fails."""
        found = self._of_service(cell) if cell.workers else self._of_pgbench(cell)
        if cell.kind in ("create", "approve"):
            settle(self.loaded)
        return found

    def _of_service(self, cell: Cell) -> Measured:
        service = self.services[cell.workers]
        task = self._task(cell, service)
        found = service.measure(task, Tree(self.postgres.pid))
        if cell.kind == "approve":
            self.pool.give_back(self.plan.approvals_per_cell - found.count)
        return found

    def _task(self, cell: Cell, service: Service) -> Task:
        token = self._token(service, cell.kind)
        task = Task(port=service.port, token=token, kind=cell.kind, clients=cell.clients, seconds=self.plan.cell_s)
        if cell.kind == "create":
            return replace(task, numbers=VENDORS_WRITTEN)
        if cell.kind == "approve":
            many = self.plan.approvals_per_cell
            return replace(task, first=self.pool.take(many), numbers=many, prefix=self.pool.prefix)
        loaded = self.loaded
        task = replace(task, first=loaded.from_ms, step_ms=loaded.step_ms)
        if cell.kind == "pending_pages":
            return replace(task, numbers=loaded.pages_waiting, every=PENDING_EVERY)
        return replace(task, numbers=loaded.payments)

    def _token(self, service: Service, kind: str) -> str:
        if (service.workers, kind) not in self.tokens:
            org = ORG_WRITTEN if kind in ("create", "approve") else ORG_READ
            sub = APPROVER if kind == "approve" else CREATOR
            self.tokens[service.workers, kind] = service.token("dispatcher", sub, org)
        return self.tokens[service.workers, kind]

    def _of_pgbench(self, cell: Cell) -> Measured:
        scripts: Mapping[str, Callable[[int], Script]] = {
            "create": self._create,
            "approve": self._approve,
            "get": self._get,
            "pending": self._pending,
            "pending_pages": self._pending_pages,
        }
        transactions = self._approvals(cell.clients) if cell.kind == "approve" else 0
        script = scripts[cell.kind](cell.clients)
        return pgbench.run(
            self.postgres,
            self.loaded.app_url,
            script,
            clients=cell.clients,
            seconds=self.plan.cell_s,
            transactions=transactions,
        )

    def _create(self, clients: int) -> Script:
        del clients
        before = f"\\set vendor random(0, {VENDORS_WRITTEN - 1})"
        return Script(statement=statements.create(), before=before, variables={})

    def _approve(self, clients: int) -> Script:
        first = self.pool.take(self._approvals(clients))
        before = "\\set i :n * :clients + :client_id + :first\n\\set n :n + 1"
        variables: dict[str, str | int] = {"first": first, "clients": clients, "n": 0, "prefix": self.pool.prefix}
        return Script(statement=statements.approve(), before=before, variables=variables)

    def _approvals(self, clients: int) -> int:
        return _approvals_by_pgbench(self.plan, clients) // clients * clients

    def _get(self, clients: int) -> Script:
        del clients
        before = f"\\set n random(0, {self.loaded.payments - 1})"
        return Script(statement=statements.get(), before=before, variables=self._ids())

    def _pending(self, clients: int) -> Script:
        del clients
        return Script(statement=statements.pending(), variables={})

    def _pending_pages(self, clients: int) -> Script:
        del clients
        before = f"\\set n random(0, {self.loaded.pages_waiting - 1}) * {PENDING_EVERY}"
        return Script(statement=statements.pending_page(), before=before, variables=self._ids())

    def _ids(self) -> Mapping[str, int]:
        return {"from_ms": self.loaded.from_ms, "step_ms": self.loaded.step_ms}


def approvals_needed(plan: Plan, cells: Sequence[Cell]) -> int:
    """How many payments must wait for approval, for all rounds."""
    needed = 0
    largest = max((cell.clients for cell in cells if cell.kind == "approve" and not cell.workers), default=0)
    for cell in (cell for cell in cells if cell.kind == "approve"):
        of_pgbench = _approvals_by_pgbench(plan, cell.clients)
        if cell.workers:
            needed += plan.approvals_per_cell * plan.rounds
        elif plan.every_cell_in_every_round or cell.clients not in SINGLE:
            needed += of_pgbench * plan.rounds
        else:  # all of them once, then the best of them, which may be the largest
            needed += of_pgbench + of_pgbench * (plan.rounds - 1) * (cell.clients == largest)
    return needed


def _approvals_by_pgbench(plan: Plan, clients: int) -> int:
    return int(PGBENCH_APPROVALS_A_S * plan.cell_s) + 2 * pgbench.COLD * clients


def in_rounds(bench: Bench, cells: Sequence[Cell]) -> Rounds:
    """Every cell in turn, round by round, so that what drifts drifts for all of them."""
    found: dict[str, list[Measured]] = {cell.name: [] for cell in cells}
    for number in range(1, bench.plan.rounds + 1):
        for cell in _of_round(bench.plan, cells, found):
            one = bench.measure(cell)
            found[cell.name].append(one)
            say(
                f"round {number} of {bench.plan.rounds}: {cell.name:<22} {one.per_s:8.0f}/s  p50 {one.p50_ms:6.2f} ms"
                f"  p99 {one.p99_ms:6.2f} ms  CPU us: service {one.service_us:4.0f}, database {one.database_us:4.0f},"
                f" client {one.client_us:3.0f}"
            )
    return found


def _of_round(plan: Plan, cells: Sequence[Cell], found: Rounds) -> Iterator[Cell]:
    """All cells in the first round; then, when time is short, of those that look for pgbench's best only the best."""
    for cell in cells:
        rivals = [one for one in cells if not one.workers and one.kind == cell.kind and one.clients in SINGLE]
        best = max(rivals, key=lambda rival: found[rival.name][0].per_s if found[rival.name] else 0.0, default=cell)
        if plan.every_cell_in_every_round or not found[cell.name] or cell not in rivals or cell == best:
            yield cell
