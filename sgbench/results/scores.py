"""Per-image scores of a system, and all else that its records are made of: kept as one .npz, without pickles."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sgbench.data.labels import Attribute
from sgbench.data.requests import Requests
from sgbench.results.chains import Chain, arrays_of_chain, chain_of_arrays
from sgbench.results.records import Record
from sgbench.results.score_arrays import read_arrays
from sgbench.results.set_figure import SetFigure
from sgbench.results.system_folder import REMEDY, SystemFolder
from sgbench.support.errors import BrokenFile, shown
from sgbench.support.kept_arrays import read_arrays_as, write_arrays
from sgbench.support.names import one_component
from sgbench.support.sealed import opened
from sgbench.support.strict import parse_json

NOT_SCORED = "not scored: "
"""Start of a note that says why a figure is missing."""
MIN_SITTING = 2
"""Judges of a jury that an attribute needs: fewer show nothing of how far judges differ."""
UNTOUCHED = -1
"""Stands for the target where images were scored as they are."""


@dataclass(frozen=True)
class Verdict:
    """Whether a judge's verdicts on an attribute count.

    Attributes:
        balanced_accuracy: on real test images.
        floor: the least that it must be.
        counterfactual: accuracy on exact counterfactuals in the direction in which ``bound`` is lowest, or NaN.
        bound: its upper 95 % bound.
        gate: the least that the bound must be; 0 for the paper's judge, which is taken as it is.
    """

    balanced_accuracy: float
    floor: float
    counterfactual: float = math.nan
    bound: float = math.nan
    gate: float = 0.0

    @property
    def reason(self) -> str:
        """Why the verdicts do not count, empty where they do."""
        if not self.balanced_accuracy >= self.floor:
            return f"the judge's balanced accuracy is {self.balanced_accuracy:.3f}, below {self.floor:g}"
        if self.bound < self.gate:
            share = f"{self.counterfactual:.3f} of exact counterfactuals"
            return f"the judge sees {share} in one direction, surely below {self.gate:g}"
        return ""

    @property
    def refusal(self) -> str:
        """Why cells of this attribute by this judge alone are not scored, empty where they are."""
        return f"{NOT_SCORED}{self.reason}" if self.reason else ""


@dataclass(frozen=True)
class Panelist:
    """A judge as records know it: its architecture and seed, and a verdict for each attribute."""

    architecture: str
    verdicts: tuple[Verdict, ...]
    seed: int = 0

    @property
    def name(self) -> str:
        """What definitions and tables call it."""
        return f"{self.architecture}, seed {self.seed}"


@dataclass(frozen=True)
class TargetScores:
    """Scores of one target's translations, a row each, in the order of its requests.

    Attributes:
        posteriors: for each judge, float64 [M, m_j] for each attribute.
        terms: float64 [M, K] by the metric's name and the place where it is measured, as the catalogue has them.
        logits: Inception's, float32 [M, 1008]; None without its weights.
        figures: of the whole set.
        remark: what a reader must know of the results, such as that all are the same image; else empty.
    """

    posteriors: tuple[tuple[Tensor, ...], ...]
    terms: Mapping[tuple[str, str], Tensor] = field(default_factory=dict)
    logits: Tensor | None = None
    figures: tuple[SetFigure, ...] = ()
    remark: str = ""


@dataclass(frozen=True)
class Scores:
    """Everything that a system's records are made of.

    Attributes:
        base: a record with the fields that all of them share.
        attributes: the study's.
        judges: the paper's ResNet-18, then the jury.
        definitions: of what networks of the user measure: ``inception`` (which weights, or "not scored: ..." and why),
            ``lpips``, ``identity``; which images ``chains`` begin with.
        num_resamples: of the bootstrap.
        ids: names of the test images.
        labels: int8 [N, J], the test images' true labels.
        requests: what was scored, an entry for each target; target ``UNTOUCHED`` for images as they are.
        left_out: for each target, translations asked for that the system did not give.
        targets: the scores, in the order of ``requests``.
        chains: results of results; with ``chains`` among the definitions they belong to the protocol, and where there
            are none the system could not give them.
    """

    base: Record
    attributes: tuple[Attribute, ...]
    judges: tuple[Panelist, ...]
    definitions: Mapping[str, str]
    num_resamples: int
    ids: tuple[str, ...]
    labels: Tensor
    requests: tuple[Requests, ...]
    left_out: tuple[int, ...]
    targets: tuple[TargetScores, ...]
    chains: tuple[Chain, ...] = ()


def sitting(judges: Sequence[Panelist], attribute: int) -> tuple[tuple[int, ...], str]:
    """Positions of the jury's judges whose verdicts on an attribute count, and why they are too few, else empty.

    Args:
        judges: the paper's, then the jury.
    """
    jury = range(1, len(judges))
    reasons = {k: judges[k].verdicts[attribute].reason for k in jury}
    sit = tuple(k for k in jury if not reasons[k])
    if len(sit) >= MIN_SITTING:
        return sit, ""
    barred = "; ".join(f"{judges[k].name}: {reason}" for k, reason in reasons.items() if reason)
    seen = f"{len(sit)} of the jury's {len(jury)} judges see this attribute well enough, {MIN_SITTING} are needed"
    return sit, f"{NOT_SCORED}{seen} ({barred})" if barred else f"{NOT_SCORED}{seen}"


def write_scores(path: Path, scores: Scores) -> None:
    """Keep scores whole or not at all.

    Arrays: ``ids``, ``labels``, ``about`` (JSON); by number of the target ``<t>/positions``, ``<t>/values``,
    ``<t>/posterior/<judge>/<attribute>``, ``<t>/terms/<metric>/<place>``, ``<t>/logits``; those of chains.
    """
    about = {
        "base": asdict(scores.base),
        "attributes": [asdict(a) for a in scores.attributes],
        "judges": [asdict(judge) for judge in scores.judges],
        "definitions": dict(scores.definitions),
        "num_resamples": scores.num_resamples,
        "left_out": scores.left_out,
        "figures": [[asdict(figure) for figure in own.figures] for own in scores.targets],
        "targets": [request.target for request in scores.requests],
        "remarks": [own.remark for own in scores.targets],
    }
    if scores.chains:
        about["chains"] = [[chain.kind, chain.request.target] for chain in scores.chains]
    arrays: dict[str, np.ndarray] = {
        "ids": np.array(scores.ids),
        "labels": scores.labels.numpy(),
        "about": np.array(json.dumps(about)),
    }
    for request, own in zip(scores.requests, scores.targets, strict=True):
        t = str(request.target)
        arrays[f"{t}/positions"] = request.positions.numpy()
        arrays[f"{t}/values"] = request.values.numpy()
        for k, heads in enumerate(own.posteriors):
            arrays |= {f"{t}/posterior/{k}/{j}": p.numpy() for j, p in enumerate(heads)}
        arrays |= {f"{t}/terms/{metric}/{place}": x.numpy() for (metric, place), x in own.terms.items()}
        if own.logits is not None:
            arrays[f"{t}/logits"] = own.logits.numpy()
    for chain in scores.chains:
        arrays |= arrays_of_chain(chain)
    write_arrays(path, arrays)


def read_scores(path: Path) -> Scores:
    """Scores as ``write_scores`` kept them.

    Raises:
        BrokenFile: not such a file; names it.
    """
    return read_arrays_as(path, "scores", lambda arrays: _scores(read_arrays(arrays)))


def open_scores(folder: SystemFolder) -> Scores:
    """The scores of a scored system.

    Raises:
        BrokenFile: they are lost, are not as they were written, or are of another system; names the file.
    """
    scores = opened(folder.scores_file, read_scores, REMEDY)
    if scores.base.system != folder.name:
        raise BrokenFile(f"{folder.scores_file}: has the scores of {shown(scores.base.system)}; {REMEDY}")
    return scores


def _scores(arrays: Mapping[str, np.ndarray]) -> Scores:
    about = parse_json(str(arrays["about"]))
    one_component(about["base"]["system"])
    requests, targets = [], []
    remarks = about.get("remarks", [""] * len(about["targets"]))  # older files have none
    for target, figures, remark in zip(about["targets"], about["figures"], remarks, strict=True):
        t = str(target)
        own = {
            name.removeprefix(f"{t}/"): torch.from_numpy(a) for name, a in arrays.items() if name.startswith(f"{t}/")
        }
        requests.append(Requests(target, own["positions"], own["values"]))
        posteriors = tuple(
            tuple(own[f"posterior/{k}/{j}"] for j in range(len(about["attributes"])))
            for k in range(len(about["judges"]))
        )
        terms = {tuple(name.split("/")[1:]): a for name, a in own.items() if name.startswith("terms/")}
        targets.append(
            TargetScores(posteriors, terms, own.get("logits"), tuple(SetFigure(**figure) for figure in figures), remark)
        )
    return Scores(
        base=Record(**about["base"]),
        attributes=tuple(Attribute(a["name"], tuple(a["values"]), a["exhaustive"]) for a in about["attributes"]),
        judges=tuple(_panelist(**judge) for judge in about["judges"]),
        definitions=about["definitions"],
        num_resamples=about["num_resamples"],
        ids=tuple(arrays["ids"].tolist()),
        labels=torch.from_numpy(arrays["labels"]),
        requests=tuple(requests),
        left_out=tuple(about["left_out"]),
        targets=tuple(targets),
        chains=tuple(chain_of_arrays(kind, target, arrays) for kind, target in about.get("chains", [])),
    )


def _panelist(architecture: str, verdicts: Sequence[Mapping[str, float]], seed: int) -> Panelist:
    return Panelist(architecture, tuple(Verdict(**verdict) for verdict in verdicts), seed)
