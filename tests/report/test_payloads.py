"""Names that come from data, in every format of a report: nothing of them is read as a mark, a command or a formula."""

import csv
import io
import re
import warnings
from math import nan

import numpy as np
import pandas as pd
import pytest
from frames import by_jury
from PIL import Image
from rich.console import Console

from sgbench.report import fonts
from sgbench.report.console import summary
from sgbench.report.contents import Page
from sgbench.report.grids import figure3
from sgbench.report.latex import escape
from sgbench.report.layout import Layout
from sgbench.report.page import write_report
from sgbench.report.plots import interval_plot, loss_curves, matrix_plot
from sgbench.results.records import to_frame
from sgbench.results.report_folder import ReportFolder

NASTY = "=x|y<img>[a](b)*$\\frac$`_z_"
LAYOUT = Layout({"alpha": NASTY, "copy": "copy"}, {"smile": "Smile"})
FRAME = to_frame(
    [by_jury(m, "", "smile", "smile", 0.9, 0.1, direction=d) for m in LAYOUT.methods for d in ("all", NASTY)]
)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = ReportFolder(tmp_path_factory.mktemp("report"))
    cost = pd.DataFrame({"System": [NASTY], "Latency (ms)": [-1.5], "Measured on": [f"+{NASTY}"]})
    page = Page(NASTY, LAYOUT, {NASTY: NASTY}, [NASTY], [(NASTY, "figure3.png")], cost=cost, provenance={"data": NASTY})
    write_report(folder, FRAME, page)
    return folder


def test_the_page_has_them_as_text(report):
    lines = [line for line in report.page.read_text(encoding="utf-8").splitlines() if "frac" in line]
    assert len(lines) > 8
    for line in lines:
        assert not re.search(r"(?<!\\)[*$`](?=x|\\frac|_z)|<img|\](?<!\\\])\(b\)|(?<!\w)(?<!\\)_z", line), line
        if line.startswith("|"):
            assert "x\\|y" in line


def test_no_cell_of_a_csv_is_a_formula(report):
    found = 0
    for path in report.path.glob("*.csv"):
        cells = [cell for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8"))) for cell in row]
        found += sum("frac" in cell for cell in cells)
        assert not [cell for cell in cells if cell[:1] in "=+-@\t\r" and cell and not is_number(cell)]
    assert found
    assert pd.read_csv(report.path / "cost.csv")["Latency (ms)"].tolist() == [-1.5]


def is_number(cell):
    try:
        return bool(float(cell)) or True
    except ValueError:
        return False


def test_latex_has_no_command_of_theirs(report):
    texts = [path.read_text(encoding="utf-8") for path in report.path.glob("*.tex")]
    assert any("textbackslash" in text for text in texts)
    assert not [text for text in texts if "\\frac" in text or "$\\frac" in text]


def test_latex_joins_no_characters():
    assert escape("a--b") == "a-{}-b"
    assert len({escape(text) for text in ("a--b", "a–b", "a-b", "''", '"', "``", "`", "?`", "¿")}) == 9


@pytest.mark.parametrize("name", ["$x$", "$\\frac$", "a$b", "\\$", "100 % $", "x^2_3{", "[bold]"])
def test_plots_draw_names_as_they_are(tmp_path, name):
    layout = Layout({"alpha": name}, {"smile": name})
    frame = to_frame([by_jury("alpha", "", "smile", "smile", 0.9, 0.1)])
    interval_plot(tmp_path / "interval.png", frame, layout)
    matrix_plot(tmp_path / "matrix.png", frame, layout)
    loss_curves(tmp_path / "losses.png", {name: pd.DataFrame({"iteration": [1, 2], name: [1.0, 2.0]})})


def test_dollars_are_drawn_and_not_taken_for_mathematics(tmp_path):
    edges = []
    for name in ("$xxxxxxxx$", "SxxxxxxxxS"):  # of the same width in this font; as mathematics without the dollars
        interval_plot(tmp_path / "p.png", FRAME[FRAME["method"] == "copy"], Layout({"copy": name}, {"smile": "Smile"}))
        with Image.open(tmp_path / "p.png") as image:
            grid = (np.asarray(image) == (0xD8, 0xDE, 0xE4)).all(-1).sum(0) > 20
        edges.append(int(np.flatnonzero(grid)[0]))
    assert abs(edges[0] - edges[1]) <= 2


def test_a_character_that_the_font_lacks_comes_from_another_font():
    lacking = chr(min(fonts._covered("STIXGeneral") - fonts._covered(fonts.DEFAULT)))
    assert fonts.families(["abc", "é ±"]) == [fonts.DEFAULT]
    others = fonts.families([f"a{lacking}"])[1:]
    assert any(ord(lacking) in fonts._covered(name) for name in others)


def test_what_no_font_has_is_told_once_and_drawn(tmp_path, monkeypatch):
    monkeypatch.setattr(fonts, "_covered", lambda name: frozenset(range(0x250)))
    fonts._others.cache_clear()
    fonts._tell.cache_clear()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        layout = Layout({"alpha": "性别"}, {"smile": "年龄"})
        interval_plot(tmp_path / "p.png", to_frame([by_jury("alpha", "", "smile", "smile", 0.9, 0.1)]), layout)
        images = np.zeros((1, 8, 8, 3), np.uint8)
        figure3(tmp_path / "f.png", ["输入"], [[("方法", images)]])
    fonts._others.cache_clear()
    assert len(told) == 1
    assert "no font of this machine has some characters" in str(told[0].message)


def test_the_screen_shows_no_markup_and_no_escape_code():
    layout = Layout({"alpha": "[red]x[/] :smile: \x1b[2J"}, {"smile": "[b]\x1b]0;t\x07"})
    out = io.StringIO()
    frame = to_frame([by_jury("alpha", "", "smile", "smile", 0.9, nan)])
    Console(file=out, width=150, color_system=None).print(summary(frame, layout, 150))
    assert "[red]x[/] :smile: \\x1b[2J" in out.getvalue()
    assert "\x1b" not in out.getvalue()
