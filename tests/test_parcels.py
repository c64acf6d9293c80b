"""Files as bytes and back: what is packed, and what no parcel may do when it is unpacked."""

import hashlib
import io
import json
import os
import stat
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from helpers import data, downloads, errors, files, runs
from pipeline import parcels
from pipeline.request import Wishes, settle


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    """Folders of datasets and of runs of this test alone."""
    monkeypatch.setenv("MNIST_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MNIST_OUTPUTS_DIR", str(tmp_path / "outputs"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    data.summarise.cache_clear()


def write_all(root, contents):
    """Write {name: content} below a folder."""
    for name, content in contents.items():
        files.write_file(root / name, content)


def tree(root):
    """Return {name: content} of all files below a folder."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def forge(members, sums=None, **about):
    """Return an archive of `members`, [(name, content)], with their true digests unless `sums` says others."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members:
            entry = zipfile.ZipInfo(name)
            for field, value in about.items():
                setattr(entry, field, value)
            archive.writestr(entry, content)
        true = {name: hashlib.sha256(content).hexdigest() for name, content in members}
        archive.writestr(parcels.LIST, json.dumps(true if sums is None else sums))
    return buffer.getvalue()


CONTENTS = {"a/one.txt": b"one", "a/b/two.bin": bytes(range(256)) * 40, "empty": b"", "ünïcode ✓": b"3"}


def test_what_is_packed_comes_back_and_the_same_files_give_the_same_bytes(tmp_path):
    write_all(tmp_path / "from", CONTENTS)
    paths = [tmp_path / "from" / name for name in CONTENTS]
    parcel = parcels.pack(tmp_path / "from", paths)
    os.utime(paths[0], (1, 1))
    paths[1].chmod(0o600)
    assert parcels.pack(tmp_path / "from", [*reversed(paths), paths[0]]) == parcel
    assert sorted(parcels.unpack(parcel, tmp_path / "to")) == sorted(CONTENTS)
    assert tree(tmp_path / "to") == CONTENTS and len(parcel) < 2_000 + 256
    assert parcels.unpack(parcels.pack(tmp_path, []), tmp_path / "none") == [] and not (tmp_path / "none").exists()


def test_a_file_that_is_there_is_written_over_whole(tmp_path):
    write_all(tmp_path / "from", CONTENTS)
    write_all(tmp_path / "to", {"a/one.txt": b"another", "kept": b"kept"})
    parcels.unpack(parcels.pack(tmp_path / "from", (tmp_path / "from" / name for name in CONTENTS)), tmp_path / "to")
    assert tree(tmp_path / "to") == CONTENTS | {"kept": b"kept"}


def test_a_name_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9")
    path.write_bytes(b"1")
    with pytest.raises(errors.BadInput, match="is not UTF-8"):
        parcels.pack(tmp_path, [path])


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("../out", "leads out"),
        ("a/../../out", "leads out"),
        ("/tmp/out", "is no name|leads out"),
        ("linked/out", "leads out"),
        ("linked", "leads out"),
        ("./out", "is no name"),
        ("a//out", "is no name"),
        ("out/", "is no plain file"),
        (".", "is no name|leads out"),
        ("..", "leads out"),
    ],
)
def test_no_member_leads_out_of_the_folder(tmp_path, name, told):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "elsewhere").mkdir()
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(parcels.NotWhole, match=told) as refused:
        parcels.unpack(forge([("good", b"1"), (name, b"2")]), root)
    assert "\n" not in str(refused.value)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["elsewhere", "linked", "root"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR, stat.S_IFSOCK])
