"""Imports go down: who may import whom, read from the source."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = (
    ("run", "evaluate", "verify", "pack", "regress"),
    ("evaluation", "verification", "launch"),
    ("reporting",),
    ("figures",),
    ("systems", "notes", "provenance", "comparing", "entries"),
    ("study", "paired_regression"),
    ("job", "judging", "measure", "samples", "cost"),
    ("scoring", "translations"),
    ("translation",),
    ("plan",),
    ("settings",),
    ("features", "training", "sggan", "protocol", "comparison"),
    ("method", "metrics", "statistics", "scores", "regression", "report", "command"),
    ("experiments",),
    ("data", "networks", "losses", "records", "loading", "environment", "checksums", "config_files"),
    ("weights", "exported"),
    ("atomic", "errors", "screen"),
)
"""Modules and packages of sgbench, from the top: each imports only what is below its own row, or its own package."""
METHODS_MAY_IMPORT = {"sgbench.method", "sgbench.networks", "sgbench.losses", "sgbench.data.labels"}
DEPTHS = {f"sgbench.{name}": depth for depth, names in enumerate(LAYERS) for name in names}


def module_name(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(p): p for package in ("sgbench", "baselines") for p in sorted((ROOT / package).rglob("*.py"))}


@cache
def imports(module):
    """Everything that a module imports anywhere in it, as full names; a submodule counts, its package does not."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: line {node.lineno}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in MODULES else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return frozenset(found)


def reached(module):
    """Everything that importing a module can import, through modules of the project."""
    seen, left = set(), [module]
    while left:
        for name in imports(left.pop()) - seen:
            seen.add(name)
            left += [name] * (name in MODULES)
    return seen


def unit(module):
    """The part of sgbench that the table names: a module, or a package."""
    return ".".join(module.split(".")[:2])


def within(module, *packages):
    return any(module == package or module.startswith(f"{package}.") for package in packages)


SUITE = [module for module in MODULES if within(module, "sgbench") and module != "sgbench"]


def test_every_module_has_its_layer_and_every_layer_its_modules():
    assert {unit(module) for module in SUITE} == DEPTHS.keys()


@pytest.mark.parametrize("module", SUITE)
def test_no_import_goes_up(module):
    own = unit(module)
    for other in imports(module):
        if within(other, "sgbench") and other != "sgbench" and unit(other) != own:
            assert DEPTHS[unit(other)] > DEPTHS[own], f"{module} imports {other}, which is not below it"


@pytest.mark.parametrize("module", ["sgbench.sggan", *(m for m in MODULES if within(m, "baselines"))])
def test_methods_import_only_what_a_method_needs(module):
    of_the_project = {name for name in imports(module) if within(name, "sgbench", "baselines")}
    assert of_the_project <= METHODS_MAY_IMPORT


@pytest.mark.parametrize("module", SUITE)
def test_the_suite_imports_no_method(module):
    assert not {name for name in imports(module) if within(name, "baselines", "sgbench.sggan")}


@pytest.mark.parametrize("module", [m for m in SUITE if within(m, "sgbench.report", "sgbench.regression")])
def test_reports_are_made_without_torch(module):
    assert not {name for name in reached(module) if within(name, "torch", "torchvision", "torchmetrics")}


@pytest.mark.parametrize("module", [m for m in SUITE if within(m, "sgbench.metrics")])
def test_metrics_know_no_network(module):
    assert not {name for name in reached(module) if within(name, "sgbench.networks", "sgbench.features", "torchvision")}


@pytest.mark.parametrize("module", [f"sgbench.{name}" for name in LAYERS[0]])
def test_command_lines_import_what_is_heavy_late(module):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    early = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert {name for name in early if within(name, "sgbench")} <= {"sgbench.errors", "sgbench.command"}
