"""Datasets, their checks, their splits, and augmentation."""

import gzip
import hashlib
import http.server
import json
import re
import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import ROOT, Project
from torchvision import datasets

from helpers import data, downloads, errors, files, folds, plots, transforms


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def test_digits_are_framed_as_mnist_frames_its_own(digits):
    assert digits.images.shape == (1797, 1, 28, 28) and digits.images.dtype == torch.uint8
    assert digits.labels.dtype == torch.int64 and digits.labels.unique().tolist() == list(range(10))
    assert digits.images.max() == 255
    border = digits.images.clone()
    border[..., 4:24, 4:24] = 0
    assert border.sum() == 0
    assert int(digits.is_test.sum()) == 1797 // 5


def test_splits_cover_the_dataset_once_and_are_stratified(digits):
    splits = data.split(digits, seed=3)
    assert sum(len(part.labels) for part in splits.values()) == 1797
    assert len(splits["validation"].labels) == digits.validation_size == (1797 - 359) // 12
    drawn = [image.tobytes() for part in splits.values() for image in part.images.numpy()]
    assert sorted(drawn) == sorted(image.tobytes() for image in digits.images.numpy())
    for part in splits.values():
        expected = torch.bincount(digits.labels) / 1797 * len(part.labels)
        assert (torch.bincount(part.labels) - expected).abs().max() < 2


def test_the_seed_moves_validation_and_leaves_test_alone(digits):
    first, second, again = (data.split(digits, seed) for seed in (0, 1, 0))
    assert torch.equal(first["test"].images, second["test"].images)
    assert not torch.equal(first["validation"].images, second["validation"].images)
    assert torch.equal(first["validation"].images, again["validation"].images)


@pytest.mark.parametrize("size", [0, 9, 1430, 5000])
def test_a_validation_size_that_leaves_a_class_out_is_refused(digits, size):
    with pytest.raises(errors.BadInput, match=f"^validation_size {size}: must be from 10 to 1428 for this dataset$"):
        data.split(digits, validation_size=size)


@pytest.mark.parametrize("parts", [2, 5, 7, 100])
def test_folds_are_stratified_parts_that_hold_every_training_image_once(digits, parts):
    labels = digits.labels[~digits.is_test]
    drawn = [folds.draw(labels, 3, f"{number}/{parts}") for number in range(1, parts + 1)]
    assert torch.equal(torch.cat(drawn).sort().values, torch.arange(len(labels)))
    sizes = torch.tensor([len(fold) for fold in drawn])
    assert sizes.max() - sizes.min() <= 1
    of_class = torch.stack([torch.bincount(labels[fold], minlength=10) for fold in drawn])
    assert (of_class.amax(0) - of_class.amin(0)).max() <= 1 and of_class.min() >= 1


def test_a_fold_validates_and_the_others_teach(digits):
    splits = data.split(digits, seed=3, fold="2/5")
    labels = digits.labels[~digits.is_test]
    chosen = folds.draw(labels, 3, "2/5")
    images = digits.images[~digits.is_test]
    assert torch.equal(splits["validation"].images, images[chosen])
    assert torch.equal(splits["validation"].labels, labels[chosen])
    trained_on = {image.tobytes() for image in splits["train"].images.numpy()}
    assert len(splits["train"].labels) + len(chosen) == len(labels)
    assert not any(image.tobytes() in trained_on for image in splits["validation"].images.numpy())
    assert torch.equal(splits["test"].images, data.split(digits, seed=3)["test"].images)


