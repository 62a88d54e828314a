"""Scores made by hand, in which every claim of the paper holds until a figure is changed."""

from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import torch

from sgbench.claims.pairing import Scored
from sgbench.data.labels import Attribute
from sgbench.data.requests import Requests, make_requests
from sgbench.results.records import ALL, CONTROLS, NO_SEED, Record
from sgbench.results.scores import UNTOUCHED, Panelist, Scores, TargetScores, Verdict

NAN = float("nan")
NUM = 120
FOUR = ("gender", "smile", "hair_color", "lipstick")
FIGURE4, FIGURE5 = ("gender", "hair_color", "lipstick", "pale_skin"), ("pale_skin",)
JUDGES = (("resnet18", 0), ("vgg", 0), ("resnet", 0), ("vgg", 1))
SGGAN, SGGAN_5000, SGGAN_500 = (("sggan", level, "") for level in (ALL, "5000", "500"))
RESIDUAL, REFINED = ("sggan", "500", "residual"), ("sggan", "500", "refined")
STARGAN, RESIDUALGAN = ("stargan", ALL, ""), ("residualgan", ALL, "")
FEW = tuple((method, "10", "") for method in ("sggan", "stargan", "residualgan"))
COPY, REAL = ("copy", "", ""), ("real", "", "")
MAIN = (SGGAN, SGGAN_5000, SGGAN_500, RESIDUAL, STARGAN, RESIDUALGAN)


@dataclass(frozen=True)
class Figures:
    """What a system's scores are made to show, for every target.

    Attributes:
        target: accuracy on the target.
        kept: accuracy on the other attributes.
        background: MS-SSIM.
        error: mean absolute error of the background.
        change: distance from the source.
        classes: of Inception, among which results are spread evenly; 0 without logits.
        pale: how far the pale logit is moved.
        noise: standard deviation of the figures of single images.
    """

    target: float = 0.9
    kept: float = 0.8
    background: float = 0.6
    error: float = 9.0
    change: float = 20.0
    classes: int = 3
    pale: float = 1.0
    noise: float = 0.0

    @staticmethod
    def better(**other):
        """Those of a system that leads the others."""
        return Figures(
            **{"target": 0.97, "kept": 0.92, "background": 0.7, "classes": 5, "pale": 0.3, "error": 5} | other
        )


DEFAULTS = {
    SGGAN: Figures.better(),
    SGGAN_5000: Figures.better(),
    SGGAN_500: Figures.better(),
    REFINED: Figures.better(),
    FEW[0]: Figures.better(),
    RESIDUAL: Figures(target=0.1, change=4.0),
    COPY: Figures(target=0.05),
}


@cache
def scores_of(place, seed, attributes, figures, sits=True):
    """Scores of a system that show these figures, with noise of their own for each seed."""
    method, level, variant = place
    rng = np.random.default_rng([seed + 1, *map(ord, "".join(place))])
    own = tuple(Attribute(name, ("no", "yes")) for name in attributes)
    labels = torch.from_numpy(np.random.default_rng(0).integers(0, 2, (NUM, len(own))).astype(np.int8))
    requests = make_requests(labels, own)
    if method == "real":
        requests = (Requests(UNTOUCHED, torch.arange(NUM), torch.full((NUM,), -1, dtype=torch.int8)),)
    targets = tuple(_target(request, labels, attributes, figures, rng) for request in requests)
    blank = dict.fromkeys(("target", "measured_on", "metric", "definition", "unit"), "")
    blank |= dict.fromkeys(("value", "low", "high"), NAN) | {"dataset": "faces", "image_size": 32, "direction": ALL}
    base = Record(
        f"{method}-{level}-{variant}-{seed}", method, variant, level, seed, num_images=0, origin="measured", **blank
    )
    seen = Verdict(0.9 if sits else 0.6, 0.8)
    judges = tuple(Panelist(name, (seen,) * len(own), k) for name, k in JUDGES)
    inception = "TF-FID weights" if figures.classes else "not scored: no Inception weights"
    ids, left = tuple(map(str, range(NUM))), (0,) * len(requests)
    return Scores(base, own, judges, {"inception": inception}, 20, ids, labels, requests, left, targets)


def _target(request, labels, attributes, figures, rng):
    m, untouched = len(request.positions), request.target == UNTOUCHED
    posteriors = []
    for _ in JUDGES:
        heads = []
        for j, attribute in enumerate(attributes):
            right = request.values if j == request.target else labels[request.positions, j]
            share = figures.target if j == request.target else figures.kept
            hit = torch.from_numpy(rng.permutation(m) < round(share * m))
            yes = torch.where(hit, right, 1 - right).double() * 0.8 + 0.1
            if attribute == "pale_skin" and j != request.target:  # moved from 1/2 by this much
                moved = 0 if untouched else figures.pale + figures.noise * rng.standard_normal(m)
                yes = torch.sigmoid(torch.as_tensor(moved) + torch.zeros(m, dtype=torch.float64))
            heads.append(torch.stack([1 - yes, yes], 1))
        posteriors.append(tuple(heads))
    levels = {"background_ms_ssim": ("background", figures.background), "change": ("image", figures.change)}
    levels["background_mae"] = "background", figures.error
    terms = {
        (metric, place): torch.from_numpy(level + figures.noise * rng.standard_normal((m, 1)))
        for metric, (place, level) in levels.items()
    }
    logits = None
    if figures.classes:
        logits = torch.zeros(m, 1008)
        logits[torch.arange(m), torch.from_numpy(rng.permutation(m) % figures.classes)] = 30
    return TargetScores(tuple(posteriors), {} if untouched else terms, None if untouched else logits)


def systems(places, attributes=FOUR, seeds=(0, 1), sits=True, inception=False, noise=0.02, **changed):
    """The systems of a report.

    Args:
        inception: whether they were scored with Inception's weights.
        noise: of the figures of single images.
        changed: as ``changes`` gives them: place -> what of its figures is other than by default.
    """
    found = []
    for place in places:
        figures = replace(DEFAULTS.get(place, Figures()), **changed.get("_".join(place), {}))
        figures = replace(figures, noise=noise, classes=figures.classes if inception else 0)
        method, level, variant = place
        for seed in (NO_SEED,) if method in CONTROLS else seeds:
            read = partial(scores_of, place, seed, attributes, figures, sits)
            found.append(Scored(method, variant, level, seed, read))
    return found


def changes(place, **figures):
    """A change for ``systems``."""
    return {"_".join(place): figures}
