"""A Grid -> a Dask client -> its runs, here or on a cluster, and how each ended.

What is computed here is computed by the same jobs as on a cluster: only where a run is written differs.
"""

from __future__ import annotations

import logging
import queue
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from helpers.errors import BadInput, ProjectError

from . import inspection, landing, parcels, worker
from .board import Board
from .grids import Grid, Outcome, Point
from .plan import plan
from .request import Request

if TYPE_CHECKING:
    from distributed import Client, Future

LOOPBACK = "127.0.0.1:0"
CONNECT = 10  # seconds that a scheduler may take to answer
TICK = 0.5  # seconds between two looks at the cluster
LIMIT = 4.5  # seconds in which the children here end after Ctrl-C
RETRIES = 2  # of a run whose process was killed
AHEAD = 4  # runs that wait at the scheduler, beyond those that its workers can take at once
LOST = "the scheduler is gone, or has dropped a run; the same command goes on with what is missing"

logger = logging.getLogger(__name__)


def run_grid(grid: Grid, jobs: int, scheduler: str | None, board: Board) -> dict[str, Outcome]:
    """Run the points of a Grid that are not up to date; return {run: how it ended}, of all points.

    `jobs` run side by side on this machine; with the address of a Dask `scheduler`, as many as its workers take.
    BadInput where there is none at that address, or no worker of it can do what this machine does.
    """
    outcomes: dict[str, Outcome] = {}
    due = []
    for point in grid.points:
        if all(decision.up_to_date for decision in plan(point.request)):
            board.up_to_date(point)
            outcomes[point.run] = Outcome(0)
        else:
            due.append(point)
    if outcomes:
        board.say(f"{len(outcomes):,} of {len(grid.points):,} up to date")
    if due:
        with connect(jobs, scheduler) as client:
            place = Cluster(client, grid, board) if scheduler else Here(client, grid)
            outcomes |= Loop(client, place, board).run(due)
    return outcomes


@contextmanager
def connect(jobs: int, scheduler: str | None) -> Iterator[Client]:
    """Yield a Dask client: of the scheduler at that address, else of a cluster of threads in this process."""
    import dask
    from distributed import Client, LocalCluster

    settings = {"distributed.admin.large-graph-warning-threshold": "4 GiB"}  # a dataset is sent on purpose
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        if scheduler is None:
            threads = {"n_workers": 1, "threads_per_worker": jobs, "processes": False, "memory_limit": 0}
            pages = {
                "dashboard_address": LOOPBACK,
                "worker_dashboard_address": LOOPBACK,
            }  # Dask's own; not to be had from elsewhere
            cluster = stack.enter_context(LocalCluster(**threads, **pages))
            yield stack.enter_context(Client(cluster))
            return
        try:
            client = Client(scheduler, timeout=CONNECT)
        except (OSError, TimeoutError, ValueError) as error:
            rule = f"no Dask scheduler answers there ({str(error).splitlines()[0][:100] or type(error).__name__})"
            way_out = "start one with `dask scheduler`, and name its address as tcp://host:port"
            raise BadInput(rule, field="scheduler", value=scheduler, way_out=way_out) from None
        yield stack.enter_context(client)


class Here:
    """Runs on this machine: each is written in place."""

    def __init__(self, client: Client, grid: Grid) -> None:
        self.client = client
        self.topic = topic_of(grid)

    def open(self) -> None:
        """Do nothing: this machine is ready."""

    def close(self) -> None:
        """See that no child is left."""
        worker.kill_children(LIMIT)

    def submit(self, point: Point) -> Future:
        """Return the Future of a run."""
        request = worker.pack_request(point.request, here=True)
        return self.client.submit(worker.work_here, request, self.topic, pure=False, retries=RETRIES)

    def look(self) -> None:
        """Do nothing: this machine does not change."""

    def take(self, point: Point, result: worker.Result) -> Outcome:
        """Return how a run ended, which lies in its place."""
        return result.outcome


