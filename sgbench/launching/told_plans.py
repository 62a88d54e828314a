"""What studies would do, in words and for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sgbench.launching.forecast import Forecast, Total, forecast, total
from sgbench.plan.study import Study
from sgbench.support.screen import Screen
from sgbench.support.strict import json_text
from sgbench.support.text import duration


def tell_plan(studies: Sequence[Study], screen: Screen, for_programs: bool = False) -> None:
    """Print what some studies would do, in lines or as an object."""
    left = {part.job.name: part for part in forecast(studies)}
    if for_programs:
        print(json_text(_as_object(studies, left)))
    else:
        _tell(studies, left, screen)


def _tell(studies: Sequence[Study], left: Mapping[str, Forecast], screen: Screen) -> None:
    """A line each; a job of several studies is named where it comes first."""
    untold = dict(left)
    for study in studies:
        attributes = ", ".join(a.name for a in study.plan.attributes)
        size = study.settings.data.image_size
        data = f"{study.plan.source.name}, {_images(study):,} images at {size}x{size}, {attributes}"
        screen.result(f"{study.folder.path}: {data}")
        for job in study.plan.jobs:
            if part := untold.pop(job.name, None):
                screen.result(f"  job     {_state(part):>22}  {job.title}")
        for system in study.plan.systems:
            state = "scored" if study.system_folder(system).is_scored() else "to be scored"
            screen.result(f"  system  {state:>22}  {system.entry.slug} ({system.level}, seed {system.seed})")
    screen.result(_in_all(total(studies, [*left.values()]), sum(len(study.plan.systems) for study in studies)))


def _as_object(studies: Sequence[Study], left: Mapping[str, Forecast]) -> dict[str, Any]:
    """For programs; a job of several studies is in each of them."""
    return {
        "studies": [
            {
                "folder": str(study.folder.path),
                "data": study.plan.source.name,
                "images": _images(study),
                "image_size": study.settings.data.image_size,
                "attributes": [attribute.name for attribute in study.plan.attributes],
                "jobs": [
                    {
                        "name": job.name,
                        "title": job.title,
                        "iterations_left": left[job.name].iterations,
                        "seconds_left": left[job.name].seconds,
                    }
                    for job in study.plan.jobs
                ],
                "systems": [
                    {
                        "system": system.entry.slug,
                        "level": system.level,
                        "seed": system.seed,
                        "scored": study.system_folder(system).is_scored(),
                    }
                    for system in study.plan.systems
                ],
            }
            for study in studies
        ],
        "total": asdict(total(studies, [*left.values()])),
    }


def _images(study: Study) -> int:
    return len(study.plan.train) + len(study.plan.test)


def _state(part: Forecast) -> str:
    return f"about {duration(part.seconds)} left" if part.iterations else "trained"


def _in_all(left: Total, systems: int) -> str:
    return (
        f"{left.models} models in {systems} systems, {left.trained} trained. Left: about {duration(left.seconds)} of "
        f"training, {left.workers} at once on {left.device}; judges, scoring and reports come on top. Disk: "
        f"{_gibibytes(left.disk)} of models and images. Memory: {_gibibytes(left.memory)} of images, shared by all "
        "jobs, and what each job trains."
    )


def _gibibytes(number: float) -> str:
    return f"{number / 2**30:,.2f} GiB"