def test_a_fold_follows_from_labels_seed_and_number_alone(digits):
    labels = digits.labels[~digits.is_test]
    torch.manual_seed(1)
    first = folds.draw(labels, 0, "2/5")
    torch.manual_seed(2)
    assert torch.equal(folds.draw(labels, 0, "2/5"), first)
    assert not torch.equal(folds.draw(labels, 1, "2/5"), first)
    dark = replace(digits, images=digits.images // 2, validation_size=50)
    assert torch.equal(data.split(dark, fold="2/5")["validation"].labels, labels[first])


def test_folds_of_classes_of_few_images():
    labels = torch.tensor([0] * 40 + [1] * 3)
    for number in (1, 2, 3):
        chosen = labels[folds.draw(labels, 0, f"{number}/3")]
        assert (chosen == 1).sum() == 1 and (chosen == 0).sum() in (13, 14)
    rule = "^fold 1/4: K must be at most 3, as many as the rarest class of this dataset has training images$"
    with pytest.raises(errors.BadInput, match=rule):
        folds.draw(labels, 0, "1/4")
    with pytest.raises(errors.BadInput, match=r"^fold 1/2: a class of this dataset has fewer than 2 training images"):
        folds.draw(torch.tensor([0, 0, 0, 1]), 0, "1/2")


def test_a_fold_and_a_number_of_validation_images_contradict_each_other(digits):
    with pytest.raises(errors.BadInput, match=r"^fold 2/5: says which images validate, and so does `validation_size`"):
        data.split(digits, validation_size=100, fold="2/5")


def test_stratified_sizes_add_up_exactly():
    labels = torch.tensor([0] * 7 + [1] * 5 + [2] * 3)
    for size in range(16):
        chosen = data.stratified(labels, size, seed=1)
        assert len(chosen.unique()) == size
        shares = torch.bincount(labels[chosen], minlength=3) - torch.bincount(labels) * size / 15
        assert shares.abs().max() < 1


def test_both_sides_of_a_split_get_an_image_of_every_class():
    labels = torch.tensor([0] * 100 + [1] * 2 + [2] * 50)
    chosen = data.stratified(labels, 10, seed=0, both_sides=True)
    assert torch.bincount(labels[chosen]).tolist() == [6, 1, 3]
    assert torch.bincount(labels[data.stratified(labels, 10, seed=0)], minlength=3).tolist() == [7, 0, 3]
    assert torch.bincount(labels[data.stratified(labels, 149, seed=0, both_sides=True)]).tolist() == [99, 1, 49]


def test_pixel_statistics_are_those_of_every_pixel(digits):
    mean, std = data.pixel_statistics(digits.images)
    pixels = digits.images.double()
    assert mean == pytest.approx(pixels.mean().item()) and std == pytest.approx(pixels.std(correction=0).item())


def test_figures_are_the_same_with_a_channel_and_without(digits):
    def drawn(figure):
        return [image.get_array().filled(-1).tolist() for axis in figure.axes for image in axis.images]

    some = digits.images[:6]
    assert drawn(plots.images(some)) == drawn(plots.images(some[:, 0])) == some[:, 0].tolist()
    rows = [some[:4], some[4:]]
    without = [row[:, 0] for row in rows]
    assert drawn(plots.mosaic(rows, ["a", "b"], "two rows")) == drawn(plots.mosaic(without, ["a", "b"], "two rows"))
    assert plots.drawable(np.zeros((3, 4, 5))).shape == (4, 5, 3)


def test_batches_go_once_around_in_a_shuffled_order():
    split = data.Split(torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1).expand(10, 1, 28, 28), torch.arange(10))
    torch.manual_seed(0)
    batches = list(transforms.batches(split, 3))
    assert [images.shape for images, _ in batches] == [(3, 1, 28, 28)] * 3
    labels = torch.cat([labels for _, labels in batches])
    assert len(labels.unique()) == 9 and not torch.equal(labels, labels.sort().values)
    for images, labels in batches:
        assert torch.equal(images[:, 0, 0, 0], labels.float())


def test_augmentation_of_nothing_changes_nothing():
    images = torch.rand(4, 1, 28, 28) * 255
    assert torch.allclose(transforms.augment(images), images, atol=1e-3)


