"""Per-image scores -> cells -> records: every figure with its interval over source images.

A **cell** is a figure before it is computed: a metric and the terms of the images that it applies to. Records, paired
comparisons and regression tests are all made of cells.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from sgbench.metrics.accuracy import Accuracy, BalancedAccuracy
from sgbench.metrics.background import BackgroundMSSSIM, BackgroundMSSSIMAsReleased, num_clipped
from sgbench.metrics.calibration import ExpectedCalibrationError
from sgbench.metrics.image_metric import ImageMetric
from sgbench.metrics.inception_score import InceptionScore, joint_posterior
from sgbench.protocol import INCEPTION, image_metrics, place_of
from sgbench.records import ALL, Record
from sgbench.scores import UNTOUCHED, Scores, TargetScores
from sgbench.statistics import bootstrap_interval, exact_interval

NAN = float("nan")
NUM_SPLITS = 10


@dataclass(frozen=True)
class Cell:
    """A figure before it is computed.

    Attributes:
        record: of the figure, without value, interval and number of images.
        metric: what turns terms into the figure.
        terms: float64 [M, K] of the images that the metric applies to.
        sources: int64 [M], the source image of each.
        values: int8 [M], the value that each was asked for.
        recentre: how its interval is made (``statistics.bootstrap_interval``).
    """

    record: Record
    metric: ImageMetric
    terms: Tensor
    sources: np.ndarray
    values: np.ndarray
    recentre: bool = False

    @property
    def value(self) -> float:
        """The figure; NaN where a note says why there is none."""
        if self.record.note:
            return NAN
        return float(self.metric.reduce(self.terms, self.terms.new_ones(1, len(self.terms)))[0])

    def measured(self, num_resamples: int) -> Record:
        """The record with its value and interval."""
        low = high = NAN
        if isinstance(self.metric, Accuracy) and self.value in (0.0, 1.0):
            low, high = exact_interval(self.value, len(np.unique(self.sources)))
        elif not self.record.note:
            low, high = bootstrap_interval(self.metric, self.terms, self.sources, num_resamples, recentre=self.recentre)
        if self.record.unit == "share":  # an interval that was recentred may reach beyond
            low, high = max(low, 0.0), min(high, 1.0)
        return replace(self.record, value=self.value, low=low, high=high)


def make_records(scores: Scores) -> list[Record]:
    """All records of a system, or of the untouched test images."""
    return [
        figure.measured(scores.num_resamples) if isinstance(figure, Cell) else figure for figure in _figures(scores)
    ]


def cells(scores: Scores) -> list[Cell]:
    """All cells that have a figure."""
    return [figure for figure in _figures(scores) if isinstance(figure, Cell) and not figure.record.note]


def _figures(scores: Scores) -> Iterator[Cell | Record]:
    """Cells, and figures without an interval as finished records, in the order of a system's records."""
    for k in range(len(scores.requests)):
        part = _Part(scores, k)
        if part.target == UNTOUCHED:
            yield from part.untouched()
        else:
            yield from part.accuracies()
            yield from part.image_figures()
            yield from part.set_figures()
        yield from part.judge_scores()
        yield from part.inception_scores()


