"""What a person sees while notebooks run, and the messages that kernels send for it."""

import io
import logging
import re
import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from helpers import progress
from helpers.runs import StageRecord
from pipeline import machine, runner
from pipeline.request import Wishes, settle
from pipeline.screen import Screen
from pipeline.stages import STAGES

EDA = STAGES["eda"]
DONE = StageRecord(state="done", started="2026", seconds=1.25)


def message(label, share, milestone=0):
    """Return the fields of a bar."""
    return {"kind": "progress", "label": label, "share": share, "detail": "0:10 left", "milestone": milestone}


def tell(screen):
    """Let a screen tell of one stage."""
    with screen.stage(EDA, "[2/5] eda: has not run yet"):
        screen.cell(3, 40)
        screen.message(message("epoch 0/2", 0.25))
        screen.message(message("epoch 1/2  train loss 0.1", 0.5, milestone=1))
        screen.message(message("epoch 1/2  train loss 0.1", 0.75, milestone=1))
        screen.message({"kind": "log", "level": "WARNING", "text": "warning: a checkpoint is damaged"})
    screen.finish(EDA, DONE, "reports/01_eda.html")
    screen.skip(STAGES["results"])


def test_a_log_gets_plain_lines():
    stream = io.StringIO()
    tell(Screen(stream))
    assert stream.getvalue().splitlines() == [
        "[2/5] eda: has not run yet",
        "      epoch 1/2  train loss 0.1",
        "  warning: a checkpoint is damaged",
        "  eda          done         1.2 s  reports/01_eda.html",
        "  results      up to date",
    ]


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """Return a function that gives a Screen on a terminal of 40 columns, with or without colours, and its stream."""

    def make(no_color=False):
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", "40")
        monkeypatch.delenv("NO_COLOR", raising=False)
        if no_color:
            monkeypatch.setenv("NO_COLOR", "1")
        stream = Terminal()
        return Screen(stream), stream

    return make


STYLE = re.compile(r"\x1b\[[0-9;]*m")


def test_a_terminal_gets_one_moving_line_that_fits_and_colours(terminal):
    screen, stream = terminal()
    tell(screen)
    text = stream.getvalue()
    assert "[2/5]" not in text and "\x1b[2K" in text  # the line is drawn over itself
    assert "warning: a checkpoint is damaged" in text and "reports/01_eda.html" in text
    drawn = [line for line in re.split(r"\r|\n|\x1b\[[0-9;?]*[A-Za-z]", text) if "cell 3/40" in line]
    assert len(drawn) >= 4 and max(map(len, drawn)) == 40
    assert "\x1b[32m" in text and text.count("\x1b[?25h") >= text.count("\x1b[?25l") > 0


def test_no_color_leaves_no_style_at_all(terminal):
    screen, stream = terminal(no_color=True)
    tell(screen)
    assert "cell 3/40" in stream.getvalue() and not STYLE.search(stream.getvalue())


def test_a_log_stays_plain_where_the_environment_asks_for_colours(monkeypatch):
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.setenv(name, "1")
    stream = io.StringIO()
    tell(Screen(stream))
    assert "\x1b" not in stream.getvalue() and "[2/5] eda" in stream.getvalue()


def test_a_stage_that_is_interrupted_gives_the_cursor_and_the_streams_back(terminal):
    screen, stream = terminal()
    before = sys.stdout, sys.stderr
    with pytest.raises(KeyboardInterrupt), screen.stage(EDA, "eda"):
        assert (sys.stdout, sys.stderr) == before
        raise KeyboardInterrupt
    assert stream.getvalue().rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in stream.getvalue().split("\x1b[?25l")[-1]


def test_a_quiet_screen_tells_nothing(capsys):
    tell(Screen(quiet=True))
    assert capsys.readouterr().out == ""


