"""``sgbench fetch``: gets weights that are not part of the package."""

import argparse
from collections.abc import Sequence

from sgbench.commands.execution import Parser, execute
from sgbench.commands.options import path
from sgbench.support.errors import one_line


def parser() -> Parser:
    """The command's options."""
    from sgbench.features.weights import PUBLISHED

    p = Parser(
        prog="sgbench fetch",
        description="Fetch published weights, check their SHA-256, and put them in place. A copy by hand does as well; "
        "nothing is fetched but by this command.",
        examples=("sgbench fetch inception", "sgbench fetch lpips --to weights/"),
    )
    p.add_argument(
        "weights",
        choices=tuple(PUBLISHED),
        help="; ".join(f"{name}: {weights.about}" for name, weights in PUBLISHED.items()),
    )
    p.add_argument(
        "--to",
        type=path,
        metavar="DIR|FILE",
        help="where to (default: torch's hub cache); a name without an ending is a folder's",
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Fetch, and say where it went; returns the exit status."""
    return execute(parser(), _fetch, argv)


def _fetch(arguments: argparse.Namespace) -> int:
    from sgbench.features.fetching import fetch, place_of
    from sgbench.features.weights import PUBLISHED
    from sgbench.support.screen import Screen

    weights = PUBLISHED[arguments.weights]
    place = place_of(weights, arguments.to)
    how = "fetched" if fetch(weights, place, Screen()) else "there already"
    if weights.found_in_cache and arguments.to is None:
        use = "every command finds it there"
    else:
        use = f"name it by {weights.option} {place}, or as {weights.setting} in a config"
    print(one_line(f"{place}: {how}, SHA-256 as published ({weights.sha256}); {use}"))
    return 0
