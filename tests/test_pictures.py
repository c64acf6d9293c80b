"""Image files of every kind become upright pixels, or a reason in a few words; nothing else is raised."""

import io
import os
import pickle
import socket
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from helpers import pictures
from helpers.pictures import Unreadable

CORNERS = ((250, 20), (120, 190))  # brightness at top left and right, then at the bottom


def quarters(height=40, width=60):
    """Return uint8 (height, width): four quarters, each of another brightness, so that every turn shows."""
    return np.kron(np.array(CORNERS), np.ones((height // 2, width // 2))).astype(np.uint8)


def content(pixels, form, **settings):
    """Return the bytes of an image file of the format `form`."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, form, **settings)
    return file.getvalue()


def close(pixels, expected, within=6):
    """Return whether uint8 (h, w, 3) is the grey image `expected` everywhere, but for a trifle."""
    wanted = np.repeat(expected[..., None], 3, axis=2).astype(int)
    return pixels.shape == wanted.shape and np.abs(pixels - wanted).mean() < within


def png(width, height, chunks=b"", rows=b"", depth=1, colour=0):
    """Return the bytes of a PNG file that claims a size, whatever it holds."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunks + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def chunk(kind, body):
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "AVIF", "HEIF"])
def test_every_format_gives_the_same_pixels(form):
    Image.init()
    assert pictures.register_heic()
    if form not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {form}")
    assert close(pictures.open_bytes(content(Image.fromarray(quarters()).convert("RGB"), form)), quarters())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG", "HEIF", "TIFF"])
def test_every_orientation_gives_the_same_pixels(form, orientation):
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]  # the Pillow turn that undoes it
    held = Image.fromarray(quarters(80, 120))
    held = held if back is None else held.transpose(Image.Transpose(back))
    exif = Image.Exif()
    exif[pictures.ORIENTATION] = orientation
    pictures.register_heic()
    written = content(held, form, exif=exif.tobytes())
    assert close(pictures.open_bytes(written), quarters(80, 120)) and pictures.size_of(written) == (80, 120)
    assert pictures.open_bytes(written, longest=30).shape == (20, 30, 3)


@pytest.mark.parametrize("note", [b"Exif\0\0MM\0*\xff\xff\xff\xff", b"nonsense", b"Exif\0\0"])
def test_a_damaged_exif_spoils_no_image(note):
    assert close(pictures.open_bytes(content(quarters(), "JPEG", exif=note)), quarters())


@pytest.mark.parametrize(
    "image, form",
    [
        (quarters().astype(np.uint16) * 257, "PNG"),
        (quarters().astype(np.int32) * 1000, "TIFF"),
        (quarters().astype(np.float32) / 255, "TIFF"),
        (quarters().astype(np.float32) * 1e36, "TIFF"),
    ],
    ids=["16 bits", "32 bits", "fractions", "huge"],
)
def test_many_bits_are_stretched_over_eight(image, form):
    expected = pictures.stretch(quarters())
    assert expected.min() == 0 and expected.max() == 255
    assert close(pictures.open_bytes(content(image, form)), expected, within=1)
    wide = np.kron(image, np.ones((1, 60), dtype=image.dtype))  # shrunk on the way
    assert pictures.open_bytes(content(wide, form), longest=60).shape == (1, 60, 3)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_changes_no_other_pixel(odd):
    image = quarters().astype(np.float32)
    image[0, 0] = odd
    pixels = pictures.open_bytes(content(image, "TIFF"))
    assert np.array_equal(pixels[1:, 1:, 0], pictures.stretch(quarters())[1:, 1:])
    image[:] = odd
    assert not pictures.open_bytes(content(image, "TIFF")).any()


