"""What ``sgbench status`` prints of a run folder: a line for each study and model, and what takes room."""

from collections.abc import Iterator

from sgbench.studies.watching import JobState, RunsState, StudyState
from sgbench.support.text import duration

_UNITS = ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def lines_of(found: RunsState) -> Iterator[str]:
    """All lines; a heading stands before those of studies and of models."""
    yield f"studies: {len(found.studies) or 'none'}"
    for study in found.studies:
        yield f"  {study.state:<11}  {study.name}: {'; '.join(_of_study(study))}"
    yield f"models: {len(found.jobs) or 'none'}"
    for job in found.jobs:
        yield f"  {job.state:<11}  {job.name}: {'; '.join(_of_job(job))}"
    yield "disk: " + ", ".join(f"{name} {_bytes(size)}" for name, size in found.bytes.items())


def _of_study(study: StudyState) -> Iterator[str]:
    if study.process:
        yield f"{study.process} is at it"
    if study.jobs[0] or study.systems[0]:
        trained = f"{study.jobs[1]} of {study.jobs[0]} models trained, " if study.jobs[0] else ""
        yield f"{trained}{study.systems[1]} of {study.systems[0]} systems scored"
    if study.accuracy:
        yield "accuracy " + ", ".join(f"{title} {100 * value:.1f} %" for title, value in study.accuracy.items())
    if study.report:
        yield study.report
    if study.problem:
        yield study.problem


def _of_job(job: JobState) -> Iterator[str]:
    if job.process:
        yield f"{job.process} trains it"
    planned = f" of {job.planned:,}" if job.planned else ""
    left = f", about {duration(job.seconds_left)} left" if job.seconds_left is not None else ""
    yield f"{job.iterations:,}{planned} iterations{left}"
    yield _bytes(job.bytes)
    if job.samples:
        yield f"{job.samples} grid{'s' * (job.samples > 1)} of samples, the last {job.sample}"
    if job.problem:
        yield job.problem


def _bytes(number: int) -> str:
    for size, unit in _UNITS:
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{number} B"
