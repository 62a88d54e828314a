"""Groups of options: the config and the data, the networks that look at results, where jobs are trained."""

import argparse
from pathlib import Path
from typing import Any

from sgbench.commands.execution import Parser
from sgbench.support.errors import UserError, one_line
from sgbench.support.paths import user_path

MOST_DIGITS = 10
"""Of a whole number; what can be counted here has fewer."""


def add_data_options(parser: Parser) -> None:
    """Options that choose a config and its data."""
    parser.add_argument(
        "--config", default="quick", metavar="FILE", help="a YAML file or a config's name (default: quick)"
    )
    parser.add_argument("--attributes", type=names, metavar="A,B", help="attributes to translate")
    parser.add_argument(
        "--data",
        type=path,
        metavar="PATH",
        help="CelebA's folder, or the CSV file of your images' attributes (default: the config's data)",
    )
    parser.add_argument("--allow-missing", action="store_true", help="accept that listed images are missing")
    parser.add_argument("--image-size", type=number, metavar="S", help="32, 64, 128 or 256")
    parser.add_argument("--num-test", type=number, metavar="N", help="test images")
    parser.add_argument(
        "--scored-on",
        choices=("test", "validation"),
        help="validation: score a part of the training images, on which nothing is trained, to choose settings by",
    )
    add_run_folder_option(parser)


def add_run_folder_option(parser: Parser) -> None:
    """The option that says where all runs lie."""
    parser.add_argument("--out", type=path, default=Path("runs"), metavar="DIR", help="the run folder (default: runs)")


def data_overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the command line sets under ``data``; a CSV file lists the user's images, unless it is CelebA's."""
    data = arguments.data
    own_images = data is not None and data.suffix.lower() == ".csv" and data.stem != "list_attr_celeba"
    return given(
        {
            "class": "folder" if own_images else None,
            "path": data,
            "attributes": arguments.attributes,
            "allow_missing": arguments.allow_missing or None,
            "image_size": arguments.image_size,
            "num_test": arguments.num_test,
            "scored_on": arguments.scored_on,
        }
    )


def given(values: dict[str, Any]) -> dict[str, Any]:
    """The values that are not None."""
    return {key: value for key, value in values.items() if value is not None}


def path(text: str) -> Path:
    """Parse a path, in which ``~`` is the home folder."""
    try:
        return user_path(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def pair(text: str) -> tuple[str, str]:
    """Parse an attribute's name and that of a value."""
    name, equals, value = text.partition("=")
    if not name or not equals or not value:
        raise argparse.ArgumentTypeError(f"'{one_line(text, 40)}' must be ATTRIBUTE=VALUE, such as smile=yes")
    return name, value


def number(text: str) -> int:
    """Parse a whole number."""
    if not _is_number(text):
        raise argparse.ArgumentTypeError(f"'{one_line(text, 40)}' must be a whole number, such as 2")
    return int(text)


def names(text: str) -> list[str]:
    """Parse names with commas between them."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise argparse.ArgumentTypeError(f"'{text}' must be names with commas between them")
    return parts


def numbers(text: str) -> list[int]:
    """Parse whole numbers with commas between them."""
    if not all(map(_is_number, names(text))):
        raise argparse.ArgumentTypeError(
            f"'{one_line(text, 40)}' must be whole numbers with commas between them, such as 0,1"
        )
    return [int(name) for name in names(text)]


def levels(text: str) -> list[int | str]:
    """Parse levels: ``all``, or whole numbers from 1 on."""
    if not all(name == "all" or (_is_number(name) and int(name) > 0) for name in names(text)):
        raise argparse.ArgumentTypeError(
            f"'{one_line(text, 40)}' must be numbers of labels from 1 on, or all, such as 500,all"
        )
    return [name if name == "all" else int(name) for name in names(text)]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS


def add_scoring_options(parser: Parser) -> None:
    """Options that choose the networks that look at results."""
    parser.add_argument("--jury", type=number, metavar="K", help="number of judges whose verdicts are averaged")
    parser.add_argument("--inception", type=path, metavar="FILE", help="Inception's weights (default: in torch's hub)")
    parser.add_argument("--inception-sha256", metavar="HASH", help="accept weights that are not the published ones")
    parser.add_argument("--lpips", type=path, metavar="FILE", help="AlexNet's weights, for LPIPS (sgbench fetch lpips)")
    parser.add_argument("--embedder", metavar="NETWORK", help="face embedding: package.module:function or a .pt2 file")


def add_set_option(parser: Parser) -> None:
    """The option that changes single settings of the config."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="changed",
        metavar="KEY=VALUE",
        help="change a setting, such as methods.sggan.lambda_cls=2; sgbench config NAME lists them; may be repeated",
    )


