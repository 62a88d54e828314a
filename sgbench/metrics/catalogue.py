"""The catalogue of metrics. Scoring, intervals, tables, tests, the regression and pages all use these entries.

To add a metric, write one file with its formula and one entry here. An entry names its class, so that this module
imports nothing heavy.
"""

from typing import Any

from sgbench.metrics.spec import (
    AFTER_ROUNDS,
    BACKGROUND,
    CHANGED,
    COUNTERFACTUAL,
    DECIBELS,
    FEATURES,
    FROM_0_TO_1,
    FROM_MINUS_1_TO_1,
    FROM_ONE,
    FROM_ZERO,
    LEVELS,
    LOGITS,
    LPIPS_DISTANCE,
    POSTERIOR,
    RESULT,
    RESULT_EMBEDDING,
    SOURCE,
    SOURCE_EMBEDDING,
    UNBOUNDED,
    UNCHANGED,
    WAY_BACK,
    MetricSpec,
    Place,
    TableName,
)

_OF_FEATURES = (Place("image", (FEATURES,)),)
_OF_SPLITS = {"unit": "score", "bounds": FROM_ONE, "decimals": 2, "recentred": True, "compared": True}
_CORNER = (Place("background", (RESULT, SOURCE)),)
_BACKGROUND = (Place("background", (RESULT, SOURCE, BACKGROUND)),)
_WHOLE = (Place("image", (RESULT, SOURCE)),)
_SHARE = {"unit": "share", "bounds": FROM_0_TO_1, "scale": 100, "decimals": 1, "published_decimals": 2}
_SCORE = {"unit": "score", "bounds": FROM_ZERO, "decimals": 2}
_LEVELS = {"unit": "levels", "bounds": LEVELS, "decimals": 2, "table": "beyond"}
_MS_SSIM = {"unit": "score", "bounds": FROM_0_TO_1, "scale": 100, "decimals": 1, "published_decimals": 0}
_LIKENESS = {"unit": "score", "decimals": 3, "table": "likeness"}
_DB = {"unit": "dB", "bounds": DECIBELS, "decimals": 1, "suffix": " (dB)"}

_CHAINS = {"table": "chains"}


def _composed(title: str, implementation: str) -> dict[str, Any]:
    """A metric of composition: its formula, and a place for each number of rounds."""
    rounds = {result: f"{n} round{'s' if n > 1 else ''}" for n, result in AFTER_ROUNDS.items()}
    places = tuple(Place(name, (result, SOURCE), f"{title} after {name}") for result, name in rounds.items())
    return {"title": title, "implementation": implementation, "places": places} | _CHAINS