def test_augmentation_stays_within_its_limits():
    images = torch.zeros(200, 1, 28, 28)
    images[:, :, 13:15, 13:15] = 255
    torch.manual_seed(0)
    rows = torch.arange(28) - 13.5
    centre = transforms.augment(images, shift=3).sum(dim=(1, 3)) @ rows / 1020
    assert centre.abs().max() <= 3.01 and centre.abs().max() > 2.5
    images = torch.zeros(200, 1, 28, 28)
    images[:, :, 4:24, 13:15] = 255
    top = transforms.augment(images, rotation=10)[:, 0, 5]
    offset = top @ (torch.arange(28) - 13.5) / top.sum(dim=1)
    limit = 8.5 * torch.tan(torch.deg2rad(torch.tensor(10.0)))
    assert offset.abs().max() <= limit + 0.3 and offset.min() < -1 and offset.max() > 1
    area = (transforms.augment(images, zoom=0.1).sum(dim=(1, 2, 3)) / images[0].sum()) ** 0.5
    assert 0.88 < area.min() < 0.95 and 1.05 < area.max() < 1.12


def test_an_unknown_dataset_is_refused():
    with pytest.raises(errors.BadInput, match=r"^dataset 'nosuch': not known; choose one of auto, mnist, .*") as caught:
        data.resolve("nosuch")
    assert caught.value.text("--{}".format).startswith("--dataset 'nosuch': not known")


def idx(values):
    """Return uint8 `values` as the bytes of an idx file: magic number, sizes, content."""
    sizes = b"".join(size.to_bytes(4, "big") for size in values.shape)
    return bytes([0, 0, 8, values.ndim]) + sizes + values.numpy().tobytes()


def make_set():
    """Return {file: bytes} of a made set in MNIST's form: 60 training and 20 test images."""
    made = {}
    for part, count in (("train", 60), ("t10k", 20)):
        made[f"{part}-images-idx3-ubyte"] = idx(torch.randint(0, 256, (count, 28, 28), dtype=torch.uint8))
        made[f"{part}-labels-idx1-ubyte"] = idx(torch.arange(count, dtype=torch.uint8) % 10)
    return made


class Mirror(http.server.BaseHTTPRequestHandler):
    """Serves files from memory on loopback; the first part of the path says what is wrong with the mirror."""

    files, waiting, release = None, threading.Event(), threading.Event()

    def do_GET(self):
        _, kind, name = self.path.split("/")
        content = self.files.get(name)
        if kind == "hangs":
            self.release.wait(30)
        if kind == "drips":
            for letter in b"HTTP/1.0 200 OK and so on, for a very long time" * 9:
                self.wfile.write(bytes([letter]))
                if self.release.wait(0.05):
                    return
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if content is None:
            return
        if kind == "stalls":
            self.wfile.write(content[:50])
            self.waiting.set()
            self.release.wait(30)
        elif kind == "truncated":
            self.wfile.write(content[: len(content) // 2])
        else:
            self.wfile.write(b"x" * len(content) if kind == "wrong" else content)

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(monkeypatch):
    """A made set behind mirrors on loopback, as MNIST and as Fashion-MNIST: (address, {file: bytes} to damage)."""
    made = make_set()
    archives = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in made.items()}
    monkeypatch.setattr(Mirror, "files", dict(archives))
    Mirror.waiting.clear(), Mirror.release.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    server.daemon_threads, server.handle_error = True, lambda *_: None
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()  # it looks whether to end
    address = f"http://127.0.0.1:{server.server_address[1]}"
    for source in (datasets.MNIST, datasets.FashionMNIST):
        monkeypatch.setattr(source, "mirrors", [f"{address}/right/"])
    monkeypatch.setattr(downloads, "COUNTS", {"train": 60, "t10k": 20})
    checksums = {name: hashlib.md5(archives[f"{name}.gz"]).hexdigest() for name in made}
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}
    for name, known in (("mnist", sums), ("fashion-mnist", {})):
        published = replace(downloads.SETS[name], archives=checksums, sums=known)
        monkeypatch.setitem(downloads.SETS, name, published)
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield address, Mirror.files
    Mirror.release.set()
    server.shutdown()


