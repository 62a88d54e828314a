"""Figures 3, 4 and 6 of a study: which systems stand in which."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from frames import record

from sgbench.data.labels import Attribute
from sgbench.entries import Entry
from sgbench.figures import beside_variants, face_figures, without_variants
from sgbench.records import to_frame
from sgbench.samples import choose_edits, write_samples

SYSTEMS = [("alpha", "", "all"), ("alpha", "", "500"), ("alpha", "two", "500"), ("alpha", "one", "500")]
SYSTEMS += [("beta", "", "500"), ("beta", "three", "all")]
ATTRIBUTES = (Attribute("smile", ("neutral", "smiling")), Attribute("species", ("cat", "dog", "wild")))


def study(systems, attributes=ATTRIBUTES, controls=("real", "copy")):
    """Entries of systems, a record of each, and all of a study that its figures of faces need."""
    names = ["-".join(filter(None, system)) for system in systems]
    frame = to_frame([record(m, level, "smile", "smile", 0.5, variant=v) for m, v, level in systems])
    entries = [Entry(Path(name), m, m.title()) for name, (m, _, _) in zip(names, systems, strict=True)]
    labels = torch.zeros(2, len(attributes), dtype=torch.int8)
    edits = choose_edits(labels, attributes, [a.title for a in attributes], 2)
    source = SimpleNamespace(attributes=attributes)
    own = SimpleNamespace(edits=edits, test_labels=labels, source=source, controls=controls, control_folder=Path)
    return own, frame.assign(system=names), names, entries


def drawn(monkeypatch, tmp_path, *args, **kwargs):
    """Captions, and for each figure its columns, labels of rows and values asked for."""
    own, frame, names, entries = study(*args, **kwargs)
    monkeypatch.chdir(tmp_path)
    image = np.zeros((4, 4, 3), np.uint8)
    for name in (*names, *own.controls):
        write_samples(Path(name) / "samples.npz", [[image] * len(own.edits.edits)] * len(own.edits.positions))
    figures = {}

    def draw(path, columns, people, *_, asked):
        figures[path.name] = (list(columns), [label for label, _ in people[0]], asked[0])
        assert all(len(images) == len(columns) == len(asked[0]) for rows in people for _, images in rows)

    for figure in ("figure3", "figure4"):
        monkeypatch.setattr(f"sgbench.figures.{figure}", draw)
    captions = face_figures(own, tmp_path, frame, names, entries)
    assert [file for _, file in captions] == list(figures)
    return {file: caption for caption, file in captions}, figures


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
    _, frame, _, entries = study([SYSTEMS[k] for k in chosen])
    assert without_variants(frame, entries) == entries
    assert beside_variants(frame, entries) == []
