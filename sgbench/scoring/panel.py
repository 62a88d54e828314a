"""The networks that look at results: judges, and those whose weights a user has."""

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
    """The networks whose weights a user has."""

    inception: Inception | None = None
    lpips: LPIPS | None = None
    embedder: Embedder | None = None


@dataclass(frozen=True)
class Panel:
    """The networks that look at results, all but the judges only where a user has their weights.

    Attributes:
        judges: the first decides, the others shadow it.
        networks: give features and logits, perceptual distances, face embeddings.
        real_features: Inception's features float32 [n, 2048] of real images of each group.
    """

    judges: tuple[Judge, ...]
    networks: UserNetworks = UserNetworks()
    real_features: Mapping[Group, Tensor] = field(default_factory=dict)

    @property
    def definitions(self) -> dict[str, str]:
        """What the networks that a user may supply measure, by the metric's name."""
        definitions = {}
        if self.networks.lpips:
            definitions["lpips"] = f"{self.networks.lpips.definition}, against the source"
        if self.networks.embedder:
            sha256 = self.networks.embedder.sha256[:12]
            definitions["identity"] = f"cosine of embeddings by {sha256}, against the source"
        return definitions


def open_networks(scoring: ScoringSettings, files: UserFiles, device: torch.device) -> UserNetworks:
    """The networks that a user's files hold.

    Raises:
        UserError: names the file and what it should be.
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
    """The judges as records know them, and whether each counts, by attribute.

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
    """What an Inception Score is a score of, or why there is none."""
    if weights.path is None:
        return f"not scored: no Inception weights (SHA-256 {INCEPTION_SHA256}); get {INCEPTION_URL}"
    about = "TF-FID weights" if weights.published else f"custom weights {weights.sha256[:12]}"
    return f"{INCEPTION}, {about}"
