"""The command line: bad input ends with one line and exit code 2, and looking costs nothing."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT, offline

from helpers import errors, runs

BAD = [
    (["--epochs", "0"], "error: --epochs 0: must be at least 1"),
    (["--epochs", "ten"], "error: --epochs ten: must be a whole number"),
    (["--epochs"], "error: --epochs expected at least one argument"),
    (["--learning-rate", "nan"], "error: --learning-rate nan: must be a number above 0 and at most 10"),
    (["--learning-rate", "inf"], "error: --learning-rate inf: must be a number above 0 and at most 10"),
    (["--recipe", ""], "error: --recipe '': not known; choose one of "),
    (["--epochs", ""], "error: --epochs '': must be a whole number"),
    (["--recipe", "blanced"], "error: --recipe blanced: not known; choose one of balanced, "),
    (["--dataset", "nosuch"], "error: --dataset 'nosuch': not known; choose one of "),
    (["--only", "trainin"], "error: --only trainin: not known; choose one of training, "),
    (["--epoch", "3"], "error: --epoch: no such flag; did you mean --epochs?"),
    (["--nonsense"], "error: --nonsense: no such flag"),
    (["--run", "../x"], "error: --run '../x': use 1 to 120 letters"),
    (["--run", ""], "error: --run ''"),
    (["--run", "a\nb"], "error: --run 'a\\nb'"),
    (["--run", "file"], "error: --run file: "),
    (["--seed", "18446744073709551616"], "error: --seed 18446744073709551616: must be at most 4294967295"),
    (["--epochs", "1\n2"], "error: --epochs 1 2: must be a whole number"),
    (["--threads", "100000"], "error: --threads 100000: must be at most 1024"),
    (["--dataset", "digits", "--validation-size", "1430"], "error: --validation-size 1430: must be from 10 to 1428"),
    (["--only", "results", "--dataset", "digits"], "error: --only results: needs training"),
    (["--only", "results", "--run", "nosuch"], "error: --run nosuch: there is no such run, and results needs training"),
    (["--only", "eda", "results", "--dataset", "digits"], "error: --only results: needs training"),
    (["--run", "index.html"], "error: --run index.html: the name of a file"),
    (["--data-dir", "~nosuchuser/x", "--dataset", "mnist", "--epochs", "0"], "error: --epochs 0"),
    (["--data-dir", "nowhere"], "error: --data-dir nowhere: not there, or not a folder"),
    (["--data-dir", "run_all.py", "--dataset", "digits"], "error: --data-dir run_all.py: not there, or not a folder"),
    (["--seed", "-1"], "error: --seed -1: must be at least 0"),
    (["--batch-size", "1.5"], "error: --batch-size 1.5: must be a whole number"),
    (["--validation-size", "0"], "error: --validation-size 0: must be at least 1"),
    (
        ["--fold", "6/5"],
        "error: --fold 6/5: must be I/K, as in 2/5, the second of five parts: K from 2 to 100, I from 1",
    ),
    (["--fold", ""], "error: --fold '': must be I/K"),
    (["--fold", "2"], "error: --fold 2: must be I/K"),
    (
        ["--fold", "2/5", "--validation-size", "9", "--dataset", "digits"],
        "error: --fold 2/5: says which images validate",
    ),
    (["--fold", "2/5", "--validation-size", "10000", "--recipe", "dropout-published"], "error: --fold 2/5: says which"),
    (["--seed", "0", "0"], "error: --seed 0: given twice; leave one out"),
    (["--seed", "0", "--seed", "1"], "error: --seed given twice; put all values behind one --seed"),
    (["--fold", "1/5", "--fold", "2/5"], "error: --fold given twice; --folds K makes a run of each of K parts"),
    (["--only", "eda", "--only", "training"], "error: --only given twice; put all values behind one --only"),
    (
        ["--run", "outputs/a"],
        "error: --run 'outputs/a': use 1 to 120 letters, digits, '.', '_' and '-', the first a let",
    ),
    (["--run", "outputs/a/"], "error: --run 'outputs/a/': "),
    (
        ["--learning-rate", "0,01"],
        "error: --learning-rate 0,01: decimals have a point, as in 0.01, and several values s",
    ),
    (
        ["--learning-rate", "1,5"],
        "error: --learning-rate 1,5: decimals have a point, as in 1.5, and several values spac",
    ),
    (["--seed", "0", "one"], "error: --seed one: must be a whole number"),
    (["--dataset", "digits", "--validation-size", "90", "1430"], "error: --validation-size 1430: must be from 10 to 1"),
    (["--dataset", "digits", "--seed", *map(str, range(10_001))], "error: a grid has at most 10,000 runs, and this"),
    (["--seed", "0", "1", "--run", "../x"], "error: --run '../x': use 1 to 120 letters"),
    (["--run", "grids"], "error: --run grids: the folder of what is said of grids"),
    (["--folds", "1"], "error: --folds 1: must be at least 2"),
    (["--folds", "101"], "error: --folds 101: must be at most 100"),
    (["--jobs", "0"], "error: --jobs 0: must be at least 1"),
    (["--scheduler", "here"], "error: --scheduler here: must be an address such as tcp://host:8786"),
]


@pytest.mark.parametrize("arguments, line", BAD, ids=[" ".join(arguments)[:60] for arguments, _ in BAD])
def test_bad_input(project, arguments, line):
    if "file" in arguments:
        project.outputs.mkdir()
        (project.outputs / "file").write_text("a regular file")
    before = sorted(project.folder.rglob("*"))
    code, out, error = project.run(*arguments, dataset=None)
    assert code == 2 and error.startswith(line) and error.count("\n") == 1 and out.count("\n") <= 1
    after = [path for path in sorted(project.folder.rglob("*")) if "__pycache__" not in path.parts]
    assert after == before


def test_where_no_run_can_be_written_the_variable_is_named(project, monkeypatch):
    file = project.folder / "run_all.py"
    code, _, error = project.run("--seed", "0", "1", MNIST_OUTPUTS_DIR=str(file))
    rule = f"error: {file}: a file where a folder has to be; name another folder for runs in MNIST_OUTPUTS_DIR\n"
    assert (code, error) == (2, rule)
    assert project.run("--seed", "0", "1", MNIST_OUTPUTS_DIR=str(file / "below"))[2] == rule
    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    with pytest.raises(errors.BadInput, match="its drive is not there; name another folder for runs"):
        runs.check_outputs(project.folder / "outputs")
    monkeypatch.undo()
    monkeypatch.setattr(os, "access", lambda *_: False)  # who runs the tests may be allowed everything
    with pytest.raises(errors.BadInput, match="nothing can be written there; name another folder for runs"):
        runs.check_outputs(project.folder / "outputs" / "deeper")


def test_the_name_of_a_run_is_taken_from_a_path_in_the_advice():
    with pytest.raises(errors.BadInput, match=r"letter or digit; leave out the folder: a$"):
        runs.run_folder("outputs/a/")
    with pytest.raises(errors.BadInput, match=r"letter or digit$"):
        runs.run_folder("a b")


def test_ctrl_c_while_the_imports_run_ends_without_a_traceback(project):
    module = project.folder / "helpers" / "__init__.py"
    module.write_text(f"{module.read_text()}\nimport os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    assert project.run("--list") == (130, "", "")


def test_list_names_everything(project):
    code, out, error = project.run("--list")
    assert code == 0 and not error and not project.outputs.exists()
    for name in (
        "walkthrough",
        "eda",
        "prototyping",
        "training",
        "results",
        "balanced",
        "fast",
        "auto",
        "mnist",
        "digits",
    ):
        assert f"\n  {name} " in out


@pytest.mark.parametrize(
    "arguments", [["--list"], ["--dry-run", "--dataset", "digits"], ["--dry-run"], ["--dry-run", "--seed", "0", "1"]]
)
def test_looking_imports_no_torch_and_creates_nothing(project, arguments):
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['run_all.py', *{arguments!r}]\n"
        "runpy.run_path('run_all.py', run_name='__main__')\n"
        "heavy = {'torch', 'torchvision', 'sklearn', 'matplotlib', 'dask', 'distributed'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=project.folder, env=offline(project.folder), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert not project.outputs.exists()


def test_mnist_by_name_is_never_replaced(project):
    code, _, error = project.run("--dataset", "mnist")
    assert code == 3 and "cannot be downloaded" in error and error.count("\n") == 1 and not project.outputs.exists()


def test_a_runs_name_says_every_departure_from_the_recipe(project):
    _, out, _ = project.run(
        "--dry-run",
        "--dataset",
        "digits",
        "--learning-rate",
        "0.003",
        "--batch-size",
        "64",
        "--threads",
        "1",
        "--epochs",
        "2",
        "--seed",
        "5",
    )
    assert out.startswith("run digits-balanced-2epochs-seed5-batch64-lr0.003-1threads\n")
    _, out, _ = project.run("--dry-run", "--dataset", "digits", "--fold", "2/5", "--threads", "1")
    assert out.startswith("run digits-balanced-10epochs-seed0-fold2of5-1threads\n")
    _, out, _ = project.run("--dry-run", "--dataset", "digits", "--epochs", "10", "--device", "auto")
    assert out.startswith("run digits-balanced-10epochs-seed0\n")


@pytest.mark.parametrize("command", [("run_all.py", "--list"), ("predict.py", "photograph.jpg")])
def test_a_python_without_the_packages_is_told_in_one_line(command):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    line = [sys.executable, "-S", str(ROOT / command[0]), *command[1:]]  # -S: nothing that is installed is found
    ended = subprocess.run(line, capture_output=True, text=True, env=environment)
    assert ended.returncode == 1 and ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("error: torch is not installed for ") and "activate" in ended.stderr
