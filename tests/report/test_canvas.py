"""Pictures are the pixels that were drawn, and take memory once."""

import numpy as np
import pytest
from PIL import Image

from sgbench.report import canvas


def _figure():
    figure = canvas.new_figure(40, 30, scale=2)
    figure.text(0.1, 0.5, "text", color=canvas.COLOURS[1])
    return figure


@pytest.mark.parametrize("rows", [1, 7, 60, 1000])
def test_a_picture_is_what_was_drawn(tmp_path, monkeypatch, rows):
    drawn = _figure()
    drawn.canvas.draw()
    pixels = np.array(drawn.canvas.buffer_rgba())
    monkeypatch.setattr(canvas, "_ROWS_AT_ONCE", rows)
    picture = canvas._taken(drawn.canvas)
    assert picture.mode == "RGB"
    assert pixels[..., :3].min() < 200
    np.testing.assert_array_equal(np.asarray(picture), pixels[..., :3])
    canvas.save(_figure(), tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as kept:
        np.testing.assert_array_equal(np.asarray(kept), pixels[..., :3])


def test_the_pixels_of_a_canvas_are_let_go_before_there_is_a_picture(tmp_path, monkeypatch):
    figure, held, new = _figure(), [], Image.new
    renderer = figure.canvas.get_renderer()
    monkeypatch.setattr(canvas.Image, "new", lambda *a: held.append("_renderer" in vars(renderer)) or new(*a))
    canvas.save(figure, tmp_path / "figure.png")
    assert set(held) == {False}
