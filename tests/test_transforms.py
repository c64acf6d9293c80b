"""Warping, roughening and corrupting images, against what can be counted on their pixels."""

import pytest
import torch

from helpers import transforms
from helpers.corruptions import CORRUPTIONS, backgrounds, corrupt, suited_to
from helpers.transforms import warp


@pytest.fixture(autouse=True)
def same_draws():
    """Draw the same numbers whatever ran before: what is counted below is counted on few images."""
    torch.manual_seed(0)


def blobs(count=40):
    """Return uint8 images (count, 1, 28, 28): a smooth blob of ink near the middle of each, no two alike."""
    draw = torch.Generator().manual_seed(0)
    rows, columns = torch.arange(28.0).view(28, 1), torch.arange(28.0).view(1, 28)
    high, wide = (10 + 7 * torch.rand(2, count, 1, 1, 1, generator=draw)).unbind()
    return (220 * torch.exp(-((rows - high) ** 2) / 9 - (columns - wide) ** 2 / 4)).round().to(torch.uint8)


def middle(images):
    """Return where the ink of images (n, 1, h, w) lies on average: (columns, rows), each (n,)."""
    images = images[:, 0].double()
    mass, place = images.sum(dim=(1, 2)), torch.arange(images.shape[-1]).double()
    return (images.sum(dim=1) @ place) / mass, (images.sum(dim=2) @ place) / mass


def warped(images, **amounts):
    """Return float images (n, 1, h, w) warped by the same amounts each."""
    neutral = {"rotation": 0, "size": 1, "shear": 0, "right": 0, "down": 0} | amounts
    filled = {name: torch.full((len(images),), float(value)) for name, value in neutral.items()}
    return warp(images.float(), **filled)


def test_warp_moves_to_the_right_and_down():
    images = blobs()
    for amounts, right, down in (({"right": 3}, 3, 0), ({"down": -2.5}, 0, -2.5), ({"right": -1, "down": 4}, -1, 4)):
        before, after = middle(images), middle(warped(images, **amounts))
        assert torch.allclose(after[0] - before[0], torch.tensor(right).double(), atol=0.02)
        assert torch.allclose(after[1] - before[1], torch.tensor(down).double(), atol=0.02)


def test_warp_by_a_quarter_turn_is_rot90():
    images = blobs()
    for angle, turns in ((90, 1), (180, 2), (-90, -1)):
        assert (warped(images, rotation=angle) - torch.rot90(images, turns, (2, 3)).float()).abs().max() < 0.01


def test_warp_enlarges_about_the_middle_and_shears_along_the_rows():
    images = blobs()
    ink, place = images.sum(dim=(1, 2, 3)).double(), middle(images)
    small = warped(images, size=0.8)
    assert torch.allclose(small.sum(dim=(1, 2, 3)).double() / ink, torch.tensor(0.64).double(), atol=0.02)
    assert torch.allclose(middle(small)[0] - 13.5, 0.8 * (place[0] - 13.5), atol=0.05)
    sheared = middle(warped(images, shear=20))
    assert torch.allclose(sheared[1], place[1], atol=0.05) and (sheared[0] - place[0]).abs().max() > 0.5


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruption_keeps_its_promises(name):
    images = blobs()
    _, strengths, neutral = CORRUPTIONS[name]
    before, damage = images.clone(), []
    for strength in strengths:
        changed = corrupt(images, name, strength)
        assert changed.dtype == torch.uint8 and changed.shape == images.shape
        assert torch.equal(changed, corrupt(images, name, strength))  # the same seed gives the same
        damage.append((changed.float() - images.float()).abs().mean().item())
    assert torch.equal(images, before) and torch.equal(corrupt(images, name, neutral), images)
    assert [strength for strength, change in zip(strengths, damage, strict=True) if not change] == [neutral]
    if name in ("rotation", "shift", "shear", "noise", "occlusion"):
        assert not torch.equal(corrupt(images, name, strengths[-1]), corrupt(images, name, strengths[-1], seed=1))


