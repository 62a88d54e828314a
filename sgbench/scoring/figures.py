"""Computes every figure of a system from per-image scores: as a cell, or as a finished record if it has no interval."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor

from sgbench.metrics.accuracy import Accuracy, BalancedAccuracy
from sgbench.metrics.calibration import ExpectedCalibrationError
from sgbench.metrics.catalogue import METRICS, metrics_of_results
from sgbench.metrics.image_metric import ImageMetric
from sgbench.metrics.implementations import build
from sgbench.metrics.inception_score import INCEPTION, InceptionScore, inception_posterior, joint_posterior
from sgbench.results.records import ALL, Record
from sgbench.results.scores import UNTOUCHED, Scores, TargetScores
from sgbench.scoring.cells import Cell, Rows, bootstrapped, judges_priors
from sgbench.scoring.chain_figures import chain_figures
from sgbench.scoring.jury_figures import JuryFigure, by_jury

NUM_SPLITS = 10
MOST_COMBINATIONS = 4096
"""Of values of all attributes: a joint posterior has a column for each, twice as many with each binary attribute."""
_DEVIATION = "population deviation over the splits"
Asked = Callable[[str, str, str, str], bool]
"""Whether a figure is wanted, given its target, metric, what is measured, and direction; others take little work."""
_BY_JUDGES = ("jury_accuracy", "jury_agreement", "accuracy")


def _everything(*_: str) -> bool:
    return True


def make_records(scores: Scores) -> list[Record]:
    """All records of a system, or of the untouched test images."""
    found = list(figures(scores))
    own = {k: figure for k, figure in enumerate(found) if isinstance(figure, Cell)}
    priors = judges_priors(own.values())
    intervals = bootstrapped(own, scores.num_resamples)
    return [f.measured(intervals.get(k), priors) if isinstance(f, Cell) else f for k, f in enumerate(found)]


def cells(scores: Scores, asked: Asked = _everything) -> list[Cell]:
    """All cells that are asked for and have a figure, which are those without a note."""
    found = figures(scores, asked)
    return [figure for figure in found if isinstance(figure, Cell) and not figure.record.note]


def figures(scores: Scores, asked: Asked = _everything) -> Iterator[Cell | Record]:
    """Every figure that is asked for, in the order of a system's records; those without terms come in any case."""
    for k in range(len(scores.requests)):
        target = _Target(scores, k, asked)
        if target.number == UNTOUCHED:
            yield from target.of_real_images()
        else:
            yield from target.accuracies()
            yield from target.image_figures()
            yield from target.set_figures()
            yield from chain_figures(scores, target.number, target.asks)
        yield from target.judge_scores()
        yield from target.inception_scores()