def fetching(address, kind, folder):
    """Start another process that fetches Fashion-MNIST from the mirror `kind` into `folder`."""
    code = (
        "import sys, json; from dataclasses import replace;"
        "from torchvision import datasets; from helpers import data, downloads;"
        "downloads.COUNTS = {'train': 60, 't10k': 20}; datasets.FashionMNIST.mirrors = [sys.argv[1]];"
        "published = replace(downloads.SETS['fashion-mnist'], archives=json.loads(sys.argv[2]));"
        "downloads.SETS['fashion-mnist'] = published; print(data.resolve('fashion-mnist', sys.argv[3]))"
    )
    checksums = json.dumps(downloads.SETS["fashion-mnist"].archives)
    return subprocess.Popen([sys.executable, "-c", code, f"{address}/{kind}/", checksums, str(folder)], cwd=ROOT)


def test_mnist_is_downloaded_checked_and_kept(mirror, tmp_path):
    assert data.resolve("auto", tmp_path) == ("mnist", "")
    assert sorted(path.name for path in (tmp_path / "MNIST" / "raw").iterdir()) == sorted(downloads.FILES)
    assert [path.name for path in tmp_path.iterdir()] == ["MNIST"]
    mirror[1].clear()
    assert data.resolve("mnist", tmp_path) == ("mnist", "")
    assert len(data.load("mnist", tmp_path).labels) == 80


@pytest.mark.parametrize("damage", ["missing", "truncated", "changed"])
def test_a_failed_download_leaves_nothing_broken(mirror, tmp_path, damage):
    name, files = "t10k-images-idx3-ubyte.gz", mirror[1]
    content = files.pop(name)
    if damage != "missing":
        files[name] = content[:100] if damage == "truncated" else content[:-1] + b"x"
    with pytest.raises(errors.DatasetUnavailable, match=f"{name} is not in the data folder and cannot be downloaded"):
        data.resolve("mnist", tmp_path)
    assert downloads.problems(downloads.SETS["mnist"], tmp_path) == {
        name[:-3]: "missing",
        "t10k-labels-idx1-ubyte": "missing",
    }
    assert len(list((tmp_path / "MNIST" / "raw").iterdir())) == 2
    chosen, note = data.resolve("auto", tmp_path)
    assert chosen == "digits" and "stand in" in note and str(tmp_path) not in note
    files[name] = content
    assert data.resolve("auto", tmp_path) == ("mnist", "")


def test_every_mirror_is_tried_in_turn(mirror, tmp_path, monkeypatch, capsys):
    address, _ = mirror
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    kinds = [
        f"http://127.0.0.1:{port}/",
        *(f"{address}/{kind}/" for kind in ("hangs", "drips", "truncated", "wrong", "right")),
    ]
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", kinds)
    monkeypatch.setattr(downloads, "PATIENCE", 0.5)
    assert data.resolve("fashion-mnist", tmp_path) == ("fashion-mnist", "")
    told = capsys.readouterr().out.splitlines()
    first = [line for line in told if "train-images" in line]
    assert len(first) == 5 and "refused" in first[0] and all("no answer for 0.5 s" in line for line in first[1:3])
    assert "bytes that are not the file" in first[3] and "wrong MD5" in first[4] and first[3] != first[4]
    assert len(told) == 5 + 3 * 2  # those that gave no answer were not asked again
    dataset = data.load("fashion-mnist", tmp_path)
    assert dataset.class_names[-1] == "Ankle boot" and len(dataset.labels) == 80 and int(dataset.is_test.sum()) == 20
    sums = (tmp_path / "FashionMNIST" / "raw" / "SHA256SUMS").read_text()
    assert all(
        f"{files.file_digest(tmp_path / 'FashionMNIST' / 'raw' / name)}  {name}\n" in sums for name in downloads.FILES
    )


