"""Folders of images sorted by class: what is read, how it is framed, what is left out and said."""

import io
import os

import matplotlib as mpl
import numpy as np
import pytest
import torch
from conftest import Project
from PIL import Image

from helpers import data, errors, files, folders, forms, pictures
from helpers.forms import Form


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """A folder of its own for what is kept of decoded images, which is not there yet."""
    folder = tmp_path_factory.mktemp("home") / "cache"
    monkeypatch.setattr(folders, "cache_folder", lambda: folder)
    return folder


def at_home(folder):
    """Return settings under which a process that a test starts takes `folder` for the user's home."""
    return {"HOME": str(folder), "MPLCONFIGDIR": mpl.get_cachedir()}  # matplotlib would list all fonts anew


def bar(width=28, height=28, ink=230, paper=10):
    """Return a grey image, (height, width), of an upright bar in its middle."""
    pixels = np.full((height, width), paper, dtype=np.uint8)
    pixels[height // 8 : -height // 8, width * 2 // 5 : width * 3 // 5] = ink
    return Image.fromarray(pixels)


def make(path, classes=("a", "b"), count=6):
    """Write `count` images for each of `classes` under `path`, no two alike; return `path`."""
    for label, name in enumerate(classes):
        (path / name).mkdir(parents=True)
        for number in range(count):
            bar(ink=250 - (number + 10 * label) % 150).save(path / name / f"{number}.png")
    return path


def test_every_ending_of_an_image_is_one(tmp_path):
    make(tmp_path / "set", count=3)
    for number, ending in enumerate((".jpe", ".jfif", ".JPG"), start=3):
        bar(ink=200 + number).save(tmp_path / "set" / "a" / f"{number}{ending}", "JPEG")
    (tmp_path / "set" / "a" / "raw.cr2").write_bytes(b"no image")
    found = folders.read_listing(tmp_path / "set")
    assert sum(file.name.startswith("a/") for file in found.files) == 6
    assert found.remarks == ["1 file is no image, by its name"]


def blank(path):
    """Write two classes of three images under `path`, all of one grey."""
    for name in ("a", "b"):
        (path / name).mkdir()
        for number in range(3):
            Image.new("L", (9, 9), 77).save(path / name / f"{number}.png")


def frame(picture):
    """Return what forms.fit makes of a Pillow image, once it lies in a file, in MNIST's form."""
    file = io.BytesIO()
    picture.save(file, "TIFF")
    return forms.fit(pictures.open_bytes(file.getvalue()), Form())


@pytest.mark.parametrize("kind", ["L", "RGB", "RGBA", "P", "1", "I;16", "F", "LA", "CMYK"])
@pytest.mark.parametrize("dark", [False, True])
def test_every_mode_becomes_light_ink_on_dark_paper(tmp_path, kind, dark):
    picture = bar(ink=0, paper=255) if dark else bar(ink=255, paper=0)
    if kind == "I;16":
        picture = Image.fromarray(np.asarray(picture).astype(np.uint16) * 257)
    elif kind == "F":
        picture = Image.fromarray(np.asarray(picture).astype(np.float32) / 255)
    elif kind in ("RGBA", "LA"):  # transparent paper, of which nobody sees the colour
        alpha = Image.fromarray(np.where(np.asarray(picture) == np.asarray(picture)[0, 0], 0, 255).astype(np.uint8))
        picture = Image.merge("LA", (Image.new("L", picture.size, 0 if dark else 255), alpha)).convert(kind)
    else:
        picture = picture.convert(kind)
    framed, inverted = frame(picture)
    assert framed.shape == (1, 28, 28) and framed.dtype == np.uint8 and inverted == dark
    assert framed[0, 14, 13:15].min() > 240 and framed[0, :, :8].max() < 15


@pytest.mark.parametrize("size", [(200, 50), (50, 200), (8, 8), (3000, 1), (1, 1), (28, 28)])
def test_an_image_keeps_its_shape(size):
    framed, _ = frame(Image.new("L", size, 200))
    assert framed.shape == (1, 28, 28)
    wide, high = size
    pixels = np.zeros((high, wide), dtype=np.uint8)
    pixels[high // 4 : -(high // 4) or None, wide // 4 : -(wide // 4) or None] = 255
    framed, _ = frame(Image.fromarray(pixels))
    if min(size) > 8:
        rows, columns = (np.flatnonzero(framed[0].max(axis=axis) > 127) for axis in (1, 0))
        assert len(columns) / len(rows) == pytest.approx(wide / high, rel=0.25)


@pytest.mark.parametrize("low, high", [(0, 1.0001), (-5, -1), (32768, 32900), (-1, 1), (0, 70000)])
def test_many_bits_are_stretched_over_the_whole_range(low, high):
    values = np.full((40, 40), low, dtype=np.float32)
    values[5:35, 15:25] = high
    values[0, 0], values[1, 0], values[39, 39] = np.nan, np.inf, -np.inf
    framed, inverted = frame(Image.fromarray(values))
    assert not inverted and framed[0, 14, 13:15].min() > 240 and np.median(framed) < 15


def test_mnists_own_images_come_back_as_they_were(tmp_path):
    digits = data.load("digits")
    for label, pixels in zip(digits.labels[:200].tolist(), digits.images[:200, 0].numpy(), strict=True):
        (tmp_path / str(label)).mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / str(label) / f"{len(list((tmp_path / str(label)).iterdir()))}.png")
    found = data.load(str(tmp_path))
    assert {image.tobytes() for image in found.images.numpy()} == {
        image.tobytes() for image in digits.images[:200].numpy()
    }
    assert found.class_names == tuple("0123456789") and "dark on light" not in found.origin


def test_a_folder_becomes_a_dataset(tmp_path):
    source = data.load(str(make(tmp_path / "my shapes", ("dog 10", "dog 9", "cat"), 10)))
    assert source.title == "my shapes" and source.class_names == ("cat", "dog 9", "dog 10")
    assert source.images.shape == (30, 1, 28, 28) and source.images.dtype == torch.uint8
    assert source.labels.tolist() == [0] * 10 + [1] * 10 + [2] * 10
    splits = data.split(source)
    assert {name: torch.bincount(part.labels).tolist() for name, part in splits.items()} == {
        "train": [7, 7, 7],
        "validation": [1, 1, 1],
        "test": [2, 2, 2],
    }
    assert data.summarise(str(tmp_path / "my shapes")).training_images == 24


def test_a_class_of_three_images_is_in_every_part(tmp_path):
    make(tmp_path, ("many",), 60), make(tmp_path, ("few",), 3)
    splits = data.split(data.load(str(tmp_path)))
    assert [torch.bincount(part.labels, minlength=2)[0].item() for part in splits.values()] == [1, 1, 1]


def test_train_and_test_above_the_classes(tmp_path):
    make(tmp_path / "train"), make(tmp_path / "test", count=2), make(tmp_path / "val", count=1)
    source = data.load(str(tmp_path))
    assert int(source.is_test.sum()) == 4 and int((~source.is_test).sum()) == 12
    assert "1 folder (val) left out" in source.origin
    make(tmp_path / "test", ("c",), 1)
    with pytest.raises(errors.BadInput, match=r"test has 1 class \(c\) that train has not"):
        data.load(str(tmp_path))


def test_two_folders_that_might_both_be_a_part_are_refused(tmp_path):
    make(tmp_path / "train"), make(tmp_path / "test", count=2)
    if (tmp_path / "TEST").exists():
        pytest.skip("this file system tells no case apart")
    make(tmp_path / "Test", count=3)
    with pytest.raises(errors.BadInput, match=r"it holds Test and test, and which of them is meant cannot be told"):
        data.load(str(tmp_path))


def test_what_was_decoded_is_kept_until_a_file_changes(tmp_path, monkeypatch):
    make(tmp_path)
    first, decode = data.load(str(tmp_path)), folders.decode
    monkeypatch.setattr(folders, "decode", lambda *_: pytest.fail("decoded again"))
    again = data.load(str(tmp_path))
    assert torch.equal(first.images, again.images) and first.fingerprint == again.fingerprint
    monkeypatch.setattr(folders, "decode", decode)
    path = tmp_path / "a" / "0.png"
    about = path.stat()
    path.write_bytes((tmp_path / "b" / "0.png").read_bytes())
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert data.load(str(tmp_path)).fingerprint != first.fingerprint


def test_nothing_is_written_beside_the_images(tmp_path, cache):
    make(tmp_path / "pictures")
    before = sorted(tmp_path.rglob("*"))
    data.load("pictures", tmp_path)
    assert sorted(tmp_path.rglob("*")) == before and len(list(cache.iterdir())) == 3


def test_where_nothing_can_be_kept_the_images_are_decoded_each_time(tmp_path, cache, monkeypatch):
    make(tmp_path)
    cache.write_text("a file where the folder has to be")
    first = data.load(str(tmp_path))
    assert torch.equal(data.load(str(tmp_path)).images, first.images) and cache.is_file()
    monkeypatch.setattr(folders, "cache_folder", no_home)
    assert torch.equal(data.load(str(tmp_path)).images, first.images)


def no_home():
    """Fail as pathlib does for a user without a home."""
    raise RuntimeError("Could not determine home directory.")


def test_two_data_folders_in_one_process_are_kept_apart(tmp_path):
    make(tmp_path / "one" / "shapes", count=6), make(tmp_path / "two" / "shapes", ("a", "b", "c"), count=9)
    one, two = (data.summarise("shapes", tmp_path / name) for name in ("one", "two"))
    assert (one.classes, one.training_images) == (2, 10) and (two.classes, two.training_images) == (3, 22)
    for folder, summary in ((tmp_path / "one", one), (tmp_path / "two", two)):
        dataset = data.load("shapes", folder)
        assert dataset.fingerprint == summary.fingerprint and len(dataset.class_names) == summary.classes
        assert data.find_folder("shapes", folder) == folder / "shapes"
        assert data.summarise("shapes", folder) == summary
    assert one.fingerprint != two.fingerprint


def test_a_summary_is_made_anew_when_it_is_asked_to_be(tmp_path):
    make(tmp_path / "shapes")
    first = data.summarise("shapes", tmp_path)
    bar(ink=77).save(tmp_path / "shapes" / "a" / "new.png")
    assert data.summarise("shapes", tmp_path) == first
    data.summarise.cache_clear()
    assert data.summarise("shapes", tmp_path).fingerprint != first.fingerprint


def test_a_damaged_cache_is_made_again(tmp_path, cache):
    make(tmp_path)
    first = data.load(str(tmp_path))
    kept = kept_file(cache, ".npz")
    kept.write_bytes(kept.read_bytes()[:-100])
    assert torch.equal(data.load(str(tmp_path)).images, first.images)
    for ending, place in ((".npz", 1000), (".pixels", 500), (".json", 30)):
        kept = kept_file(cache, ending)
        content = bytearray(kept.read_bytes())
        content[place] ^= 1
        kept.write_bytes(content)
        assert torch.equal(data.load(str(tmp_path)).images, first.images)
        assert kept.read_bytes() != content  # it was made again


@pytest.mark.parametrize(
    "damage", [lambda kept: os.truncate(kept, 3 << 40), lambda kept: (kept.unlink(), os.mkfifo(kept))]
)
def test_kept_pixels_that_are_none_are_made_again(tmp_path, cache, damage):
    make(tmp_path)
    first = data.load(str(tmp_path))
    damage(kept_file(cache, ".pixels"))
    assert torch.equal(data.load(str(tmp_path)).images, first.images)


def kept_file(cache, ending):
    """Return the only file with that ending of what is kept."""
    (kept,) = cache.glob(f"*{ending}")
    return kept


def kept_arrays(cache):
    """Return {name: array} of what is kept of the only folder."""
    with np.load(kept_file(cache, ".npz")) as arrays:
        return dict(arrays)


def test_what_is_kept_is_not_believed_once_it_was_edited(tmp_path, cache):
    make(tmp_path, ("a", "b", "c"))
    first = data.load(str(tmp_path))
    kept = kept_file(cache, ".npz")
    whole = kept_arrays(cache)
    for name, array in whole.items():
        edited = np.roll(array, 1, axis=0) if array.ndim else np.array("0" * 64)
        np.savez(kept, **whole | {name: edited})
        again = data.load(str(tmp_path))
        assert torch.equal(again.labels, first.labels) and torch.equal(again.images, first.images), name
        assert torch.equal(again.is_test, first.is_test) and again.fingerprint == first.fingerprint
        assert again.class_names == first.class_names and again.origin == first.origin
    assert all((kept_arrays(cache)[name] == array).all() for name, array in whole.items())  # it was made again


def test_labels_are_never_taken_from_what_is_kept(tmp_path, cache):
    make(tmp_path)
    data.load(str(tmp_path))
    assert not {"labels", "is_test", "class_names", "fingerprint"} & set(kept_arrays(cache))


def test_what_is_kept_of_another_folder_is_not_believed(tmp_path, cache, monkeypatch):
    make(tmp_path / "one"), make(tmp_path / "two")
    bar(ink=99).save(tmp_path / "two" / "a" / "0.png")
    two = data.load(str(tmp_path / "two"))
    for ending in (".npz", ".pixels", ".json"):
        kept = kept_file(cache, ending)
        folders.kept_file(tmp_path / "one", ending).write_bytes(kept.read_bytes())
        kept.unlink()
    one = data.load(str(tmp_path / "one"))
    assert not torch.equal(one.images, two.images) and one.fingerprint != two.fingerprint


def test_what_is_kept_is_read_as_it_was_decoded(tmp_path, monkeypatch):
    make(tmp_path), bar(ink=0, paper=255).save(tmp_path / "a" / "dark.png")
    (tmp_path / "b" / "text.png").write_text("hello")
    first, images = folders.read(tmp_path, Form())
    monkeypatch.setattr(folders, "decode", lambda *_: pytest.fail("decoded again"))
    again, kept = folders.read(tmp_path, Form())
    assert (
        first.remarks
        == again.remarks
        == (
            "1 file (b/text.png: not an image, or not one of a known format) left out",
            "1 of 13 images were dark on light, and were inverted",
        )
    )
    assert (images == kept).all() and (first.labels == again.labels).all()
    assert kept.flags.writeable and first.fingerprint == again.fingerprint


def test_a_file_whose_reader_fails_without_a_word_is_left_out(tmp_path, monkeypatch):
    make(tmp_path)
    read_image = folders.read_image
    mute = folders.Decoded(problem="a damaged image: OSError")
    monkeypatch.setattr(
        folders, "read_image", lambda path, *rest: mute if path.name == "5.png" else read_image(path, *rest)
    )
    found = folders.describe(tmp_path, Form())
    assert len(found.labels) == 10 and "a/5.png: a damaged image" in found.remarks[0]


def test_images_in_no_folder_of_a_class_are_told_of(tmp_path):
    make(tmp_path / "shapes")
    bar().save(tmp_path / "shapes" / "sheet.png"), (tmp_path / "shapes" / "notes.txt").write_text("hello")
    assert folders.describe(tmp_path / "shapes", Form()).remarks == ("1 image left out, in no folder of a class",)
    make(tmp_path / "parts" / "train"), make(tmp_path / "parts" / "test", count=1)
    bar().save(tmp_path / "parts" / "sheet.png"), bar().save(tmp_path / "parts" / "test" / "sheet.JPG", "JPEG")
    assert folders.describe(tmp_path / "parts", Form()).remarks == ("2 images left out, in no folder of a class",)


@pytest.mark.parametrize("classes, told", [((), "here 0 have any"), (("a",), "here 1 has any")])
def test_a_folder_of_loose_images_is_told_how_to_sort_them(tmp_path, classes, told):
    path = make(tmp_path / "pets", classes)
    path.mkdir(exist_ok=True)
    for number in range(3):
        bar(ink=200 + number).save(path / f"{number}.png")
    advice = "sort them as pets/cat/1.png, pets/cat/2.png, pets/dog/1.png and so on"
    with pytest.raises(errors.BadInput) as caught:
        data.load(str(path))
    rule = "dataset pets: images by class need 2 to 100 folders with images in them"
    assert str(caught.value) == f"{rule}; {told}, 3 images in no folder; {advice}"


def test_train_and_test_are_no_classes(tmp_path):
    make(tmp_path / "pets", ("train", "test"))
    with pytest.raises(errors.BadInput, match=r"train and test hold no folders by class; sort them as pets/train/cat/"):
        data.load(str(tmp_path / "pets"))


def test_what_is_no_image_is_left_out_and_counted(tmp_path):
    make(tmp_path)
    (tmp_path / "a" / "text.png").write_text("hello")
    bar(400, 400).convert("RGB").save(tmp_path / "a" / "half.jpg")
    content = (tmp_path / "a" / "half.jpg").read_bytes()
    (tmp_path / "a" / "half.jpg").write_bytes(content[: len(content) // 2])
    Image.new("1", (12000, 12000)).save(tmp_path / "a" / "huge.png")
    (tmp_path / "a" / "notes.txt").write_text("hello")
    (tmp_path / "a" / "._0.png").write_text("what a Mac leaves")
    (tmp_path / "empty").mkdir()
    (tmp_path / "b" / "more").mkdir()
    bar(ink=99).save(tmp_path / "b" / "more" / "deep.WEBP", format="WEBP", lossless=True)
    found = folders.describe(tmp_path, Form())
    assert len(found.labels) == 13
    said = ". ".join(map(str, found.remarks))
    assert (
        "3 files (a/half.jpg: a damaged image: image file is truncated, a/huge.png: more than 100 million pixels"
        in said
    )
    assert "a/text.png: not an image, or not one of a known format) left out" in said
    assert "1 folder (empty) left out, without an image" in said and "1 file is no image, by its name" in said


def test_what_changes_beside_the_images_is_said_although_they_are_kept(tmp_path):
    make(tmp_path)
    assert not len(folders.describe(tmp_path, Form()).remarks)
    (tmp_path / "a" / "notes.txt").write_text("hello")
    assert len(folders.describe(tmp_path, Form()).remarks) == 1


def test_names_that_differ_in_case_alone_keep_their_order(tmp_path):
    make(tmp_path, ("cat", "Cat", "CAT", "01", "1", "001"), 3)
    assert data.load(str(tmp_path)).class_names == ("001", "01", "1", "CAT", "Cat", "cat")


def test_where_the_folder_says_which_images_test_they_must_be_there(tmp_path):
    make(tmp_path / "train"), (tmp_path / "test" / "a").mkdir(parents=True)
    with pytest.raises(errors.BadInput, match="class 'a' has 0 usable images to test; 1 are the least"):
        data.load(str(tmp_path))
    (tmp_path / "test").rename(tmp_path / "val")
    with pytest.raises(errors.BadInput, match="train holds folders, but no test is beside it"):
        data.load(str(tmp_path))
    make(tmp_path / "Test", count=1)
    assert int(data.load(str(tmp_path)).is_test.sum()) == 2


def test_links_that_lead_in_circles_end(tmp_path):
    make(tmp_path)
    (tmp_path / "c").symlink_to(tmp_path)
    (tmp_path / "a" / "again").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "self.png").symlink_to("self.png")
    assert len(folders.describe(tmp_path, Form()).labels) == 12


def test_names_are_fit_for_prose_and_figures(tmp_path):
    odd = ("*star* `x` $y$ [a](b)", "<script>alert(1)</script>", "new\nline", "x" * 60, "naïve 数字")
    make(tmp_path, [name.replace("/", "") for name in odd], 3)
    os.makedirs(os.fsencode(tmp_path) + b"/bad\xff")
    for number in range(3):
        bar(ink=90 + number).save(tmp_path / f"{number}.png")
        os.rename(tmp_path / f"{number}.png", os.fsencode(tmp_path) + b"/bad\xff/%d.png" % number)
    names = data.load(str(tmp_path)).class_names
    assert len(names) == 6 and all(name.isprintable() and len(name) <= 40 for name in names)
    assert not set("*`$[]\\") & set("".join(names)) and "naïve 数字" in names
    "".join(names).encode("utf-8")


@pytest.mark.parametrize(
    "damage, told",
    [
        (lambda path: None, "here 0 have any"),
        (lambda path: make(path, ("only",)), "here 1 has any"),
        (lambda path: make(path, [f"c{number}" for number in range(101)], 1), "here 101 have any"),
        (lambda path: make(path) and make(path, ("c",), 2), "class 'c' has 2 usable images; 3 are the least"),
        (lambda path: blank(path), "all 6 images are alike, or blank"),
        (lambda path: make(path, ("x" * 60, "x" * 61)), "two classes would both be shown as"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_in_one_line(tmp_path, damage, told):
    damage(tmp_path)
    with pytest.raises(errors.BadInput, match=told) as caught:
        data.load(str(tmp_path))
    assert "\n" not in str(caught.value) and str(caught.value).startswith(f"dataset {tmp_path.name}: ")
    assert caught.value.field == "dataset" and caught.value.value == tmp_path.name


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    make(tmp_path)
    monkeypatch.setattr(folders.os, "scandir", refuse)
    with pytest.raises(errors.DatasetUnavailable, match=f"^dataset {tmp_path.name}: .*: Permission denied$"):
        data.load(str(tmp_path))


def test_a_file_that_cannot_be_read_is_left_out(tmp_path, monkeypatch):
    make(tmp_path)
    monkeypatch.setattr(
        folders.Path, "read_bytes", lambda path: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
    )
    pixels = np.zeros((1, 28, 28), dtype=np.uint8)
    assert folders.read_image(tmp_path / "a" / "0.png", Form(), pixels).problem == "Permission denied"


def test_the_command_line_takes_a_folder_and_finds_it_again(tmp_path, monkeypatch):
    for name, value in at_home(tmp_path).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project")
    make(tmp_path / "pictures" / "my shapes", count=9)
    code, out, error = project.run(
        "--dataset", "../pictures/my shapes", "--recipe", "fast", "--run", "mine", dataset=None
    )
    assert code == 0, error
    manifest = files.read_json(project.outputs / "mine" / "run.json")
    assert manifest["parameters"]["dataset"] == "my shapes" and manifest["dataset"]["title"] == "my shapes"
    code, out, _ = project.run("--run", "mine", dataset=None)
    assert code == 0 and out.count("up to date") == 5
    bar(ink=77).save(tmp_path / "pictures" / "my shapes" / "a" / "new.png")
    code, out, _ = project.run("--run", "mine", "--dry-run", dataset=None)
    assert code == 0 and out.count("dataset changed: my shapes") == 5
    code, out, _ = project.run("--dry-run", "--dataset", str(tmp_path / "pictures" / "my shapes"))
    assert code == 0 and "run my-shapes-" in out
    (tmp_path / "pictures" / "my shapes").rename(tmp_path / "pictures" / "other shapes")
    code, _, error = project.run("--run", "mine", "--dry-run", dataset=None)
    lay = tmp_path / "pictures" / "my shapes"
    told = f"error: --run mine: its images lay in {lay}, where no folder is; put them back there, or name another run "
    told += "and, with --dataset, where they are\n"
    assert (code, error) == (2, told)
    (tmp_path / "pictures" / "other shapes").rename(lay)
    make(tmp_path / "elsewhere" / "my shapes", count=9)
    code, _, error = project.run("--run", "mine", "--dataset", "../elsewhere/my shapes", "--dry-run")
    assert code == 2 and "my shapes was the one in " in error
    code, _, error = project.run("--recipe", "dropout-published", "--dataset", "../elsewhere/my shapes", "--dry-run")
    assert code == 2 and "--validation-size 10000: must be from 2 to 13" in error
    code, _, error = project.run("--dataset", "nosuch")
    assert code == 2 and error.startswith("error: --dataset 'nosuch': not known; choose one of auto, mnist,")


def test_the_smallest_folder_of_all_goes_through_the_notebooks(tmp_path):
    project = Project(tmp_path, real_notebooks=True, quick=True)
    make(tmp_path / "tiny", count=3)
    arguments = ("--dataset", "tiny", "--recipe", "fast", "--only", "eda")
    code, out, error = project.run(*arguments, dataset=None, **at_home(tmp_path))
    assert code == 0, out + error


def test_the_notebooks_tell_of_a_folders_own_classes(tmp_path):
    project = Project(tmp_path, real_notebooks=True, quick=True)
    for name, size in (("circle & co", (40, 30)), ("<b>square</b>".replace("/", ""), (30, 50)), ("zig", (64, 64))):
        make(tmp_path / "shapes", (name,), 0)
        for number in range(12):
            picture = (
                bar(*size, ink=20 + number, paper=240 - 3 * number) if number % 2 else bar(*size, ink=250 - number)
            )
            picture.rotate(20 * len(name), fillcolor=int(np.asarray(picture)[0, 0])).save(
                tmp_path / "shapes" / name / (f"{number}.png" if number % 3 else f"{number}.jpg")
            )
    arguments = ("--dataset", "shapes", "--image-size", "28", "--recipe", "fast", "--run", "it")
    code, out, error = project.run(*arguments, dataset=None, **at_home(tmp_path))
    assert code == 0, out + error
    assert "note: 18 of 36 images were dark on light, and were inverted" in out
    reports = {path.stem: path.read_text() for path in (project.outputs / "it" / "reports").glob("*.html")}
    assert len(reports) == 5
    for html in reports.values():
        assert "<strong>shapes</strong>" in html and "<b>square" not in html and str(tmp_path) not in html
        assert "Warning" not in html
    for name in ("00_walkthrough", "01_eda", "04_results"):
        assert "circle &amp; co" in reports[name] and "‹b›square‹b›" in reports[name]
