"""A system and a test set -> per-image scores, in one streaming pass over networks and image metrics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from sgbench.data.labels import Attribute, Group
from sgbench.data.references import References, Requests
from sgbench.features.embedding import Embedder
from sgbench.features.inception import Inception
from sgbench.features.judge import Judge
from sgbench.features.lpips import LPIPS
from sgbench.metrics.distance import changed_region
from sgbench.metrics.frechet import FrechetDistance
from sgbench.metrics.kernel import KernelDistance
from sgbench.protocol import OF_SOURCES, image_metrics
from sgbench.scores import SetFigure, TargetScores
from sgbench.translation import Translate

NAN = float("nan")
NUM_LOGITS = 1008
PIXELS_AT_ONCE = 2**20
"""Larger images are scored fewer at a time, so that memory stays bounded whatever their size."""


@dataclass(frozen=True)
class TestSet:
    """Images to translate and all that is known of them.

    Attributes:
        images: uint8 [N, 3, S, S].
        labels: int8 [N, J], true labels.
        requests: the translations to score, one entry for each target.
        references: of every translation that the images can be asked for.
        rows: for each target, int64 [M], places of its requests among those.
    """

    images: Tensor
    labels: Tensor
    requests: tuple[Requests, ...]
    references: References
    rows: tuple[Tensor, ...]

    @property
    def image_size(self) -> int:
        """Side in pixels."""
        return self.images.shape[-1]

    def only(self, kept: Sequence[Tensor]) -> "TestSet":
        """The same with fewer requests: those that bool [M] keeps, for each target."""
        requests = [Requests(r.target, r.positions[k], r.values[k]) for r, k in zip(self.requests, kept, strict=True)]
        rows = tuple(rows[k] for rows, k in zip(self.rows, kept, strict=True))
        return replace(self, requests=tuple(requests), rows=rows)


def complete(images: Tensor, labels: Tensor, requests: Sequence[Requests], references: References) -> TestSet:
    """A test set with every translation that the images can be asked for."""
    rows = tuple(torch.arange(len(request.positions)) for request in requests)
    return TestSet(images, labels, tuple(requests), references, rows)


@dataclass(frozen=True)
class Panel:
    """The networks that look at results, all but the judges only where a user has their weights.

    Attributes:
        judges: the first decides, the others shadow it.
        inception: gives features and logits.
        real_features: Inception's features float32 [n, 2048] of real images of each group.
    """

    judges: Sequence[Judge]
    inception: Inception | None = None
    real_features: Mapping[Group, Tensor] = field(default_factory=dict)
    lpips: LPIPS | None = None
    embedder: Embedder | None = None

    @property
    def definitions(self) -> dict[str, str]:
        """What the networks that a user may supply measure, as ``protocol.image_metrics`` takes it."""
        definitions = {}
        if self.lpips:
            definitions["lpips"] = f"{self.lpips.definition}, against the source"
        if self.embedder:
            definitions["identity"] = f"cosine of embeddings by {self.embedder.sha256[:12]}, against the source"
        return definitions


def score(
    translate: Translate,
    test: TestSet,
    attributes: Sequence[Attribute],
    panel: Panel,
    batch_size: int,
    advance: Callable[[int], None] | None = None,
) -> tuple[TargetScores, ...]:
    """Translate every request once and score it; results are dropped as soon as they are scored.

    Args:
        advance: called with the number of translations scored since the last call.
    """
    sizes = [len(attribute.values) for attribute in attributes]
    return tuple(
        _Target(test, number, attributes[request.target], panel, sizes).scored(translate, batch_size, advance)
        for number, request in enumerate(test.requests)
    )


class _Rows:
    """A tensor [M, ...] filled batch by batch: small tensors kept from each would pin the memory freed between them."""

    def __init__(self, number: int):
        self.number = number
        self.tensor: Tensor | None = None

    def put(self, rows: slice, values: Tensor) -> None:
        """Set some rows; the first batch says of what shape and type they are."""
        if self.tensor is None:
            self.tensor = values.new_empty((self.number, *values.shape[1:]))
        self.tensor[rows] = values


class _Target:
    """Collects the scores of one target's translations."""

    def __init__(self, test: TestSet, number: int, attribute: Attribute, panel: Panel, sizes: Sequence[int]):
        self.test, self.attribute, self.panel, self.sizes = test, attribute, panel, sizes
        self.request, self.rows = test.requests[number], test.rows[number]
        self.metrics = image_metrics(test.image_size, panel.definitions)
        number = len(self.request.positions)
        self.posteriors = [[_Rows(number) for _ in sizes] for _ in panel.judges]
        self.terms = {name: _Rows(number) for name in self.metrics}
        self.logits = _Rows(number)

    def scored(self, translate: Translate, batch_size: int, advance: Callable[[int], None] | None) -> TargetScores:
        batch_size = min(batch_size, max(1, PIXELS_AT_ONCE // self.test.image_size**2))
        figures: list[SetFigure] = []
        for group, rows in self.request.by_value():
            features = []
            for start in range(rows.start, rows.stop, batch_size):
                part = slice(start, min(start + batch_size, rows.stop))
                positions = self.request.positions[part]
                results = translate(positions, [group])
                self._look(results, self.test.images[positions], positions, part)
                if self.panel.inception is not None:
                    own_features, logits = self.panel.inception.extract(results)
                    features.append(own_features)
                    self.logits.put(part, logits)
                if advance:
                    advance(len(positions))
            if features:
                direction = self.attribute.values[group.value]
                figures += set_figures(torch.cat(features), self.panel.real_features[group], direction)
        if not len(self.request.positions):
            return self._nothing()
        posteriors = tuple(tuple(head.tensor for head in heads) for heads in self.posteriors)
        terms = {name: rows.tensor for name, rows in self.terms.items() if rows.tensor is not None}
        return TargetScores(posteriors, terms, self.logits.tensor, tuple(figures))

    def _nothing(self) -> TargetScores:
        """Scores of a target of which no translation is there."""
        heads = tuple(torch.zeros(0, size, dtype=torch.float64) for size in self.sizes)
        logits = None if self.panel.inception is None else torch.zeros(0, NUM_LOGITS)
        return TargetScores((heads,) * len(self.panel.judges), logits=logits)

    def _look(self, results: Tensor, sources: Tensor, positions: Tensor, rows: slice) -> None:
        """Score a batch by the judges and by all image metrics that apply."""
        if results.dtype != torch.uint8 or results.shape != sources.shape:
            raise ValueError(
                f"a translation must be uint8 {list(sources.shape)}, is {results.dtype} {list(results.shape)}"
            )
        results = results.contiguous()  # the layout in memory would move a judge's last digits
        for heads, judge in zip(self.posteriors, self.panel.judges, strict=True):
            for head, posterior in zip(heads, judge.posteriors(results), strict=True):
                head.put(rows, posterior)
        references = self.test.references

        def measure(name: str, *inputs: Tensor) -> None:
            self.terms[name].put(rows, self.metrics[name].terms(*inputs))

        for name in self.metrics.keys() & set(OF_SOURCES):
            measure(name, results, sources)
        if references.counterfactuals is not None:
            counterfactual = references.counterfactuals[self.request.target][self.rows[rows]]
            inside = changed_region(sources, counterfactual)
            measure("counterfactual_error_inside", results, counterfactual, inside)
            measure("counterfactual_error_outside", results, counterfactual, ~inside)
        if references.background is not None:
            measure("true_background_error", results, sources, references.background[positions])
        if self.panel.lpips:
            measure("lpips", self.panel.lpips(results, sources))
        if self.panel.embedder:
            measure("identity", self.panel.embedder(results), self.panel.embedder(sources))


def set_figures(generated: Tensor, real: Tensor, direction: str) -> list[SetFigure]:
    """FID and KID of results of one direction against real images of that group.

    Args:
        generated: Inception's features float32 [N, 2048].
        real: likewise [M, 2048].
    """
    number = min(len(generated), len(real))
    if number < 2:
        note = f"not scored: {len(generated)} results and {len(real)} real images, two of each are needed"
        return [SetFigure(metric, direction, "Inception features", NAN, NAN, 0, note) for metric in ("fid", "kid")]
    frechet, kernel = FrechetDistance(), KernelDistance(subset_size=min(1000, number))
    for distance in (frechet, kernel):
        distance.update(real, real=True)
        distance.update(generated, real=False)
    estimates = kernel.estimates()
    where = "Inception features, real test images of the group"
    fid = SetFigure("fid", direction, f"{frechet.definition}, {where}", float(frechet.compute()), NAN, len(generated))
    alike = len(generated) == len(real) == kernel.subset_size  # then a subset is the whole set, each of them
    spread = NAN if alike else float(estimates.std(correction=0))
    definition = f"{kernel.definition}, {where}"
    return [fid, SetFigure("kid", direction, definition, float(estimates.mean()), spread, len(generated))]
