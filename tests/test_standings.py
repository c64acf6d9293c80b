"""What the runs of a grid reached, which setting is first, and whether that is more than chance."""

import json

import numpy as np
import pytest
from made_grids import IMAGES, correct, grid, leave, point
from scipy import stats

from helpers import evaluation, files, runs
from pipeline import index, standings


def read(outputs, points, axes=("recipe", "seed")):
    """Return the Standings of a grid of points."""
    return standings.read(grid(outputs, points, axes))


@pytest.fixture
def two_recipes(tmp_path):
    """Two recipes with three seeds each, of which `balanced` is better by 8 points."""
    points = []
    for recipe, share in (("fast", 0.85), ("balanced", 0.93)):
        for seed in range(3):
            made = point(tmp_path, seed, recipe=recipe, only=("training", "results"))
            points.append(leave(made, correct(share + seed / 100, seed), test=share - 0.02 + seed / 200))
    return points


def test_settings_are_ranked_on_validation_with_students_interval(tmp_path, two_recipes):
    (group,) = read(tmp_path, two_recipes).groups
    assert [(setting.name, setting.rank) for setting in group.settings] == [("balanced", 1), ("fast", 2)]
    for setting, share in zip(group.settings, (0.93, 0.85), strict=True):
        shares = [round((share + seed / 100) * IMAGES) / IMAGES for seed in range(3)]
        found = setting.estimate("validation_accuracy")
        expected = stats.t.interval(0.95, 2, loc=np.mean(shares), scale=stats.sem(shares))
        assert (found.mean, found.low, found.high) == pytest.approx((np.mean(shares), *expected)) and found.count == 3
    assert group.first.estimate("training_seconds").mean == 4.0 and group.first.estimate("validation_loss").mean == 0.5


def test_the_first_is_compared_within_seeds_and_adjusted_for_all_pairs(tmp_path, two_recipes):
    third = [leave(point(tmp_path, seed, recipe="dropout-tuned"), correct(0.925, 9 + seed)) for seed in range(3)]
    (group,) = read(tmp_path, two_recipes + third).groups
    assert [setting.name for setting in group.settings] == ["balanced", "dropout-tuned", "fast"]
    close, far = group.comparisons
    assert (close.verdict, far.verdict) == (standings.NOT_TOLD_APART, standings.MORE_THAN_CHANCE)
    ones = [correct(0.93 + seed / 100, seed) for seed in range(3)]
    twos = [correct(0.85 + seed / 100, seed) for seed in range(3)]
    difference, p_value = evaluation.compare_within_seeds(ones, twos)
    assert (far.difference, far.p_value, far.repeats) == (difference, p_value, 3)
    assert difference.mean == pytest.approx(0.08) and difference.low > 0
    assert far.adjusted == pytest.approx(3 * p_value)  # of 3 pairs, that with the least p-value
    assert close.adjusted == pytest.approx(min(1, 2 * close.p_value))


def test_test_accuracy_is_read_for_the_first_alone(tmp_path, two_recipes, monkeypatch):
    asked = []
    looked = runs.has_its_figures
    monkeypatch.setattr(
        runs, "has_its_figures", lambda folder, manifest: asked.append(folder.name) or looked(folder, manifest)
    )
    (group,) = read(tmp_path, two_recipes).groups
    assert asked == [made.run for made in two_recipes[3:]]
    assert group.test.mean.mean == pytest.approx(0.915) and len(group.test.accuracies) == 3
    low, high = stats.t.interval(0.95, 2, loc=0.915, scale=stats.sem([0.91, 0.915, 0.92]))
    assert (group.test.mean.low, group.test.mean.high) == pytest.approx((low, high))


def test_a_grid_of_trainings_alone_has_no_test_accuracy(tmp_path):
    (group,) = read(tmp_path, [leave(point(tmp_path), correct(0.9))]).groups
    assert group.test is None and group.first.name == "fast" and group.comparisons == []
    assert np.isnan(group.first.estimate("validation_accuracy").low)


def spoil_manifest(made):
    path = made.request.folder / "run.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))


def spoil_history(made):
    path = made.request.folder / "history.csv"
    path.write_text(path.read_text().replace("0.9", "0.99"))


def spoil_validation(made):
    (made.request.folder / "validation.npz").write_bytes(b"")


def of_other_parameters(made):
    manifest = runs.load_manifest(made.request.folder)
    manifest.parameters["batch_size"] = 7
    runs.save_manifest(made.request.folder, manifest)


def of_other_images(made):
    manifest = runs.load_manifest(made.request.folder)
    manifest.stages["training"].inputs = {"dataset": {"digits": "0" * 64}}
    runs.save_manifest(made.request.folder, manifest)


def of_another_training(made):
    manifest = runs.load_manifest(made.request.folder)
    leave(made, correct(0.5))
    other = runs.load_manifest(made.request.folder)
    digests = other.stages["training"].outputs
    leave(made, correct(0.9))
    path = made.request.folder / "history.csv"
    content = path.read_bytes()
    leave(made, correct(0.5))
    path.write_bytes(content)
    manifest.stages["training"].outputs = digests | {"history.csv": manifest.stages["training"].outputs["history.csv"]}
    runs.save_manifest(made.request.folder, manifest)


