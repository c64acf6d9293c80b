"""A project of stand-in notebooks that run in a second, and the command line run as a person runs it.

A test is marked `whole` where it makes a run of the pipeline, opens a browser or starts a kernel: see `is_whole`. The
others are unit tests, and `make check` runs those of them that are not marked `slow`: see `SLOW`.
"""

import inspect
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import CodeType

import axe_playwright_python
import nbformat
import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")  # axe-core
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PARAMETERS = """run: str = "interactive"  # the run's folder
dataset: str = "auto"  # which images
image_size: int = None  # None is what suits them
colour: str = "auto"  # auto is what suits them
framing: str = "auto"  # auto is whole
seed: int = 0  # draws everything
recipe: str = "balanced"  # how to train
epochs: int = None  # None is what the recipe says
batch_size: int = None  # None is what the recipe says
learning_rate: float = None  # None is what the recipe says
validation_size: int = None  # None is what the recipe says
fold: str = None  # None is what the recipe says
start_from: str = None  # a run whose weights to start from
device: str = "auto"  # where to compute
threads: int = None  # None is one per core"""
LEAVES = {
    "00_walkthrough": ("walkthrough.safetensors", "walkthrough.json"),
    "01_eda": ("dataset.json",),
    "02_prototyping": ("prototyping.json",),
    "03_training": ("model.safetensors", "model.json", "history.csv", "validation.npz", "certainty.npz"),
    "04_results": ("predictions.npz", "metrics.json", "robustness.json"),
}
QUICK = {("01_eda", "label_size"): 200}  # what takes longest, made small: {(notebook, parameter): its default}
COSTLY = ("finished", "sealed")  # fixtures that are a whole run; what takes one of them comes last
STARTERS = {"Project", "made_once", "subprocess", "executable", "execute_notebook", "sync_playwright"}  # see is_whole
SLOW_SECONDS = 10
SLOW = (  # tests that take longer by themselves, where nothing else is at work, without the fixtures that they share
    "test_dispatch::test_a_killed_client_leaves_no_child_and_the_same_command_goes_on",
    "test_dispatch::test_a_lost_worker_and_a_killed_child_cost_a_run_and_no_file",
    "test_dispatch::test_a_run_comes_back_from_a_cluster_as_it_would_be_here",
    "test_dispatch::test_a_worker_without_space_takes_no_more_runs",
    "test_dispatch::test_ctrl_c_ends_every_child_and_the_same_command_goes_on",
    "test_dispatch::test_runs_begin_in_the_order_in_which_they_were_asked_for",
    "test_dispatch::test_the_points_of_a_grid_are_the_runs_of_single_commands",
    "test_dispatch::test_where_all_workers_are_refused_the_command_ends",
    "test_drawing::test_digits_redrawn_as_strokes_are_read",
    "test_folders::test_the_command_line_takes_a_folder_and_finds_it_again",
    "test_folders::test_the_notebooks_tell_of_a_folders_own_classes",
    "test_folders::test_the_smallest_folder_of_all_goes_through_the_notebooks",
    "test_notebooks::test_a_cell_that_is_run_again_says_the_same",
    "test_notebooks::test_another_epoch_count_is_another_run_and_a_plot_change_trains_nothing",
    "test_notebooks::test_each_notebook_alone_from_another_folder",
    "test_notebooks::test_pictures_of_any_form_go_through_the_story",
    "test_pipeline::test_a_command_on_a_damaged_run_ends_without_a_traceback",
    "test_pipeline::test_a_model_that_was_reloaded_keeps_the_record_of_who_trained_it",
    "test_pipeline::test_a_run_leaves_its_record_and_the_second_time_starts_no_kernel",
    "test_pipeline::test_only_what_changed_runs_again",
    "test_project::test_every_function_has_types_and_they_agree",
    "test_speed::test_the_page_shows_like_with_like_first_and_then_both_ways",
    "test_start::test_a_start_that_was_trained_anew_trains_anew_what_began_with_it",
    # and unit tests that compute for a second and more, all their cases together: `make check` has no time for them
    "test_baselines::test_each_learns_more_of_digits_than_the_majority_class",
    "test_baselines::test_of_many_images_a_part_is_drawn_by_the_seed",
    "test_benchmarks::test_a_model_that_was_trained_elsewhere_is_read_as_such",
    "test_benchmarks::test_a_reading_of_another_commit_is_taken_anew_only_if_that_is_asked_for",
    "test_benchmarks::test_a_reading_of_another_recipe_is_read_again_and_kept_in_short",
    "test_benchmarks::test_readings_resume_and_five_models_answer_together",
    "test_certainty::test_a_certainty_that_no_training_writes_is_refused",
    "test_certainty::test_a_model_whose_certainty_is_of_other_code_is_trained_anew",
    "test_certainty::test_a_training_keeps_what_was_fitted_and_its_bytes_repeat",
    "test_certainty::test_photographs_are_of_validation_images_and_repeat",
    "test_certainty::test_temperature_threshold_and_floor_are_those_of_validation",
    "test_certainty::test_the_benchmark_counts_what_is_sure",
    "test_comparison::test_the_error_of_a_difference_is_that_of_the_bootstrap_without_its_random_numbers",
    "test_data::test_every_mirror_is_tried_in_turn",
    "test_export::test_a_run_that_does_not_know_what_it_knows_gives_probabilities_alone",
    "test_export::test_the_probabilities_are_those_of_torch",
    "test_export::test_the_same_run_gives_the_same_bytes",
    "test_export::test_the_temperature_is_in_it",
    "test_grids::test_a_stage_that_failed_tells_no_time",
    "test_made_pictures::test_readings_are_kept_with_all_that_they_are_of",
    "test_made_pictures::test_the_recipe_learns_colours_that_nothing_else_tells_apart",
    "test_model_card::test_the_lines_of_the_card_run",
    "test_notebooks::test_slopes_by_hand_and_by_calculus_agree_and_three_steps_go_down",
    "test_notebooks::test_the_training_of_the_walkthrough_repeats_itself",
    "test_plots::test_a_confusion_matrix_writes_every_count_that_is_not_zero",
    "test_plots::test_images_are_held_once_by_their_own_pixels_and_fewer_a_row_on_a_phone",
    "test_plots::test_large_images_are_drawn_larger_and_fewer_a_row",
    "test_plots::test_numbers_are_written_in_the_cells_that_have_room_for_them",
    "test_plots::test_the_same_figure_gives_the_same_bytes_each_time",
    "test_request::test_two_requests_with_two_data_folders_are_planned_in_one_process",
    "test_sheets::test_digits_are_found_where_they_are_in_reading_order",
    "test_soundness::test_a_wrong_label_among_few_pictures_in_colour_is_found_with_the_right_one",
    "test_steps::test_simple_classifiers_are_scored_once_a_commit",
    "test_training::test_a_changed_model_is_not_loaded_but_trained_anew",
    "test_training::test_a_checkpoint_of_another_training_is_not_used",
    "test_training::test_a_damaged_checkpoint_is_put_away_and_the_one_before_it_used",
    "test_training::test_a_finished_training_is_loaded_and_another_recipe_trained",
    "test_training::test_a_model_of_a_network_that_has_changed_since_is_trained_anew",
    "test_training::test_a_training_starts_from_the_weights_of_another",
    "test_training::test_a_training_that_ended_before_its_model_was_written_is_not_repeated",
    "test_training::test_a_training_validates_on_its_fold_and_is_another_than_that_of_any_other_fold",
    "test_training::test_an_interrupted_training_goes_on_to_the_same_bits",
    "test_training::test_the_same_seed_gives_the_same_bits_and_another_does_not",
    "test_verdicts_reading::test_a_kind_is_seldom_called_harder_by_chance",
    "test_verdicts_results::test_equally_hard_classes_are_seldom_ranked",
    "test_verdicts_results::test_one_hard_class_is_no_pair_that_stands_out",
)
METRICS = '{"test": {"accuracy": 0.5, "accuracy_ci95": [0.25, 0.75]}}'


