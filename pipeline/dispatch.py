"""A Grid -> a Dask client -> its runs, here or on a cluster, and how each ended.

What is computed here is computed by the same jobs as on a cluster: only where a run is written differs.
"""

from __future__ import annotations

import logging
import queue
import socket
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from helpers.errors import BadInput, ProjectError, RunInUse

from . import inspection, landing, parcels, worker
from .board import Board
from .execute import short
from .grids import Grid, Outcome, Point
from .plan import plan
from .request import Request

if TYPE_CHECKING:
    from distributed import Client, Future

LOOPBACK = "127.0.0.1:0"
CONNECT = 5  # seconds that a scheduler may take to answer
TICK = 0.5  # seconds between two looks at the cluster
LIMIT = 4.5  # seconds in which the children here end after Ctrl-C
RETRIES = 2  # of a run whose process was killed
AHEAD = 4  # runs that wait at the scheduler, beyond those that its workers can take at once
BETWEEN_PAGES = 60  # seconds at least between two writings of a page while a grid runs
SHARE = 10  # times as long as the last writing took have to pass before the next
LOST = "the scheduler is gone, or has dropped a run; the same command goes on with what is missing"

logger = logging.getLogger(__name__)


def run_grid(
    grid: Grid, jobs: int, scheduler: str | None, board: Board, write: Callable[[], object] | None = None
) -> dict[str, Outcome]:
    """Run the points of a Grid that are not up to date; return {run: how it ended}, of all points.

    `jobs` run side by side on this machine; with the address of a Dask `scheduler`, as many as its workers take.
    `write` writes the page over them, and is called now and then while they run.
    BadInput where there is none at that address, or no worker of it can do what this machine does.
    """
    outcomes: dict[str, Outcome] = {}
    due = []
    for point in grid.points:
        if is_up_to_date(point):
            board.up_to_date(point)
            outcomes[point.run] = Outcome(0)
        else:
            due.append(point)
    if outcomes:
        board.say(f"{len(outcomes):,} of {len(grid.points):,} up to date")
    if due:
        with connect(jobs, scheduler) as client:
            place = Cluster(client, grid, board) if scheduler else Here(client, grid, jobs)
            outcomes |= Loop(client, place, board, Pages(write)).run(due)
    return outcomes


