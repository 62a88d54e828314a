"""The page in HTML: everything that Markdown has, text as text, nothing from elsewhere; its drawings by hand."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from frames import LAYOUT, comparisons, judges, small_frame, with_paper
from test_tradeoff import ALPHA, BETA, COPY, REAL
from test_tradeoff import LAYOUT as TWO

from sgbench.report.contents import Page, contents_of
from sgbench.report.html.curves import CURVE_HIGH, CURVE_WIDE, curves
from sgbench.report.html.heat import heat_maps
from sgbench.report.html.panels import CONTROL, HIGH, panels
from sgbench.report.html.rendering import to_html
from sgbench.report.html.tables import number_in, plain_table
from sgbench.report.layout import Layout
from sgbench.report.page import write_report
from sgbench.results.records import to_frame
from sgbench.results.report_folder import ReportFolder

HOSTILE = "</script><img src=x onerror=alert(1)> {{ 7 * 7 }} \x1b[31m"
OPEN = {"meta", "link", "br", "input", "img", "path", "circle", "polyline"}


class Read(HTMLParser):
    """Reads a page and keeps its tags, its texts, and tags that are not closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.stack, self.odd = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in OPEN:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        if tag not in OPEN and (not self.stack or self.stack.pop() != tag):
            self.odd.append(tag)

    def handle_data(self, text):
        self.texts.append(text.strip())

    def of(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


def page_of(frame, tmp_path, **about):
    layout = about.pop("layout", LAYOUT)
    return to_html(contents_of(frame, Page(about.pop("title", "A study"), layout, **about)), ReportFolder(tmp_path))


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    frame, layout = with_paper()
    tests = comparisons().assign(target="smile")
    losses = {"alpha.x (5, seed 0)": pd.DataFrame({"iteration": [1, 2], "gan": [0.5, -3.0]})}
    about = {"layout": layout, "judges": judges(layout), "comparisons": tests, "losses": losses, "notes": [HOSTILE]}
    about |= {"facts": {HOSTILE: HOSTILE}, "title": HOSTILE, "figures": [("A figure", "a.png", "a.pdf")]}
    return page_of(frame, tmp_path_factory.mktemp("full"), **about)


def test_every_tag_is_closed_and_every_name_is_there_once(full):
    read = Read(full)
    assert (read.odd, read.stack) == ([], [])
    names = [attrs["id"] for _, attrs in read.tags if "id" in attrs]
    assert len(names) == len(set(names))


def test_links_within_the_page_lead_somewhere(full):
    read = Read(full)
    names = {attrs["id"] for _, attrs in read.tags if "id" in attrs}
    inside = {attrs["href"][1:] for attrs in read.of("a") if attrs["href"].startswith("#")}
    assert inside <= names
    assert len(inside) > 8


def test_nothing_is_asked_of_a_network_and_no_script_stands_in_an_attribute(full):
    read = Read(full)
    (policy,) = [attrs["content"] for attrs in read.of("meta") if "http-equiv" in attrs]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    assert not [attrs for _, attrs in read.tags if any(name.startswith("on") for name in attrs)]
    asked = [attrs[name] for _, attrs in read.tags for name in ("src", "href") if name in attrs]
    assert not [where for where in asked if ":" in where and not where.startswith("data:")]
    assert "url(" not in full
    assert "http://" not in full.replace("http-equiv", "")
    assert "https://" not in full


def test_names_from_data_are_text_and_their_hidden_characters_are_seen(full):
    read = Read(full)
    written = HOSTILE.replace("\x1b", "\\x1b")
    assert read.texts.count(written) >= 4
    assert "alert(1)>" not in full
    assert read.of("img") == []


def test_all_tables_are_there_with_the_cells_of_markdown(full, tmp_path):
    frame, layout = with_paper()
    contents = contents_of(frame, Page("x", layout))
    texts = set(Read(full).texts)
    for table, (blocks, _) in (*contents.tables, *contents.published):
        assert table.title in texts
        for shown in blocks.values():
            cells = [cell for cell in shown.to_numpy().ravel() if cell.interval]
            assert {cell.interval for cell in cells} <= texts
            assert {f"{cell.value}±{cell.spread}" if cell.spread else cell.value for cell in cells} <= texts


def test_published_numbers_stand_below_and_apart(full):
    texts = Read(full).texts
    assert "The paper's numbers" in texts
    assert "SG-GAN (500), published" in texts


def test_a_page_of_nothing_says_so(tmp_path):
    page = page_of(small_frame().iloc[:0], tmp_path)
    assert "Nothing was measured." in page
    assert "the settings of this study show nobody" in page
    assert Read(page).odd == []


@pytest.mark.slow
def test_the_page_is_the_same_each_time_and_is_written_beside_the_other(tmp_path):
    frame = small_frame()
    assert page_of(frame, tmp_path) == page_of(frame, tmp_path)
    write_report(ReportFolder(tmp_path), frame, Page("A study", LAYOUT))
    assert (tmp_path / "index.html").read_text(encoding="utf-8") == page_of(frame, tmp_path)
    links = {a["href"] for a in Read(page_of(frame, tmp_path)).of("a") if not a["href"].startswith("#")}
    assert {link for link in links if not (tmp_path / link).exists()} <= {"records.csv"}  # which ``making`` writes


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("93.4", 93.4),
        ("1,234", 1234),
        ("-0.5", -0.5),
        ("+1.2", 1.2),
        ("95.0 [93.1, 97.0]", 95),
        ("n/s", None),
        ("–", None),
    ],
)
def test_cells_are_sorted_by_the_number_that_they_begin_with(text, number):
    assert number_in(text) == number