def pytest_configure(config):
    """Compute on one thread in the tests' own process, and in each of several, as `offline` does in its children."""
    os.environ["OMP_NUM_THREADS"] = "1"  # before the first test module imports torch
    from helpers import certainty

    certainty.PHOTOGRAPHS = 16  # a hundred and more, for a training of a moment, would take longer than it
    if "not whole" in config.option.markexpr:
        sys.addaudithook(refuse_python)


def pytest_collection_modifyitems(items):
    """Mark the tests that are `whole` or `slow`, and see to the order: see `costly_last`."""
    for item in items:
        if is_whole(item):
            item.add_marker("whole")
        if f"{item.path.stem}::{item.originalname}" in SLOW:
            item.add_marker("slow")
    items[:] = costly_last(items)


def costly_last(items):
    """Return the tests, those that use a costly fixture last, except for one of each, which comes first and makes it.

    Where several processes share the tests, the others have theirs to do meanwhile, instead of waiting for it.
    """
    using = [item for item in items if set(COSTLY) & set(item.fixturenames)]
    first = {tuple(name for name in COSTLY if name in item.fixturenames): item for item in reversed(using)}
    others = [item for item in items if item not in using]
    return [*first.values(), *others, *(item for item in using if item not in first.values())]


def is_whole(item):
    """Tell whether a test or one of its fixtures starts a program; some are marked by hand."""
    definitions = item._fixtureinfo.name2fixturedefs
    return starts_a_program([item.function, *(definitions[name][-1].func for name in definitions)])


