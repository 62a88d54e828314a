"""Per-image scores -> records: every figure with its interval over source images."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from sgbench.data.labels import Attribute
from sgbench.data.references import Requests
from sgbench.metrics.accuracy import Accuracy
from sgbench.metrics.background import BackgroundMSSSIM, BackgroundMSSSIMAsReleased, num_clipped
from sgbench.metrics.image_metric import ImageMetric
from sgbench.metrics.inception_score import InceptionScore, joint_posterior
from sgbench.records import ALL, Record
from sgbench.scoring import TargetScores, image_metrics
from sgbench.statistics import bootstrap_interval

NAN = float("nan")


@dataclass(frozen=True)
class Verdict:
    """Whether the judge's verdicts on an attribute count: its balanced accuracy on test images, and the floor."""

    balanced_accuracy: float
    floor: float

    @property
    def refusal(self) -> str:
        """Why cells of this attribute are not scored, empty where they are."""
        if self.balanced_accuracy >= self.floor:
            return ""
        return f"not scored: the judge's balanced accuracy is {self.balanced_accuracy:.3f}, below {self.floor:g}"


@dataclass(frozen=True)
class Measurer:
    """Makes the records of one system.

    Attributes:
        base: a record with the fields that all of them share.
        attributes: the study's.
        verdicts: one for each attribute.
        num_resamples: of the bootstrap.
    """

    base: Record
    attributes: tuple[Attribute, ...]
    verdicts: tuple[Verdict, ...]
    num_resamples: int

    def records(self, scores: Sequence[TargetScores], requests: Sequence[Requests], labels: Tensor) -> list[Record]:
        """All records of a system's translations.

        Args:
            labels: int8 [N, J] of the test images.
        """
        return [
            record
            for own, request in zip(scores, requests, strict=True)
            for record in (*self._accuracies(own, request, labels), *self._others(own, request))
        ]

    def untouched(self, posteriors: Sequence[Tensor], labels: Tensor) -> list[Record]:
        """Records of the real test images: the judge's accuracy on each attribute, its ceiling, and the Judge Score."""
        everyone = np.arange(len(labels))
        records = []
        for j, attribute in enumerate(self.attributes):
            metric = Accuracy()
            terms = metric.terms(posteriors[j], labels[:, j])
            shared = {"target": "", "measured_on": attribute.name, "metric": "accuracy"}
            records.append(self._record(metric, terms, everyone, self.verdicts[j].refusal, **shared))
            verdict = self.verdicts[j].balanced_accuracy
            shared["metric"] = "balanced_accuracy"
            records.append(self._count(verdict, "share", "mean recall over values", len(labels), **shared))
        return records + list(self._judge_score(posteriors, everyone, ""))

    def _accuracies(self, own: TargetScores, request: Requests, labels: Tensor) -> Iterator[Record]:
        target = self.attributes[request.target]
        sources = request.positions.numpy()
        for j, attribute in enumerate(self.attributes):
            expected = request.values if j == request.target else labels[request.positions, j]
            metric = Accuracy()
            terms = metric.terms(own.posteriors[j], expected)
            directions: dict[str, Tensor] = {ALL: torch.ones(len(terms), dtype=torch.bool)}
            directions |= {name: request.values == v for v, name in enumerate(target.values)}
            for direction, rows in directions.items():
                yield self._record(
                    metric,
                    terms[rows],
                    sources[rows.numpy()],
                    self.verdicts[j].refusal,
                    target=target.name,
                    direction=direction,
                    measured_on=attribute.name,
                    metric="accuracy",
                )

    def _others(self, own: TargetScores, request: Requests) -> Iterator[Record]:
        target = self.attributes[request.target].name
        sources = request.positions.numpy()
        metrics = image_metrics(self.base.image_size)
        for name, terms in own.terms.items():
            metric_name, place = _place_of(name)
            shared = {"target": target, "measured_on": place}
            yield self._record(metrics[name], terms, sources, "", metric=metric_name, **shared)
            if isinstance(metrics[name], BackgroundMSSSIM):
                released = BackgroundMSSSIMAsReleased(self.base.image_size)
                note = "" if terms.mean(0).ge(0).all() else "undefined: a term's mean is negative"
                yield self._record(released, terms, sources, note, metric=f"{name}_as_released", **shared)
                clipped = {"unit": "count", "definition": metrics[name].definition, "number": len(terms)}
                yield self._count(num_clipped(terms), metric=f"{name}_clipped", **clipped, **shared)
        yield from self._judge_score(own.posteriors, sources, target)

    def _judge_score(self, posteriors: Sequence[Tensor], sources: np.ndarray, target: str) -> Iterator[Record]:
        refusal = next((v.refusal for v in self.verdicts if v.refusal), "")
        joint = joint_posterior(posteriors)
        metric = InceptionScore(num_splits=min(10, len(joint)))
        shared = {"target": target, "measured_on": "image"}
        yield self._record(metric, metric.terms(joint), sources, refusal, metric="judge_score", recentre=True, **shared)
        spread = NAN if refusal else metric.spread(metric.terms(joint))
        about = {"unit": "score", "definition": "population deviation over the splits", "number": len(joint)}
        yield self._count(spread, metric="judge_score_std", note=refusal, **about, **shared)

    def _record(
        self,
        measure: ImageMetric,
        terms: Tensor,
        sources: np.ndarray,
        note: str,
        recentre: bool = False,
        **fields: str,
    ) -> Record:
        applies = ~terms.isnan().any(1)
        number = int(applies.sum())
        value = low = high = NAN
        if not note and not number:
            note = "not scored: no image applies"
        if not note:
            terms, sources = terms[applies], sources[applies.numpy()]
            value = float(measure.reduce(terms, terms.new_ones(1, number))[0])
            low, high = bootstrap_interval(measure, terms, sources, self.num_resamples, recentre=recentre)
        shared = {"unit": measure.unit, "definition": measure.definition, "num_images": number, "note": note}
        return replace(self.base, value=value, low=low, high=high, **shared, **fields)

    def _count(self, value: float, unit: str, definition: str, number: int, note: str = "", **fields: str) -> Record:
        """A figure without an interval."""
        own = {"value": float(value), "low": NAN, "high": NAN, "num_images": number, "note": note}
        return replace(self.base, unit=unit, definition=definition, **own, **fields)


def _place_of(name: str) -> tuple[str, str]:
    """A record's metric and what it was measured on, from the name of the terms."""
    for ending in ("inside", "outside"):
        if name.endswith(f"_{ending}"):
            return name.removesuffix(f"_{ending}"), ending
    return name, "image" if name == "change" else "background"
