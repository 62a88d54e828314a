"""The networks that look at results: judges, and networks whose weights the user provides."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sgbench.data.labels import Attribute, Group
from sgbench.features.embedding import Embedder, load_embedder
from sgbench.features.inception import Inception, load_inception
from sgbench.features.lpips import LPIPS, load_lpips
from sgbench.features.weights import INCEPTION_SHA256, INCEPTION_URL, WeightsFile
from sgbench.judges.judge import Judge, balanced_accuracies
from sgbench.metrics.inception_score import INCEPTION
from sgbench.plan.protocol import UserFiles
from sgbench.results.scores import Panelist, Verdict
from sgbench.settings.models import ScoringSettings


@dataclass(frozen=True)
class UserNetworks:
    """The networks whose weights the user provides."""

    inception: Inception | None = None
    lpips: LPIPS | None = None
    embedder: Embedder | None = None


@dataclass(frozen=True)
class Panel:
    """The networks that look at results; all except the judges are there only if the user provides their weights.

    Attributes:
        judges: the first decides; a second one is reported beside it.
        networks: compute features and logits, perceptual distances, face embeddings.
        real_features: for each group, Inception's features float32 [n, 2048] of its real images.
    """

    judges: tuple[Judge, ...]
    networks: UserNetworks = UserNetworks()
    real_features: Mapping[Group, Tensor] = field(default_factory=dict)

    @property
    def definitions(self) -> dict[str, str]:
        """Name -> definition of the metrics that need the user's networks."""
        definitions = {}
        if self.networks.lpips:
            definitions["lpips"] = f"{self.networks.lpips.definition}, against the source"
        if self.networks.embedder:
            sha256 = self.networks.embedder.sha256[:12]
            definitions["identity"] = f"cosine of embeddings by {sha256}, against the source"
        return definitions


def open_networks(scoring: ScoringSettings, files: UserFiles, device: torch.device) -> UserNetworks:
    """Load the networks from the user's files.

    Raises:
        UserError: a file is not what it should be; the message names it and says what it should be.
    """
    return UserNetworks(
        load_inception(files.inception, device) if files.inception.path else None,
        load_lpips(scoring.lpips.path, scoring.lpips.net, device) if scoring.lpips else None,
        load_embedder(scoring.embedder, device) if scoring.embedder else None,
    )


def real_features(
    inception: Inception | None, images: Tensor, labels: Tensor, attributes: tuple[Attribute, ...]
) -> dict[Group, Tensor]:
    """Inception's features of the real images of each group; empty without Inception.

    Args:
        images: uint8 [N, 3, S, S].
        labels: int8 [N, J], their true labels.
    """
    if inception is None:
        return {}
    features, _ = inception.extract(images)
    return {
        Group(j, v): features[labels[:, j] == v]
        for j, attribute in enumerate(attributes)
        for v in range(len(attribute.values))
    }


def panelists(
    judges: tuple[Judge, ...], architectures: tuple[str, ...], images: Tensor, labels: Tensor, floor: float
) -> tuple[Panelist, ...]:
    """The judges as records describe them, with whether each one's verdicts count, by attribute.

    Args:
        images: uint8 [N, 3, S, S], the test images.
        labels: int8 [N, J], their true labels.
        floor: balanced accuracy below which a judge's verdicts do not count.
    """
    return tuple(
        Panelist(name, tuple(Verdict(share, floor) for share in balanced_accuracies(judge, images, labels)))
        for name, judge in zip(architectures, judges, strict=True)
    )


def inception_definition(weights: WeightsFile) -> str:
    """The definition of the Inception Score with these weights, or why it is not scored."""
    if weights.path is None:
        return f"not scored: no Inception weights (SHA-256 {INCEPTION_SHA256}); get {INCEPTION_URL}"
    about = "TF-FID weights" if weights.published else f"custom weights {weights.sha256[:12]}"
    return f"{INCEPTION}, {about}"