def test_a_link_or_anything_but_a_plain_file_is_refused(tmp_path, kind):
    with pytest.raises(parcels.NotWhole, match="is no plain file"):
        parcels.unpack(forge([("a", b"/etc/passwd")], external_attr=(kind | 0o777) << 16), tmp_path)
    assert not tree(tmp_path)


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ([("a", b"1"), ("a", b"1")], "'a' twice"),
        ([("a", b"1"), ("a/b", b"2")], "'a', which is a file and a folder"),
        ([(parcels.LIST, b"{}")], "twice"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_never_meet(tmp_path, members, told):
    with pytest.raises(parcels.NotWhole, match=told):
        parcels.unpack(forge(members), tmp_path)
    assert not tree(tmp_path)


@pytest.mark.parametrize(
    "sums",
    [
        {"a": "0" * 64, "b": hashlib.sha256(b"2").hexdigest()},
        {"a": hashlib.sha256(b"1").hexdigest()},
        {"a": hashlib.sha256(b"1").hexdigest(), "b": None},
        {},
        [],
        ["a", "b"],
        "a",
        None,
    ],
)
def test_what_is_not_as_its_list_says_is_refused(tmp_path, sums):
    content = forge([("a", b"1"), ("b", b"2")], {"nothing": 1} if sums is None else sums)
    with pytest.raises(parcels.NotWhole, match="list"):
        parcels.unpack(content, tmp_path)
    assert not tree(tmp_path)


def test_a_parcel_without_a_list_is_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", b"1")
    with pytest.raises(parcels.NotWhole, match="no list"):
        parcels.unpack(buffer.getvalue(), tmp_path)


def test_a_parcel_that_is_cut_short_or_altered_is_refused_and_writes_nothing(tmp_path):
    write_all(tmp_path / "from", CONTENTS)
    parcel = parcels.pack(tmp_path / "from", [tmp_path / "from" / name for name in CONTENTS])
    for length in range(0, len(parcel), 40):
        with pytest.raises(parcels.NotWhole):
            parcels.unpack(parcel[:length], tmp_path / "to")
    noticed = 0
    for place in range(0, len(parcel), 9):
        altered = bytearray(parcel)
        altered[place] ^= 0x55
        try:
            parcels.unpack(bytes(altered), tmp_path / "to")
        except parcels.NotWhole:
            noticed += 1
            continue
        assert tree(tmp_path / "to") == CONTENTS  # a bit of the archive that says nothing of its files
        for name in CONTENTS:
            (tmp_path / "to" / name).unlink()
    assert noticed > len(parcel) / 20 and not tree(tmp_path / "to")


def test_a_bomb_is_refused_by_its_size_before_it_is_unpacked(tmp_path, monkeypatch):
    bomb = forge([("a", b"0" * 1_000_000), ("b", b"0" * 1_000_000)], compress_type=zipfile.ZIP_DEFLATED)
    assert len(bomb) < 10_000
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(parcels.NotWhole, match=r"would unpack to more than 0.0015 GB"):
        parcels.unpack(bomb, tmp_path, most=1_500_000)
    monkeypatch.setattr(parcels, "LARGEST", 999_999)
    with pytest.raises(parcels.NotWhole, match=r"holds a file of more than 0.001 GB"):
        parcels.unpack(bomb, tmp_path)


def test_a_bomb_that_lies_about_its_size_unpacks_to_no_more_than_it_says(tmp_path):
    large = b"0" * 5_000_000
    bomb = bytearray(forge([("a", large)], compress_type=zipfile.ZIP_DEFLATED))
    told, true = (1000).to_bytes(4, "little"), len(large).to_bytes(4, "little")
    assert bomb.count(true) == 2
    with pytest.raises(parcels.NotWhole):
        parcels.unpack(bytes(bomb.replace(true, told)), tmp_path, most=100_000)
    crc = zlib.crc32(large).to_bytes(4, "little")
    cut = zlib.crc32(large[:1000]).to_bytes(4, "little")
    lying = bytes(bomb.replace(true, told).replace(crc, cut))
    with pytest.raises(parcels.NotWhole, match="SHA-256 is not the one"):
        parcels.unpack(lying, tmp_path, most=100_000)
    assert not tree(tmp_path)


def test_a_member_packed_by_another_method_is_refused(tmp_path):
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with pytest.raises(parcels.NotWhole, match="packed in another way"):
            parcels.unpack(forge([("a", b"1" * 99)], compress_type=method), tmp_path)


def make_images(folder):
    """Leave a folder of images of two classes, one image broken, one class behind a link, and a file that is none."""
    for name in ("one", "two"):
        (folder / name).mkdir(parents=True)
        for number in range(4):
            pixels = np.random.default_rng(number).integers(0, 200, (20, 20), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    (folder / "one" / "broken.png").write_bytes(b"no image")
    (folder / "one" / "notes.txt").write_bytes(b"no image, and not sent")
    (folder / "two").rename(folder.parent / "kept elsewhere")
    (folder / "two").symlink_to(folder.parent / "kept elsewhere")


def test_a_folder_of_images_is_the_same_where_it_arrives(tmp_path):
    make_images(tmp_path / "data" / "shapes")
    request = settle(Wishes(dataset="shapes", recipe="fast"))
    names = parcels.unpack(parcels.of_dataset(request), tmp_path / "scratch")
    assert len(names) == 9 and all(name.startswith("data/shapes/") for name in names)
    there = request.model_copy(update={"data_dir": tmp_path / "scratch" / "data"})
    assert there.summarise().fingerprint == request.fingerprint


def test_a_folder_named_like_a_dataset_keeps_its_name(tmp_path):
    make_images(tmp_path / "pictures" / "mnist")
    request = settle(Wishes(dataset=str(tmp_path / "pictures" / "mnist"), recipe="fast"))
    assert request.dataset == "./mnist"
    names = parcels.unpack(parcels.of_dataset(request), tmp_path / "scratch")
    there = request.model_copy(update={"data_dir": tmp_path / "scratch" / "data"})
    assert len(names) == 9 and there.summarise().fingerprint == request.fingerprint


def test_the_embedded_digits_are_not_sent(tmp_path):
    request = settle(Wishes(dataset="digits"))
    assert parcels.unpack(parcels.of_dataset(request), tmp_path) == []


def write_published(folder, monkeypatch, **about):
    """Leave four small files where `fashion-mnist` lies, of a form that is taken for right."""
    published = downloads.SETS["fashion-mnist"]
    raw = downloads.raw_folder(published, folder)
    for name in downloads.FILES:
        files.write_file(raw / name, name * 9)
    monkeypatch.setattr(downloads, "wrong_form", lambda path: "")
    return published, raw


def test_a_set_is_sent_with_what_proves_it(tmp_path, monkeypatch):
    _, raw = write_published(tmp_path / "data", monkeypatch)
    request = settle(Wishes(dataset="fashion-mnist", recipe="fast"))
    files.write_file(raw / "notes.txt", "not sent")
    names = parcels.unpack(parcels.of_dataset(request), tmp_path / "scratch")
    assert names == sorted(f"data/FashionMNIST/raw/{name}" for name in [*downloads.FILES, "SHA256SUMS"])
    there = request.model_copy(update={"data_dir": tmp_path / "scratch" / "data"})
    assert there.summarise() == request.summarise() and "not verified" in there.summarise().title


def test_a_damaged_or_missing_file_is_not_sent(tmp_path, monkeypatch):
    _, raw = write_published(tmp_path / "data", monkeypatch)
    request = settle(Wishes(dataset="fashion-mnist", recipe="fast"))
    whole = (raw / downloads.FILES[0]).read_bytes()
    files.write_file(raw / downloads.FILES[0], "damaged")
    with pytest.raises(errors.DatasetUnavailable, match="is damaged"):
        parcels.of_dataset(request)
    files.write_file(raw / downloads.FILES[0], whole)
    (raw / downloads.FILES[1]).unlink()
    with pytest.raises(errors.DatasetUnavailable, match=f"{downloads.FILES[1]} cannot be read"):
        parcels.of_dataset(request)


def test_a_run_is_sent_without_those_at_work_on_it(tmp_path):
    folder = tmp_path / "any name" / "it"
    sent = {"run.json": b"{}", "reports/.rendered.json": b"{}", "figures/loss.png": b"1", "model.safetensors": b"2"}
    write_all(folder, sent | {".lock": b"", ".holder.json": b"{}", "figures/.x.png.0123abcd.partial": b"half"})
    (folder / "outside").symlink_to(tmp_path)
    (folder / "link.txt").symlink_to(folder / "run.json")
    parcels.unpack(parcels.of_run(folder), tmp_path / "scratch")
    assert tree(tmp_path / "scratch") == {f"outputs/it/{name}": content for name, content in sent.items()}


def test_the_run_to_start_from_is_sent_and_can_be_started_from_there(trained, tmp_path):
    (tmp_path / "outputs").mkdir()
    folder = tmp_path / "outputs" / "hand"
    write_all(folder, tree(trained / "hand"))
    names = ["model.json", "model.safetensors"]
    record = runs.StageRecord(
        state="done",
        started=runs.now(),
        outputs={name: files.file_digest(folder / name) for name in names} | {"figures/gone.png": "0" * 64},
    )
    about = runs.DatasetRecord(name="digits", title="digits", fingerprint="0")
    manifest = runs.Manifest(run="hand", parameters={}, dataset=about, stages={"training": record})
    runs.save_manifest(folder, manifest)
    request = settle(Wishes(dataset="digits", recipe="fast", start_from="hand"))
    sent = parcels.unpack(parcels.of_start(request), tmp_path / "scratch")
    assert sent == ["outputs/hand/model.json", "outputs/hand/model.safetensors", "outputs/hand/run.json"]
    there = settle(Wishes(dataset="digits", recipe="fast", start_from="hand"), outputs=tmp_path / "scratch" / "outputs")
    assert there.start == request.start
    with pytest.raises(errors.BadInput, match="its weights have changed"):
        parcels.of_start(request.model_copy(update={"start": "0" * 64}))
    assert parcels.unpack(parcels.of_start(settle(Wishes(dataset="digits"))), tmp_path / "none") == []
