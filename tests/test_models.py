"""Networks: what each takes, what it gives, and that those for 28x28 grey are what they were."""

import pytest
import torch
from torch import nn

from helpers import errors, evaluation, models, recipes

ANY_FORM = [name for name in models.NETWORKS if name not in recipes.MNISTS_ALONE]
FORMS = [(1, 28), (3, 28), (3, 16), (1, 16), (1, 17), (3, 32), (3, 96), (1, 256)]  # channels, size

# Of seed 3: the first weights of the first layer, the last layer's first biases, and scores of one made image.
AS_THEY_WERE = {
    "linear-head": (
        [-0.330491, -0.262954, -0.142772],
        [0.002443, 0.006922, 0.018163],
        [0.02733, -0.09543, -0.22219, -0.13228],
    ),
    "lenet": (
        [-0.198295, -0.157772, -0.085663],
        [-0.000606, -0.108368, -0.034915],
        [0.01296, -0.0512, -0.0438, 0.06341],
    ),
    "dropout": (
        [-0.198295, -0.157772, -0.085663],
        [0.116788, 0.064907, -0.017327],
        [0.16712, -0.01011, 0.0406, 0.15544],
    ),
    "narrow": (
        [-0.198295, -0.157772, -0.085663],
        [-0.086586, -0.058249, -0.123483],
        [0.05004, -0.01324, -0.04895, -0.0214],
    ),
    "small": (
        [-0.198295, -0.157772, -0.085663],
        [-0.035759, -0.0303, -0.018384],
        [-0.05787, -0.02979, -0.01479, 0.04297],
    ),
    "compact": (
        [-0.198295, -0.157772, -0.085663],
        [0.016782, 0.032922, -0.023767],
        [-0.01185, 0.05878, -0.0499, -0.02295],
    ),
    "wide": (
        [-0.330491, -0.262954, -0.142772],
        [-0.012712, -0.018115, 0.012392],
        [-0.00525, -0.01775, 0.01082, 0.00712],
    ),
}


@pytest.mark.parametrize("channels, size", FORMS)
@pytest.mark.parametrize("name", ANY_FORM)
def test_networks_of_any_form_build_and_run_on_it(name, channels, size):
    network = models.build(name, classes=7, mean=90, std=50, seed=1, channels=channels, size=size)
    assert network(torch.rand(2, channels, size, size) * 255).shape == (2, 7)
    rows = models.layer_table(network, size)
    assert rows[0]["output"] == f"{channels} x {size} x {size}" and rows[-1]["output"] == "7"
    assert sum(row["parameters"] for row in rows) == models.count_parameters(network)
    assert network.training
    shown = models.activations(network.eval(), torch.zeros(3, channels, size, size))
    assert list(shown) == [row["layer"] for row in rows] and len(shown["output"]) == 3


@pytest.mark.parametrize("channels, size", [(3, 28), (1, 32), (3, 96)])
@pytest.mark.parametrize("name", recipes.MNISTS_ALONE)
def test_published_networks_refuse_other_forms_in_one_line(name, channels, size):
    with pytest.raises(errors.BadInput) as caught:
        models.build(name, channels=channels, size=size)
    line = str(caught.value)
    assert caught.value.field == "recipe" and f"{size}x{size}" in line and "\n" not in line
    assert line.endswith("use `recipe` pictures, or `image_size` 28 and `colour` grey")


@pytest.mark.parametrize("name", AS_THEY_WERE)
def test_networks_for_28_grey_are_what_they_were(name):
    network = models.build(name, mean=33.3, std=78.6, seed=3).eval()
    weights = list(network.parameters())
    image = (torch.arange(784, 2 * 784) * 37 % 256).view(1, 1, 28, 28).float()
    found = (weights[0].flatten()[:3], weights[-1][:3], network(image)[0, :4])
    for values, expected in zip(found, AS_THEY_WERE[name], strict=True):
        assert torch.allclose(values, torch.tensor(expected), atol=2e-4)


def test_networks_pool_to_one_size_only_where_it_is_not_28():
    for name in ("small", "compact", "wide"):
        names = [row["layer"] for row in models.layer_table(models.build(name))]
        assert "pool" not in names
        at_40 = [row["layer"] for row in models.layer_table(models.build(name, size=40), 40)]
        assert at_40 == [*names[:-2], "pool", "flatten", "output"]


def test_a_residual_stage_adds_what_went_in():
    images = torch.rand(2, 8, 9, 9)
    same = models.Residual(8, 8).eval()
    assert isinstance(same.shortcut, nn.Identity)
    nn.init.zeros_(same.body[-1].weight)
    assert torch.equal(same(images), images)  # nothing is added to what is above zero already
    smaller = models.Residual(8, 16, stride=2)
    assert smaller(images).shape == (2, 16, 5, 5) and smaller.shortcut[0].kernel_size == (1, 1)


def test_the_table_of_layers_names_parts_of_a_block_and_a_residual_stage():
    kinds = {row["layer"]: row["kind"] for row in models.layer_table(models.build("residual", channels=3, size=96), 96)}
    assert kinds["stem"] == "Conv2d, MaxPool2d, BatchNorm2d, ReLU" and kinds["stage2"] == "Residual"


def test_the_recipe_is_checked_against_the_form_without_a_network():
    for name, recipe in recipes.RECIPES.items():
        recipes.check_form(recipe, 28, 1)
        if recipe.network not in recipes.MNISTS_ALONE:
            recipes.check_form(recipe, 96, 3)
            continue
        with pytest.raises(errors.BadInput, match=f"^recipe {name}: a network for 28x28 grey.* 28x28 in colour; use"):
            recipes.check_form(recipe, 28, 3)


def test_the_default_recipe_goes_by_the_form():
    forms = {(28, 1): "balanced", (16, 1): "balanced", (32, 1): "balanced", (33, 1): "pictures", (28, 3): "pictures"}
    assert {form: recipes.default(*form) for form in forms} == forms
    assert recipes.RECIPES["pictures"].network == "residual"


def test_large_images_are_predicted_in_smaller_batches():
    sizes = {(1, 28): 250, (1, 16): 250, (3, 28): 83, (3, 96): 8, (1, 256): 8}
    assert {form: evaluation.batch_for(torch.zeros(9, form[0], form[1], form[1])) for form in sizes} == sizes
    network = models.build("residual", channels=3, size=40).eval()
    images = torch.randint(0, 256, (99, 3, 40, 40), dtype=torch.uint8)
    with torch.inference_mode():
        together = network(images.float())
    assert torch.allclose(evaluation.predict(network, images), together, atol=1e-4)
