"""The networks that look at results: judges, and networks whose weights the user provides."""

import math
from collections.abc import Mapping, Sequence
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
from sgbench.plan.protocol import Seat, UserFiles
from sgbench.results.scores import Panelist, Verdict
from sgbench.scoring.evaluation_set import EvaluationSet
from sgbench.settings.models import ScoringSettings
from sgbench.statistics.intervals import upper_bound


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
        judges: the paper's ResNet-18, then the jury.
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


def panelists(judges: Sequence[Judge], seats: Sequence[Seat], test: EvaluationSet, gate: float) -> tuple[Panelist, ...]:
    """The judges as records describe them, with whether each one's verdicts count, by attribute.

    Args:
        judges: the paper's, then the jury.
        seats: what each was trained as.
        test: the test images with their labels and, where the data set knows them, exact counterfactuals.
        gate: accuracy on counterfactuals below which a judge of the jury does not sit.
    """
    found = []
    for k, (judge, seat) in enumerate(zip(judges, seats, strict=True)):
        accuracies = balanced_accuracies(judge, test.images, test.labels)
        worst = _on_counterfactuals(judge, test)
        verdicts = [
            Verdict(accuracy, seat.settings.floor, *lowest, gate if k else 0.0)
            for accuracy, lowest in zip(accuracies, worst, strict=True)
        ]
        found.append(Panelist(seat.architecture, tuple(verdicts), seat.settings.seed))
    return tuple(found)


def _on_counterfactuals(judge: Judge, test: EvaluationSet) -> list[tuple[float, float]]:
    """For each attribute, accuracy on counterfactuals and its upper bound in the direction in which the bound is lower.

    NaN where no counterfactuals are known.
    """
    if test.references.counterfactuals is None:
        return [(math.nan, math.nan)] * len(test.requests)
    worst = []
    for request, counterfactuals in zip(test.requests, test.references.counterfactuals, strict=True):
        seen = judge.posteriors(counterfactuals)[request.target].argmax(1) == request.values
        hits = [(int(seen[rows].sum()), rows.stop - rows.start) for _, rows in request.by_value()]
        worst.append(
            min(((n / of, upper_bound(n, of)) for n, of in hits), key=lambda share_and_bound: share_and_bound[1])
        )
    return worst


def inception_definition(weights: WeightsFile) -> str:
    """The definition of the Inception Score with these weights, or why it is not scored."""
    if weights.path is None:
        return f"not scored: no Inception weights (SHA-256 {INCEPTION_SHA256}); get {INCEPTION_URL}"
    about = "TF-FID weights" if weights.published else f"custom weights {weights.sha256[:12]}"
    return f"{INCEPTION}, {about}"