class _Part:
    """One target's scores and what turns them into figures."""

    def __init__(self, scores: Scores, number: int):
        self.scores = scores
        self.own: TargetScores = scores.targets[number]
        request = scores.requests[number]
        self.target = request.target
        self.name = "" if self.target == UNTOUCHED else scores.attributes[self.target].name
        self.values, self.positions = request.values, request.positions
        self.left_out = scores.left_out[number]

    def untouched(self) -> Iterator[Cell | Record]:
        """Each judge's accuracy and balanced accuracy on real images."""
        for k, judge in enumerate(self.scores.judges):
            for j, attribute in enumerate(self.scores.attributes):
                posterior, labels = self.own.posteriors[k][j], self.scores.labels[self.positions, j]
                metric = Accuracy(f"most probable value{_by(k, judge.architecture)}")
                shared = {"measured_on": attribute.name}
                refusal = judge.verdicts[j].refusal
                yield self._cell(metric, metric.terms(posterior, labels), _named("accuracy", k), refusal, **shared)
                recall, error = BalancedAccuracy(), ExpectedCalibrationError()
                for second in (recall, error):
                    second.definition += _by(k, judge.architecture)
                yield self._cell(recall, recall.terms(posterior, labels), _named("balanced_accuracy", k), **shared)
                yield self._cell(error, error.terms(posterior, labels), _named("ece", k), recentre=True, **shared)

    def accuracies(self) -> Iterator[Cell]:
        """Of the target, in all and by direction, and of every other attribute."""
        for k, judge in enumerate(self.scores.judges):
            for j, attribute in enumerate(self.scores.attributes):
                expected = self.values if j == self.target else self.scores.labels[self.positions, j]
                metric = Accuracy(f"most probable value{_by(k, judge.architecture)}")
                terms = metric.terms(self.own.posteriors[k][j], expected)
                everywhere = torch.ones(len(terms), dtype=torch.bool)
                directions = {ALL: everywhere} | {
                    name: self.values == v for v, name in enumerate(self.scores.attributes[self.target].values)
                }
                for direction, rows in directions.items():
                    shared = {"direction": direction, "measured_on": attribute.name}
                    yield self._cell(
                        metric, terms, _named("accuracy", k), judge.verdicts[j].refusal, rows=rows, **shared
                    )

    def image_figures(self) -> Iterator[Cell | Record]:
        """Figures of the results' pixels, and how many translations are missing."""
        metrics = image_metrics(self.scores.base.image_size, self.scores.definitions)
        for name, terms in self.own.terms.items():
            metric_name, place = place_of(name)
            yield self._cell(metrics[name], terms, metric_name, measured_on=place)
            if isinstance(metrics[name], BackgroundMSSSIM):
                released = BackgroundMSSSIMAsReleased(self.scores.base.image_size)
                note = "" if terms.mean(0).ge(0).all() else "undefined: a term's mean is negative"
                yield self._cell(released, terms, f"{name}_as_released", note, measured_on=place)
                about = {"unit": "count", "definition": metrics[name].definition, "measured_on": place}
                yield self._count(f"{name}_clipped", num_clipped(terms), **about)
        about = {"unit": "count", "definition": "translations asked for and not given", "measured_on": "image"}
        yield self._count("left_out", self.left_out, **about)

    def set_figures(self) -> Iterator[Record]:
        """Figures that no image has a share in."""
        for figure in self.own.figures:
            shared = {"unit": "score", "measured_on": "image", "direction": figure.direction}
            own = partial(self._count, number=figure.num_images, note=figure.note, **shared)
            yield own(figure.metric, figure.value, definition=figure.definition)
            if not math.isnan(figure.spread):
                yield own(f"{figure.metric}_std", figure.spread, definition=f"deviation of {figure.definition}")

    def judge_scores(self) -> Iterator[Cell | Record]:
        """The Inception Score's formula on each judge's joint posterior."""
        for k, judge in enumerate(self.scores.judges):
            refusal = next((v.refusal for v in judge.verdicts if v.refusal), "")
            joint = joint_posterior(self.own.posteriors[k])
            about = ", joint posterior of the judge: the product over its heads" + _by(k, judge.architecture)
            yield from self._score(joint, _named("judge_score", k), refusal, about)

    def inception_scores(self) -> Iterator[Cell | Record]:
        """The Inception Score, or why there is none."""
        if self.own.logits is None:
            about = {"unit": "score", "definition": INCEPTION, "measured_on": "image"}
            yield self._count("inception_score", NAN, note=self.scores.definitions["inception"], **about)
            return
        posterior = self.own.logits.double().softmax(1)
        yield from self._score(posterior, "inception_score", "", f", {self.scores.definitions['inception']}")

    def _score(self, posterior: Tensor, name: str, refusal: str, about: str) -> Iterator[Cell | Record]:
        metric = InceptionScore()
        if not refusal and len(posterior) < NUM_SPLITS:
            refusal = f"not scored: {len(posterior)} images are too few for {NUM_SPLITS} splits"
        metric.definition += about
        terms = metric.terms(posterior)
        yield self._cell(metric, terms, name, refusal, recentre=True, measured_on="image")
        spread = NAN if refusal else metric.spread(terms)
        shared = {"unit": "score", "definition": f"population deviation over the splits{about}"}
        yield self._count(f"{name}_std", spread, note=refusal, measured_on="image", **shared)

    def _cell(
        self,
        metric: ImageMetric,
        terms: Tensor,
        name: str,
        note: str = "",
        rows: Tensor | None = None,
        recentre: bool = False,
        **fields: str,
    ) -> Cell:
        applies = ~terms.isnan().any(1)
        if rows is not None:
            applies &= rows
        number = int(applies.sum())
        if not note and not number:
            note = "not scored: no image applies"
        shared = {"unit": metric.unit, "definition": metric.definition, "num_images": number, "note": note}
        record = replace(self.scores.base, target=self.name, metric=name, **shared, **fields)
        places = applies.numpy()
        return Cell(
            record, metric, terms[applies], self.positions.numpy()[places], self.values.numpy()[places], recentre
        )

    def _count(self, name: str, value: float, number: int | None = None, note: str = "", **fields: str) -> Record:
        """A figure without an interval."""
        number = len(self.positions) if number is None else number
        own = {"value": float(value), "low": NAN, "high": NAN, "num_images": number, "note": note}
        return replace(self.scores.base, target=self.name, metric=name, **own, **fields)


def _named(metric: str, judge: int) -> str:
    """A metric by the first judge, or by the one that shadows it."""
    return metric if judge == 0 else f"{metric}_second"


def _by(judge: int, architecture: str) -> str:
    """What a definition says of a judge that is not the first."""
    return f", {architecture}" if judge else ""
