"""How much of the person is kept: the cosine of the face embeddings of a result and of its source image."""

import torch
from torch import Tensor

from sgbench.metrics.image_metric import ImageMetric


class IdentitySimilarity(ImageMetric):
    """Cosine similarity per image, then the mean over images; from -1 to 1.

    ``terms(embedding_results, embedding_sources)``: both floating point [N, D], one row per image.
    """

    def __init__(self, definition: str = "cosine of face embeddings") -> None:
        self.definition = definition

    @classmethod
    def build(cls, place: str, image_size: int, network: str) -> "IdentitySimilarity | None":
        return cls(network) if network else None

    def terms(self, embedding_results: Tensor, embedding_sources: Tensor) -> Tensor:
        x = _directions("results", embedding_results)
        y = _directions("sources", embedding_sources)
        if x.shape != y.shape:
            raise ValueError(f"embeddings differ: results {list(x.shape)}, sources {list(y.shape)}")
        return (x * y).sum(1, keepdim=True).clamp(-1, 1)


def _directions(name: str, embedding: Tensor) -> Tensor:
    """Embeddings scaled to length 1, float64 [N, D]."""
    if not embedding.is_floating_point() or embedding.ndim != 2:
        raise ValueError(
            f"{name}: embeddings must be floating point [N, D], not {embedding.dtype} {list(embedding.shape)}"
        )
    lengths = torch.linalg.vector_norm(embedding.double(), dim=1, keepdim=True)
    if not lengths.isfinite().all():
        raise ValueError(f"{name}: embeddings hold NaN or infinite values")
    if (lengths == 0).any():
        raise ValueError(f"{name}: the embedding of image {int(lengths[:, 0].argmin())} is zero: it has no direction")
    return embedding.double() / lengths
