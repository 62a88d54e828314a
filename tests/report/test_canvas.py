"""Pictures are what was drawn, and take memory once; a PDF has texts as texts, faces with their own pixels."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sgbench.report import canvas
from sgbench.report.canvas import PRINT
from sgbench.report.grids import figure3, figure4
from sgbench.report.style import COLOURS


def _figure():
    figure = canvas.new_figure(40, 30, scale=2)
    figure.text(0.1, 0.5, "text", color=COLOURS[1])
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


def drawn(path):
    """A figure of a face with two edits, whose labels take letters from two fonts where there are such."""
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    columns, asked = ["Input", "Smile", "Häir"], [["", "a", "b"]]
    figure3(path, columns, [[("First 礼", images)]], asked=asked, scale=PRINT)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:no font of this machine")
def test_a_pdf_is_the_same_in_another_process_at_another_time(tmp_path):
    environment = os.environ | {"PYTHONHASHSEED": "1", "SOURCE_DATE_EPOCH": "1"}
    code = f"import sys; from pathlib import Path; sys.path.insert(0, {str(Path(__file__).parent)!r})"
    code += "; from test_canvas import drawn; drawn(Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, tmp_path / "there.pdf"], check=True, env=environment)
    drawn(tmp_path / "here.pdf")
    data = (tmp_path / "here.pdf").read_bytes()
    assert data == (tmp_path / "there.pdf").read_bytes()
    assert b"Date" not in data
    assert b"atplotlib" not in data


@pytest.mark.parametrize("draw", [figure3, figure4])
def test_faces_stand_in_a_pdf_with_their_own_pixels(tmp_path, draw):
    images = np.random.default_rng(0).integers(0, 120, (2, 4, 5, 3), dtype=np.uint8)
    edits = () if draw is figure3 else ([1],)
    draw(tmp_path / "grid.pdf", ["Input", "Smile"], [[("First", images)]], *edits, min_side=40)
    data = (tmp_path / "grid.pdf").read_bytes()
    sizes = re.findall(rb"/Width (\d+)", data), re.findall(rb"/Height (\d+)", data)
    faces = [size for size in zip(*sizes, strict=True) if size != (b"1", b"1")]
    assert faces == [(b"5", b"4")] * (2 if draw is figure3 else 3)
    assert b"/FontFile2" in data


def test_a_pdf_has_the_size_of_what_it_prints(tmp_path):
    images = np.zeros((1, 4, 4, 3), np.uint8)
    for scale in (1, 3):
        figure3(tmp_path / f"{scale}.pdf", ["I"], [[("F", images)]], min_side=100 * scale, scale=scale)
    boxes = [re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", (tmp_path / f"{k}.pdf").read_bytes()) for k in (1, 3)]
    one, three = ([float(side) for side in box.groups()] for box in boxes)
    assert one == pytest.approx(three, rel=0.03)
