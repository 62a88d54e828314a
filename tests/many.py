"""A study of many systems with made-up scores, in a run folder that the package itself has written."""

from dataclasses import replace

import numpy as np
import torch

from sgbench.data.labels import Attribute
from sgbench.data.requests import Requests, make_requests
from sgbench.results.cost import Cost
from sgbench.results.description import Description, ReportedSystem, ShownFaces
from sgbench.results.records import ALL, Record
from sgbench.results.run_folder import RunFolder
from sgbench.results.scores import UNTOUCHED, Panelist, Scores, TargetScores, Verdict, write_scores
from sgbench.results.study_folder import StudyFolder
from sgbench.scoring.figures import make_records

ATTRIBUTES = (Attribute("gender", ("female", "male")), Attribute("smile", ("neutral", "smiling")))
JUDGES = tuple(Panelist(name, (Verdict(0.9, 0.5),) * 2, k) for k, name in enumerate(("resnet18", "vgg", "resnet")))
NAN = float("nan")
NUM, RESAMPLES = 20, 10


def description_of(**about):
    """The description of a study of which little is told."""
    blank = {"jobs": {}, "correlated": (), "correlated_above": 0.3, "inception_name": "Inception Score"}
    blank |= {"comparability": "", "facts": {}, "notes": (), "shown": ShownFaces((), 1, ())}
    return Description(**blank | about)


def scores_of(number, base):
    """Made-up scores of a system, or of real images."""
    rng = np.random.default_rng(number)
    labels = torch.from_numpy(np.random.default_rng(0).integers(0, 2, (NUM, len(ATTRIBUTES))).astype(np.int8))
    requests = make_requests(labels, ATTRIBUTES)
    if base.method == "real":
        requests = (Requests(UNTOUCHED, torch.arange(NUM), torch.full((NUM,), -1, dtype=torch.int8)),)
    targets = []
    for request in requests:
        m = len(request.positions)
        drawn = torch.from_numpy(rng.dirichlet([0.5, 0.5], (len(JUDGES), len(ATTRIBUTES), m)))
        terms = {} if base.method == "real" else {("change", "image"): torch.from_numpy(rng.random((m, 1)))}
        targets.append(TargetScores(tuple(tuple(heads) for heads in drawn), terms))
    names = tuple(f"face {k}" for k in range(NUM))
    missing, left = {"inception": "not scored: no weights"}, (0,) * len(requests)
    return Scores(base, ATTRIBUTES, JUDGES, missing, RESAMPLES, names, labels, requests, left, tuple(targets))


def add(runs, name, number, **about):
    """Write the folder of a system or control."""
    blank = dict.fromkeys(("variant", "level", "target", "measured_on", "metric", "definition", "unit"), "")
    blank |= dict.fromkeys(("value", "low", "high"), NAN) | {"direction": ALL, "num_images": 0, "seed": 0}
    base = Record(**blank | {"dataset": "faces", "image_size": 32, "origin": "measured"} | about | {"system": name})
    folder = runs.system(name)
    scores = scores_of(number, base)
    write_scores(folder.scores_file, scores)
    folder.write_cost(Cost(None, None, None, None, "not run here"))
    folder.write_records(make_records(scores))


def many(root, number, seeds=(0,), **described):
    """A study of so many systems, ready to be reported: methods ``m00``, ``m01``, ..., each with every seed."""
    runs = RunFolder(root)
    for k, control in enumerate(("real", "copy")):
        add(runs, control, 1000 + k, method=control, origin="control")
    systems = []
    for k in range(number):
        method, seed = f"m{k // len(seeds):02d}", seeds[k % len(seeds)]
        systems.append(ReportedSystem(f"{method}-s{seed}", method, f"Method {method[1:]}"))
        add(runs, systems[-1].folder, k, method=method, seed=seed)
    description = description_of(
        title="many",
        attributes={a.name: a.title for a in ATTRIBUTES},
        controls=("real", "copy"),
        systems=tuple(systems),
        num_resamples=RESAMPLES,
        num_seeds=len(seeds),
    )
    folder = StudyFolder(runs.study(f"study-{number}"))
    folder.write_description(replace(description, **described))
    return folder