def test_shift_has_its_length_in_all_directions_and_keeps_them():
    images = blobs(200)
    start, ways = middle(images), {}
    for strength in (2, 4):
        end = middle(corrupt(images, "shift", strength))
        columns, rows = (after - before for after, before in zip(end, start, strict=True))
        assert torch.allclose(torch.hypot(columns, rows), torch.tensor(strength).double(), atol=0.1)
        ways[strength] = torch.atan2(rows, columns)
    assert torch.allclose(ways[2], ways[4], atol=0.1)
    assert torch.histc(ways[2].float(), 4, -torch.pi, torch.pi).min() > 25  # of 50 in each quarter


def test_rotation_and_shear_go_either_way_and_share_it_among_strengths():
    images = blobs(200)
    for angle, rotated in ((90, corrupt(images, "rotation", 90)), (180, corrupt(images, "rotation", 180))):
        left, right = (
            (rotated.float() - torch.rot90(images, way * angle // 90, (2, 3)).float()).abs().amax(dim=(1, 2, 3)) <= 1
            for way in (1, -1)
        )
        assert (left | right).all() and (angle == 180 or 60 < left.sum() < 140)
    (start, _), *sheared = middle(images), *(middle(corrupt(images, "shear", angle))[0] for angle in (15, 30))
    sides = [(columns - start).sign()[(columns - start).abs() > 0.3] for columns in sheared]
    assert all(0.25 < (side > 0).double().mean() < 0.75 for side in sides)
    both = ((sheared[0] - start).abs() > 0.3) & ((sheared[1] - start).abs() > 0.3)
    assert torch.equal((sheared[0] - start).sign()[both], (sheared[1] - start).sign()[both])


def test_blur_keeps_the_ink_and_widens_it_by_its_deviation():
    point = torch.zeros(1, 1, 41, 41, dtype=torch.uint8)
    point[0, 0, 18:23, 18:23] = 255
    for std in (1, 2, 3):
        blurred = corrupt(point, "blur", std).double()
        assert blurred.sum() == pytest.approx(25 * 255, rel=0.02)
        profile, place = blurred.sum(dim=(0, 1, 2)), torch.arange(41).double() - 20
        assert (profile @ place**2) / profile.sum() == pytest.approx(2 + std**2, rel=0.05)


def test_noise_has_the_deviation_asked_for():
    grey = torch.full((50, 1, 28, 28), 128, dtype=torch.uint8)
    for std in (0.05, 0.1):
        change = corrupt(grey, "noise", std).double() - 128
        assert change.std() == pytest.approx(255 * std, rel=0.02) and abs(change.mean()) < 0.5
    weak, strong = (corrupt(grey, "noise", std).double() - 128 for std in (0.05, 0.1))
    assert torch.corrcoef(torch.stack([weak.flatten(), strong.flatten()]))[0, 1] > 0.99


def test_contrast_shrinks_the_spread_around_the_mean_of_each_image():
    images = blobs().double()
    for share in (0.5, 0.2):
        faded = corrupt(blobs(), "contrast", share).double()
        assert torch.allclose(faded.mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3)), atol=0.5)
        assert torch.allclose(faded.std(dim=(1, 2, 3)), share * images.std(dim=(1, 2, 3)), rtol=0.05)


def test_occlusion_blanks_a_square_of_just_that_side_anywhere():
    white = torch.full((300, 1, 28, 28), 255, dtype=torch.uint8)
    for side in (1, 7, 20, 28):
        blank = corrupt(white, "occlusion", side)[:, 0] == 0
        assert (blank.sum(dim=(1, 2)) == side**2).all()
        assert (blank.any(dim=1).sum(dim=1) == side).all() and (blank.any(dim=2).sum(dim=1) == side).all()
        assert blank.any(dim=0).any(dim=0).all() and blank.any(dim=0).any(dim=1).all()  # it reaches every border


