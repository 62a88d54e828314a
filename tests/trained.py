"""A run folder with a planned study and its trained jobs: no judges, no scores, seconds of training."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from rich.console import Console

from sgbench.data.store.packed import open_store
from sgbench.launching.job import run_job
from sgbench.plan.study import Study, open_study
from sgbench.settings.reading import read_settings
from sgbench.studies.description import write_intent
from sgbench.support.errors import UserError
from sgbench.support.screen import Screen
from sgbench.training.loop import Loop

SHORT = {"iterations": 2, "constant_iterations": 1, "base_width": 2, "batch_size": 2}
METHODS = {
    "sggan": SHORT | {"n_critic": 1},
    "stargan": SHORT | {"n_critic": 1, "discriminator_width": 2},
    "residualgan": SHORT,
    "semistargan": SHORT | {"n_critic": 1, "discriminator_width": 2},
    "attgan": SHORT | {"n_critic": 1},
    "stgan": SHORT | {"n_critic": 1},
}
DATA = {"class": "faces", "num_images": 60, "num_test": 20, "image_size": 32, "attributes": ["gender", "hair_color"]}


def quiet() -> Screen:
    """A screen that nobody sees."""
    with open("/dev/null", "w") as nothing:
        return Screen(Console(file=nothing, quiet=True))


def refusal(work: Callable[[], object]) -> str:
    """Call what must raise a UserError of one line; returns its message."""
    with pytest.raises(UserError) as caught:
        work()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 1000
    return message


def train_study(root: Path, name: str = "tiny", **settings: object) -> Study:
    """Plan a study, train its jobs of the last seed and keep its plan below ``root``."""
    config = root / f"{name}.yaml"
    config.write_text(yaml.safe_dump({"data": DATA, "levels": [5], "methods": METHODS} | settings, sort_keys=False))
    study = open_study(read_settings(config, {}, {}), root / "runs", quiet())
    study.runs.prepare()
    images = open_store(study.plan.source, study.runs.store, lambda done, total: None)
    for job in study.plan.jobs:
        if job.seed == study.settings.seeds[-1]:
            run_job(job, images, study.runs, torch.device("cpu"), Loop(num_samples=1))
    write_intent(study)
    return study