def starts_a_program(functions):
    """Tell whether one of these functions, or a function of the tests that one of them uses, names one of STARTERS."""
    pending, seen = list(functions), set()
    while pending:
        function = pending.pop()
        if not is_of_the_tests(function) or function in seen:
            continue
        seen.add(function)
        names = names_in(function.__code__)
        if names & STARTERS:
            return True
        pending += [function.__globals__.get(name) for name in names]
    return False


def is_of_the_tests(function):
    """Tell whether something is a function that stands in a file of tests/."""
    return inspect.isfunction(function) and Path(function.__code__.co_filename).parent == ROOT / "tests"


def names_in(code):
    """Return the names that a function's code uses, and those of the functions inside it."""
    inner = [names_in(constant) for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*inner)


def refuse_python(event, arguments):
    """Let no unit test start Python, which kernels and runs of the pipeline are: an audit hook.

    It finds what `is_whole` does not see, because a module outside tests/ does it.
    """
    if event == "subprocess.Popen" and "PYTEST_CURRENT_TEST" in os.environ:
        program, line = arguments[:2]
        if Path(os.fsdecode(program or line[0])).name.startswith("python"):
            raise AssertionError("a unit test starts Python: it needs the marker `whole`")


def pytest_terminal_summary(terminalreporter):
    """Name the tests that took long and are not among SLOW; on a busy machine others do, so that none fails by it."""
    reports = terminalreporter.stats.get("passed", [])
    late = {report.nodeid for report in reports if report.duration > SLOW_SECONDS and "slow" not in report.keywords}
    if late:
        terminalreporter.section(f"took over {SLOW_SECONDS} seconds, and not among SLOW of tests/conftest.py")
        terminalreporter.write_line("\n".join(sorted(late)))