def test_where_all_mirrors_fail_the_file_and_all_that_was_tried_are_named(mirror, tmp_path, monkeypatch):
    address, _ = mirror
    monkeypatch.setattr(datasets.FashionMNIST, "mirrors", [f"{address}/{kind}/" for kind in ("truncated", "wrong")])
    with pytest.raises(
        errors.DatasetUnavailable, match=r"Fashion-MNIST: train-images.*bytes that.*127.0.0.1.*wrong MD5"
    ):
        data.load("fashion-mnist", tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_download_that_was_killed_is_completed_by_the_next(mirror, tmp_path):
    address, _ = mirror
    process = fetching(address, "stalls", tmp_path)
    assert Mirror.waiting.wait(60)
    process.kill()
    process.wait()
    assert not (tmp_path / "FashionMNIST" / "raw" / "train-images-idx3-ubyte").exists()
    assert data.resolve("fashion-mnist", tmp_path) == ("fashion-mnist", "")


def test_two_downloads_at_once_both_succeed(mirror, tmp_path):
    both = [fetching(mirror[0], "right", tmp_path) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    assert not downloads.problems(downloads.SETS["fashion-mnist"], tmp_path)


def test_a_damaged_file_is_set_aside_and_fetched_anew_or_named(mirror, tmp_path, capsys):
    note = "MNIST is not in the data folder: a run would download it."
    assert data.resolve("mnist", tmp_path, download=False) == ("mnist", note) and not list(tmp_path.iterdir())
    data.resolve("mnist", tmp_path)
    assert data.resolve("mnist", tmp_path, download=False) == ("mnist", "")
    path = tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    whole, damaged = path.read_bytes(), path.read_bytes()[:-1] + b"\x05"
    path.write_bytes(damaged)
    with pytest.raises(errors.DatasetUnavailable, match=r"train-labels-idx1-ubyte.* is damaged.*would set it aside"):
        data.resolve("mnist", tmp_path, download=False)
    files = dict(mirror[1])
    mirror[1].clear()
    for name in ("mnist", "auto"):
        with pytest.raises(errors.DatasetUnavailable, match=r"train-labels-idx1-ubyte.* is damaged"):
            data.resolve(name, tmp_path)
    assert path.read_bytes() == damaged
    mirror[1].update(files)
    assert data.resolve("auto", tmp_path) == ("mnist", "") and path.read_bytes() == whole
    assert path.with_name(f"{path.name}.damaged").read_bytes() == damaged
    assert "set aside" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name, damage, told",
    [
        (
            "train-images-idx3-ubyte",
            lambda content: content[:-1],
            "60 entries in 47,055 bytes, where 60 are expected",
        ),
        ("train-images-idx3-ubyte", lambda content: b"\x1f\x8b" + content[2:], "magic number"),
        ("t10k-images-idx3-ubyte", lambda content: content[:11] + b"\x1b" + content[12:], "not of 28x28 pixels"),
        ("train-labels-idx1-ubyte", lambda content: content[:-1] + b"\x0b", "a label is 11, above 9"),
        (
            "train-labels-idx1-ubyte",
            lambda _: idx(torch.zeros(50, dtype=torch.uint8)),
            "50 entries in 58 bytes, where 60 are expected",
        ),
        ("t10k-labels-idx1-ubyte", lambda _: b"", "magic number"),
    ],
)
def test_files_that_came_another_way_are_checked_by_their_form(mirror, tmp_path, name, damage, told):
    raw = tmp_path / "FashionMNIST" / "raw"
    for file, content in make_set().items():
        files.write_file(raw / file, damage(content) if file == name else content)
    mirror[1].clear()
    with pytest.raises(errors.DatasetUnavailable, match=f"{name} in the data folder is damaged: .*{told}"):
        data.load("fashion-mnist", tmp_path)
    assert not (raw / "SHA256SUMS").exists()


def test_a_pixel_that_changes_after_the_first_look_is_noticed(mirror, tmp_path):
    raw = tmp_path / "FashionMNIST" / "raw"
    for file, content in make_set().items():
        files.write_file(raw / file, content)
    data.load("fashion-mnist", tmp_path)
    mirror[1].clear()
    path = raw / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + bytes([path.read_bytes()[-1] ^ 1]))
    with pytest.raises(errors.DatasetUnavailable, match=r"t10k-images-idx3-ubyte.*SHA-256"):
        data.load("fashion-mnist", tmp_path)


