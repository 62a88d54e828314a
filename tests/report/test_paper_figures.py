"""The paper's figures of faces: which systems and results stand where."""

from pathlib import Path

import numpy as np
import pytest

from sgbench.report.drawing import PRINTED
from sgbench.report.layout import Layout
from sgbench.report.members import Member
from sgbench.report.paper_figures import paper_drawings
from sgbench.results.description import ShownFaces
from sgbench.results.samples import write_samples
from sgbench.results.system_folder import SystemFolder

FOUR = {"gender": "Gender", "lipstick": "Lipstick", "smile": "Smile", "hair_color": "Hair"}
PAPERS = {"500": "5000", "50": "500"}
HEADINGS = ("Input", *FOUR.values(), "G+L", "G+S", "L+S")
FACES = ShownFaces(HEADINGS, 5, tuple(("", *(f"{h} {p}" for h in HEADINGS[1:])) for p in range(2)))
PALE = ShownFaces(("Input", "Pale skin"), 2, (("", "pale"), ("", "pale"), ("", "not pale")))
SHOWN = {"sggan": "SG-GAN", "stargan": "StarGAN", "residualgan": "ResidualGAN"}


def members(systems, seeds=(0,)):
    """Systems by method, variant and level, each with every seed."""
    found = []
    for method, variant, level in systems:
        row = f"{SHOWN[method]} ({', '.join(filter(None, (level, variant)))})"
        for seed in seeds:
            folder = SystemFolder(Path(f"{method}.{variant}-{level}-s{seed}"))
            found.append(Member(folder, method, SHOWN[method], f"{row}, seed {seed}", row, variant, level, seed))
    return found


def drawn(monkeypatch, tmp_path, items, systems, faces=FACES, attributes=FOUR):
    """Name -> caption, columns, and for each person the labels, images (a number each) and values asked for.

    A result's number is a hundred for each system, ten for each person, and one for each edit; that of an input has no
    system.
    """
    monkeypatch.chdir(tmp_path)
    for number, member in enumerate(systems):
        images = [
            [
                np.full((2, 2, 3), (number + 1) * 100 * (edit > 0) + 10 * person + edit, np.uint16)
                for edit in range(len(row))
            ]
            for person, row in enumerate(faces.asked)
        ]
        monkeypatch.setitem(SAMPLES, member.folder.path, images)
    monkeypatch.setattr(SystemFolder, "read_samples", lambda folder: SAMPLES[folder.path])
    seen = {}

    def draw(path, columns, people, *about):
        numbers = [
            [(label, [None if i is None else int(i[0, 0, 0]) for i in own]) for label, own in rows] for rows in people
        ]
        seen[path.name] = (list(columns), numbers, about)

    for name in ("figure3", "figure4"):
        monkeypatch.setattr(f"sgbench.report.paper_figures.{name}", draw)
    drawings = paper_drawings(faces, systems, Layout(SHOWN, attributes, items=items, paper_levels=PAPERS))
    for drawing in drawings:
        assert drawing.kinds == PRINTED
        drawing.draw(tmp_path / drawing.name)
    return {drawing.name: (drawing.caption, *seen[drawing.name]) for drawing in drawings}


SAMPLES = {}
MAIN = [
    ("residualgan", "", "all"),
    ("stargan", "", "all"),
    ("sggan", "", "all"),
    ("sggan", "", "500"),
    ("sggan", "", "50"),
]
STEPS = [("sggan", "residual", "50"), ("sggan", "refined", "50"), ("sggan", "none", "50")]


def test_only_figures_that_are_asked_for_are_drawn(monkeypatch, tmp_path):
    assert list(drawn(monkeypatch, tmp_path, ("table1", "figure6", "figure3"), members(MAIN + STEPS))) == [
        "figure3",
        "figure6",
    ]
    assert drawn(monkeypatch, tmp_path, ("table1", "budget"), members(MAIN)) == {}
    assert drawn(monkeypatch, tmp_path, ("figure6",), members(MAIN)) == {}