def pictures(channels, size):
    """Return images, uint8 (5, channels, size, size): a bright square in the middle of an even colour."""
    images = torch.tensor([40, 90, 200][:channels], dtype=torch.uint8).view(1, -1, 1, 1).repeat(5, 1, size, size)
    images[:, :, size // 3 : -size // 3, size // 3 : -size // 3] = 250
    return images


def test_strengths_in_pixels_grow_with_the_images():
    assert suited_to(torch.zeros(1, 1, 28, 28)) is CORRUPTIONS
    large = suited_to(torch.zeros(1, 3, 96, 96))
    assert large["shift"].strengths == (0, 6.9, 14, 21, 27, 34, 41) and large["shift"].neutral == 0
    assert large["blur"].strengths == (0, 1.7, 3.4, 5.1, 6.9, 10)
    assert large["occlusion"].strengths == (0, 14, 27, 41, 55, 69)
    assert {name: large[name] for name in ("rotation", "shear")} == {
        name: CORRUPTIONS[name] for name in ("rotation", "shear")
    }
    assert large["noise"].strengths == CORRUPTIONS["noise"].strengths and "ink" not in large["noise"].unit
    assert all(len(set(of.strengths)) == len(of.strengths) for of in suited_to(torch.zeros(1, 3, 16, 16)).values())


@pytest.mark.parametrize(("channels", "size"), [(3, 16), (3, 96), (1, 64)])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_pictures_of_any_form_are_corrupted_and_their_background_comes_in(name, channels, size):
    images = pictures(channels, size)
    _, strengths, neutral = suited_to(images)[name]
    assert torch.equal(corrupt(images, name, neutral), images)
    hardest = corrupt(images, name, strengths[-1 if neutral != strengths[-1] else 0])
    assert hardest.shape == images.shape and hardest.dtype == torch.uint8 and not torch.equal(hardest, images)
    if name in ("rotation", "shift", "shear", "blur", "occlusion"):
        darkest = hardest.float().amin(dim=(2, 3))
        assert torch.equal(darkest, backgrounds(images)[:, :, 0, 0])  # and not black


def test_a_background_is_the_median_of_the_border_and_none_of_ink():
    images = pictures(3, 20)
    images[:, :, 0, :9] = 255  # less than half of the border
    assert backgrounds(images)[:, :, 0, 0].tolist() == [[40, 90, 200]] * 5
    assert backgrounds(pictures(1, 28)).tolist() == [[[[0]]]] * 5


def test_an_unknown_corruption_is_refused():
    with pytest.raises(ValueError, match="fog"):
        corrupt(blobs(1), "fog", 1)


ROUGHENING = tuple(transforms.ROUGHENING)


def inked():
    """Return float images (60, 1, 28, 28) of thick strokes on bare paper, no two alike."""
    return torch.where(blobs(60).float() > 60, 255.0, 0.0)


@pytest.mark.parametrize("name", ROUGHENING)
def test_roughening_changes_images_each_in_its_own_way_and_draws_from_the_global_state(name):
    images = inked()[:1].repeat(60, 1, 1, 1)
    if name == "gamma":
        images = images / 2
    if name == "pieces":
        images = inked()
    before = images.clone()
    torch.manual_seed(0)
    rough = transforms.ROUGHENING[name](images)
    assert rough.shape == images.shape and rough.dtype == torch.float32 and torch.equal(images, before)
    assert len(rough.flatten(1).unique(dim=0)) > 20 and rough.isfinite().all()
    torch.manual_seed(0)
    assert torch.equal(rough, transforms.ROUGHENING[name](images))
    torch.manual_seed(1)
    assert not torch.equal(rough, transforms.ROUGHENING[name](images))


@pytest.mark.parametrize("name", ROUGHENING)
def test_roughening_takes_colours_and_single_images(name):
    for shape in ((1, 1, 28, 28), (3, 3, 20, 24)):
        rough = transforms.ROUGHENING[name](torch.rand(shape) * 255)
        assert rough.shape == shape and rough.isfinite().all()


def test_strokes_grow_by_a_pixel_at_most_and_noise_is_even():
    images = inked()
    ink, rough = images > 0, transforms.change_strokes(images) > 0
    near = torch.nn.functional.max_pool2d(ink.float(), 3, stride=1, padding=1) > 0
    assert not (rough & ~near).any() and (rough & ~ink).any()
    noise = transforms.add_noise(torch.full((200, 1, 28, 28), 128.0)) - 128
    spreads = noise.std(dim=(1, 2, 3))
    assert noise.mean().abs() < 0.5 and spreads.max() < 70 and spreads.min() < 5


def test_pieces_only_add_ink_and_blots_only_take_it_away():
    images = inked()
    added = transforms.paste_pieces(images) - images
    assert (added >= 0).all() and 0 < (added > 0).float().mean() < 0.1
    taken = images - transforms.erase_smoothly(images)
    assert (taken >= 0).all() and 0.1 < taken.sum() / images.sum() < 0.5


def test_shade_darkens_paper_and_leaves_full_ink():
    shaded, ink = transforms.shade(inked()), inked() == 255
    assert (shaded[ink] == 255).all() and (shaded[~ink] >= 0).all() and 100 < shaded[~ink].max() < 0.81 * 255
    assert shaded.diff(dim=2)[~ink[:, :, 1:] & ~ink[:, :, :-1]].abs().max() < 20  # no edge in it


def test_filters_fill_the_range_and_a_blank_image_stays_finite():
    filtered = transforms.filter_randomly(inked())
    assert filtered.amin(dim=(1, 2, 3)).abs().max() < 0.01
    assert torch.allclose(filtered.amax(dim=(1, 2, 3)), torch.tensor(255.0), atol=0.01)
    assert transforms.filter_randomly(torch.zeros(2, 1, 28, 28)).abs().max() < 1


def test_just_the_share_asked_for_is_roughened_and_stays_in_range():
    images = inked()
    for share, count in ((0.25, 15), (0.1, 6), (1, 60)):
        torch.manual_seed(0)
        rough = transforms.augment(images, rough_share=share, roughening=("noise",) * 30)  # by chance, some each time
        assert (rough != images).flatten(1).any(dim=1).sum() == count
        assert rough.min() >= 0 and rough.max() <= 255
    assert torch.equal(transforms.augment(images, rough_share=0.25), images)
    with pytest.raises(KeyError):
        transforms.roughen(images, ["unheard-of"])


def test_each_operation_falls_on_its_share_of_images_whatever_else_has():
    torch.manual_seed(0)
    images = inked()[:1].repeat(2000, 1, 1, 1)
    share = (transforms.roughen(images, ["light"]) != images).flatten(1).any(dim=1).float().mean().item()
    assert share == pytest.approx(transforms.CHANCE, abs=0.04)


def drawn_pictures(count=6, channels=3, side=24):
    """Return float images (count, channels, side, side) without structure, none of whose pixels is near black."""
    draw = torch.Generator().manual_seed(1)
    return torch.randint(60, 196, (count, channels, side, side), generator=draw).float()


def test_half_of_the_images_are_mirrored_and_none_is_changed_otherwise():
    images = drawn_pictures(400)
    torch.manual_seed(0)
    after = transforms.augment(images, flip=True)
    same = (after == images).all(dim=(1, 2, 3))
    mirrored = (after == images.flip(-1)).all(dim=(1, 2, 3))
    assert (same ^ mirrored).all() and 150 < mirrored.sum() < 250


def test_a_crop_is_a_part_of_the_image_of_at_least_its_share():
    rows, columns = torch.meshgrid(torch.arange(40.0), torch.arange(40.0), indexing="ij")
    images = torch.stack([rows, columns]).expand(300, 2, 40, 40) + 100
    for flip in (False, True):
        torch.manual_seed(0)
        after = transforms.augment(images, flip=flip, crop=0.3)
        down = after[:, 0, 1:-1].diff(dim=1)
        right = after[:, 1, :, 1:-1].diff(dim=2)
        assert 0.7 - 1e-3 < down.min() < 0.75 and 0.95 < down.max() < 1 + 1e-3  # rows of the image for one of the crop
        assert torch.allclose(down, down[:, :1, :1].expand_as(down), atol=1e-3)
        kept = right.abs()
        assert 0.7 - 1e-3 < kept.min() < 0.75 and (right < 0).any() == flip
        assert after.min() >= 100 - 1e-3 and after.max() <= 139 + 1e-3  # nothing came in from outside
        assert (after[:, 0].amin(dim=(1, 2)) < 101).any() and (after[:, 0].amin(dim=(1, 2)) > 108).any()


def test_light_and_colour_change_each_image_by_amounts_of_its_own():
    images = drawn_pictures(200) * 0.2 + 100  # far enough from black and white that nothing is cut off
    grey = torch.tensor(transforms.GREY).view(3, 1, 1)
    light = transforms.jitter(images, 0.3, 0)
    levels = (light * grey).sum(dim=1).mean(dim=(1, 2)) / (images * grey).sum(dim=1).mean(dim=(1, 2))
    assert 0.7 - 1e-3 < levels.min() < 0.75 and 1.25 < levels.max() < 1.3 + 1e-3
    spread = light.std(dim=(1, 2, 3)) / images.std(dim=(1, 2, 3)) / levels
    assert 0.7 - 1e-2 < spread.min() < 0.75 and 1.25 < spread.max() < 1.3 + 1e-2
    colour = transforms.jitter(images, 0, 0.5)
    assert torch.allclose((colour * grey).sum(dim=1), (images * grey).sum(dim=1), atol=0.01)
    before = images - (images * grey).sum(dim=1, keepdim=True)
    after = colour - (colour * grey).sum(dim=1, keepdim=True)
    factors = (before * after).sum(dim=(1, 2, 3)) / (before * before).sum(dim=(1, 2, 3))
    assert torch.allclose(after, before * factors.view(-1, 1, 1, 1), atol=0.01)  # hues stay
    assert 0.5 - 1e-3 < factors.min() < 0.55 and 1.45 < factors.max() < 1.5 + 1e-3


def test_jitter_stays_between_black_and_white_and_leaves_grey_images_grey():
    assert transforms.jitter(drawn_pictures() * 1.3, 0.9, 0.9).max() == 255
    grey = drawn_pictures(channels=1)
    assert torch.allclose(transforms.jitter(grey, 0, 0.9), grey, atol=1e-3)
    colour = transforms.jitter(grey.expand(-1, 3, -1, -1), 0.3, 0.9)
    assert torch.allclose(colour, colour[:, :1].expand_as(colour), atol=1e-3)


def test_nothing_is_drawn_for_what_is_off():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    images = drawn_pictures()
    assert transforms.augment(images, flip=False, crop=0.0, light_jitter=0.0, colour_jitter=0.0) is images
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("channels, side", [(1, 16), (3, 33)])
def test_every_augmentation_together_keeps_shape_and_range(channels, side):
    images = drawn_pictures(8, channels, side)
    changes = {"rotation": 5, "shift": 1, "flip": True, "crop": 0.4, "light_jitter": 0.4, "colour_jitter": 0.4}
    torch.manual_seed(5)
    after = transforms.augment(images, **changes, rough_share=0.5, roughening=tuple(transforms.ROUGHENING))
    torch.manual_seed(5)
    again = transforms.augment(images, **changes, rough_share=0.5, roughening=tuple(transforms.ROUGHENING))
    assert after.shape == images.shape and after.min() >= 0 and after.max() <= 255 and torch.equal(after, again)
