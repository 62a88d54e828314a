"""``python -m sgbench.run``: train, score and report the methods of a study with one command."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from sgbench.errors import UserError

EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; --help lists the options")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    p = _Parser(
        prog="python -m sgbench.run",
        allow_abbrev=False,
        description="Train, score and report methods of facial attribute manipulation when labels are scarce.",
        epilog="What is not given is the config's. The same command again resumes what was interrupted and repeats "
        "nothing that is done.",
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
    p.add_argument(
        "--workers", type=int, metavar="N", help="jobs trained at once on a CPU, each with its share of cores"
    )
    p.add_argument("--out", type=Path, default=Path("runs"), metavar="DIR", help="folder of all runs (default: runs)")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Run; returns 0, 2 on bad input (one line says what and how to mend it), 130 when interrupted."""
    try:
        arguments = parser().parse_args(argv)
        return _run(arguments)
    except UserError as error:
        return _refuse(str(error))
    except OSError as error:
        where = error.filename or arguments.out
        return _refuse(f"{where}: {error.strerror or error}; free space, mend the path or choose another --out")
    except KeyboardInterrupt:
        print("interrupted; all that is done is kept: run the same command again to go on", file=sys.stderr)
        return EXIT_INTERRUPTED


def _refuse(message: str) -> int:
    """One line, whatever the message is made of."""
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return EXIT_BAD_INPUT


def _run(arguments: argparse.Namespace) -> int:
    from sgbench.launch import train_all
    from sgbench.plan import Folders
    from sgbench.reporting import make_report, write_runtime
    from sgbench.screen import Screen
    from sgbench.settings import find_config, read_settings
    from sgbench.study import Study, describe, score_all

    settings = read_settings(find_config(arguments.config), *_overrides(arguments))
    study = Study(settings, Folders(arguments.out), Screen())
    describe(study)
    start = time.monotonic()
    num_trained = train_all(study)
    trained = time.monotonic()
    records = score_all(study)
    scored = time.monotonic()
    page = make_report(study, records)
    if num_trained:
        seconds = {"training": trained - start, "scoring": scored - trained, "report": time.monotonic() - scored}
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
        "workers": arguments.workers,
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
    names = [part.strip() for part in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"'{text}' must be names with commas between them")
    return names


def _numbers(text: str) -> list[int]:
    if not all(name.isdecimal() for name in _names(text)):
        raise argparse.ArgumentTypeError(f"'{text}' must be whole numbers with commas between them, such as 0,1")
    return [int(name) for name in _names(text)]


def _levels(text: str) -> list[int | str]:
    """``all`` or whole numbers from 1 on."""
    if not all(name == "all" or (name.isdecimal() and int(name) > 0) for name in _names(text)):
        raise argparse.ArgumentTypeError(f"'{text}' must be numbers of labels from 1 on, or all, such as 500,all")
    return [name if name == "all" else int(name) for name in _names(text)]


if __name__ == "__main__":
    sys.exit(main())
