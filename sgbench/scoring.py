"""A system and a test set -> per-image scores, in one streaming pass over judge and image metrics."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sgbench.atomic import replacing, write_buffered
from sgbench.data.references import References, Requests
from sgbench.features.judge import Judge
from sgbench.metrics.background import BackgroundMAE, BackgroundMSSSIM, BackgroundPSNR
from sgbench.metrics.distance import MeanAbsoluteDistance, changed_region
from sgbench.metrics.image_metric import ImageMetric
from sgbench.translation import Translate


@dataclass(frozen=True)
class TestSet:
    """Images to translate and all that is known of them.

    Attributes:
        images: uint8 [N, 3, S, S].
        labels: int8 [N, J], true labels.
        requests: the translations asked for, one entry for each target.
    """

    images: Tensor
    labels: Tensor
    requests: tuple[Requests, ...]
    references: References

    @property
    def image_size(self) -> int:
        """Side in pixels."""
        return self.images.shape[-1]


@dataclass(frozen=True)
class TargetScores:
    """Scores of one target's translations, a row each, in the order of its requests.

    Attributes:
        posteriors: the judge's, float64 [M, m_j] for each attribute.
        terms: of the image metrics, float64 [M, K], by name.
    """

    posteriors: list[Tensor]
    terms: dict[str, Tensor]


def image_metrics(size: int) -> dict[str, ImageMetric]:
    """The metrics of a result's pixels, by the name of their terms; those without a reference are left out."""
    return {
        "background_ms_ssim": BackgroundMSSSIM(size),
        "background_mae": BackgroundMAE(size),
        "background_psnr": BackgroundPSNR(size),
        "change": MeanAbsoluteDistance("mean |result - source|"),
        "counterfactual_error_inside": MeanAbsoluteDistance("where the counterfactual differs from the source by > 2"),
        "counterfactual_error_outside": MeanAbsoluteDistance("where the counterfactual is within 2 of the source"),
        "true_background_error": MeanAbsoluteDistance("the renderer's background mask, against the source"),
    }


def score(
    translate: Translate,
    test: TestSet,
    judge: Judge,
    batch_size: int,
    advance: Callable[[int], None] | None = None,
) -> list[TargetScores]:
    """Translate every request once and score it; results are dropped as soon as they are scored.

    Args:
        advance: called with the number of translations scored since the last call.
    """
    return [_score_target(translate, test, request, judge, batch_size, advance) for request in test.requests]


def _score_target(
    translate: Translate,
    test: TestSet,
    request: Requests,
    judge: Judge,
    batch_size: int,
    advance: Callable[[int], None] | None,
) -> TargetScores:
    metrics = image_metrics(test.image_size)
    posteriors: list[list[Tensor]] = []
    for group, rows in request.by_value():
        for start in range(rows.start, rows.stop, batch_size):
            part = slice(start, min(start + batch_size, rows.stop))
            positions = request.positions[part]
            sources = test.images[positions]
            results = translate(positions, [group])
            if results.dtype != torch.uint8 or results.shape != sources.shape:
                raise ValueError(f"a translation must be uint8 {list(sources.shape)}, is {list(results.shape)}")
            posteriors.append(judge.posteriors(results))
            _update(metrics, results, sources, positions, request.target, part, test.references)
            if advance:
                advance(len(positions))
    heads = [torch.cat(head) for head in zip(*posteriors, strict=True)]
    return TargetScores(heads, {name: metric.collected for name, metric in metrics.items() if metric.update_called})


def _update(
    metrics: dict[str, ImageMetric],
    results: Tensor,
    sources: Tensor,
    positions: Tensor,
    target: int,
    rows: slice,
    references: References,
) -> None:
    for name in ("background_ms_ssim", "background_mae", "background_psnr", "change"):
        metrics[name].update(results, sources)
    if references.counterfactuals is not None:
        counterfactual = references.counterfactuals[target][rows]
        inside = changed_region(sources, counterfactual)
        metrics["counterfactual_error_inside"].update(results, counterfactual, inside)
        metrics["counterfactual_error_outside"].update(results, counterfactual, ~inside)
    if references.background is not None:
        metrics["true_background_error"].update(results, sources, references.background[positions])


def write_scores(path: Path, scores: Sequence[TargetScores], requests: Sequence[Requests], ids: Sequence[str]) -> None:
    """Keep per-image scores as an .npz: ids of the test images, then arrays named target/what.

    ``<target>/positions`` and ``<target>/values`` say which image was asked for which value; posteriors are
    ``<target>/posterior/<attribute>``, terms ``<target>/terms/<metric>``; targets and attributes by number.
    """
    arrays: dict[str, np.ndarray] = {"ids": np.array(ids)}
    for request, own in zip(requests, scores, strict=True):
        prefix = str(request.target)
        arrays[f"{prefix}/positions"] = request.positions.numpy()
        arrays[f"{prefix}/values"] = request.values.numpy()
        arrays |= {f"{prefix}/posterior/{j}": p.numpy() for j, p in enumerate(own.posteriors)}
        arrays |= {f"{prefix}/terms/{name}": terms.numpy() for name, terms in own.terms.items()}
    with replacing(path) as partial:
        write_buffered(partial, lambda file: np.savez_compressed(file, **arrays))