def test_the_archives_checksums_are_those_that_torchvision_publishes():
    assert [published.name for published in downloads.PUBLISHED] == ["mnist", "fashion-mnist", "kmnist"]
    for published in downloads.PUBLISHED:
        source = getattr(datasets, published.folder)
        assert [(f"{name}.gz", checksum) for name, checksum in published.archives.items()] == source.resources
        assert list(published.archives) == downloads.FILES and set(published.sums) in (set(), set(downloads.FILES))


def lay_out_fashion(folder, made, archives=()):
    """Leave the files `made` as Fashion-MNIST in a data folder, with {name: bytes} of `archives` beside them."""
    raw = folder / "FashionMNIST" / "raw"
    for name, content in [*made.items(), *dict(archives).items()]:
        files.write_file(raw / name, content)
    return raw


def test_files_that_nobody_vouches_for_are_not_shown_as_fashion_mnist(mirror, tmp_path):
    made = make_set()
    raw = lay_out_fashion(tmp_path, made)
    sums = "".join(f"{files.digest(content)}  {name}\n" for name, content in made.items())
    for note in (None, sums):  # whoever makes up the files can make up their sums
        if note:
            files.write_file(raw / "SHA256SUMS", note)
        dataset = data.load("fashion-mnist", tmp_path)
        assert dataset.title == "Fashion-MNIST (not verified)" and len(dataset.labels) == 80
        introduction = dataset.introduce()
        assert "> **Not verified:** this may not be Fashion-MNIST." in introduction
        assert "If it is what its name says, by Han Xiao" in introduction
        data.summarise.cache_clear()
        summary = data.summarise("fashion-mnist", tmp_path)
        assert (summary.title, summary.fingerprint) == (dataset.title, dataset.fingerprint)
        (remark,) = summary.remarks
        assert remark.startswith(
            "not verified: this may not be Fashion-MNIST. Checksums were published of the archives"
        )
        assert "the files in FashionMNIST/raw came without" in remark and str(tmp_path) not in remark


def test_what_was_fetched_is_verified_wherever_its_folder_is_carried(mirror, tmp_path):
    data.resolve("fashion-mnist", tmp_path / "here")
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    mirror[1].clear()
    for place in ("here", "there"):
        dataset, summary = (ask("fashion-mnist", tmp_path / place) for ask in (data.load, data.summarise))
        assert dataset.title == summary.title == "Fashion-MNIST"
        assert not dataset.caution and not summary.remarks and "Not verified" not in dataset.introduce()
        assert dataset.origin.startswith("Han Xiao") and dataset.fingerprint == summary.fingerprint
    (tmp_path / "there" / "FashionMNIST" / "raw" / "t10k-labels-idx1-ubyte.gz").unlink()
    caution = data.load("fashion-mnist", tmp_path / "there").caution
    assert "alone, and t10k-labels-idx1-ubyte in FashionMNIST/raw came without" in caution


def test_archives_beside_the_files_vouch_for_them_where_they_are_the_published_ones(mirror, tmp_path):
    archives = dict(mirror[1])
    whole = {name.removesuffix(".gz"): gzip.decompress(content) for name, content in archives.items()}
    mirror[1].clear()
    raw = lay_out_fashion(tmp_path, whole, archives)
    assert data.load("fashion-mnist", tmp_path).title == "Fashion-MNIST"
    other = make_set()
    packed = {f"{name}.gz": gzip.compress(content) for name, content in other.items()}
    lay_out_fashion(tmp_path / "faked", other, packed)
    assert data.load("fashion-mnist", tmp_path / "faked").title == "Fashion-MNIST (not verified)"
    name = "train-labels-idx1-ubyte"
    files.write_file(raw / name, other[name][:-1] + b"\x03")
    (raw / "SHA256SUMS").unlink(missing_ok=True)
    with pytest.raises(errors.DatasetUnavailable, match=f"{name} in the data folder is damaged: its SHA-256"):
        data.resolve("fashion-mnist", tmp_path, download=False)
    assert data.load("fashion-mnist", tmp_path).title == "Fashion-MNIST"  # unpacked anew, with no mirror
    assert (raw / name).read_bytes() == whole[name] and (raw / f"{name}.damaged").is_file()