class _Target:
    """The scores of one target, and the methods that turn them into figures."""

    def __init__(self, scores: Scores, k: int, asked: Asked):
        self.scores, self._asked = scores, asked
        self.measured: TargetScores = scores.targets[k]
        request = scores.requests[k]
        self.number = request.target
        self.name = "" if self.number == UNTOUCHED else scores.attributes[self.number].name
        self.values, self.positions = request.values, request.positions
        self.left_out = scores.left_out[k]
        self.rows = Rows(replace(scores.base, target=self.name), self.positions, self.values)

    def asks(self, metric: str, measured_on: str, direction: str = ALL) -> bool:
        """Whether a cell of this target is wanted."""
        return self._asked(self.name, metric, measured_on, direction)

    def of_real_images(self) -> Iterator[Cell | Record]:
        """Accuracy on untouched images: the jury's; the ResNet-18's, with its balanced accuracy and calibration."""
        for j, attribute in enumerate(self.scores.attributes):
            labels = self.scores.labels[self.positions, j]
            for name, of_jury, terms, too_few in self._by_jury(j, labels):
                if self.asks(name, attribute.name):
                    yield self.rows.cell(of_jury, terms, name, too_few, measured_on=attribute.name)
            posterior, refusal = self.measured.posteriors[0][j], self.scores.judges[0].verdicts[j].refusal
            metric, recall, error = Accuracy(), BalancedAccuracy(), ExpectedCalibrationError()
            place = {"measured_on": attribute.name}
            own = (("accuracy", metric, refusal), ("balanced_accuracy", recall, ""), ("ece", error, ""))
            for name, of_one, too_few in own:
                if self.asks(name, attribute.name):
                    yield self.rows.cell(of_one, of_one.terms(posterior, labels), name, too_few, **place)

    def accuracies(self) -> Iterator[Cell]:
        """Accuracy of the target and of every other attribute, over all results and for each value asked for."""
        everywhere = torch.ones(len(self.values), dtype=torch.bool)
        values = self.scores.attributes[self.number].values
        directions = {ALL: everywhere} | {name: self.values == v for v, name in enumerate(values)}
        for j, attribute in enumerate(self.scores.attributes):
            asked = [(name, d) for d in directions for name in _BY_JUDGES if self.asks(name, attribute.name, d)]
            if not asked:
                continue
            expected = self.values if j == self.number else self.scores.labels[self.positions, j]
            metric, refusal = Accuracy(), self.scores.judges[0].verdicts[j].refusal
            terms = metric.terms(self.measured.posteriors[0][j], expected)
            by_jury = self._by_jury(j, expected)
            for direction, rows in directions.items():
                place = {"direction": direction, "measured_on": attribute.name}
                for name, of_judges, own_terms, own_refusal in (*by_jury, ("accuracy", metric, terms, refusal)):
                    if (name, direction) in asked:
                        yield self.rows.cell(of_judges, own_terms, name, own_refusal, rows=rows, **place)

    def _by_jury(self, attribute: int, expected: Tensor) -> list[JuryFigure]:
        posteriors = [heads[attribute] for heads in self.measured.posteriors]
        return by_jury(self.scores.judges, attribute, posteriors, expected)

    def image_figures(self) -> Iterator[Cell | Record]:
        """Figures of the results' pixels, and the number of missing results."""
        for spec in metrics_of_results().values():
            names = [spec.name, *(other.name for other in METRICS.values() if other.reduces == spec.name)]
            for place in spec.places:
                terms = self.measured.terms.get((spec.name, place.name))
                if terms is not None and any(self.asks(name, place.name) for name in names):
                    yield from self._of_terms(spec.name, place.name, terms)
        about = {"definition": "translations asked for and not given", "measured_on": "image"}
        yield self.rows.figure("left_out", self.left_out, note=self.measured.remark, **about)

    def _of_terms(self, name: str, place: str, terms: Tensor) -> Iterator[Cell | Record]:
        """A metric's figure, the figures that reduce the same terms in another way, and how many terms were clipped."""
        metric = self._built(name, place)
        if self.asks(name, place):
            yield self.rows.cell(metric, terms, name, metric.refusal(terms), measured_on=place)
        for other in (spec for spec in METRICS.values() if spec.reduces == name and self.asks(spec.name, place)):
            again = self._built(other.name, place)
            yield self.rows.cell(again, terms, other.name, again.refusal(terms), measured_on=place)
        clipped = metric.num_clipped(terms)
        if clipped is not None:
            about = {"definition": metric.definition, "measured_on": place}
            yield self.rows.figure(f"{name}_clipped", clipped, **about)

    def _built(self, name: str, place: str) -> ImageMetric:
        return build(METRICS[name], place, self.scores.base.image_size, self.scores.definitions)

    def set_figures(self) -> Iterator[Record]:
        """Figures of a set of results as a whole, such as FID."""
        for figure in self.measured.figures:
            about = {"measured_on": "image", "direction": figure.direction, "note": figure.note}
            about["number"] = figure.num_images
            yield self.rows.figure(figure.metric, figure.value, definition=figure.definition, **about)
            if not math.isnan(figure.spread):
                spread = f"deviation of {figure.definition}"
                yield self.rows.figure(f"{figure.metric}_std", figure.spread, definition=spread, **about)

    def judge_scores(self) -> Iterator[Cell | Record]:
        """The formula of the Inception Score on the joint posterior of the paper's judge."""
        if not self.asks("judge_score", "image"):
            return
        judge, heads = self.scores.judges[0], self.measured.posteriors[0]
        refusal = next((v.refusal for v in judge.verdicts if v.refusal), "")
        about = f", joint posterior of the judge ({judge.name}): the product over its heads"
        combinations = math.prod(head.shape[1] for head in heads)
        if combinations > MOST_COMBINATIONS:
            note = f"not scored: {len(heads)} attributes have {combinations:,} combinations of values, a joint "
            note += f"posterior is computed of at most {MOST_COMBINATIONS:,}"
            for name, of in (("judge_score", InceptionScore().definition), ("judge_score_std", _DEVIATION)):
                yield self.rows.figure(name, math.nan, note=note, measured_on="image", definition=f"{of}{about}")
            return
        yield from self._score(joint_posterior(heads), "judge_score", refusal, about)

    def inception_scores(self) -> Iterator[Cell | Record]:
        """The Inception Score, or why there is none."""
        if not self.asks("inception_score", "image"):
            return
        if self.measured.logits is None:
            about = {"definition": INCEPTION, "measured_on": "image"}
            yield self.rows.figure("inception_score", math.nan, note=self.scores.definitions["inception"], **about)
            return
        posterior = inception_posterior(self.measured.logits)
        yield from self._score(posterior, "inception_score", "", f", {self.scores.definitions['inception']}")

    def _score(self, posterior: Tensor, name: str, refusal: str, about: str) -> Iterator[Cell | Record]:
        metric = InceptionScore()
        if not refusal and len(posterior) < NUM_SPLITS:
            refusal = f"not scored: {len(posterior)} images are too few for {NUM_SPLITS} splits"
        metric.definition += about
        terms = metric.terms(posterior)
        yield self.rows.cell(metric, terms, name, refusal, measured_on="image")
        if not self.asks(f"{name}_std", "image"):
            return
        spread = math.nan if refusal else metric.spread(terms)
        place = {"definition": f"{_DEVIATION}{about}"}
        yield self.rows.figure(f"{name}_std", spread, note=refusal, measured_on="image", **place)
