"""The shape of the code, read from sources: imports go down, knowledge has one owner, every module is reached."""

import ast
import statistics
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from sgbench.commands.door import COMMANDS
from sgbench.metrics.catalogue import METRICS
from sgbench.settings.config_files import METHOD_PACKAGES, SOURCE_PACKAGES

ROOT = Path(__file__).parents[1]
LAYERS = (
    ("run", "__main__"),
    ("commands",),
    ("exporting",),
    ("submissions", "translating", "leaderboard"),
    ("studies", "report", "regression"),
    ("claims", "trials", "starting"),
    ("scoring", "launching"),
    ("plan", "experiments"),
    ("settings",),
    ("judges", "features"),
    ("training",),
    ("methods",),
    ("results", "statistics"),
    ("data", "metrics"),
    ("support",),
)
"""Parts of sgbench from the top: each imports only what is below its row, or its own package."""
METHODS_MAY_IMPORT = {
    "sgbench.methods.adam",
    "sgbench.methods.batch_norm",
    "sgbench.methods.branches",
    "sgbench.methods.contract",
    "sgbench.methods.convolutions",
    "sgbench.methods.critics",
    "sgbench.methods.editing",
    "sgbench.methods.encoder_decoder",
    "sgbench.methods.losses",
    "sgbench.methods.narrow",
    "sgbench.methods.networks",
    "sgbench.methods.norms",
    "sgbench.methods.shared_head",
    "sgbench.methods.star_generator",
    "sgbench.methods.vector_method",
    "sgbench.methods.targets",
    "sgbench.methods.vectors",
    "sgbench.data.labels",
}
WITH_TORCH = {
    "report.comparisons",
    "report.html.gallery",
    "report.kept",
    "report.making",
    "report.packed",
    "report.subgroups",
    "report.verification",
    "regression.by_images",
    "regression.holding",
}
"""Modules of report and regression that look at per-image scores."""
DEPTHS = {f"sgbench.{name}": depth for depth, names in enumerate(LAYERS) for name in names}
TOP_LEVEL, MEDIAN_LINES, MOST_LINES = 12, 110, 260


def module_name(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(p): p for package in ("sgbench", "baselines") for p in sorted((ROOT / package).rglob("*.py"))}
SUITE = [module for module in MODULES if module.startswith("sgbench.")]


@cache
def tree(module):
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def imports(module):
    """Everything that a module imports anywhere in it, as full names; a submodule counts, its package does not."""
    found = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: line {node.lineno}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in MODULES else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return frozenset(found)


def reached(*modules):
    """Everything that importing modules can import, through modules of the project."""
    seen, left = set(), list(modules)
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


def texts(module):
    """Every string of a module but its docstrings, with its line."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree(module))
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def test_every_module_has_its_layer_and_every_layer_its_modules():
    assert {unit(module) for module in SUITE} == DEPTHS.keys()


@pytest.mark.parametrize("module", SUITE)
def test_no_import_goes_up(module):
    mine = unit(module)
    for other in imports(module):
        if within(other, "sgbench") and other != "sgbench" and unit(other) != mine:
            assert DEPTHS[unit(other)] > DEPTHS[mine], f"{module} imports {other}, which is not below it"


@pytest.mark.parametrize("module", ["sgbench.methods.sggan", *(m for m in MODULES if within(m, "baselines"))])
def test_methods_import_only_what_a_method_needs(module):
    of_the_project = {name for name in imports(module) if within(name, "sgbench", "baselines")}
    assert of_the_project <= METHODS_MAY_IMPORT


@pytest.mark.parametrize("module", SUITE)
def test_the_suite_imports_no_method(module):
    assert not {name for name in imports(module) if within(name, "baselines", "sgbench.methods.sggan")}


@pytest.mark.parametrize("module", [m for m in SUITE if within(m, "sgbench.report", "sgbench.regression")])
def test_tables_and_tolerances_are_without_torch(module):
    if module.removeprefix("sgbench.") not in WITH_TORCH:
        assert not {name for name in reached(module) if within(name, "torch", "torchvision", "torchmetrics")}


@pytest.mark.parametrize("module", [m for m in SUITE if within(m, "sgbench.report", "sgbench.regression")])
def test_reports_are_made_without_what_is_heavy_beside_torch(module):
    """torchmetrics imports torchvision, which imports torch's compiler: 160 MiB and two seconds."""
    assert not {name for name in reached(module) if within(name, "torchvision", "torchmetrics")}


@pytest.mark.parametrize("module", [m for m in SUITE if within(m, "sgbench.metrics")])
def test_metrics_know_no_network(module):
    assert not {name for name in reached(module) if within(name, "sgbench.methods", "sgbench.features", "torchvision")}


def test_the_catalogue_is_read_without_torch():
    assert not {name for name in reached("sgbench.metrics.catalogue") if within(name, "torch", "numpy", "pandas")}


@pytest.mark.parametrize(
    "module", ["sgbench.run", "sgbench.__main__", *(m for m in SUITE if within(m, "sgbench.commands"))]
)
def test_command_lines_import_what_is_heavy_late(module):
    early = {node.module for node in tree(module).body if isinstance(node, ast.ImportFrom)}
    allowed = {
        "sgbench.support.ending",
        "sgbench.support.errors",
        "sgbench.support.paths",
        "sgbench.commands.execution",
        "sgbench.commands.options",
        "sgbench.commands.door",
    }
    assert {name for name in early if within(name, "sgbench")} <= allowed


