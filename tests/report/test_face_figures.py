"""Figures 3, 4 and 6 of a study: which systems stand in which."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from frames import by_jury

from sgbench.data.labels import Attribute
from sgbench.plan.edits import asked_values, choose_edits
from sgbench.report.drawings import _other_seeds, face_drawings
from sgbench.report.members import FEW, Member, beside_variants, without_variants
from sgbench.results.description import ShownFaces
from sgbench.results.records import to_frame
from sgbench.results.row_names import CONTROL_TITLES
from sgbench.results.samples import write_samples
from sgbench.results.system_folder import SystemFolder

SYSTEMS = [("alpha", "", "all"), ("alpha", "", "500"), ("alpha", "two", "500"), ("alpha", "one", "500")]
SYSTEMS += [("beta", "", "500"), ("beta", "three", "all")]
ATTRIBUTES = (Attribute("smile", ("neutral", "smiling")), Attribute("species", ("cat", "dog", "wild")))


def members(systems, attributes=ATTRIBUTES):
    """Systems of a report, and what figures of two faces show."""
    names = ["-".join(filter(None, system)) for system in systems]
    found = [
        Member(SystemFolder(Path(n)), m, m.title(), n, variant=v, level=level)
        for n, (m, v, level) in zip(names, systems, strict=True)
    ]
    labels = torch.zeros(2, len(attributes), dtype=torch.int8)
    edits = choose_edits(labels, attributes, [a.title for a in attributes], 2)
    asked = asked_values(labels, attributes, edits)
    faces = ShownFaces(edits.headings, 1 + len(attributes), tuple(map(tuple, asked)))
    return faces, found


def drawn(monkeypatch, tmp_path, systems, attributes=ATTRIBUTES, controls=("real", "copy")):
    """Captions, and for each figure its columns, labels of rows and values asked for."""
    faces, found = members(systems, attributes)
    beside = [Member(SystemFolder(Path(c)), c, CONTROL_TITLES[c], CONTROL_TITLES[c]) for c in controls]
    monkeypatch.chdir(tmp_path)
    image = np.zeros((4, 4, 3), np.uint8)
    for member in (*found, *beside):
        write_samples(member.folder.samples_file, [[image] * len(faces.headings)] * len(faces.asked))
    figures = {}

    def draw(path, columns, people, *_, asked):
        figures[path.name] = (list(columns), [label for label, _ in people[0]], list(asked[0]))
        assert all(len(images) == len(columns) == len(asked[0]) for rows in people for _, images in rows)

    for figure in ("figure3", "figure4"):
        monkeypatch.setattr(f"sgbench.report.drawings.{figure}", draw)
    drawings = face_drawings(faces, beside, found)
    for drawing in drawings:
        drawing.draw(tmp_path / f"{drawing.name}.png")
    assert [f"{drawing.name}.png" for drawing in drawings] == list(figures)
    return {f"{drawing.name}.png": drawing.caption for drawing in drawings}, figures


def test_variants_stand_beside_their_method_and_nowhere_else(monkeypatch, tmp_path):
    captions, figures = drawn(monkeypatch, tmp_path, SYSTEMS)
    columns = ["Input", "Smile", "Species"]
    plain, asked = ["alpha-all", "alpha-500", "beta-500"], ["", "smiling", "dog"]
    for name in ("figure3.png", "figure4.png"):
        assert figures[name] == ([*columns, "Smile+Species"], plain, [*asked, "smiling + dog"])
    ablation = ["alpha-one-500", "alpha-two-500", "alpha-500", "beta-three-all"]
    assert figures["figure6.png"] == (columns, ablation, asked)
    assert "the variants of Alpha and Beta, below them the method itself" in captions["figure6.png"]


def test_without_variants_there_is_no_sixth_figure(monkeypatch, tmp_path):
    captions, figures = drawn(monkeypatch, tmp_path, SYSTEMS[:2], controls=("real", "copy", "oracle"))
    assert list(figures) == ["figure3.png", "figure4.png"]
    assert figures["figure3.png"][1] == ["Oracle (counterfactual)", "alpha-all", "alpha-500"]
    assert "then in pairs (Smile+Species). Above each" in captions["figure3.png"]


def test_a_variant_alone_has_no_method_below_it(monkeypatch, tmp_path):
    captions, figures = drawn(monkeypatch, tmp_path, SYSTEMS[2:3])
    assert list(figures) == ["figure3.png", "figure6.png"]
    assert figures["figure3.png"][1] == ["Copy of the source"]
    assert captions["figure6.png"] == "The same faces by the variants of Alpha."


def test_one_attribute_has_no_pairs(monkeypatch, tmp_path):
    captions, figures = drawn(monkeypatch, tmp_path, SYSTEMS[:1], ATTRIBUTES[:1])
    assert figures["figure3.png"][0] == ["Input", "Smile"]
    assert "changed alone. Above" in captions["figure3.png"]


@pytest.mark.parametrize("chosen", [[], [0], [0, 1, 4]])
def test_systems_without_variants_keep_their_order(chosen):
    _, found = members([SYSTEMS[k] for k in chosen])
    assert without_variants(found) == found
    assert beside_variants(found) == []


def test_of_many_systems_figures_show_the_first_and_say_so(monkeypatch, tmp_path):
    many = [(f"m{k:02d}", "", "all") for k in range(FEW + 1)]
    captions, figures = drawn(monkeypatch, tmp_path, many[:FEW])
    assert "first" not in captions["figure3.png"] + captions["figure4.png"]
    captions, figures = drawn(monkeypatch, tmp_path, [*many, ("m00", "two", "all")])
    for name in ("figure3.png", "figure4.png"):
        assert figures[name][1] == [f"m{k:02d}-all" for k in range(FEW)]
        assert captions[name].endswith(f" The first {FEW} of {FEW + 1} systems are shown.")
    assert "first" not in captions["figure6.png"]


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ({"a": (0,), "b": (5,)}, ""),
        ({"a": (0, 1), "b": (0, 1)}, "other seeds"),
        ({"a": (0, 1), "b": (0,)}, "other seeds (of systems that have several)"),
        ({}, ""),
    ],
)
def test_captions_say_what_other_trainings_intervals_hold(seeds, said):
    records = [by_jury(name, "all", "smile", "smile", 0.5, 0.1, seed=s) for name, own in seeds.items() for s in own]
    control = [replace(record, origin="control") for record in records]
    assert _other_seeds(to_frame(records + control)) == said
