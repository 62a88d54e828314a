"""A study of a few made-up systems whose results are kept for a gallery."""

from dataclasses import replace

import numpy as np
import torch
from many import add, many

from sgbench.results.gallery import Pictures
from sgbench.results.scores import open_scores, write_scores
from sgbench.scoring.figures import make_records

PEOPLE = (7, 2, 11, 5)


def pictures_of(scores, number, side, people=PEOPLE):
    """A flat picture for each result of the people, of a colour of its own."""
    gallery = []
    for request in scores.requests:
        rows = [k for k, position in enumerate(request.positions.tolist()) if position in people]
        positions, values = request.positions[rows].numpy(), request.values[rows].numpy()
        colours = np.stack([10 * positions % 251, 40 * (values + 1), np.full(len(rows), 25 * number)], 1)
        images = np.broadcast_to(colours[:, None, None].astype(np.uint8), (len(rows), side, side, 3)).copy()
        gallery.append(Pictures(request.target, positions, values, images))
    return tuple(gallery)


def keep(folder, number, side, known):
    """Write a system's gallery and, where counterfactuals are known, its distances to them."""
    scores = open_scores(folder)
    if known:
        rng = np.random.default_rng(number)
        targets = []
        for own in scores.targets:
            error = torch.from_numpy(rng.uniform(0, 40, (len(own.terms["change", "image"]), 1)))
            errors = {("counterfactual_error", place): error for place in ("inside", "outside")}
            targets.append(replace(own, terms=dict(own.terms) | errors))
        scores = replace(scores, targets=tuple(targets))
        write_scores(folder.scores_file, scores)
        folder.write_records(make_records(scores))
    folder.write_gallery(pictures_of(scores, number, side))
    folder.write_records(folder.read_records())  # which seals the gallery


def with_gallery(root, number=2, side=32, known=True, names=(), **described):
    """A study of so many systems whose results are kept, ready to be reported; ``names`` are shown for theirs."""
    study = many(root, number, gallery=PEOPLE, **described)
    runs, description = study.runs, study.read_description()
    systems = [
        replace(system, shown=name) if name else system
        for system, name in zip(description.systems, [*names, *[""] * number][:number], strict=True)
    ]
    controls = description.controls
    if known:
        add(runs, "oracle", 1002, method="oracle", origin="control")
        controls = (*controls, "oracle")
    study.write_description(replace(description, systems=tuple(systems), controls=controls))
    for place, name in enumerate([*controls[1:], *(system.folder for system in systems)]):
        keep(runs.system(name), place, side, known)
    return study