def test_the_command_line_says_that_a_set_was_not_verified(tmp_path):
    project = Project(tmp_path)
    made = {}
    for part, count in downloads.COUNTS.items():
        made[f"{part}-images-idx3-ubyte"] = idx(torch.zeros(count, 28, 28, dtype=torch.uint8))
        made[f"{part}-labels-idx1-ubyte"] = idx(torch.arange(count).remainder(10).byte())
    lay_out_fashion(tmp_path / "no-data", made)
    there = sorted((tmp_path / "no-data").rglob("*"))
    code, out, error = project.run("--dry-run", dataset="fashion-mnist")
    assert code == 0, error
    assert "note: not verified: this may not be Fashion-MNIST." in out
    assert sorted((tmp_path / "no-data").rglob("*")) == there  # to look leaves nothing, no sums either


def example_of_a_dataset():
    """Return the code of CONTRIBUTING's example of a dataset of another form."""
    (code,) = re.findall(r"```python\n(class Squares.*?)```", (ROOT / "CONTRIBUTING.md").read_text(), re.DOTALL)
    return code


def write_squares(folder):
    """Leave the file that CONTRIBUTING's example reads: 80 squares and circles, all one."""
    folder.mkdir(exist_ok=True)
    images = np.zeros((80, 1, 28, 28), dtype=np.uint8)
    images[::2, :, 4:24, 4:24] = 255
    np.savez(folder / "squares.npz", images=images, labels=np.arange(80) % 2)


@pytest.fixture
def squares(monkeypatch, tmp_path):
    """CONTRIBUTING's example, added as anybody would add it: a class, and one entry."""
    namespace = vars(data) | {"__name__": "squares"}
    exec(example_of_a_dataset(), namespace)
    digits = data.SOURCES["digits"]
    monkeypatch.delitem(data.SOURCES, "digits")
    monkeypatch.setitem(data.SOURCES, "squares", namespace["Squares"]())
    monkeypatch.setitem(data.SOURCES, "digits", digits)
    write_squares(tmp_path)
    data.summarise.cache_clear()
    return data.SOURCES["squares"]


def test_a_dataset_of_another_form_is_one_entry(squares, tmp_path):
    assert data.resolve("squares", tmp_path) == ("squares", "") and data.find_folder("squares", tmp_path) is None
    dataset, summary = data.load("squares", tmp_path), data.summarise("squares", tmp_path)
    assert (dataset.title, dataset.fingerprint) == (summary.title, summary.fingerprint)
    assert int((~dataset.is_test).sum()) == summary.training_images and len(dataset.class_names) == summary.classes
    splits = data.split(dataset)
    assert [len(part.labels) for part in splits.values()] == [54, 6, 20] and not dataset.note
    with pytest.raises(errors.BadInput, match=r"choose one of auto, mnist, .*, squares, digits, or a folder of images"):
        data.load("square", tmp_path)
    (tmp_path / "squares.npz").unlink()
    for download in (True, False):
        with pytest.raises(errors.DatasetUnavailable, match=r"squares.npz is not in the data folder; ask its makers"):
            data.resolve("squares", tmp_path, download)
    data.summarise.cache_clear()
    with pytest.raises(errors.DatasetUnavailable, match=r"^dataset squares: squares.npz cannot be read: No such file"):
        data.summarise("squares", tmp_path)