@contextmanager
def connect(jobs: int, scheduler: str | None) -> Iterator[Client]:
    """Yield a Dask client: of the scheduler at that address, else of a cluster of threads in this process."""
    import dask
    from distributed import Client, LocalCluster

    settings = {"distributed.admin.large-graph-warning-threshold": "4 GiB"}  # a dataset is sent on purpose
    for name in ("distributed", "distributed.client"):  # the second has a level of its own
        logging.getLogger(name).setLevel(logging.CRITICAL)
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
            knock(scheduler)
            client = Client(scheduler, timeout=CONNECT)
        except (OSError, TimeoutError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            rule = f"no Dask scheduler answers there ({reason.splitlines()[0][:100]})"
            way_out = "start one with `dask scheduler`, and name its address as tcp://host:port"
            raise BadInput(rule, field="scheduler", value=scheduler, way_out=way_out) from None
        yield stack.enter_context(client)


def knock(scheduler: str) -> None:
    """Raise OSError where nothing listens at an address; Dask would try it again until its time is up."""
    place = urlsplit(scheduler)
    if place.scheme in ("tcp", "tls"):
        socket.create_connection((place.hostname, place.port), timeout=CONNECT).close()


class Pages:
    """Writes the page of a grid now and then while it runs, and seldom where that takes long."""

    def __init__(self, write: Callable[[], object] | None) -> None:
        self.write = write
        self.due = time.monotonic() + BETWEEN_PAGES

    def run_has_ended(self) -> None:
        """Write the page, if it is time for that; a page that cannot be written keeps no run from its end."""
        begun = time.monotonic()
        if self.write is None or begun < self.due:
            return
        try:
            self.write()
        except Exception as error:
            logger.warning("the page of the grid is not up to date: %s", error)
        ended = time.monotonic()
        self.due = ended + max(BETWEEN_PAGES, SHARE * (ended - begun))


class Here:
    """Runs on this machine: each is written in place."""

    def __init__(self, client: Client, grid: Grid, jobs: int) -> None:
        self.client = client
        self.topic = topic_of(grid)
        self.capacity = jobs + AHEAD
        self.bound: dict[str, list[str]] = {}  # nothing is

    def open(self) -> None:
        """Do nothing: this machine is ready."""

    def close(self) -> None:
        """See that no child is left."""
        worker.kill_children(LIMIT)

    def submit(self, point: Point, priority: int) -> Future:
        """Return the Future of a run; one of higher priority begins before others."""
        request = worker.pack_request(point.request, here=True)
        function = worker.work_here
        return self.client.submit(function, request, self.topic, pure=False, retries=RETRIES, priority=priority)

    def look(self) -> None:
        """Do nothing: this machine does not change."""

    def stranded(self) -> list[str]:
        """Return no run: this machine does not go."""
        return []

    def begun(self, point: Point, at: str) -> None:
        """Do nothing: all are at work here."""

    def take(self, point: Point, result: worker.Result) -> Outcome | None:
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
        self.slots: dict[str, int] = {}  # {address of a worker: runs that it takes at once}; 0 where it was refused
        self.names: dict[str, str] = {}  # {address: name} of the workers that were there at the last look
        self.places: dict[str, tuple[Point, set[str]]] = {}  # {run: ..., addresses of the workers where it has begun}
        self.has_begun = False  # whether any run has
        self.bound: dict[str, list[str]] = {}  # {run: addresses of the workers that alone may take it}
        self.troubles: dict[str, int] = {}  # {run: workers that could not prepare it, or send it back}
        self.unable: set[str] = set()  # addresses of workers that could not prepare a run, or send it back

    @property
    def able(self) -> list[str]:
        """The addresses of the workers that are there, and get runs."""
        return [one for one in self.names if self.slots.get(one) and one not in self.unable]

    @property
    def capacity(self) -> int:
        """How many runs may be at the scheduler: few more than are at work, since each holds what it needs."""
        if self.unable and not self.able:
            return 0
        return sum(self.slots[one] for one in self.able) + AHEAD

    def open(self) -> None:
        """Have the workers inspected that are there, and those that will come."""
        self.heard = len(self.client.get_events(self.inspection.key))  # of commands before this one
        inspection.register(self.client, self.inspection)
        self.look()

    def close(self) -> None:
        """Let the scheduler forget what was sent."""
        for future in self.sent.values():
            future.release()

    def submit(self, point: Point, priority: int) -> Future:
        """Return the Future of a run, as `Here` does; what it needs is sent along, a dataset once to each worker."""
        request = point.request
        needs: list[Future | bytes] = [self.send(f"dataset {request.fingerprint}", lambda: parcels.of_dataset(request))]
        if request.start is not None:
            needs.append(self.send(f"start {request.start}", lambda: parcels.of_start(request)))
        if request.folder.is_dir():
            needs.append(parcels.of_run(request.folder))  # what is done of it is not done again
        packed = worker.pack_request(request, here=False)
        options = {"retries": RETRIES, "resources": {self.inspection.key: 1}, "priority": priority}
        if self.unable:
            options["workers"] = self.bound[point.run] = self.able
        return self.client.submit(worker.work_elsewhere, packed, self.topic, *needs, pure=False, **options)

    def send(self, what: str, pack: Callable[[], bytes]) -> Future:
        """Return the Future of a parcel that several runs need; the scheduler keeps it for workers that come later."""
        if what not in self.sent:
            self.sent[what] = self.client.submit(bytes, pack(), pure=False)
        return self.sent[what]

    def look(self) -> None:
        """Tell of workers that have come or gone, and once that there is none; BadInput where all there are refused."""
        events = self.client.get_events(self.inspection.key)
        for _, told in events[self.heard :]:
            self.board.say(in_words(told))
            self.slots[told["worker"]] = told.get("slots", 0)
        self.heard = len(events)
        workers = self.client.sync(self.client.scheduler.identity, n_workers=-1)["workers"]
        # not client.scheduler_info(): a refresh in the background can empty what it returns
        names = {address: str(one.get("name", address)) for address, one in workers.items()}
        for address in self.names.keys() - names.keys():
            self.tell_of_loss(address)
        self.names = names
        slots = [self.slots.get(address) for address in names]  # None: not inspected yet
        if any(slots):
            self.is_waiting = False
            self.board.side_by_side = sum(self.slots[one] for one in self.able)
        elif slots and None not in slots and not self.has_begun:
            noun = "its worker cannot" if len(slots) == 1 else f"none of its {len(slots)} workers can"
            way_out = "update the code and the packages there"
            rule = f"{noun} do what this machine does"
            raise BadInput(rule, field="scheduler", value=self.address, way_out=way_out)
        elif not slots and not self.is_waiting:
            self.is_waiting = True
            self.board.say(f"no worker at {self.address} yet; waiting for one")

    def stranded(self) -> list[str]:
        """Return the runs whose workers have all gone."""
        return [run for run, places in self.bound.items() if not set(places) & self.names.keys()]

    def begun(self, point: Point, at: str) -> None:
        """Take note that a run has begun on the worker of that address."""
        self.has_begun = True
        self.places.setdefault(point.run, (point, set()))[1].add(at)

    def tell_of_loss(self, address: str) -> None:
        """Tell that a worker is gone, and which runs have to start again; nothing of one that was refused."""
        self.unable.discard(address)  # whoever comes back there is another
        lost = [point for point, places in self.places.values() if address in places]
        for point in lost:
            self.places[point.run][1].discard(address)
            if not self.places[point.run][1]:
                self.board.lost(point)
        if self.slots.pop(address, 0):
            name = self.names[address]
            again = f"; {', '.join(point.run for point in lost)} start{'s' * (len(lost) == 1)} again" if lost else ""
            self.board.say(f"worker {name} is gone{again}")

    def take(self, point: Point, result: worker.Result) -> Outcome | None:
        """Put a run that has come back in its place, and return how it ended; None where it has to be tried elsewhere.

        A run that is done is one only if it is so here, too: its worker may have changed since it was inspected.
        """
        self.places.pop(point.run, None)
        outcome = result.outcome
        if outcome is None:
            self.troubles[point.run] = self.troubles.get(point.run, 0) + 1
            if self.troubles[point.run] > 1:  # then it is the run's own, and no worker's
                return Outcome(1, one_line(result.trouble))
            self.give_up(result)
            return None
        if result.parcel is not None:
            landing.land(result.parcel, point.request)
        if outcome.code == 0 and not is_up_to_date(point):
            return Outcome(1, "what came back is not this run, as the code here makes it")
        return outcome

    def give_up(self, result: worker.Result) -> None:
        """Send no more runs to a worker that could not prepare one, or send it back."""
        if result.worker not in self.unable:
            self.unable.add(result.worker)
            name = self.names.get(result.worker, result.worker)
            left = "" if self.able else "; none is left, waiting for another"
            self.board.say(f"worker {name} takes no more runs: {one_line(result.trouble)}{left}")


class Loop:
    """Keeps the workers busy with the runs of a grid, and takes each that has ended."""

    def __init__(self, client: Client, place: Here | Cluster, board: Board, pages: Pages) -> None:
        self.client = client
        self.place = place
        self.board = board
        self.pages = pages
        self.looked = time.monotonic()
        self.submitted = 0
        self.waiting: deque[Point] = deque()
        self.news: queue.Queue[tuple[Point, Future] | dict[str, Any]] = (
            queue.Queue()
        )  # points that have ended, and what jobs tell
        self.under_way: dict[str, tuple[Point, Future]] = {}  # {run: ...}
        self.held_up: dict[str, tuple[Point, worker.Result]] = {}  # {run: ...} that have come back, while in use here
        self.outcomes: dict[str, Outcome] = {}

    def run(self, points: Iterable[Point]) -> dict[str, Outcome]:
        """Run `points`; return {run: how it ended}. Whatever ends this, no run is left behind at the scheduler."""
        self.waiting.extend(points)
        self.client.subscribe_topic(self.place.topic, lambda event: self.news.put(event[1]))
        try:
            self.place.open()
            while self.waiting or self.under_way or self.held_up:
                while self.waiting and len(self.under_way) < self.place.capacity:
                    self.submit(self.waiting.popleft())
                self.attend()
        finally:
            self.client.cancel([future for _, future in self.under_way.values()])
            self.place.close()
        return self.outcomes

    def submit(self, point: Point) -> None:
        """Send a run on its way; one that cannot be sent has failed, and keeps no other from its end."""
        try:
            future = self.place.submit(point, priority=-self.submitted)  # those that were asked for first begin first
        except (ProjectError, OSError) as error:
            self.end(point, failure(error), 0.0)
            return
        self.submitted += 1
        self.under_way[point.run] = point, future
        future.add_done_callback(lambda ended: self.news.put((point, ended)))

    def call_back(self, run: str) -> None:
        """Let a run wait again that nobody is left to make."""
        point, future = self.under_way.pop(run)
        self.place.bound.pop(run, None)
        future.cancel()
        self.waiting.appendleft(point)

    def attend(self) -> None:
        """Wait a moment for news, and take what has come."""
        if time.monotonic() - self.looked > TICK:
            self.place.look()
            for run in self.place.stranded():
                self.call_back(run)
            for point, result in list(self.held_up.values()):
                self.put_away(point, result)
            self.looked = time.monotonic()
        try:
            news = self.news.get(timeout=TICK)
        except queue.Empty:
            return
        if isinstance(news, tuple):
            point, future = news
            if self.under_way.get(point.run, (point, None))[1] is future:  # else it was called back
                self.take(point)
        elif news["run"] in self.under_way:
            self.pass_on(self.under_way[news["run"]][0], news)

    def pass_on(self, point: Point, fields: dict[str, Any]) -> None:
        """Tell the board what a job has told."""
        kind = fields.get("kind")
        if kind == "begun":
            self.place.begun(point, fields.get("worker", ""))
            self.board.started(point, one_line(fields.get("where", "")))
        elif kind == "note":
            self.board.told(point, {"kind": "note", "text": one_line(fields.get("text", ""))})
        else:
            self.board.told(point, fields)

    def take(self, point: Point) -> None:
        """Take a run that has ended."""
        _, future = self.under_way.pop(point.run)
        self.place.bound.pop(point.run, None)
        if future.status not in ("finished", "error"):
            raise ProjectError(LOST)
        result = future.result() if future.status == "finished" else None
        if isinstance(result, worker.Result):
            self.put_away(point, result)
        elif future.status == "finished":
            self.end(point, Outcome(1, "what came back is no run"), 0.0)
        else:
            self.end(point, Outcome(1, in_a_line(future.exception())), 0.0)
        future.release()

    def put_away(self, point: Point, result: worker.Result) -> None:
        """Take what a job has returned; where the run is in use here, keep it, and try again at the next look."""
        try:
            outcome = self.place.take(point, result)
        except RunInUse as error:
            if point.run not in self.held_up:
                self.held_up[point.run] = point, result
                self.board.told(point, {"kind": "note", "text": f"has come back, and waits: {one_line(error)}"})
            return
        except (ProjectError, OSError) as error:
            outcome = failure(error)
        self.held_up.pop(point.run, None)
        if outcome is None:
            self.waiting.appendleft(point)
        else:
            self.end(point, outcome, float(result.seconds))

    def end(self, point: Point, outcome: Outcome, seconds: float) -> None:
        """Take note how a run ended."""
        self.outcomes[point.run] = outcome
        self.board.finished(point, outcome, seconds)
        self.pages.run_has_ended()


def is_up_to_date(point: Point) -> bool:
    """Return whether nothing has to be done for a point."""
    return all(decision.up_to_date for decision in plan(point.request))


def failure(error: ProjectError | OSError) -> Outcome:
    """Return how a run ended that could not be sent, or not be put in its place."""
    if isinstance(error, ProjectError):
        return Outcome(error.exit_code, one_line(str(error)))
    return Outcome(1, one_line(f"{error.filename or 'system'}: {error.strerror or error}"))


def one_line(text: Any) -> str:
    """Return a text that came from elsewhere in one line, without what would steer a terminal."""
    return " ".join(short(str(text)).split())


def inspect_for(request: Request) -> inspection.Inspection:
    """Return what finds the workers on which a Request gives the same bytes as here."""
    identity = inspection.identity()
    if request.parameters.get("device") == "cpu":
        identity.pop("accelerators", None)
    return inspection.Inspection(identity, inspection.key_of(identity, request.threads), request.threads)


def in_words(told: dict[str, Any]) -> str:
    """Return in a line what an inspection has told of a worker."""
    if told["kind"] == "refused":
        return f"worker {told['name']} is refused: {told['why']}; update the code or the packages there"
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
