"""What made a study's figures: versions, device, seeds, hashes of data, labels and weights, commit, definitions."""

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import sgbench
from sgbench.data.source import Source
from sgbench.metrics.catalogue import spec_of
from sgbench.plan.protocol import SCORING_VERSION
from sgbench.plan.study import Study
from sgbench.results.records import NO_SEED, Record
from sgbench.support.environment import commit, device_name, packages
from sgbench.support.hashing import hash_of_array


def provenance(study: Study, records: Sequence[Record]) -> dict[str, Any]:
    """Everything that a reader needs to make the figures again, as JSON values.

    Commit, packages and device at the top are those of the report; each judge, job and system has its own, for it may
    have been made earlier.

    Args:
        records: all that the report is made of.
    """
    plan, runs, files = study.plan, study.runs, study.protocol.files
    systems = dict.fromkeys(record.system for record in records)
    weights: dict[str, Any] = {"inception": files.inception.sha256 or None}
    if files.lpips:
        weights["lpips backbone"] = files.lpips[1]
    if files.embedder:
        weights["embedder"] = files.embedder
    return {
        "sgbench": sgbench.__version__,
        "commit": commit(),
        "protocol": {"version": SCORING_VERSION, "hash": study.protocol.hash},
        "packages": packages(),
        "device": device_name(study.device),
        "machine": platform.machine(),
        "seeds": sorted({r.seed for r in records if r.origin == "measured"} - {NO_SEED}),
        "data": {
            **data_facts(plan.source),
            "training images": len(plan.train),
            "test images": len(plan.test),
        },
        "labels": {job.name: job.labels.manifest["sha256"] for job in plan.jobs},
        "jobs": {job.name: runs.job(job.name).origin() for job in plan.jobs},
        "systems": {name: runs.system(name).origin() for name in systems},
        "judges": [runs.judge(seat.key).facts() for seat in study.protocol.judges],
        "weights": weights,
        "metrics": metrics(records),
    }


def data_facts(source: Source) -> dict[str, str]:
    """What tells a data set from another one, or from itself after a label or an image was changed."""
    return {
        "name": source.name,
        "sha256": source.fingerprint,
        "labels sha256": hash_of_array(source.labels.numpy()),
    }


def metrics(records: Sequence[Record]) -> dict[str, dict[str, Any]]:
    """The definitions of each metric in records, which fix its protocol, and the version of its code."""
    found: dict[str, set[str]] = {}
    for record in records:
        found.setdefault(record.metric, set()).add(record.definition)
    return {
        metric: {"version": spec_of(metric).version, "definitions": sorted(definitions)}
        for metric, definitions in sorted(found.items())
    }


def keep_runtime(study: Study, records: Sequence[Record], seconds: Mapping[str, float]) -> None:
    """Keep what the report was made with and how long its parts took, then the checksums of all its files.

    Args:
        seconds: duration of each stage of this run; where an earlier run of the same study took longer, that stays, for
            a stage that finds everything done takes no time.
    """
    made = provenance(study, records)
    earlier = study.folder.read_runtime()
    if all(earlier.get(key) == made[key] for key in ("protocol", "labels")):
        before = earlier.get("seconds", {})
        seconds = {stage: max(seconds.get(stage, 0.0), before.get(stage, 0.0)) for stage in {**before, **seconds}}
    study.folder.write_runtime(made | {"seconds": {stage: round(s, 1) for stage, s in seconds.items()}})
    study.folder.write_checksums()
