"""``sgbench config``: every setting of a config with its default and a sentence, or which configs there are."""

import argparse
from collections.abc import Sequence

from sgbench.commands.execution import Parser, execute


def parser() -> Parser:
    """The command's options."""
    p = Parser(
        prog="sgbench config",
        description="Print a config with all of its settings, as YAML that is a config again; or list the configs.",
        closing="A config of your own needs only what differs from another one: extends: quick, and those settings.",
        examples=("sgbench config", "sgbench config quick > mine.yaml"),
    )
    p.add_argument(
        "name", nargs="?", metavar="CONFIG", help="a config's name or a YAML file; without it all are listed"
    )
    p.add_argument("--json", action="store_true", help="print for programs: a list with an object for each")
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Print; returns 0, 2 on bad input (one line says what is wrong and how to mend it)."""
    return execute(parser(), _config, argv)


def _config(arguments: argparse.Namespace) -> int:
    if arguments.name is None:
        _list(arguments.json)
    else:
        _print(arguments.name, arguments.json)
    return 0


def _list(as_json: bool) -> None:
    from sgbench.settings.layers import packaged_configs
    from sgbench.support.strict import json_text

    configs = packaged_configs()
    if as_json:
        print(json_text([config._asdict() for config in configs]))
        return
    width = max(len(config.name) for config in configs)
    for config in configs:
        print(f"{config.name:{width}}  {config.about}\n{'':{width}}  cost: {config.cost}")
    print("\nsgbench config NAME prints all settings of one.")


def _print(name: str, as_json: bool) -> None:
    from dataclasses import asdict

    from sgbench.settings.config_files import find_config
    from sgbench.settings.reading import read_settings
    from sgbench.settings.writing import as_explained_config, explained
    from sgbench.support.strict import json_text

    settings = read_settings(find_config(name), {}, {})
    print(json_text([asdict(setting) for setting in explained(settings)]) if as_json else as_explained_config(settings))
