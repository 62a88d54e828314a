"""What ``tuning.py`` chooses from: each method's start, the values of its settings, and what is asked of a result."""

from collections.abc import Mapping
from typing import Any

ITERATIONS = {"sggan": 1200, "stargan": 1450, "residualgan": 500, "semistargan": 1070, "attgan": 1700, "stgan": 1290}
"""Of the first trial: what the method's share of the time allows."""
_EDITING_START = {
    "batch_size": 12,
    "labelled_share": 0.5,
    "n_critic": 2,
    "base_width": 16,
    "discriminator_width": 16,
    "learning_rate": 8e-4,
    "discriminator_learning_rate": 8e-4,
    "constant": 0.5,
}
START: Mapping[str, Mapping[str, Any]] = {
    "sggan": {
        "batch_size": 4,
        "labelled_share": 0.75,
        "n_critic": 2,
        "base_width": 16,
        "discriminator_width": 32,
        "learning_rate": 4e-4,
        "discriminator_learning_rate": 6e-4,
        "lambda_cls": 2,
        "weight_init": "he",
        "pass_through": 1.2,
        "constant": 0.5,
    },
    "stargan": {
        "batch_size": 8,
        "labelled_share": 0.5,
        "n_critic": 2,
        "base_width": 24,
        "discriminator_width": 32,
        "learning_rate": 4e-4,
        "discriminator_learning_rate": 1e-3,
        "lambda_cls": 1,
        "lambda_rec": 20,
        "pass_through": 0.45,
        "constant": 0.5,
    },
    "residualgan": {
        "batch_size": 8,
        "base_width": 16,
        "discriminator_width": 24,
        "learning_rate": 1e-3,
        "alpha": 1.5e-4,
        "constant": 0.5,
    },
    "semistargan": {
        "batch_size": 12,
        "labelled_share": 0.5,
        "n_critic": 2,
        "base_width": 16,
        "discriminator_width": 32,
        "learning_rate": 8e-4,
        "discriminator_learning_rate": 1e-3,
        "lambda_rec": 10,
        "weight_init": "uniform",
        "pass_through": 0.45,
        "constant": 0.5,
    },
    "attgan": _EDITING_START,
    "stgan": _EDITING_START,
}
_EDITING = {
    "learning_rate": (2e-4, 4e-4, 8e-4),
    "discriminator_learning_rate": (4e-4, 8e-4),
    "n_critic": (1, 2, 3),
    "lambda_edit": (5, 10, 20),
    "labelled_share": (0.25, 0.5, 0.75),
    "batch_size": (8, 12, 16),
    "base_width": (16, 24),
    "discriminator_width": (16, 24),
    "constant": (0.3, 0.5),
}
SPACE: Mapping[str, Mapping[str, tuple]] = {
    "sggan": {
        "learning_rate": (3e-4, 4e-4),
        "discriminator_learning_rate": (4e-4, 6e-4, 1e-3),
        "n_critic": (2, 3),
        "lambda_cls": (1, 2, 4),
        "lambda_rec": (10, 20),
        "labelled_share": (0.5, 0.75, 1.0),
        "batch_size": (3, 4, 6),
        "discriminator_width": (24, 32),
        "constant": (0.3, 0.5),
    },
    "stargan": {
        "learning_rate": (4e-4, 8e-4),
        "discriminator_learning_rate": (5e-4, 1e-3),
        "n_critic": (1, 2, 3),
        "lambda_cls": (0.5, 1, 2),
        "lambda_rec": (10, 20, 40, 60),
        "labelled_share": (0.25, 0.5, 0.75),
        "batch_size": (8, 12),
        "base_width": (16, 24),
        "pass_through": (0.3, 0.45),
        "constant": (0.3, 0.5),
    },
    "residualgan": {
        "learning_rate": (5e-4, 1e-3, 2e-3),
        "discriminator_learning_rate": (None, 5e-4),
        "alpha": (5e-5, 1.5e-4, 4e-4, 1e-3),
        "beta": (5e-6, 5e-5),
        "lambda_dual": (0.3, 1),
        "batch_size": (6, 8, 12),
        "base_width": (12, 16, 20),
        "constant": (0.3, 0.5),
    },
    "semistargan": {
        "learning_rate": (4e-4, 8e-4),
        "discriminator_learning_rate": (5e-4, 1e-3),
        "n_critic": (1, 2, 3),
        "lambda_cls": (0.5, 1, 2),
        "lambda_con": (0.5, 1, 2),
        "lambda_rec": (10, 20, 40),
        "labelled_share": (0.25, 0.5, 0.75),
        "base_width": (16, 24),
        "pass_through": (0.3, 0.45),
        "constant": (0.3, 0.5),
    },
    "attgan": _EDITING | {"lambda_rec": (50, 100, 200)},
    "stgan": _EDITING | {"lambda_rec": (25, 50, 100, 200)},
}
BARS = {
    "target": (90, -2),
    "direction": (80, -2),
    "unrelated": (-10, -2),
    "inside": (0, 2),
    "outside": (8, 1),
    "tint": (2, 1),
    "background": (85, -2),
}
"""What is asked of a result, and the difference that counts as 1; negative where more is better.

Target accuracy and its lower direction (%), unrelated accuracy beside the ceiling (points), error inside of what
changes beside that of a copy (levels of 255), error outside of it (levels), tint of the background in one direction
(levels), background MS-SSIM x 100.
"""
