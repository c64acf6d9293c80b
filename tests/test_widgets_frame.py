"""What the widgets share."""

import io

import numpy as np
import pytest
from PIL import Image

from helpers.widgets import frame


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sprite_holds_every_image_as_it_is(channels):
    images = np.random.default_rng(0).integers(0, 256, (7, channels, 5, 4), dtype=np.uint8)
    sheet = np.asarray(Image.open(io.BytesIO(frame.sprite(images, across=3)))).reshape(15, 12, channels)
    for place, image in enumerate(images):
        top, left = place // 3 * 5, place % 3 * 4
        assert (sheet[top : top + 5, left : left + 4].transpose(2, 0, 1) == image).all()
    assert not sheet[10:, 4:].any()


def test_no_image_gives_an_empty_sprite():
    assert Image.open(io.BytesIO(frame.sprite(np.zeros((0, 1, 28, 28), dtype=np.uint8)))).size == (560, 28)


def test_json_cannot_end_a_script_and_a_part_is_taken_as_it_is():
    assert "</script>" not in frame.as_json({"</script>": 1})
    assert frame.fill("a [[ONE]] b", {"ONE": r"\1 [[TWO]]"}) == r"a \1 [[TWO]] b"
    with pytest.raises(KeyError):
        frame.fill("[[NONE]]", {})


def test_a_number_that_json_has_not_is_told_here():
    with pytest.raises(ValueError, match="JSON"):
        frame.as_json({"loss": float("nan")})


def test_grainy_images_are_written():
    images = np.random.default_rng(0).integers(0, 256, (100, 3, 40, 40), dtype=np.uint8)
    with Image.open(io.BytesIO(frame.jpeg(images, quality=95))) as sheet:
        assert sheet.format == "JPEG" and sheet.size == (800, 200)
