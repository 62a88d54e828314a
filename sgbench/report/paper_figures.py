"""The paper's figures of faces in its own layouts, for a report of its items, on a screen and to be printed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sgbench.report.canvas import PRINT
from sgbench.report.drawing import PRINTED, Drawing
from sgbench.report.grids import Row, figure3, figure4
from sgbench.report.layout import Layout
from sgbench.report.members import Member, beside_variants, people, without_variants
from sgbench.results.description import ShownFaces
from sgbench.results.published import ATTRIBUTES
from sgbench.results.records import ALL

_SIDE = 256
"""Least pixels of a face."""
_BALANCED = "balanced"
_STEPS = {"none": "Without residual", "residual": "Residual", "refined": "Refined residual"}
"""Variant -> its row in figure 6. Where there is no variant of the last name, the method itself is refined."""
Builder = Callable[[ShownFaces, Sequence[Member], Layout], Drawing | None]


def paper_drawings(faces: ShownFaces, systems: Sequence[Member], layout: Layout) -> list[Drawing]:
    """Those of the paper's figures of faces that are among the items of a report and have systems.

    Of the seeds of a system the first is shown.
    """
    first = {member.row: replace(member, label=member.row) for member in reversed(systems)}
    rows = list(reversed(first.values()))
    builders: Mapping[str, Builder] = {
        "figure3": _figure3,
        "figure4": _figure4,
        "figure5": _figure5,
        "figure6": _figure6,
    }
    figures = [build(faces, rows, layout) for name, build in builders.items() if name in layout.items]
    return [figure for figure in figures if figure]


def _figure3(faces: ShownFaces, systems: Sequence[Member], layout: Layout) -> Drawing | None:
    """A row per system, a column for each attribute and for each pair."""
    rows, single = without_variants(systems), faces.num_single
    pairs = f", and two at once ({', '.join(faces.headings[single:])})" if faces.headings[single:] else ""
    caption = f"Figure 3 of the paper: translations of test faces, each attribute changed alone{pairs}."

    def draw(path: Path) -> None:
        figure3(path, faces.headings, people(rows, len(faces.asked)), (1, single), _SIDE, faces.asked, PRINT)

    return _drawing("figure3", caption, rows, layout, draw)


def _figure4(faces: ShownFaces, systems: Sequence[Member], layout: Layout) -> Drawing | None:
    """Results on the left, absolute residuals on the right."""
    rows, columns = without_variants(systems), range(1, faces.num_single)
    caption = (
        "Figure 4 of the paper: translations of test faces, and their absolute residuals: how far each pixel is from "
    )
    caption += "the input, twice as bright."

    def draw(path: Path) -> None:
        figure4(path, faces.headings, people(rows, len(faces.asked)), columns, 2, _SIDE, faces.asked, PRINT)

    return _drawing("figure4", caption, rows, layout, draw)


def _figure5(faces: ShownFaces, systems: Sequence[Member], layout: Layout) -> Drawing | None:
    """A row per method, a column per level and one for balanced labels; a face in each direction."""
    places = {(member.method, member.variant, member.level): member for member in systems}
    rows = {member.method: member.shown for member in systems}
    levels = sorted({level for _, _, level in places}, key=lambda level: -float(level.replace(ALL, "inf")))
    columns = [("", level) for level in levels] + [(_BALANCED, ALL)] * any(v == _BALANCED for _, v, _ in places)
    headings = ["Input", *("Balance" if variant else level.capitalize() for variant, level in columns)]
    chosen = [[texts[1] for texts in faces.asked].index(text) for text in dict.fromkeys(t[1] for t in faces.asked)]
    asked = [["", *[faces.asked[person][1]] * len(columns)] for person in chosen]
    caption = (
        "Figure 5 of the paper: each method (down) with ever fewer labels of each value (across), on a face in each "
    )
    caption += "direction."
    if (_BALANCED, ALL) in columns:
        caption += " Balance: as many labels of each value as there are of the rarest."

    def draw(path: Path) -> None:
        shown = people(list(places.values()), len(faces.asked))
        blocks: list[list[Row]] = []
        for person in chosen:
            images = {place: own for place, (_, own) in zip(places, shown[person], strict=True)}
            source = next(iter(images.values()))[0]
            cells = {method: [images.get((method, *column), [None, None])[1] for column in columns] for method in rows}
            blocks.append([(rows[method], [source, *edited]) for method, edited in cells.items()])
        figure3(path, headings, blocks, (1, 1 + len(levels)), _SIDE, asked, PRINT)

    return _drawing("figure5", caption, systems, layout, draw)


def _figure6(faces: ShownFaces, systems: Sequence[Member], layout: Layout) -> Drawing | None:
    """A row for each way of using residual images, a column for each of the paper's first attributes."""
    steps = {member.variant: member for member in reversed(beside_variants(systems)) if member.variant in _STEPS}
    one = next(iter(steps.values()), None)
    refined = [m for m in systems if one and not m.variant and (m.method, m.level) == (one.method, one.level)]
    steps = dict(zip(["refined"] * len(refined), refined, strict=True)) | steps
    rows = [replace(steps[variant], label=label) for variant, label in _STEPS.items() if variant in steps]
    columns = [0, *(1 + k for k, name in enumerate(layout.attributes) if name in ATTRIBUTES[:3])]
    caption = "Figure 6 of the paper: the same faces without residual images, with them, and with refined ones"
    caption += f", by {one.shown} with {one.level} labels of each value." if one else "."

    def draw(path: Path) -> None:
        shown = [[(k, [own[c] for c in columns]) for k, own in block] for block in people(rows, len(faces.asked))]
        asked = [[texts[c] for c in columns] for texts in faces.asked]
        figure3(path, [faces.headings[c] for c in columns], shown, (1,), _SIDE, asked, PRINT)

    return _drawing("figure6", caption, rows, layout, draw)


def _drawing(
    name: str, caption: str, systems: Sequence[Member], layout: Layout, draw: Callable[[Path], None]
) -> Drawing | None:
    """The drawing of some systems, whose caption also tells their seed and levels; None if there are none."""
    if not systems:
        return None
    seeds = {member.seed for member in systems}
    closing = [caption, "Above each column stands the value asked for."]
    closing += [f"Models of seed {min(seeds)}."] * (len(seeds) == 1)
    closing.append(layout.stand_ins(member.level for member in systems))
    return Drawing(" ".join(filter(None, closing)), name, draw, PRINTED)
