"""``python -m sgbench.run``: train, score and report the methods of a study with one command."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sgbench.errors import UserError

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    p = argparse.ArgumentParser(
        prog="python -m sgbench.run",
        description="Train, score and report methods of facial attribute manipulation when labels are scarce.",
        epilog="The same command again resumes what was interrupted and never repeats what is done.",
    )
    p.add_argument("--config", default="quick", metavar="FILE", help="a YAML file or a config's name (default: quick)")
    p.add_argument("--methods", type=_names, metavar="A,B", help="methods of the config, or package.module:Class")
    p.add_argument("--sparse", type=_levels, metavar="K,..", help="labels per value: numbers, or all")
    p.add_argument("--seeds", type=_numbers, metavar="0,1", help="seeds of sparse labels and training")
    p.add_argument("--attributes", type=_names, metavar="A,B", help="attributes to translate")
    p.add_argument(
        "--data", type=Path, metavar="PATH", help="folder of CelebA's aligned images (default: embedded faces)"
    )
    p.add_argument("--allow-missing", action="store_true", help="accept a partial copy of CelebA")
    p.add_argument("--image-size", type=int, metavar="S", help="32, 64, 128 or 256")
    p.add_argument("--num-test", type=int, metavar="N", help="test images")
    p.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where to train (default: auto)")
    p.add_argument("--out", type=Path, default=Path("runs"), metavar="DIR", help="folder of all runs (default: runs)")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run; returns 0, 2 on bad input (one line says what and how to mend it), 130 when interrupted."""
    arguments = parser().parse_args(argv)
    try:
        return _run(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except OSError as error:
        where = error.filename or arguments.out
        print(f"error: {where}: {error.strerror or error}; free space or choose another --out", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("interrupted; the last checkpoint is kept: run the same command again to go on", file=sys.stderr)
        return EXIT_INTERRUPTED


def _run(arguments: argparse.Namespace) -> int:
    from sgbench.plan import Folders
    from sgbench.reporting import make_report, write_runtime
    from sgbench.screen import Screen
    from sgbench.settings import find_config, read_settings
    from sgbench.study import Study, describe, score_all, train_all

    settings = read_settings(find_config(arguments.config), *_overrides(arguments))
    study = Study(settings, Folders(arguments.out), Screen())
    clock = [time.monotonic()]
    describe(study)
    records = []
    for step in (lambda: train_all(study), lambda: records.extend(score_all(study))):
        step()
        clock.append(time.monotonic())
    page = make_report(study, records)
    clock.append(time.monotonic())
    seconds = {part: b - a for part, a, b in zip(("training", "scoring", "report"), clock, clock[1:], strict=False)}
    write_runtime(study, seconds)
    study.screen.say(f"report: {page}")
    return 0


def _overrides(arguments: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the command line sets, at the top level and under ``data``."""
    top = {
        "methods": arguments.methods,
        "levels": arguments.sparse,
        "seeds": arguments.seeds,
        "device": arguments.device,
    }
    data = {
        "class": "celeba" if arguments.data else None,
        "path": arguments.data,
        "attributes": arguments.attributes,
        "allow_missing": arguments.allow_missing or None,
        "image_size": arguments.image_size,
        "num_test": arguments.num_test,
    }
    return tuple({key: value for key, value in part.items() if value is not None} for part in (top, data))


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str) -> list[int]:
    return [int(part) for part in _names(text)]


def _levels(text: str) -> list[int | str]:
    return [part if part == "all" else int(part) for part in _names(text)]


if __name__ == "__main__":
    sys.exit(main())
