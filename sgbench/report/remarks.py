"""What must be known of the systems of a report before their figures are read."""

from collections.abc import Sequence
from typing import Any

from sgbench.report.layout import Layout
from sgbench.report.members import Member
from sgbench.results.description import Description
from sgbench.results.origin import LOSSY, LOST, UNAPPLIED
from sgbench.results.records import Record


def remarks(
    records: Sequence[Record], systems: Sequence[Member], layout: Layout, description: Description
) -> list[str]:
    """A sentence for each thing that makes figures of a system other than they seem, or leaves a figure out."""
    alike = _alike(records, systems, layout)
    made = [*_lossy(systems), *_unapplied(systems), *_lost(systems)]
    return [*_left_out(records, systems), *made, *alike, *_nobody(description), *_no_losses(description)]


def _left_out(records: Sequence[Record], systems: Sequence[Member]) -> list[str]:
    """A sentence for each system that has no result for some requests."""
    shown = {member.folder.name: member.shown for member in systems}
    missing = dict.fromkeys(shown.values(), 0)
    for record in records:
        if record.metric == "left_out" and record.system in shown:
            missing[shown[record.system]] += int(record.value)
    return [
        f"{system} did not give {number:,} of the translations asked for: its figures are of the others. Compare it "
        "with other systems only by the paired tests, which use the same images for both."
        for system, number in missing.items()
        if number
    ]


def _lossy(systems: Sequence[Member]) -> list[str]:
    """A sentence for each system whose results came in a format that changes pixels."""
    return [
        f"{shown} is of pictures that were compressed with loss ({lossy}): its figures are of the compressed pixels, "
        "and what compression changed counts as the system's change."
        for shown, lossy in _told(systems, LOSSY)
    ]


def _unapplied(systems: Sequence[Member]) -> list[str]:
    """A sentence for each system whose results look otherwise in a viewer."""
    return [
        f"{shown} is of pictures that viewers show otherwise ({unapplied}): its figures are of the pixels as they are "
        "stored."
        for shown, unapplied in _told(systems, UNAPPLIED)
    ]


def _lost(systems: Sequence[Member]) -> list[str]:
    """A sentence for each system that forgot in training what its method keeps outside its state dict."""
    return [
        f"{shown} lost state that its method keeps outside its state dict ({lost}) where its training was interrupted: "
        "a training in one go would have given another model."
        for shown, lost in _told(systems, LOST)
    ]


def _told(systems: Sequence[Member], key: str) -> list[tuple[str, Any]]:
    """What the origins of the systems that have such a key say under it, each beside the system's label."""
    told = [(member.label, (member.folder.origin() or {}).get(key)) for member in systems]
    return [(label, said) for label, said in told if said]


def _alike(records: Sequence[Record], systems: Sequence[Member], layout: Layout) -> list[str]:
    """A sentence for each system whose results are constant: judges have verdicts on them like on faces."""
    shown = {member.folder.name: member.label for member in systems}
    told: dict[str, list[str]] = {}
    for record in records:
        if record.metric == "left_out" and record.note and record.system in shown:
            target = layout.attributes.get(record.target, record.target)
            told.setdefault(shown[record.system], []).append(f"{target}: {record.note}")
    return [
        f"{system} ({'; '.join(remarks)}): judges have verdicts on such results as on faces; they say nothing here."
        for system, remarks in told.items()
    ]


def _nobody(description: Description) -> list[str]:
    """A sentence if figures of faces are asked for and nobody is shown."""
    asked = [item for item in description.items if item.startswith("figure")]
    if not asked or description.shown.asked:
        return []
    return [f"Not drawn, because the settings show nobody (scoring.figure_people is 0): {', '.join(asked)}."]


def _no_losses(description: Description) -> list[str]:
    """A sentence if models were trained and of none the losses are left."""
    number = description.jobs_without_losses
    if description.jobs or not number:
        return []
    return [f"Losses are not shown: those of the {number:,} jobs are not at hand, as when jobs/ was not copied."]