@pytest.mark.parametrize(
    ("damage", "state"),
    [
        (spoil_manifest, "damaged: its run.json is not as it was written"),
        (spoil_history, "history.csv has changed since training ran"),
        (spoil_validation, "validation.npz is not there as training left it"),
        (of_other_parameters, "another run lies there"),
        (of_other_images, "trained on other images than those that lie there now"),
        (of_another_training, "its history.csv and validation.npz are of different trainings"),
    ],
)
def test_what_a_manifest_does_not_vouch_for_has_no_figures(tmp_path, damage, state):
    made = leave(point(tmp_path), correct(0.9))
    assert standings.read_point(made).state == "done"
    damage(made)
    reading = standings.read_point(made)
    assert (reading.state, reading.figures) == (state, None)


def test_points_that_are_not_done_say_so_and_the_others_are_ranked(tmp_path):
    failed = leave(point(tmp_path, 1), correct(0.9), state="failed", message="TrainingDiverged:\nloss is nan")
    stopped = leave(point(tmp_path, 2), correct(0.9), state="running")
    diverged = leave(point(tmp_path, 3), correct(0.9), losses=(1.0, float("nan")))
    wants_results = leave(point(tmp_path, 4, only=("training", "results")), correct(0.9))
    done = leave(point(tmp_path, 5), correct(0.9))
    stand = read(tmp_path, [point(tmp_path, 0), failed, stopped, diverged, wants_results, done], ("seed",))
    assert [reading.state for reading in stand.readings] == [
        "not run",
        "failed in training",
        "stopped in training: its runner died",
        "diverged: a figure in its history.csv is none",
        "not all run: results missing",
        "done",
    ]
    assert stand.readings[1].message == "TrainingDiverged: loss is nan"
    (setting,) = stand.groups[0].settings
    assert list(setting.done) == [(5, None)] and len(setting.readings) == 6 and setting.rank == 1


def test_a_setting_without_a_finished_run_has_no_rank(tmp_path):
    points = [leave(point(tmp_path, recipe="fast"), correct(0.9), state="failed"), point(tmp_path, recipe="balanced")]
    (group,) = read(tmp_path, points, ("recipe",)).groups
    assert group.first is None and [setting.rank for setting in group.settings] == [None, None]
    with pytest.raises(ValueError, match="no run of fast is done"):
        group.settings[0].estimate("validation_loss")


def test_only_what_is_validated_on_the_same_images_is_ranked_together(tmp_path):
    points = [
        leave(point(tmp_path, 0, validation_size=size, learning_rate=rate), correct(share))
        for size, rate, share in ((200, 0.1, 0.9), (200, 0.2, 0.8), (300, 0.1, 0.7), (300, 0.2, 0.95))
    ]
    groups = read(tmp_path, points, ("learning_rate", "validation_size")).groups
    assert [group.validation_size for group in groups] == [200, 300]
    assert [group.first.name for group in groups] == [
        "learning rate 0.1, validation size 200",
        "learning rate 0.2, validation size 300",
    ]
    assert [len(group.comparisons) for group in groups] == [1, 1]


def test_folds_are_repeats_and_pairs_are_of_the_same_seed_and_fold(tmp_path):
    points = []
    for rate, share in ((0.1, 0.9), (0.2, 0.8)):
        for number in range(3):
            made = point(tmp_path, 0, f"{number + 1}/3", learning_rate=rate, run=f"rate{rate}-fold{number}")
            if (rate, number) != (0.2, 2):
                leave(made, correct(share, number))
            points.append(made)
    (group,) = read(tmp_path, points, ("learning_rate", "fold")).groups
    assert group.first.name == "learning rate 0.1" and len(group.first.done) == 3
    assert group.comparisons[0].repeats == 2
    assert group.comparisons[0].difference.mean == pytest.approx(0.1)


def test_settings_with_no_repeat_in_common_are_not_compared(tmp_path):
    points = [leave(point(tmp_path, seed, recipe=name), correct(0.9)) for seed, name in enumerate(("fast", "balanced"))]
    (comparison,) = read(tmp_path, points).groups[0].comparisons
    assert (comparison.verdict, comparison.p_value, comparison.repeats) == (standings.NOT_COMPARED, None, 0)


def test_the_lower_loss_breaks_a_tie(tmp_path):
    points = [
        leave(point(tmp_path, recipe=name), correct(0.9), losses=(1, loss))
        for name, loss in (("fast", 0.4), ("balanced", 0.3))
    ]
    first, second = read(tmp_path, points).groups[0].settings
    assert (first.name, first.tied, second.tied) == ("balanced", False, True)


