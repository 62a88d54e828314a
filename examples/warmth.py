"""A metric of one's own: how much warmer results are than their sources, as red less blue.

A config names its entry: ``scoring: {metrics: ["warmth:WARMTH"]}``.
"""

from torch import Tensor

from sgbench.metrics.image_metric import ImageMetric, check_images
from sgbench.metrics.spec import RESULT, SOURCE, MetricSpec, Place


class Warmth(ImageMetric):
    """Terms of a batch; the figure is their mean, unless ``reduce`` says otherwise."""

    definition = "mean of red less blue, result less source"

    def terms(self, results: Tensor, sources: Tensor) -> Tensor:
        """One term for each image, float64 [N, 1]; a row of NaN leaves an image out.

        Args:
            results, sources: uint8 [N, 3, S, S]: what the entry's place says that it needs, in that order.
        """
        check_images(results=results, sources=sources)
        result, source = ((x[:, 0].double() - x[:, 2].double()).mean((1, 2)) for x in (results, sources))
        return (result - source).unsqueeze(1)


WARMTH = MetricSpec(
    name="warmth",  # in records
    title="Warmth",  # in tables
    direction="",  # neither a higher nor a lower figure is better
    unit="levels",
    bounds=(-510.0, 510.0),
    decimals=1,
    implementation=f"{__name__}:Warmth",
    places=(Place("image", (RESULT, SOURCE)),),
    table="beyond",  # which table has a column for it
)
