"""Measures how parts of the suite grow with what they are given: ``python benchmarks/growth.py``.

A section is a module with a function that measures and returns Markdown; ``SECTIONS`` names them. Each section of
``growth.md`` can be measured again alone, with ``--only``. What a run folder has already is not made again.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

NUM_TEST = 1600
"""Test images of the quick config."""
PAGE = Path(__file__).with_suffix(".md")
TITLES = {"scoring": "Scoring, by test images", "reporting": "Reporting, by systems"}


def main() -> None:
    """Measure, and write the sections that were measured into the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, help="a run folder to keep faces, judges and systems in")
    parser.add_argument("--only", choices=TITLES, action="append", help="measure this section alone")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported
    with TemporaryDirectory() as folder:
        sections = measure(arguments.runs or Path(folder), arguments.only or list(TITLES))
    text = PAGE.read_text(encoding="utf-8")
    for name, section in sections.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{section}\n{end}{rest.partition(end)[2]}"
    PAGE.write_text(text, encoding="utf-8")


def measure(runs: Path, names: list[str]) -> dict[str, str]:
    """Measure sections of the page: name -> Markdown, with the machine that measured it."""
    import growth_reporting
    import growth_scoring
    import torch
    from growing import hardware
    from many_systems import Bench, open_bench

    torch.set_num_threads(1)
    sections: dict[str, Callable[[Bench], str]] = {
        "scoring": growth_scoring.section,
        "reporting": growth_reporting.section,
    }
    bench = open_bench(runs, NUM_TEST)
    return {name: f"## {TITLES[name]}\n\nOn {hardware()}. {sections[name](bench)}" for name in names}


if __name__ == "__main__":
    main()