@pytest.mark.parametrize("mode, form", [("CMYK", "JPEG"), ("CMYK", "TIFF"), ("LAB", "TIFF"), ("YCbCr", "TIFF")])
def test_other_colours_than_rgb(mode, form):
    image = Image.fromarray(quarters()).convert("RGB")
    if mode == "LAB":
        from PIL import ImageCms

        profiles = (ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"))
        converted = ImageCms.profileToProfile(image, *profiles, outputMode="LAB")
    else:
        converted = image.convert(mode)
    assert close(pictures.open_bytes(content(converted, form)), quarters(), within=12)


@pytest.mark.parametrize("kind", ["RGBA", "LA", "palette", "colour"])
@pytest.mark.parametrize("ink, paper", [(20, 255), (230, 0)])
@pytest.mark.parametrize("longest", [1024, 20])
def test_what_is_transparent_becomes_paper(kind, ink, paper, longest):
    opacity = np.zeros((60, 60), dtype=np.uint8)
    opacity[20:40, 20:40] = 255
    strokes = Image.new("L", (60, 60), ink)
    transparent = Image.merge("LA", (strokes, Image.fromarray(opacity)))
    settings = {}
    if kind == "RGBA":
        transparent = transparent.convert("RGBA")
    if kind in ("palette", "colour"):
        transparent = Image.fromarray(np.where(opacity, ink, 128).astype(np.uint8))
        settings = {"transparency": 128}
    if kind == "palette":
        transparent = transparent.convert("P")
    pixels = pictures.open_bytes(content(transparent, "PNG", **settings), longest)
    side = min(60, longest)
    assert pixels.shape == (side, side, 3)
    assert (pixels[: side // 4] == paper).all() and (pixels[side // 2, side // 2] == ink).all()


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_images_in_a_file_it_is_the_first(form):
    first, second = (Image.fromarray(image).convert("RGB") for image in (quarters(), 255 - quarters()))
    several = content(first, form, save_all=True, append_images=[second])
    assert close(pictures.open_bytes(several), quarters())


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
@pytest.mark.parametrize("strip", [1, 5000, 4_000_000])
def test_an_image_is_shrunk_alike_in_strips_and_whole(mode, strip, monkeypatch):
    monkeypatch.setattr(pictures, "STRIP", strip)
    large = Image.fromarray(quarters(400, 602)).convert("L")
    if mode == "I;16":
        large = Image.fromarray(np.asarray(large).astype(np.uint16))
    large = large.point(lambda value: value > 100 and 255, "1") if mode == "1" else large
    large = large if mode in ("1", "I;16") else large.convert(mode)
    small = pictures.shrink(large, 100)
    assert small.size == (101, 67)
    whole = pictures.plain_mode(large).reduce(6)
    assert small.mode == whole.mode and np.array_equal(np.asarray(small), np.asarray(whole))


def test_no_side_is_longer_than_asked_for_and_small_images_stay():
    assert pictures.open_bytes(content(quarters(400, 600), "PNG"), 100).shape == (67, 100, 3)
    assert pictures.open_bytes(content(quarters(400, 600), "JPEG"), 100).shape == (67, 100, 3)
    assert pictures.open_bytes(content(quarters(), "PNG"), 60).shape == (40, 60, 3)
    assert pictures.open_bytes(content(np.zeros((1, 1), np.uint8), "PNG")).shape == (1, 1, 3)
    assert pictures.open_bytes(content(np.zeros((10, 20_000), np.uint8), "PNG")).shape == (1, 1024, 3)


def truncated(form, kept):
    """Return the beginning of an image file: `kept` bytes, or a share of them."""
    noise = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    whole = content(noise, form)
    return whole[: kept if isinstance(kept, int) else int(len(whole) * kept)]


def tiff(*fields):
    """Return the bytes of a TIFF file of one directory with the `fields`: (number, type, count, value)."""
    directory = b"".join(struct.pack("<HHII", *field) for field in fields)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(fields)) + directory + struct.pack("<I", 8)


BOMB = zlib.compress(bytes(100_000))
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)
SIZE = ((256, 4, 1, 9000), (257, 4, 1, 9000), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8))
GIF_SCREEN = b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\0\0\0," + struct.pack("<HHHH", 0, 0, 65535, 65535)
BMP_SIZE = struct.pack("<IiiHHIIiiII", 40, -(2**31), -(2**31), 1, 24, 0, 0, 0, 0, 0, 0)
FORMS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
HOSTILE = {
    **{f"half a {form}": (truncated(form, 0.5), "damaged") for form in FORMS},
    **{f"20 bytes of a {form}": (truncated(form, 20), "damaged|not an image") for form in FORMS},
    "nothing": (b"", "empty"),
    "text": (b"hello", "not an image"),
    "a page": (b"%PDF-1.4", "not an image"),
    "a drawing": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
    "a program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "not an image"),
    "a pickle": (pickle.dumps(print), "not an image"),
    "an array": (b"\x93NUMPY\x01\0", "not an image"),
    "a PNG of 3.6 thousand million pixels": (png(60_000, 60_000, rows=BOMB), "more than 100 million pixels"),
    "a PNG of 101 million pixels": (png(10_100, 10_000, rows=BOMB), "more than 100 million pixels"),
    "a PNG of no pixels": (png(0, 0), "not an image|damaged"),
    "a PNG with a bomb of text": (
        png(9, 9, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(80_000_000)))),
        "damaged",
    ),
    "a GIF of 4 thousand million pixels": (GIF_SCREEN + b"\0\x08\x02\0\0\0;", "more than 100 million pixels"),
    "a BMP of a negative size": (b"BM" + struct.pack("<IHHI", 100, 0, 0, 54) + BMP_SIZE, "more than|damaged"),
    "a TIFF whose directory is a loop": (tiff((256, 3, 1, 10)), "not an image|damaged"),
    "a TIFF without its pixels": (tiff(*SIZE), "damaged"),
    "a TIFF of endless fields": (tiff(*((number, 4, 0xFFFFFFFF, 8) for number in range(99))), "not an image|damaged"),
    "an AVIF that is none": (HEIC.replace(b"heic", b"avif"), "not an image|damaged"),
}