def offline(folder):
    """Return an environment in which every download is refused at once, and no MNIST is found."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MNIST_")}
    proxies = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy")}
    calm = {"NO_COLOR": "1", "OMP_NUM_THREADS": "1"}  # on images this few a second thread costs more than it brings
    return environment | proxies | calm | {"MNIST_DATA_DIR": str(folder / "no-data")}


def set_default(path, parameter, value):
    """Give a parameter of a notebook, which must be there, another default."""
    notebook = nbformat.read(path, 4)
    (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    cell.source, count = re.subn(rf"^({parameter}: \w+) = \S+", rf"\1 = {value!r}", cell.source, flags=re.MULTILINE)
    assert count == 1, f"{path.stem} has no parameter {parameter}"
    nbformat.write(notebook, path)


class Project:
    """A copy of run_all.py, helpers/ and pipeline/ in `folder`, with notebooks that may be replaced.

    A folder that holds such a copy already is taken as it is. `quick`: see QUICK.
    """

    def __init__(self, folder, real_notebooks=False, quick=False):
        self.folder = folder
        self.outputs = folder / "outputs"
        if (folder / "run_all.py").is_file():
            return
        shutil.copy(ROOT / "run_all.py", folder)
        for package in ("helpers", "pipeline"):
            shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        if real_notebooks:
            shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns(".*"))
            for (name, parameter), value in QUICK.items() if quick else ():
                set_default(folder / "notebooks" / f"{name}.ipynb", parameter, value)
        else:
            for name, leaves in LEAVES.items():
                self.notebook(name, *(f"(folder / {leaf!r}).write_text({METRICS!r})" for leaf in leaves))

    def copy_to(self, folder):
        """Copy the project with its runs to `folder`, which must not be there; return the copy."""
        shutil.copytree(self.folder, folder)
        return Project(folder)

    def notebook(self, name, *code, parameters=PARAMETERS):
        """Write the notebook `name`: a title, the parameters, the imports, then the cells `code`."""
        cell = nbformat.v4.new_code_cell(parameters)
        cell.metadata["tags"] = ["parameters"]
        first = "from helpers import errors, files, runs\nfolder = runs.open_run(run)"
        cells = [nbformat.v4.new_markdown_cell(f"# {name}\n\n## One part"), cell]
        cells += [nbformat.v4.new_code_cell(source) for source in (first, *code)]
        notebook = nbformat.v4.new_notebook(cells=cells)
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        path = self.folder / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)

    def start(self, *arguments, dataset="digits", **environment):
        """Start `python run_all.py` with `arguments` on `dataset`, as a process whose output is text."""
        command = [sys.executable, str(self.folder / "run_all.py"), *arguments]
        command += ["--dataset", dataset] if dataset and "--dataset" not in arguments else []
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env=offline(self.folder) | environment, cwd=self.folder, **pipes)

    def run(self, *arguments, **options):
        """Run `python run_all.py` to its end; return (exit code, stdout, stderr). See `start`."""
        process = self.start(*arguments, **options)
        out, error = process.communicate(timeout=600)
        return process.returncode, out, error


@pytest.fixture
def project(tmp_path):
    """A project of stand-in notebooks, of this test alone."""
    return Project(tmp_path)


def made_once(tmp_path_factory, name, make):
    """Return a folder that `make(folder)` has filled, and the text that it returned, once for all tests.

    All processes of pytest-xdist share it: the first makes it, the others wait for that and read. No test may change
    it; one that has to takes a copy (`Project.copy_to`).
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent  # each worker has a folder of its own in that of the session
    folder = base / name
    told = base / f"{name}.txt"
    with FileLock(f"{folder}.lock"):
        if not told.is_file():
            folder.mkdir()  # fails where another process has failed: the tests then say so once more, in a moment
            told.write_text(make(folder))
    return folder, told.read_text()


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The real notebooks, run once on the embedded digits with one epoch: (project, run folder, what it printed)."""

    def make(folder):
        code, out, error = Project(folder, real_notebooks=True, quick=True).run("--epochs", "1", dataset=None)
        assert code == 0, out + error
        return out

    folder, printed = made_once(tmp_path_factory, "finished", make)
    project = Project(folder)
    return project, project.outputs / "digits-balanced-1epochs-seed0", printed


RAN = "digits-balanced-10epochs-seed0"  # the run that `ran` holds


@pytest.fixture
def ran(tmp_path, tmp_path_factory):
    """A project of stand-in notebooks whose five stages are done, as the run RAN: a copy, of this test alone."""

    def make(folder):
        code, out, error = Project(folder).run()
        assert code == 0, out + error
        return out

    folder, _ = made_once(tmp_path_factory, "ran", make)
    return Project(folder).copy_to(tmp_path / "project")


@pytest.fixture(scope="session")
def read_mnist(real_data, tmp_path_factory):
    """A folder of runs in which one, `fast`, was trained on the real MNIST. No test may change it."""
    from helpers import data, recipes, training

    def make(folder):
        training.train(data.load("mnist", real_data), recipes.choose("fast"), folder=folder / "fast")
        return ""

    return made_once(tmp_path_factory, "read-mnist", make)[0]


SEALED = '''

class Sealed:
    """A test split that nobody may look at."""

    def __getattr__(self, name):
        raise AssertionError("the test split was touched")

    __getitem__ = __len__ = __iter__ = __getattr__


whole_split = split


def split(*arguments, **options):
    is_sealed = (Path(__file__).parent / "sealed").exists()
    return whole_split(*arguments, **options) | ({"test": Sealed()} if is_sealed else {})
'''


@pytest.fixture(scope="session")
def sealed(tmp_path_factory):
    """The run of `fast` on the embedded digits, made with the test split sealed until its results are due.

    (run folder, what its results said while the split was sealed).
    """

    def make(folder):
        project = Project(folder, real_notebooks=True, quick=True)
        module = folder / "helpers" / "data.py"
        module.write_text(module.read_text() + SEALED)
        (folder / "helpers" / "sealed").touch()
        arguments = ("--recipe", "fast", "--run", "fast", "--only")
        code, out, error = project.run(*arguments, "walkthrough", "eda", "prototyping", "training")
        assert code == 0, out + error
        code, _, refused = project.run(*arguments, "results")
        assert code == 1
        (folder / "helpers" / "sealed").unlink()
        code, out, error = project.run(*arguments, "results")
        assert code == 0, out + error
        return refused

    folder, refused = made_once(tmp_path_factory, "sealed", make)
    return folder / "outputs" / "fast", refused


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder of runs in which one, `hand`, holds a model that was trained in a second. No test may change it."""
    from helpers import data, recipes, training

    outputs = tmp_path_factory.mktemp("trained")
    instant = replace(recipes.RECIPES["fast"], epochs=1, batch_size=64, min_batches_per_epoch=20)
    training.train(data.load("digits"), instant, folder=outputs / "hand")
    return outputs


@pytest.fixture(scope="session")
def browser():
    """A real browser; tests that need one are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright's Python package")
    if not CHROMIUM:
        pytest.skip("needs Chromium: install Debian's package chromium")
    with playwright.sync_playwright() as driver:
        yield driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture(scope="session")
def real_data():
    """The folder of datasets that holds the real MNIST; the test is skipped where there is none."""
    folder = os.environ.get("MNIST_DATA_DIR")
    if not folder or not (Path(folder) / "MNIST" / "raw" / "train-images-idx3-ubyte").is_file():
        pytest.skip("needs the real MNIST: set MNIST_DATA_DIR to the folder that holds MNIST/raw")
    return str(Path(folder).resolve())