def test_a_plain_table_takes_its_first_column_for_names():
    table = plain_table("k", "T", "", pd.DataFrame({"": ["a", "b"], "Time": [1234.5, 2.0], "Where": ["cpu", "gpu"]}))
    (block,) = table.blocks
    assert (block.first, block.columns, table.rows, table.columns) == (
        "Row",
        ("Time", "Where"),
        ("a", "b"),
        ("Time", "Where"),
    )
    assert [[cell.number for cell in cells] for _, cells in block.rows] == [[1234, None], [2, None]]


def test_the_trade_off_has_its_points_in_the_panel_and_the_front_from_left_to_right():
    frame = to_frame([r for part in (ALPHA, BETA, COPY, REAL) for r in part])
    cells = {table.name: table.cells for table, _ in contents_of(frame, Page("x", TWO)).tables}["tradeoff"]
    unrelated, background = panels(cells, TWO)
    by_name = {point.name: point for point in unrelated.points}
    assert by_name["Beta"].x > by_name["Alpha"].x > by_name["Copy"].x
    assert by_name["Copy"].y < by_name["Alpha"].y < by_name["Beta"].y
    assert by_name["Copy"].colour == CONTROL
    assert unrelated.front == ((by_name["Alpha"].x, by_name["Alpha"].y), (by_name["Beta"].x, by_name["Beta"].y))
    assert len(background.front) == 1
    assert all(0 <= point.y <= HIGH for point in unrelated.points)
    assert (
        by_name["Alpha"].told == "Alpha: target accuracy 0.50 [0.45, 0.55], preserved 0.85 [0.81, 0.89], on the front"
    )


def test_the_matrix_has_shares_where_there_are_figures():
    cells = {table.name: table.cells for table, _ in contents_of(small_frame(), Page("x", LAYOUT)).tables}["matrix"]
    maps = {found.name: found for found in heat_maps(cells, LAYOUT)}
    first, second = maps["Alpha (500)"].rows
    assert [(cell.text, cell.share, cell.is_target) for cell in first[1]] == [
        ("90.4", 90.4, True),
        ("77.0", 77.0, False),
    ]
    assert [(cell.text, cell.share, cell.is_target) for cell in second[1]] == [("–", None, False), ("n/s", None, True)]
    assert "not scored" in second[1][1].told


def test_losses_have_at_most_two_hundred_points_and_one_colour_each():
    k = np.arange(1, 5001)
    jobs = {
        "alpha (5, seed 0)": pd.DataFrame({"iteration": k, "gan": np.sin(k / 99), "cls": 1 / k}),
        "alpha (5, seed 1)": pd.DataFrame({"iteration": k, "gan": np.where(k < 999, np.nan, 50.0)}),
        "beta.x smile (5, seed 0)": pd.DataFrame({"iteration": k[:9], "cls": 2.0, "rec": -1e4}),
        "none (5)": pd.DataFrame(),
    }
    found = curves(jobs, Layout({"alpha": "Alpha", "beta": "Beta-GAN"}, {}))
    assert [(name, len(charts)) for name, charts in found.items()] == [("Alpha", 2), ("Beta-GAN, x", 1)]
    every = [line for charts in found.values() for chart in charts for line in chart.lines]
    assert {(name, colour) for colour, name, _ in every} == {("gan", 0), ("cls", 1), ("rec", 2)}
    for _, _, path in every:
        points = [tuple(map(float, point.split())) for point in re.split("[ML]", path) if point]
        assert 1 < len(points) <= 200
        assert all(0 <= x <= CURVE_WIDE and 0 <= y <= CURVE_HIGH for x, y in points)


def test_a_methods_name_may_have_dots():
    frame = pd.DataFrame({"iteration": [1, 2, 3], "d": [1.0, 2.0, 3.0]})
    losses = {f"{slug} (5, seed 0)": frame for slug in ("my.gan", "my.gan.v2", "my", "sggan.refined", "other.v3")}
    layout = Layout({"my": "Mine", "my.gan": "My.GAN", "sggan": "SG-GAN"}, {})
    assert list(curves(losses, layout)) == ["My.GAN", "My.GAN, v2", "Mine", "SG-GAN, refined", "other, v3"]