@pytest.mark.parametrize("file", HOSTILE)
def test_a_hostile_file_is_told_in_a_few_words(file, tmp_path):
    made, words = HOSTILE[file]
    path = tmp_path / "x.png"
    path.write_bytes(made)
    with pytest.raises(Unreadable, match=words) as refused:
        pictures.open_file(path)
    assert str(refused.value).isprintable() and len(str(refused.value)) < 120
    with pytest.raises(Unreadable, match=words):
        pictures.open_bytes(made)


def test_the_suffix_decides_nothing(tmp_path):
    (tmp_path / "x.txt").write_bytes(content(quarters(), "JPEG"))
    assert close(pictures.open_file(tmp_path / "x.txt"), quarters())


@pytest.mark.parametrize("kept", [20, 0.3, 0.9])
def test_a_part_of_a_photograph_in_heic(kept):
    pictures.register_heic()
    with pytest.raises(Unreadable, match=r"damaged|not an image"):
        pictures.open_bytes(truncated("HEIF", kept))


def test_heic_names_the_package_that_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(Unreadable, match="pip install pillow-heif"):
        pictures.open_bytes(HEIC)


def test_what_is_no_file_is_not_waited_for(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    (tmp_path / "device").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # the address of a socket is a short path
        server.bind("socket")
        for name, words in (
            ("folder", "this folder"),
            ("pipe", "neither a file nor a folder"),
            ("device", "neither a file nor a folder"),
            ("socket", "neither a file nor a folder"),
            ("loop", "a link that leads nowhere"),
            ("nowhere", "a link that leads nowhere"),
            ("missing", "no such file"),
        ):
            with pytest.raises(Unreadable, match=words):
                pictures.open_file(tmp_path / name)


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="needs Linux")
def test_files_of_the_kernel_are_not_read():
    with pytest.raises(Unreadable, match="empty"):
        pictures.open_file("/proc/kmsg")


@pytest.mark.parametrize("form", ["WEBP", "AVIF", "TIFF"])
def test_a_format_whose_decoder_needs_much_memory_may_hold_fewer_pixels(form, monkeypatch):
    Image.init()
    if form not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {form}")
    most = pictures.MOST_PIXELS_OF[form]
    assert most < pictures.MOST_PIXELS
    made = content(Image.fromarray(quarters(1000, 1002)).convert("RGB"), form)
    monkeypatch.setitem(pictures.MOST_PIXELS_OF, form, 1_002_000)
    assert pictures.open_bytes(made).shape == (1000, 1002, 3)
    monkeypatch.setitem(pictures.MOST_PIXELS_OF, form, 1_001_999)
    with pytest.raises(Unreadable, match=f"^more than 1 million pixels, the most for {form}$"):
        pictures.open_bytes(made)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with open(tmp_path / "x.png", "wb") as file:
        file.truncate(pictures.MOST_BYTES + 1)
    with pytest.raises(Unreadable, match="more than 400 MB"):
        pictures.open_file(tmp_path / "x.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path):
    (tmp_path / "x.png").write_bytes(content(quarters(), "PNG"))
    (tmp_path / "x.png").chmod(0)
    with pytest.raises(Unreadable, match="Permission denied"):
        pictures.open_file(tmp_path / "x.png")


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize("depth, colour, width", [(16, 6, 10_000), (16, 0, 10_000), (8, 2, 100_000)])
def test_a_hundred_million_pixels_take_less_than_seven_hundred_megabytes(tmp_path, depth, colour, width):
    height = 100_000_000 // width
    bits = depth * {0: 1, 2: 3, 6: 4}[colour]
    packer = zlib.compressobj(1)
    row = bytes(1 + width * bits // 8)
    rows = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    (tmp_path / "x.png").write_bytes(png(width, height, rows=rows, depth=depth, colour=colour))
    program = (
        "import re, sys\n"
        "from helpers import pictures\n"
        "print(pictures.open_file(sys.argv[1]).shape[1])\n"
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1])"  # ru_maxrss is its parent's too
    )
    command = [sys.executable, "-c", program, str(tmp_path / "x.png")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    shown, memory = map(int, result.stdout.split())
    assert shown == 1024 and memory * 1024 < 700_000_000