def test_a_run_needs_no_screen(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_OUTPUTS_DIR", str(tmp_path))
    request = settle(Wishes(dataset="digits", recipe="fast", run="it", only=("eda",)))
    stages = []
    monkeypatch.setattr(runner, "run_stage", lambda decision, *_: stages.append(decision.stage.name))
    assert runner.run(request) == tmp_path / "it" and stages == ["eda"]


class Publisher:
    """Stands in for a kernel's own publisher of display messages; keeps them."""

    def __init__(self):
        self.messages = []

    def publish(self, data, metadata=None, *, transient=None, update=False, **_):
        self.messages.append((data, metadata, update))


@pytest.fixture
def published(monkeypatch):
    """The display messages of code that takes itself to be in a notebook's kernel."""
    publisher = Publisher()
    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    monkeypatch.setattr(InteractiveShell, "initialized", classmethod(lambda cls: True))
    monkeypatch.setattr(InteractiveShell, "instance", classmethod(lambda cls: publisher_shell))
    publisher_shell = type("Shell", (), {"display_pub": publisher, "display_formatter": None})()
    return publisher.messages


def test_a_training_in_a_notebook_tells_how_far_it_is(published):
    show = progress.training_bar(epochs=2)
    row = {"train_loss": 0.1, "validation_accuracy": 0.9, "seconds": 1.0}
    history = []
    for epoch in (1, 2):
        for step in range(1, 5):
            show(history, step, 4)
        history.append(row | {"epoch": epoch})
        show(history, 0, 4)
    fields = [metadata[progress.MESSAGE] for _, metadata, _ in published]
    assert all(one["kind"] == "progress" for one in fields) and fields[-1]["share"] == pytest.approx(1)
    assert fields[0]["label"] == "epoch 0/2" and fields[-1]["label"].startswith("epoch 2/2  train loss 0.1000")
    assert sorted({one["milestone"] for one in fields}) == [0, 1, 2]
    assert [update for _, _, update in published].count(False) == 1  # one output, updated
    shown = [data["text/plain"] for data, _, _ in published]
    assert (
        shown[-2].startswith("epoch 2/2: 100%|") and "| 8/8 [00:0" in shown[-2] and " steps/s" in shown[-2]
    )  # as tqdm
    assert shown[-2].endswith(", loss=0.1000, accuracy=90.00%]")
    assert re.fullmatch(r"epoch 2/2: 8 steps in 00:0\d, loss=0.1000, accuracy=90.00%", shown[-1])  # what is left of it
    assert fields[-1]["detail"] == "now temperature and threshold"
    assert all(re.fullmatch(r"|\d+:\d\d left|now temperature and threshold", one["detail"]) for one in fields)


def test_steps_of_an_earlier_training_do_not_count_for_the_rate(published, monkeypatch):
    now = [100.0]
    for clock in ("time.time", "tqdm.std.time"):
        monkeypatch.setattr(clock, lambda: now[0])
    show = progress.training_bar(epochs=2)
    history = [{"epoch": 1, "train_loss": 0.1, "validation_accuracy": 0.9, "seconds": 1.0}]
    show(history, 1, 100)  # goes on after the first epoch
    now[0] += 10
    show(history, 21, 100)
    shown = published[-1][0]["text/plain"]
    assert shown.startswith("epoch 1/2:  60%|") and "121/200 [00:10<" in shown and "2.00 steps/s" in shown


def test_one_line_is_left_of_a_bar_that_is_done_and_all_of_one_that_was_stopped(published):
    assert list(progress.bar(range(1200), "range tests")) == list(range(1200))
    assert re.fullmatch(r"range tests: 1,200 in 00:0\d", published[-1][0]["text/plain"])
    stopped = progress.bar(label="candidates", total=5)
    stopped.update(2)
    stopped.close()
    assert published[-1][0]["text/plain"].startswith("candidates:  40%|")


def test_what_helpers_log_is_a_message_in_a_notebook(published, monkeypatch):
    logger = logging.getLogger("helpers")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", True)
    progress.show_log()
    progress.show_log()
    logging.getLogger("helpers.checkpoints").warning("%s is damaged", "epoch-001.pt")
    logging.getLogger("helpers.checkpoints").info("nobody needs to know")
    ((shown, metadata, _),) = published
    assert shown == {"text/plain": "warning: epoch-001.pt is damaged"}
    assert metadata[progress.MESSAGE] == {"kind": "log", "level": "WARNING", "text": "warning: epoch-001.pt is damaged"}


def test_outside_a_notebook_a_bar_is_drawn_on_standard_output(capsys):
    assert list(progress.bar(range(3), "three")) == [0, 1, 2]
    assert "three: 100%" in capsys.readouterr().out


def test_other_programs_take_what_the_processors_did_beyond_this_one(monkeypatch):
    now, by_all, by_us = [100.0], [50.0], [10.0]
    monkeypatch.setattr(machine.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(machine, "seconds_of_all", lambda: by_all[0])
    monkeypatch.setattr(machine, "seconds_of_ours", lambda: by_us[0])
    neighbours = machine.Neighbours()
    now[0], by_all[0], by_us[0] = 101.0, 52.0, 10.5
    assert neighbours.cores_taken() == 0  # too early to tell
    now[0], by_all[0], by_us[0] = 110.0, 70.0, 15.0
    assert neighbours.cores_taken() == pytest.approx(1.5)
    by_us[0] = 40.0  # clocks are coarse
    assert neighbours.cores_taken() == 0


def test_the_time_that_a_process_spends_is_ours_and_everybodys():
    before = machine.seconds_of_all(), machine.seconds_of_ours()
    subprocess.run([sys.executable, "-c", "for _ in range(3_000_000): pass"], check=True)
    assert machine.seconds_of_ours() > before[1] and machine.seconds_of_all() > before[0]


@pytest.mark.parametrize(
    ("taken", "threads", "lines"),
    [(1.3, 4, 1), (0.8, 4, 1), (0.6, 4, 0), (1.3, 2, 0), (3.0, 2, 1)],  # of 4 cores
)
def test_a_busy_machine_is_told_once_while_a_model_is_trained(monkeypatch, tmp_path, taken, threads, lines):
    monkeypatch.setattr(machine.Neighbours, "cores_taken", lambda self: taken)
    monkeypatch.setattr(machine, "cores", lambda: 4)
    stream = io.StringIO()
    assistant = runner.Assistant(None, Screen(stream), tmp_path, following=())
    for milestone in (1, 2):
        assistant.message(message("epoch", 0.5, milestone))
    assert "other programs" not in stream.getvalue()  # nobody asked it to watch
    assistant.watch_neighbours(threads)
    for milestone in (3, 3, 4):
        assistant.message(message("epoch", 0.5, milestone))
    assert stream.getvalue().count(f"note: other programs keep {taken} of 4") == lines
