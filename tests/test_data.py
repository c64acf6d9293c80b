"""Datasets, their checks, their splits, and augmentation."""

import gzip
import hashlib
import http.server
import shutil
import threading

import pytest
import torch
from torchvision.datasets import MNIST

from helpers import data, runs, transforms


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def test_digits_are_framed_as_mnist_frames_its_own(digits):
    assert digits.images.shape == (1797, 28, 28) and digits.images.dtype == torch.uint8
    assert digits.labels.dtype == torch.int64 and digits.labels.unique().tolist() == list(range(10))
    assert digits.images.max() == 255
    border = digits.images.clone()
    border[:, 4:24, 4:24] = 0
    assert border.sum() == 0
    assert int(digits.is_test.sum()) == 1797 // 5


def test_splits_cover_the_dataset_once_and_are_stratified(digits):
    splits = data.split(digits, seed=3)
    assert sum(len(part.labels) for part in splits.values()) == 1797
    assert len(splits["validation"].labels) == digits.validation_size == (1797 - 359) // 12
    everything = torch.cat([part.images.flatten(1) for part in splits.values()])
    order = everything.double() @ torch.rand(784, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    original = digits.images.flatten(1).double() @ torch.rand(
        784, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    assert torch.equal(order.sort().values, original.sort().values)
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
    with pytest.raises(runs.BadInput, match=f"--validation-size {size}: must be from 10 to 1428"):
        data.split(digits, validation_size=size)


def test_stratified_sizes_add_up_exactly():
    labels = torch.tensor([0] * 7 + [1] * 5 + [2] * 3)
    for size in range(16):
        chosen = data.stratified(labels, size, seed=1)
        assert len(chosen.unique()) == size
        shares = torch.bincount(labels[chosen], minlength=3) - torch.bincount(labels) * size / 15
        assert shares.abs().max() < 1


def test_pixel_statistics_are_those_of_every_pixel(digits):
    mean, deviation = data.pixel_statistics(digits.images)
    pixels = digits.images.double()
    assert mean == pytest.approx(pixels.mean().item()) and deviation == pytest.approx(pixels.std(correction=0).item())


def test_batches_go_once_around_in_a_shuffled_order():
    split = data.Split(torch.arange(10, dtype=torch.uint8).view(10, 1, 1).expand(10, 28, 28), torch.arange(10))
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
    with pytest.raises(runs.BadInput, match="mnist"):
        data.choose("nosuch")


class Mirror(http.server.BaseHTTPRequestHandler):
    """Serves files from memory on loopback."""

    files = None

    def do_GET(self):
        content = self.files.get(self.path.rsplit("/", 1)[-1])
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_):
        pass


@pytest.fixture
def mirror(monkeypatch, tmp_path):
    """A made MNIST behind a mirror on loopback; yields {file: bytes} that a test may spoil."""
    made = {}
    for part, count in (("train", 60), ("t10k", 20)):
        images = torch.randint(0, 256, (count, 28, 28), dtype=torch.uint8).numpy().tobytes()
        made[f"{part}-images-idx3-ubyte"] = (
            bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (count, 28, 28)) + images
        )
        made[f"{part}-labels-idx1-ubyte"] = (
            bytes([0, 0, 8, 1]) + count.to_bytes(4, "big") + bytes(i % 10 for i in range(count))
        )
    archives = {f"{name}.gz": gzip.compress(content, mtime=0) for name, content in made.items()}
    monkeypatch.setattr(Mirror, "files", dict(archives))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(MNIST, "mirrors", [f"http://127.0.0.1:{server.server_address[1]}/"])
    monkeypatch.setattr(
        MNIST, "resources", [(name, hashlib.md5(content).hexdigest()) for name, content in archives.items()]
    )
    monkeypatch.setattr(
        data, "MNIST_FILES", {name: hashlib.sha256(content).hexdigest() for name, content in made.items()}
    )
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield Mirror.files
    server.shutdown()


def test_mnist_is_downloaded_checked_and_kept(mirror, tmp_path):
    assert data.choose("auto", tmp_path) == ("mnist", "")
    assert sorted(path.name for path in (tmp_path / "MNIST" / "raw").iterdir()) == sorted(data.MNIST_FILES)
    assert len(list((tmp_path / "MNIST").iterdir())) == 1
    mirror.clear()
    assert data.choose("mnist", tmp_path) == ("mnist", "")


@pytest.mark.parametrize("spoil", ["missing", "truncated", "changed"])
def test_a_failed_download_leaves_nothing(mirror, tmp_path, spoil):
    name = "t10k-images-idx3-ubyte.gz"
    content = mirror.pop(name)
    if spoil != "missing":
        mirror[name] = content[:100] if spoil == "truncated" else content[:-1] + b"x"
    with pytest.raises(runs.DatasetUnavailable, match="cannot be downloaded"):
        data.choose("mnist", tmp_path)
    assert not list(tmp_path.iterdir())
    chosen, note = data.choose("auto", tmp_path)
    assert chosen == "digits" and "stand in" in note and str(tmp_path) not in note


def test_a_damaged_file_is_named_and_never_used(mirror, tmp_path):
    data.choose("mnist", tmp_path)
    path = tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    path.write_bytes(path.read_bytes()[:-1] + b"\x05")
    for name in ("mnist", "auto"):
        with pytest.raises(runs.DatasetUnavailable, match="train-labels-idx1-ubyte: damaged"):
            data.choose(name, tmp_path)


@pytest.mark.real
def test_the_real_mnist(real_data):
    dataset = data.load("auto", real_data)
    assert dataset.name == "mnist" and dataset.images.shape == (70_000, 28, 28)
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
    with pytest.raises(runs.DatasetUnavailable, match="train-images-idx3-ubyte: damaged"):
        data.load("mnist", tmp_path)