def test_a_trained_run_is_read_as_training_left_it(trained, tmp_path):
    history = (trained / "hand" / "history.csv").read_text().splitlines()
    last = dict(zip(history[0].split(","), map(float, history[-1].split(",")), strict=True))
    made = leave(point(tmp_path), correct(0.9))
    manifest = runs.load_manifest(made.request.folder)
    for name in ("history.csv", "validation.npz", "model.json"):
        content = (trained / "hand" / name).read_bytes()
        (made.request.folder / name).write_bytes(content)
        manifest.stages["training"].outputs[name] = standings.index.files.digest(content)
    runs.save_manifest(made.request.folder, manifest)
    figures = standings.read_point(made).figures
    assert figures.validation_accuracy == last["validation_accuracy"] == pytest.approx(figures.correct.mean())
    assert figures.training_seconds == pytest.approx(last["seconds"]) and figures.epochs == len(figures.curve) == 1
    assert json.dumps(figures.curve) == json.dumps([last["validation_loss"]])


def test_one_run_each_is_no_proof_however_far_they_are_apart(tmp_path):
    points = [leave(point(tmp_path, recipe=recipe), correct(share)) for recipe, share in (("fast", 0.5), ("best", 0.9))]
    (comparison,) = read(tmp_path, points).groups[0].comparisons
    assert comparison.adjusted < 1e-6 and comparison.verdict == standings.ONE_PAIR


def test_a_setting_whose_runs_failed_stands_behind_those_that_are_complete(tmp_path):
    points = []
    for rate, share, failing in ((0.01, 0.90, 0), (3.0, 0.95, 2)):
        for seed in range(3):
            made = point(tmp_path, seed, learning_rate=rate)
            points.append(leave(made, correct(share, seed), state="failed" if seed < failing else "done"))
    (group,) = read(tmp_path, points, ("learning_rate", "seed")).groups
    assert [(setting.name, setting.is_complete) for setting in group.settings] == [
        ("learning rate 0.01", True),
        ("learning rate 3", False),
    ]


def test_settings_with_the_same_predictions_share_a_rank(tmp_path):
    points = [
        leave(point(tmp_path, seed, batch_size=size), correct(0.9, seed)) for size in (64, 128) for seed in (0, 1)
    ]
    (group,) = read(tmp_path, points, ("batch_size", "seed")).groups
    assert [(setting.rank, setting.tied) for setting in group.settings] == [(1, False), (1, False)]
    assert group.comparisons[0].verdict == standings.THE_SAME


def test_settings_on_other_validation_images_show_no_test_accuracy(tmp_path):
    points = []
    for size in (100, 200):
        made = point(tmp_path, validation_size=size, only=("training", "results"))
        points.append(leave(made, correct(0.9), test=0.9))
    groups = read(tmp_path, points, ("validation_size",)).groups
    assert len(groups) == 2 and [group.test for group in groups] == [None, None]


def test_a_grid_that_asks_for_trainings_alone_reads_no_results_of_before(tmp_path):
    made = leave(point(tmp_path), correct(0.9), test=0.9)
    (group,) = read(tmp_path, [made]).groups
    assert group.first.done and group.test is None


def test_results_of_an_earlier_model_do_not_count_against_a_new_training(tmp_path):
    made = leave(point(tmp_path), correct(0.9), test=0.9)
    manifest = runs.load_manifest(made.request.folder)
    manifest.stages["results"].inputs = {"input": {"model.json": "of before"}}
    runs.save_manifest(made.request.folder, manifest)
    assert read(tmp_path, [made]).readings[0].state == "done"


def test_a_grid_of_other_stages_has_not_failed(tmp_path):
    made = leave(point(tmp_path, only=("eda",)), correct(0.9))
    manifest = runs.load_manifest(made.request.folder)
    manifest.stages = {"eda": manifest.stages["training"].model_copy(update={"outputs": {}})}
    runs.save_manifest(made.request.folder, manifest)
    assert read(tmp_path, [made]).readings[0].state == "not trained, as it was asked for"


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04" + bytes(100)])
def test_arrays_that_are_none_keep_no_other_run_from_the_page(tmp_path, content):
    made = leave(point(tmp_path), correct(0.9))
    manifest = runs.load_manifest(made.request.folder)
    path = files.write_file(made.request.folder / "validation.npz", content)
    manifest.stages["training"].outputs[path.name] = files.file_digest(path)
    runs.save_manifest(made.request.folder, manifest)
    other = leave(point(tmp_path, 1), correct(0.9))
    damaged, whole = read(tmp_path, [made, other]).readings
    assert damaged.figures is None and damaged.state == index.UNREADABLE and whole.state == "done"


def test_many_repeats_see_no_more_images_than_there_are():
    ones, others = [correct(0.9, seed) for seed in range(20)], [correct(0.88, 50 + seed) for seed in range(20)]
    _, endless = evaluation.compare_within_seeds(ones, others)
    _, few = evaluation.compare_within_seeds(ones, others, pool=2 * IMAGES)
    assert few > endless and evaluation.compare_within_seeds(ones, others, pool=10**6)[1] == endless


def test_a_recipe_that_differs_without_having_been_asked_for_is_in_the_name(tmp_path):
    points = [leave(point(tmp_path, recipe=recipe), correct(0.9)) for recipe in ("fast", "balanced")]
    names = [setting.name for setting in read(tmp_path, points, ("seed",)).groups[0].settings]
    assert sorted(names) == ["balanced", "fast"]