class Cluster:
    """Runs on the workers of a scheduler: each is sent there, and comes back."""

    def __init__(self, client: Client, grid: Grid, board: Board) -> None:
        self.client = client
        self.board = board
        self.address = client.scheduler.address
        self.topic = topic_of(grid)
        self.is_waiting = False
        self.sent: dict[str, Future] = {}  # {what: parcel}: a dataset, or a model to start from
        self.inspection = inspect_for(grid.points[0].request)
        self.heard = 0  # events of the inspections that are known

    def open(self) -> None:
        """Have the workers inspected that are there, and those that will come."""
        self.heard = len(self.client.get_events(self.inspection.key))  # of commands before this one
        inspection.register(self.client, self.inspection)
        self.look()

    def close(self) -> None:
        """Let the scheduler forget what was sent."""
        for future in self.sent.values():
            future.release()

    def submit(self, point: Point) -> Future:
        """Return the Future of a run; what it needs is sent with it, a dataset once to each worker."""
        request = point.request
        needs: list[Future | bytes] = [self.send(f"dataset {request.fingerprint}", lambda: parcels.of_dataset(request))]
        if request.start is not None:
            needs.append(self.send(f"start {request.start}", lambda: parcels.of_start(request)))
        if request.folder.is_dir():
            needs.append(parcels.of_run(request.folder))  # what is done of it is not done again
        packed = worker.pack_request(request, here=False)
        resources = {self.inspection.key: 1}
        function = worker.work_elsewhere
        return self.client.submit(
            function, packed, self.topic, *needs, pure=False, retries=RETRIES, resources=resources
        )

    def send(self, what: str, pack: Callable[[], bytes]) -> Future:
        """Return the Future of a parcel that several runs need; the scheduler keeps it for workers that come later."""
        if what not in self.sent:
            self.sent[what] = self.client.submit(bytes, pack(), pure=False)
        return self.sent[what]

    def look(self) -> None:
        """Tell of workers that have come, and once that there is none; BadInput where all that are there differ."""
        events = self.client.get_events(self.inspection.key)
        for _, told in events[self.heard :]:
            self.board.say(in_words(told))
        self.heard = len(events)
        workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
        asked = [one["resources"][self.inspection.key] for one in workers if self.inspection.key in one["resources"]]
        if any(asked):
            return
        if asked and len(asked) == len(workers):
            rule = f"none of its {len(workers)} workers can do what this machine does"
            raise BadInput(
                rule, field="scheduler", value=self.address, way_out="bring them to the same code and versions"
            )
        if not self.is_waiting:
            self.is_waiting = True
            self.board.say(f"no worker at {self.address} yet; waiting for one")

    def take(self, point: Point, result: worker.Result) -> Outcome:
        """Put a run that has come back in its place, and return how it ended."""
        if result.parcel is None:
            return result.outcome
        try:
            landing.land(result.parcel, point.request)
        except ProjectError as error:
            return Outcome(error.exit_code, f"what came back of it was refused: {error}")
        return result.outcome


class Loop:
    """Keeps the workers busy with the runs of a grid, and takes each that has ended."""

    def __init__(self, client: Client, place: Here | Cluster, board: Board) -> None:
        self.client = client
        self.place = place
        self.board = board
        self.news: queue.Queue[Point | dict[str, Any]] = queue.Queue()  # points that have ended, and what jobs tell
        self.under_way: dict[str, tuple[Point, Future]] = {}  # {run: ...}
        self.outcomes: dict[str, Outcome] = {}

    def run(self, points: Iterable[Point]) -> dict[str, Outcome]:
        """Run `points`; return {run: how it ended}. Whatever ends this, no run is left behind at the scheduler."""
        waiting = deque(points)
        self.client.subscribe_topic(self.place.topic, lambda event: self.news.put(event[1]))
        try:
            self.place.open()
            while waiting or self.under_way:
                while waiting and len(self.under_way) < self.capacity():
                    self.submit(waiting.popleft())
                self.attend()
        finally:
            self.client.cancel([future for _, future in self.under_way.values()])
            self.place.close()
        return self.outcomes

    def capacity(self) -> int:
        """Return how many runs may be at the scheduler: few more than are at work, since each holds what it needs."""
        return sum(self.client.nthreads().values()) + AHEAD

    def submit(self, point: Point) -> None:
        """Send a run on its way."""
        future = self.place.submit(point)
        self.under_way[point.run] = point, future
        future.add_done_callback(lambda _: self.news.put(point))

    def attend(self) -> None:
        """Wait a moment for news, and take what has come."""
        try:
            news = self.news.get(timeout=TICK)
        except queue.Empty:
            self.place.look()
            return
        if isinstance(news, Point):
            self.take(news)
        elif news["run"] in self.under_way:
            self.pass_on(self.under_way[news["run"]][0], news)

    def pass_on(self, point: Point, fields: dict[str, Any]) -> None:
        """Tell the board what a job has told."""
        if fields["kind"] == "begun":
            self.board.started(point, fields["where"])
        else:
            self.board.told(point, fields)

    def take(self, point: Point) -> None:
        """Take a run that has ended."""
        _, future = self.under_way.pop(point.run)
        seconds = 0.0
        if future.status == "finished":
            result = future.result()
            seconds = result.seconds
            outcome = self.place.take(point, result)
        elif future.status == "error":
            outcome = Outcome(1, in_a_line(future.exception()))
        else:
            raise ProjectError(LOST)
        future.release()
        self.outcomes[point.run] = outcome
        self.board.finished(point, outcome, seconds)


def inspect_for(request: Request) -> inspection.Inspection:
    """Return what finds the workers on which a Request gives the same bytes as here."""
    identity = inspection.identity()
    if request.parameters.get("device") == "cpu":
        identity.pop("accelerators", None)
    return inspection.Inspection(identity, inspection.key_of(identity, request.threads), request.threads)


def in_words(told: dict[str, Any]) -> str:
    """Return in a line what an inspection has told of a worker."""
    if told["kind"] == "refused":
        return f"worker {told['name']} is refused: {told['why']}"
    return f"worker {told['name']} takes {told['slots']} at once"


def in_a_line(error: BaseException) -> str:
    """Return what ended a job that had no outcome, in one line."""
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return "its workers died each time that it was tried"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def topic_of(grid: Grid) -> str:
    """Return the topic on which the jobs of this command tell how they get on."""
    return f"literate-mnist-{grid.name}-{uuid.uuid4().hex[:8]}"