def test_figure_3_has_the_methods_of_table_1_with_their_first_seeds(monkeypatch, tmp_path):
    caption, columns, people, about = drawn(monkeypatch, tmp_path, ("figure3",), members(MAIN + STEPS, (3, 7)))[
        "figure3"
    ]
    assert columns == list(HEADINGS)
    assert [label for label, _ in people[0]] == [
        "ResidualGAN (all)",
        "StarGAN (all)",
        "SG-GAN (all)",
        "SG-GAN (500)",
        "SG-GAN (50)",
    ]
    assert people[1][1][1] == [10, *range(311, 318)]
    assert about[0] == (1, 5)
    assert "Models of seed 3." in caption
    assert "500 for its 5000, 50 for its 500" in caption


def test_figure_4_shows_attributes_changed_alone_and_their_residuals(monkeypatch, tmp_path):
    systems = members([("stargan", "", "all"), ("sggan", "", "all")])
    caption, _, people, about = drawn(monkeypatch, tmp_path, ("figure4",), systems)["figure4"]
    assert [label for label, _ in people[0]] == ["StarGAN (all)", "SG-GAN (all)"]
    assert list(about[0]) == [1, 2, 3, 4]
    assert "absolute residuals" in caption


FIGURE5 = [(m, "", level) for m in ("residualgan", "stargan") for level in ("all", "100", "30", "10")]
FIGURE5 += [("stargan", "balanced", "all"), *(("sggan", "", level) for level in ("all", "100", "30", "10"))]


def test_figure_5_has_a_row_for_each_method_and_a_face_in_each_direction(monkeypatch, tmp_path):
    attributes = {"pale_skin": "Pale skin"}
    caption, columns, people, about = drawn(monkeypatch, tmp_path, ("figure5",), members(FIGURE5), PALE, attributes)[
        "figure5"
    ]
    assert columns == ["Input", "All", "100", "30", "10", "Balance"]
    assert people == [
        [
            ("ResidualGAN", [0, 101, 201, 301, 401, None]),
            ("StarGAN", [0, 501, 601, 701, 801, 901]),
            ("SG-GAN", [0, 1001, 1101, 1201, 1301, None]),
        ],
        [
            ("ResidualGAN", [20, 121, 221, 321, 421, None]),
            ("StarGAN", [20, 521, 621, 721, 821, 921]),
            ("SG-GAN", [20, 1021, 1121, 1221, 1321, None]),
        ],
    ]
    assert about[2] == [["", *["pale"] * 5], ["", *["not pale"] * 5]]
    assert "Balance: as many labels" in caption


def test_figure_5_without_the_balanced_variant_has_no_column_for_it(monkeypatch, tmp_path):
    own = [system for system in FIGURE5 if system[0] != "stargan"]
    caption, columns, *_ = drawn(monkeypatch, tmp_path, ("figure5",), members(own), PALE, {"pale_skin": "P"})["figure5"]
    assert columns[-1] == "10"
    assert "Balance" not in caption


@pytest.mark.parametrize(("systems", "refined"), [(MAIN + STEPS, 700), ([*MAIN, STEPS[0], STEPS[2]], 500)])
def test_figure_6_has_three_ways_of_using_residuals(monkeypatch, tmp_path, systems, refined):
    caption, columns, people, about = drawn(monkeypatch, tmp_path, ("figure6",), members(systems))["figure6"]
    assert columns == ["Input", "Gender", "Smile", "Hair"]
    none = 100 * len(systems)
    assert people[0] == [
        ("Without residual", [0, none + 1, none + 3, none + 4]),
        ("Residual", [0, 601, 603, 604]),
        ("Refined residual", [0, refined + 1, refined + 3, refined + 4]),
    ]
    assert about[2][0] == ["", "Gender 0", "Smile 0", "Hair 0"]
    assert "by SG-GAN with 50 labels" in caption


def test_a_figure_to_be_printed_is_written_as_both_kinds(tmp_path):
    systems = [Member(SystemFolder(tmp_path / "a"), "sggan", "SG-GAN", row="SG-GAN")]
    write_samples(systems[0].folder.samples_file, [[np.zeros((4, 4, 3), np.uint8)] * len(HEADINGS)] * 2)
    (figure,) = paper_drawings(FACES, systems, Layout(SHOWN, FOUR, items=("figure4",)))
    for kind in figure.kinds:
        figure.draw(tmp_path / f"figure4.{kind}")
    assert (tmp_path / "figure4.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "figure4.pdf").read_bytes().startswith(b"%PDF")
