"""Figures of a set of results as a whole, which cannot be split by image: FID and KID."""

import math

from torch import Tensor

from sgbench.metrics.frechet import FrechetDistance
from sgbench.metrics.kernel import KernelDistance
from sgbench.results.set_figure import SetFigure


def set_figures(generated: Tensor, real: Tensor, direction: str) -> list[SetFigure]:
    """FID and KID of results of one direction against real images of that group.

    Args:
        generated: Inception's features float32 [N, 2048].
        real: Inception's features float32 [M, 2048].
    """
    number = min(len(generated), len(real))
    if number < 2:
        note = f"not scored: {len(generated)} results and {len(real)} real images, two of each are needed"
        return [
            SetFigure(metric, direction, "Inception features", math.nan, math.nan, 0, note) for metric in ("fid", "kid")
        ]
    frechet, kernel = FrechetDistance(), KernelDistance(subset_size=min(1000, number))
    for distance in (frechet, kernel):
        distance.update(real, real=True)
        distance.update(generated, real=False)
    estimates = kernel.estimates()
    where = "Inception features, real test images of the group"
    fid = SetFigure(
        "fid", direction, f"{frechet.definition}, {where}", float(frechet.compute()), math.nan, len(generated)
    )
    alike = len(generated) == len(real) == kernel.subset_size  # then every subset is the whole set
    spread = math.nan if alike else float(estimates.std(correction=0))
    definition = f"{kernel.definition}, {where}"
    return [fid, SetFigure("kid", direction, definition, float(estimates.mean()), spread, len(generated))]