def test_the_command_line_knows_a_dataset_by_its_entry(tmp_path):
    project = Project(tmp_path)
    module = tmp_path / "helpers" / "data.py"
    entry = '    "digits": Digits(),\n'
    whole = module.read_text()
    assert whole.count(entry) == 1
    whole = whole.replace(entry, f'    "squares": Squares(),\n{entry}')
    module.write_text(whole.replace("SOURCES: dict", f"{example_of_a_dataset()}\n\nSOURCES: dict"))
    code, out, error = project.run("--list", dataset=None)
    assert code == 0 and re.search(r"^  squares +80 squares and circles, 28x28$", out, re.MULTILINE), out + error
    code, _, error = project.run("--dry-run", dataset="squares")
    assert (code, error) == (3, "error: squares.npz is not in the data folder; ask its makers for it\n")
    write_squares(tmp_path / "no-data")
    code, out, error = project.run("--dry-run", dataset="squares")
    assert code == 0 and out.startswith("run squares-balanced-"), out + error
    code, _, error = project.run("--dry-run", dataset="circles")
    assert code == 2 and "kmnist, squares, digits, " in error


@pytest.mark.parametrize(
    "changes, told",
    [
        (
            {"images": torch.zeros(80, 28, 28, dtype=torch.uint8)},
            r"its images are torch.uint8 \(80, 28, 28\), not",
        ),
        ({"images": torch.zeros(80, 1, 28, 28)}, r"its images are torch.float32"),
        ({"labels": torch.arange(80) % 2 + 1}, "its labels are not int64 that name each of its 2 classes"),
        ({"labels": torch.zeros(80, dtype=torch.int64)}, "its labels are not int64 that name each"),
        ({"labels": (torch.arange(80) % 2).byte()}, "its labels are not int64"),
        ({"is_test": torch.zeros(80, dtype=torch.bool)}, "none does, or all do"),
        ({"is_test": torch.zeros(80)}, "does not say of each image whether it tests"),
        ({"is_test": torch.arange(80) == 0}, "a class has no test image"),
        ({"is_test": torch.arange(80) > 2}, "a class has fewer than two images beside those that test"),
    ],
)
def test_a_dataset_that_is_not_of_the_promised_form_is_refused(squares, tmp_path, monkeypatch, changes, told):
    damaged = replace(squares.load(tmp_path), **changes)
    monkeypatch.setattr(squares, "load", lambda folder: damaged, raising=False)
    with pytest.raises(errors.DatasetUnavailable, match=f"^dataset squares: .*{told}"):
        data.load("squares", tmp_path)


def test_a_set_of_a_name_that_torchvision_does_not_know_is_refused(mirror, tmp_path, monkeypatch):
    published = replace(downloads.SETS["fashion-mnist"], folder="NoSuchSet")
    monkeypatch.setitem(downloads.SETS, "fashion-mnist", published)
    with pytest.raises(errors.DatasetUnavailable, match="torchvision knows no mirrors of NoSuchSet"):
        data.load("fashion-mnist", tmp_path)


def test_auto_is_no_dataset_of_its_own(tmp_path):
    with pytest.raises(errors.BadInput, match=r"^dataset auto: a choice, and no dataset"):
        data.summarise("auto", tmp_path)


@pytest.mark.real
def test_the_real_mnist(real_data):
    dataset = data.load("auto", real_data)
    assert dataset.name == "mnist" and dataset.images.shape == (70_000, 1, 28, 28)
    splits = data.split(dataset, seed=0)
    assert {name: len(part.labels) for name, part in splits.items()} == {
        "train": 55_000,
        "validation": 5_000,
        "test": 10_000,
    }
    assert torch.bincount(splits["test"].labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert data.pixel_statistics(dataset.images[:60_000]) == pytest.approx((33.3184, 78.5675), abs=1e-3)


@pytest.mark.real
def test_one_changed_pixel_of_the_real_mnist_is_noticed(real_data, tmp_path):
    shutil.copytree(f"{real_data}/MNIST", tmp_path / "MNIST")
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(20_000_000)
        byte = file.read(1)
        file.seek(20_000_000)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(errors.DatasetUnavailable, match=r"train-images-idx3-ubyte.* is damaged"):
        data.load("mnist", tmp_path)
