"""What of two pages must be alike: texts, pixels of pictures, and losses where they are known."""

import base64
import io

import numpy as np
from PIL import Image

from sgbench.report.html.comparing import comparable


def page(pixels, level=9, losses="1 2 3"):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png", compress_level=level)
    uri = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    index = '<li><a href="#losses">Losses</a></li>'
    return f'<ol>{index}</ol><p>text</p>\n<section id="losses"><p>{losses}</p></section>\n<img src="{uri}">'


PIXELS = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def test_the_same_pixels_in_other_bytes_are_the_same_page():
    assert page(PIXELS, 1) != page(PIXELS, 9)
    assert comparable(page(PIXELS, 1), True) == comparable(page(PIXELS, 9), True)


def test_one_other_pixel_is_found():
    changed = PIXELS.copy()
    changed[3, 3, 0] ^= 1
    assert comparable(page(changed), True) != comparable(page(PIXELS), True)


def test_losses_count_only_where_they_are_known():
    one, other = page(PIXELS), page(PIXELS, losses="4 5 6")
    assert comparable(one, True) != comparable(other, True)
    assert comparable(one, False) == comparable(other, False)
    assert "#losses" not in comparable(one, False)
    assert "text" in comparable(one, False)


def test_what_is_no_picture_is_compared_as_text():
    broken = '<img src="data:image/png;base64,AAAA">'
    assert comparable(broken, True) == broken


def test_pictures_with_loss_are_left_to_the_checksum():
    assert comparable('src="data:image/jpeg;base64,AAAA"', True) == comparable(
        'src="data:image/jpeg;base64,BBBB"', True
    )