def test_every_module_is_reached_from_a_door():
    doors = {"sgbench.run", "sgbench.__main__"} | {module for module, _ in COMMANDS.values()}
    named = {spec.implementation.partition(":")[0] for spec in METRICS.values()} - {""}
    by_name = {m for m in MODULES if m.rpartition(".")[0] in (*METHOD_PACKAGES, *SOURCE_PACKAGES)}
    found = reached(*doors, *named, *by_name) | doors | named | by_name
    packages = {module for module, path in MODULES.items() if path.name == "__init__.py"}
    assert set(MODULES) - packages - found == set()


def test_the_top_level_is_small():
    assert len(list((ROOT / "sgbench").glob("*.py"))) <= TOP_LEVEL


def test_files_are_small():
    lengths = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert {module: n for module, n in lengths.items() if n > MOST_LINES} == {}
    assert statistics.median(n for module, n in lengths.items() if n > 1) <= MEDIAN_LINES


def test_no_two_classes_have_one_name():
    names = Counter(node.name for module in MODULES for node in tree(module).body if isinstance(node, ast.ClassDef))
    assert [name for name, times in names.items() if times > 1] == []


RUN_FILES = (
    "records.csv",
    "scores.npz",
    "samples.npz",
    "gallery.npz",
    "cost.json",
    "origin.json",
    "job.json",
    "checkpoint.pt",
    "labels.npz",
    "stats.jsonl",
    "settings.yaml",
    "plan.json",
    "study.json",
    "runtime.json",
    "SHA256SUMS",
    "report.md",
)
MAY_PARSE_JSON = {
    "sgbench.data.store.packed": "the index of packed images, whose format data.store owns",
    "sgbench.support.hashing": "values are hashed as JSON",
    "sgbench.support.strict": "JSON is parsed here for all",
}


@pytest.mark.parametrize("module", [m for m in MODULES if not within(m, "sgbench.results")])
def test_what_lies_in_a_run_folder_is_known_to_results_alone(module):
    spelt = [(line, text) for line, text in texts(module) for name in RUN_FILES if name in text]
    assert spelt == [], f"{module} spells the name of a file that results owns"
    if module not in MAY_PARSE_JSON:
        assert "json" not in imports(module), f"{module} reads or writes JSON; results owns the formats"


@pytest.mark.parametrize("module", [m for m in MODULES if not within(m, "sgbench.results.run_folder")])
def test_only_the_run_folder_knows_where_things_lie(module):
    folders = {"jobs", "systems", "cache"}
    joined = [
        node.lineno
        for node in ast.walk(tree(module))
        if isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Div)
        and isinstance(node.right, ast.Constant)
        and node.right.value in folders
    ]
    assert joined == [], f"{module} puts a path below the runs together"


UNBOUNDED = {"read_text", "read_bytes", "np.load", "torch.load", "zipfile.ZipFile", "json.load", "json.loads"}
"""Calls that read as much as a file has, or says that it has."""
READ_WITHIN_LIMITS = {f"sgbench.support.{name}" for name in ("reading", "archives", "tensors", "strict")}
MAY_READ_UNBOUNDED = {
    "sgbench.data.store.changes": "mapped into memory",
    "sgbench.data.store.references": "mapped into memory",
    "sgbench.report.verification": "a report's texts, compared line by line",
    "sgbench.results.published": "part of the package",
    "sgbench.support.cores": "the kernel's own files",
}


@pytest.mark.parametrize("module", [m for m in SUITE if m not in READ_WITHIN_LIMITS])
def test_files_are_read_within_limits_in_one_place(module):
    calls = [node for node in ast.walk(tree(module)) if isinstance(node, ast.Call)]
    methods = [node for node in calls if isinstance(node.func, ast.Attribute)]
    called = {ast.unparse(node.func) for node in methods} | {node.func.attr for node in methods}
    if module not in MAY_READ_UNBOUNDED:
        assert called & UNBOUNDED == set()
    opening = [node for node in methods if ast.unparse(node.func) == "Image.open"]
    assert all("formats" in {keyword.arg for keyword in node.keywords} for node in opening)


def test_levels_become_floats_in_one_place():
    spelt = {m for m in MODULES for node in ast.walk(tree(m)) if isinstance(node, ast.Constant) and node.value == 127.5}
    assert spelt == {"sgbench.data.pixels"}


def test_code_is_loaded_by_name_in_one_place():
    importing = {module for module in MODULES if {"importlib", "importlib.util"} & imports(module)}
    importing.remove("sgbench.support.modules")  # which only finds them
    assert importing == {"sgbench.support.loading", "sgbench.commands.door", "sgbench.metrics.implementations"}


def test_an_error_becomes_a_line_in_one_place():
    joining = {
        module
        for module in MODULES
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "join"
        and isinstance(node.func.value, ast.Constant)
        and node.func.value.value == " "
        and ".split()" in ast.unparse(node.args[0])
    }
    assert joining == {"sgbench.support.errors"}
