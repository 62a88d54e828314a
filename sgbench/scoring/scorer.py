"""Computes a system's per-image scores: each batch of results passes once through all networks and image metrics."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from sgbench.data.labels import Attribute
from sgbench.metrics import spec as inputs
from sgbench.metrics.catalogue import metrics_of_results
from sgbench.metrics.distance import changed_region
from sgbench.metrics.image_metric import ImageMetric
from sgbench.metrics.implementations import build
from sgbench.results.score_arrays import NUM_LOGITS
from sgbench.results.scores import TargetScores
from sgbench.results.set_figure import SetFigure
from sgbench.scoring.evaluation_set import EvaluationSet
from sgbench.scoring.panel import Panel
from sgbench.scoring.sameness import Sameness, in_words
from sgbench.scoring.set_figures import set_figures
from sgbench.scoring.translator import Translate

PIXELS_AT_ONCE = 2**20
"""The most pixels of a batch: larger images are scored fewer at a time, so that memory stays bounded."""


def score(
    translate: Translate,
    test: EvaluationSet,
    attributes: Sequence[Attribute],
    panel: Panel,
    batch_size: int,
    advance: Callable[[int], None] | None = None,
) -> tuple[TargetScores, ...]:
    """Make the result of every request once and score it; results are dropped as soon as they are scored.

    Args:
        advance: called with the number of results scored since the last call.
    """
    sizes = [len(attribute.values) for attribute in attributes]
    return tuple(
        _TargetScorer(test, number, attributes[request.target], panel, sizes).scored(translate, batch_size, advance)
        for number, request in enumerate(test.requests)
    )


def num_at_once(batch_size: int, image_size: int) -> int:
    """How many images of this side are edited and scored at a time."""
    return min(batch_size, max(1, PIXELS_AT_ONCE // image_size**2))


class _Rows:
    """A tensor [M, ...] that is filled batch by batch.

    If small tensors were kept from each batch instead, the memory that is freed between them could not be reused.
    """

    def __init__(self, number: int):
        self.number = number
        self.tensor: Tensor | None = None

    def put(self, rows: slice, values: Tensor) -> None:
        """Set some rows; the first batch decides their shape and type."""
        if self.tensor is None:
            self.tensor = values.new_empty((self.number, *values.shape[1:]))
        self.tensor[rows] = values


class _TargetScorer:
    """Collects the scores of one target's results."""

    def __init__(self, test: EvaluationSet, number: int, attribute: Attribute, panel: Panel, sizes: Sequence[int]):
        self.test, self.attribute, self.panel, self.sizes = test, attribute, panel, sizes
        self.request, self.rows = test.requests[number], test.rows[number]
        self.metrics = _metrics(test.image_size, panel)
        number = len(self.request.positions)
        self.posteriors = [[_Rows(number) for _ in sizes] for _ in panel.judges]
        self.terms = {place: _Rows(number) for place in self.metrics}
        self.logits = _Rows(number)

    def scored(self, translate: Translate, batch_size: int, advance: Callable[[int], None] | None) -> TargetScores:
        batch_size = num_at_once(batch_size, self.test.image_size)
        figures: list[SetFigure] = []
        seen: list[Sameness] = []
        for group, rows in self.request.by_value():
            features = []
            seen.append(Sameness(self.attribute.values[group.value]))
            for start in range(rows.start, rows.stop, batch_size):
                part = slice(start, min(start + batch_size, rows.stop))
                positions = self.request.positions[part]
                results = translate(positions, [group])
                sources = self.test.images[positions]
                self._look(results, sources, positions, part)
                seen[-1].look(results, sources)
                if self.panel.networks.inception is not None:
                    batch_features, logits = self.panel.networks.inception.extract(results)
                    features.append(batch_features)
                    self.logits.put(part, logits)
                if advance:
                    advance(len(positions))
            if features:
                direction = self.attribute.values[group.value]
                figures += set_figures(torch.cat(features), self.panel.real_features[group], direction)
        if not len(self.request.positions):
            return self._nothing()
        posteriors = tuple(tuple(head.tensor for head in heads) for heads in self.posteriors)
        terms = {place: rows.tensor for place, rows in self.terms.items() if rows.tensor is not None}
        return TargetScores(posteriors, terms, self.logits.tensor, tuple(figures), in_words(seen))

    def _nothing(self) -> TargetScores:
        """Scores of a target without any result."""
        heads = tuple(torch.zeros(0, size, dtype=torch.float64) for size in self.sizes)
        logits = None if self.panel.networks.inception is None else torch.zeros(0, NUM_LOGITS)
        return TargetScores((heads,) * len(self.panel.judges), logits=logits)

    def _look(self, results: Tensor, sources: Tensor, positions: Tensor, rows: slice) -> None:
        """Score a batch with the judges, and with all image metrics whose inputs are known."""
        if results.dtype != torch.uint8 or results.shape != sources.shape:
            raise ValueError(
                f"a translation must be uint8 {list(sources.shape)}, is {results.dtype} {list(results.shape)}"
            )
        results = results.contiguous()  # another layout in memory would change the last digits of a judge
        for heads, judge in zip(self.posteriors, self.panel.judges, strict=True):
            for head, posterior in zip(heads, judge.posteriors(results), strict=True):
                head.put(rows, posterior)
        known = self._known(results, sources, positions, rows)
        for place, (needs, metric) in self.metrics.items():
            if all(name in known for name in needs):
                self.terms[place].put(rows, metric.terms(*(known[name] for name in needs)))

    def _known(self, results: Tensor, sources: Tensor, positions: Tensor, rows: slice) -> dict[str, Tensor]:
        """The inputs of metrics that are known of a batch, by their names in the catalogue."""
        known = {inputs.RESULT: results, inputs.SOURCE: sources}
        references = self.test.references
        if references.counterfactuals is not None:
            counterfactual = references.counterfactuals[self.request.target][self.rows[rows]]
            changed = changed_region(sources, counterfactual)
            known[inputs.COUNTERFACTUAL] = counterfactual
            known |= {inputs.CHANGED: changed, inputs.UNCHANGED: ~changed}
        if references.background is not None:
            known[inputs.BACKGROUND] = references.background[positions]
        if self.panel.networks.lpips:
            known[inputs.LPIPS_DISTANCE] = self.panel.networks.lpips(results, sources)
        if self.panel.networks.embedder:
            known[inputs.RESULT_EMBEDDING] = self.panel.networks.embedder(results)
            known[inputs.SOURCE_EMBEDDING] = self.panel.networks.embedder(sources)
        return known


def _metrics(image_size: int, panel: Panel) -> dict[tuple[str, str], tuple[tuple[str, ...], ImageMetric]]:
    """(name, place) -> the inputs and the formula of every metric that exists for these images."""
    built = {
        (spec.name, place.name): (place.needs, build(spec, place.name, image_size, panel.definitions))
        for spec in metrics_of_results().values()
        for place in spec.places
    }
    return {key: (needs, metric) for key, (needs, metric) in built.items() if metric is not None}
