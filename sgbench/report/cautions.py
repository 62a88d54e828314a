"""What must be known of systems before their figures are read: results that are missing, compressed, or all alike."""

from collections.abc import Sequence

from sgbench.report.layout import Layout
from sgbench.report.members import Member
from sgbench.results.origin import LOSSY
from sgbench.results.records import Record


def left_out(records: Sequence[Record], systems: Sequence[Member]) -> list[str]:
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


def lossy(systems: Sequence[Member]) -> list[str]:
    """A sentence for each system whose results came in a format that changes pixels."""
    told = {member.shown: (member.folder.origin() or {}).get(LOSSY) for member in systems}
    return [
        f"{shown} is of pictures that were compressed with loss ({lossy}): its figures are of the compressed pixels, "
        "and what compression changed counts as the system's change."
        for shown, lossy in told.items()
        if lossy
    ]


def alike(records: Sequence[Record], systems: Sequence[Member], layout: Layout) -> list[str]:
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