_OF_JUDGES = (
    MetricSpec("jury_accuracy", "Accuracy", "higher", **_SHARE, compared=True),
    MetricSpec("jury_agreement", "Agreement", "higher", **_SHARE),
    MetricSpec("accuracy", "Accuracy, ResNet-18", "higher", **_SHARE),
    MetricSpec("balanced_accuracy", "Balanced accuracy", "higher", **_SHARE),
    MetricSpec("ece", "ECE", "lower", **_SHARE, recentred=True),
    MetricSpec("judge_score", "Judge Score", "higher", **_OF_SPLITS, places=(Place("image", (POSTERIOR,)),)),
    MetricSpec("judge_score_std", "Judge Score's deviation", "", **_SCORE, describes="judge_score"),
)
_OF_IMAGES = (
    MetricSpec(
        "background_ms_ssim",
        "Background",
        "higher",
        **_MS_SSIM,
        implementation="sgbench.metrics.background:BackgroundMSSSIM",
        places=_CORNER,
        compared=True,
    ),
    MetricSpec(
        "background_ms_ssim_as_released",
        "Background as released",
        "higher",
        **_MS_SSIM,
        implementation="sgbench.metrics.background:BackgroundMSSSIMAsReleased",
        reduces="background_ms_ssim",
    ),
    MetricSpec(
        "background_ms_ssim_clipped", "Terms set to 0", "", "count", FROM_ZERO, 0, describes="background_ms_ssim"
    ),
    MetricSpec(
        "counterfactual_error",
        "Counterfactual",
        "lower",
        **_LEVELS,
        implementation="sgbench.metrics.distance:CounterfactualError",
        places=(
            Place("inside", (RESULT, COUNTERFACTUAL, CHANGED), "Counterfactual inside"),
            Place("outside", (RESULT, COUNTERFACTUAL, UNCHANGED), "Counterfactual outside"),
        ),
    ),
    MetricSpec(
        "true_background_error",
        "True background error",
        "lower",
        **_LEVELS,
        implementation="sgbench.metrics.distance:TrueBackgroundError",
        places=_BACKGROUND,
    ),
    MetricSpec(
        "background_tint",
        "Background tint",
        "lower",
        **_LEVELS,
        implementation="sgbench.metrics.distance:BackgroundTint",
        places=_BACKGROUND,
        recentred=True,
    ),
    MetricSpec(
        "background_mae",
        "Corner error",
        "lower",
        **_LEVELS,
        implementation="sgbench.metrics.background:BackgroundMAE",
        places=_CORNER,
    ),
    MetricSpec(
        "background_psnr",
        "Corner PSNR",
        "higher",
        **_DB,
        implementation="sgbench.metrics.background:BackgroundPSNR",
        places=_CORNER,
        table="beyond",
    ),
    MetricSpec("change", "Change", "", **_LEVELS, implementation="sgbench.metrics.distance:Change", places=_WHOLE),
    MetricSpec(
        "identity",
        "Identity",
        "higher",
        **_LIKENESS,
        bounds=FROM_MINUS_1_TO_1,
        implementation="sgbench.metrics.identity:IdentitySimilarity",
        places=(Place("image", (RESULT_EMBEDDING, SOURCE_EMBEDDING)),),
    ),
    MetricSpec(
        "lpips",
        "LPIPS",
        "lower",
        **_LIKENESS,
        bounds=FROM_ZERO,
        implementation="sgbench.metrics.perceptual:PerceptualDistance",
        places=(Place("image", (LPIPS_DISTANCE,)),),
    ),
    MetricSpec(
        "ms_ssim",
        "MS-SSIM",
        "higher",
        **_LIKENESS,
        bounds=FROM_0_TO_1,
        version=2,
        implementation="sgbench.metrics.similarity:MSSSIM",
        places=_WHOLE,
    ),
    MetricSpec(
        "ssim",
        "SSIM",
        "higher",
        **_LIKENESS,
        bounds=FROM_MINUS_1_TO_1,
        implementation="sgbench.metrics.similarity:SSIM",
        places=_WHOLE,
    ),
    MetricSpec(
        "psnr",
        "PSNR",
        "higher",
        **_DB,
        implementation="sgbench.metrics.similarity:PSNR",
        places=_WHOLE,
        table="likeness",
    ),
    MetricSpec("left_out", "Left out", "", "count", FROM_ZERO, 0),
)
_OF_CHAINS = (
    MetricSpec(
        "composition_change", direction="lower", **_LEVELS | _composed("Change", "sgbench.metrics.distance:Change")
    ),
    MetricSpec("composition_psnr", direction="higher", **_DB | _composed("PSNR", "sgbench.metrics.similarity:PSNR")),
    MetricSpec(
        "composition_ssim",
        direction="higher",
        bounds=FROM_MINUS_1_TO_1,
        **_LIKENESS | _composed("SSIM", "sgbench.metrics.similarity:SSIM"),
    ),
    MetricSpec(
        "reversal_change",
        "Change there and back",
        "lower",
        **_LEVELS | _CHAINS,
        implementation="sgbench.metrics.distance:Change",
        places=(Place("image", (WAY_BACK, SOURCE)),),
    ),
    MetricSpec("reversal_accuracy", "Own value seen again", "higher", **_SHARE | _CHAINS),
)
_OF_SETS = (
    MetricSpec("fid", "FID", "lower", **_SCORE, places=_OF_FEATURES, table="distributions"),
    MetricSpec(
        "kid", "KID", "lower", "score", UNBOUNDED, 1, 1000, " x 1000", places=_OF_FEATURES, table="distributions"
    ),
    MetricSpec("kid_std", "KID's deviation", "", "score", FROM_ZERO, 1, 1000, " x 1000", describes="kid"),
    MetricSpec("inception_score", "Inception Score", "higher", **_OF_SPLITS, places=(Place("image", (LOGITS,)),)),
    MetricSpec("inception_score_std", "Inception Score's deviation", "", **_SCORE, describes="inception_score"),
)


METRICS: dict[str, MetricSpec] = {spec.name: spec for spec in (*_OF_JUDGES, *_OF_IMAGES, *_OF_CHAINS, *_OF_SETS)}
"""Every metric by its name in records, in the order of records and of columns."""


def spec_of(name: str) -> MetricSpec:
    """A metric's entry; one of an unknown metric has neither unit nor bounds, and a direction if it is scaled."""
    direction = "higher" if name.endswith("_scaled") else ""
    return METRICS.get(name) or MetricSpec(name, name.replace("_", " ").capitalize(), direction, "", UNBOUNDED, 2)


def metrics_of_results() -> dict[str, MetricSpec]:
    """The metrics that have terms for each result."""
    return {name: spec for name, spec in METRICS.items() if spec.places and spec.implementation}


def columns_of(table: TableName) -> list[tuple[MetricSpec, Place]]:
    """The columns that a table has for each target attribute."""
    return [(spec, place) for spec in METRICS.values() if spec.table == table for place in spec.places]
