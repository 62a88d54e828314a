"""The paper's claims as contrasts, with margins that were fixed before anything was measured.

Accuracy is that by the jury here; the paper's numbers are those of its single ResNet-18.
"""

from sgbench.claims.claim import Claim, Contender, Contrast, Quantity
from sgbench.results.records import ALL, COPY

PALE_LOGIT = "pale_logit_change"
"""How far a result's pale logit is from its source's, mean over judges and results; no record has it."""

_ALL, _5000, _500, _10 = (Contender("sggan", level) for level in (ALL, "5000", "500", "10"))
_REFINED, _RESIDUAL = Contender("sggan", "500", ("refined", "")), Contender("sggan", "500", ("residual",))
_STARGAN, _RESIDUALGAN = _RIVALS = (Contender("stargan", ALL), Contender("residualgan", ALL))
_RIVALS_10 = (Contender("stargan", "10"), Contender("residualgan", "10"))
_THREE = ("gender", "smile", "hair_color")


def _accuracy(target: str, measured_on: str = "") -> Quantity:
    return Quantity(target, "jury_accuracy", measured_on or target)


def _background(target: str) -> Quantity:
    return Quantity(target, "background_ms_ssim", "background")


def _score(target: str) -> Quantity:
    return Quantity(target, "inception_score", "image")


def _leads(*quantities: Quantity) -> tuple[Contrast, ...]:
    """SG-GAN with all labels above both rivals."""
    return tuple(Contrast(_ALL, rival, of) for of in quantities for rival in _RIVALS)


CLAIMS = (
    Claim(
        "C1",
        "SG-GAN keeps the background better than StarGAN and ResidualGAN, with all labels, 5,000 and 500 per value, on "
        "gender and on hair colour.",
        tuple(
            Contrast(own, rival, _background(target))
            for target in ("gender", "hair_color")
            for own in (_ALL, _5000, _500)
            for rival in _RIVALS
        ),
        ("table2",),
        2,
    ),
    Claim(
        "C2",
        "With 500 labels per value instead of all, SG-GAN loses at most 7 points of target accuracy on gender and at "
        "most 11 on hair colour.",
        (
            Contrast(_500, _ALL, _accuracy("gender"), -0.07),
            Contrast(_500, _ALL, _accuracy("hair_color"), -0.11),
        ),
        ("table2",),
        2,
    ),
    Claim(
        "C3",
        "With refined residual images target accuracy is more than 40 points above that with residual images, on "
        "gender, smile and hair colour.",
        tuple(Contrast(_REFINED, _RESIDUAL, _accuracy(target), 0.40) for target in _THREE),
        ("table3",),
        3,
    ),
    Claim(
        "C4",
        "By the Inception Score, SG-GAN with all labels is not below StarGAN on gender, smile and lipstick, nor below "
        "ResidualGAN on these and hair colour.",
        (
            *(Contrast(_ALL, _STARGAN, _score(target)) for target in ("gender", "smile", "lipstick")),
            *(Contrast(_ALL, _RESIDUALGAN, _score(target)) for target in (*_THREE, "lipstick")),
        ),
        ("table1",),
        1,
    ),
    Claim(
        "C5",
        "With 10 labels of each value SG-GAN still changes pale skin: its target accuracy is more than 20 points above "
        "a copy's and above StarGAN's and ResidualGAN's, and its error in the background is smaller than theirs.",
        (
            Contrast(_10, Contender(COPY), _accuracy("pale_skin"), 0.20),
            *(Contrast(_10, rival, _accuracy("pale_skin")) for rival in _RIVALS_10),
            *(Contrast(rival, _10, Quantity("pale_skin", "background_mae", "background")) for rival in _RIVALS_10),
        ),
        ("figure5",),
    ),
    Claim(
        "C6",
        "With gender or hair colour as target, StarGAN changes how pale the skin looks to the judges more than SG-GAN "
        "does, both with all labels.",
        tuple(
            Contrast(_STARGAN, _ALL, Quantity(target, PALE_LOGIT, "pale_skin")) for target in ("gender", "hair_color")
        ),
        ("figure4",),
    ),
    Claim(
        "C7",
        "With gender as target, SG-GAN with all labels keeps smiles better than StarGAN and ResidualGAN.",
        _leads(_accuracy("gender", "smile")),
        ("table2",),
        2,
    ),
    Claim(
        "C8",
        "With residual images results stay near the input: they change less than half as much as with refined ones, on "
        "gender, smile and hair colour.",
        tuple(Contrast(_REFINED, _RESIDUAL, Quantity(target, "change", "image"), times=0.5) for target in _THREE),
        ("table3", "figure6"),
    ),
    Claim(
        "C9",
        "With hair colour as target the order is that with gender: SG-GAN with all labels leads StarGAN and "
        "ResidualGAN in target accuracy, smiles kept and background.",
        _leads(_accuracy("hair_color"), _accuracy("hair_color", "smile"), _background("hair_color")),
        ("table2",),
        2,
    ),
)
"""The claims, in the order in which reports show them."""