def jury_overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the command line sets under ``jury``."""
    return given({"size": arguments.jury})


def scoring_overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the command line sets under ``scoring``; says at once if Inception's weights are missing.

    Raises:
        UserError: there is no such config, or weights that are named are missing or are not the expected ones.
    """
    from sgbench.settings.early import tell_of_inception

    tell_of_inception(arguments.config, arguments.inception, arguments.inception_sha256)
    inception = {"path": arguments.inception, "sha256": arguments.inception_sha256}  # both: they belong together
    return given(
        {
            "inception": inception if given(inception) else None,
            "lpips": {"path": arguments.lpips} if arguments.lpips else None,
            "embedder": arguments.embedder,
        }
    )


def add_launching_options(parser: Parser) -> None:
    """Options that choose where jobs are trained, and how many at once."""
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), help="where to train (default: auto)")
    parser.add_argument(
        "--workers",
        type=number,
        metavar="N",
        help="jobs trained at once, by default one a GPU, or as many as the cores allow",
    )
    parser.add_argument("--threads", type=number, metavar="N", help="threads that each job computes with on the CPU")
    parser.add_argument(
        "--launcher", choices=("local", "ray"), help="train on this machine, or on a Ray cluster (default: local)"
    )
    parser.add_argument(
        "--tensorboard", action="store_true", help="write losses, rates and samples for TensorBoard, below runs/jobs"
    )


def launching_overrides(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the command line sets at the top level of where jobs are trained."""
    named = {key: getattr(arguments, key) for key in ("device", "workers", "threads", "launcher")}
    return named | {"tensorboard": arguments.tensorboard or None}


def add_place_options(parser: Parser) -> None:
    """Options for when the report's folder is taken."""
    parser.add_argument("--wait", action="store_true", help="wait for another process that is at the same study")
    parser.add_argument(
        "--replace", action="store_true", help="replace the report of this name that has other settings or systems"
    )


def add_model_option(parser: Parser | argparse._MutuallyExclusiveGroup) -> None:
    """The option that names a trained model."""
    parser.add_argument(
        "--model",
        metavar="MODEL",
        help="STUDY:METHOD, such as quick-500:sggan; with @LEVEL/SEED if there are several; or a job's folder",
    )


def data_options(arguments: argparse.Namespace) -> list[str]:
    """The options of ``add_data_options`` that were given, but ``--config`` and ``--out``, as words of a command."""
    known = Parser(add_help=False)
    add_data_options(known)
    words = []
    for action in known._actions:
        chosen = getattr(arguments, action.dest)
        if action.dest not in ("config", "out") and chosen != action.default:
            words.append(action.option_strings[0])
            words += [] if chosen is True else [",".join(chosen) if isinstance(chosen, list) else str(chosen)]
    return words


def know_metrics(*paths: Path) -> None:
    """Let the catalogue have the metrics from outside the package that the settings beside records name.

    Raises:
        UserError: one of them cannot be imported.
    """
    from sgbench.regression.sides import own_metrics

    if named := own_metrics(*paths):
        from sgbench.metrics.own import use_metrics  # with torch, which takes most of a gigabyte

        use_metrics(named)
