"""Do the tests notice a wrong formula? Tests mutants of the files with formulas: ``python benchmarks/mutation.py``.

A mutant is a file with one small change, as ``_alternatives`` lists them; strings, annotations and ``raise`` statements
are not changed. It is killed if a test of the file fails or does not end, otherwise it survives. The tests run in a
copy of the tree, with the same examples of hypothesis each time.
Writes mutation.csv with all mutants, and the tables of mutation.md. The column ``reason`` says why a mutant survives;
it is written by hand and kept as long as the mutant is found again.
"""

import argparse
import ast
import copy
import gc
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import hypothesis
import pandas as pd
import pytest

from sgbench.support.atomic import write_text

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
SEED = 2018
LIMIT = 120  # seconds that the tests of a mutant may take

SHARED = ("metrics/test_golden.py", "metrics/test_known_answers.py", "metrics/test_metrics_contract.py")
ORACLES = (*SHARED, "metrics/test_oracles.py")
SETS = ("metrics/test_set_distances.py",)
TESTS = {
    "metrics/accuracy.py": ORACLES,
    "metrics/background.py": ORACLES,
    "metrics/calibration.py": ("metrics/test_calibration.py", *SHARED),
    "metrics/distance.py": ORACLES,
    "metrics/frechet.py": SETS,
    "metrics/identity.py": ("metrics/test_identity.py", *SHARED),
    "metrics/image_metric.py": (*ORACLES, "statistics/test_paired.py"),
    "metrics/inception_score.py": (*ORACLES, "statistics/test_paired.py"),
    "metrics/kernel.py": SETS,
    "metrics/set_distance.py": SETS,
    "metrics/similarity.py": (*SHARED, "metrics/test_similarity.py"),
    "metrics/windows.py": (*ORACLES, "metrics/test_similarity.py"),
    "statistics/corrections.py": ("statistics/test_paired.py",),
    "statistics/paired.py": ("statistics/test_paired.py",),
    "statistics/intervals.py": ("statistics/test_intervals.py", "statistics/test_paired.py"),
}
PYTEST = ("-x", "-p", "no:cacheprovider", "-p", "no:unraisableexception", "-W", "default")
WARM = ("torch", "torchmetrics", "scipy.stats", "hypothesis.extra.numpy", "pytorch_msssim", "torch_fidelity")

SWAPPED = [(ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot), (ast.In, ast.NotIn)]
SWAPPED += [(ast.Add, ast.Sub), (ast.Mult, ast.Div), (ast.BitAnd, ast.BitOr), (ast.And, ast.Or)]
OPERATORS = {a: b for pair in SWAPPED for a, b in (pair, pair[::-1])}
OPERATORS |= {ast.FloorDiv: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Mult, ast.Mod: ast.Mult}
OPPOSITES = [("min", "max"), ("amin", "amax"), ("argmin", "argmax"), ("minimum", "maximum"), ("any", "all")]
NAMES = {a: b for pair in OPPOSITES for a, b in (pair, pair[::-1])}


class Mutant(NamedTuple):
    file: str
    line: int
    column: int
    text: str
    repeat: int
    before: str
    after: str


def mutants(file: str, source: str) -> Iterator[tuple[Mutant, str]]:
    """Every mutant of a file with its source, in the order of the lines."""
    tree, lines = ast.parse(source), source.splitlines()
    for container, key, node in _places(tree):
        for other in _alternatives(node):
            container[key] = other
            before, after = (ast.unparse(n).splitlines()[0] for n in (node, other))
            text = lines[node.lineno - 1].strip()
            column = node.col_offset - lines[node.lineno - 1].index(text)
            repeat = sum(line.strip() == text for line in lines[: node.lineno - 1])
            yield Mutant(file, node.lineno, column, text, repeat, before, after), ast.unparse(tree)
            container[key] = node


def _places(parent: ast.AST) -> Iterator[tuple[list | dict, int | str, ast.AST]]:
    """Nodes below ``parent``, each with its container and its key there; annotations and ``raise`` are left out."""
    for field, value in ast.iter_fields(parent):
        container = value if isinstance(value, list) else vars(parent)
        for key, node in enumerate(value) if container is value else [(field, value)]:
            if isinstance(node, ast.AST) and not isinstance(node, ast.Raise) and field not in ("annotation", "returns"):
                yield container, key, node
                yield from _places(node)


def _alternatives(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes that one small change can make of a node."""
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.Constant(value=float(value)):
            yield from (ast.Constant(value * 2), ast.Constant(value * 1.01))
        case ast.Compare(ops=[op]):
            yield _changed(node, ops=[OPERATORS[type(op)]()])
        case ast.Compare():
            raise SystemExit(f"line {node.lineno}: chained comparisons are not mutated")
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op):
            yield _changed(node, op=OPERATORS[type(op)]())
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert()):
            yield node.operand
        case ast.Attribute(attr=name) | ast.Name(id=name) | ast.keyword(arg=name) if name in NAMES:
            (field,) = {"attr", "id", "arg"} & set(node._fields)
            yield _changed(node, **{field: NAMES[name]})
        case ast.If():
            yield _changed(node, test=ast.Constant(False))


def _changed(node: ast.AST, **fields: object) -> ast.AST:
    other = copy.copy(node)
    vars(other).update(fields)
    return other


def passes(tree: Path, file: str) -> bool:
    """Whether a file's tests pass in a copy of the tree; they run in a fork of this process."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    signal.alarm(LIMIT)
    os.chdir(tree)
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    for name in [name for name in sys.modules if name.partition(".")[0] == "sgbench"]:
        del sys.modules[name]
    sys.path.insert(0, str(tree))
    tests = [str(tree / "tests" / name) for name in TESTS[file]]
    try:
        os._exit(int(pytest.main([*PYTEST, *tests])))
    finally:
        os._exit(1)


def study(tree: Path, file: str, sample: int, again: set[tuple] | None) -> Iterator[dict[str, object]]:
    """Run at most ``sample`` mutants of one file, or of these only those in ``again``."""
    path = tree / "sgbench" / file
    source = path.read_text(encoding="utf-8")
    sys.dont_write_bytecode = False
    if not passes(tree, file):
        raise SystemExit(f"{file}: its tests fail without a mutation")
    path.write_text("raise ImportError\n", encoding="utf-8")
    if passes(tree, file):
        raise SystemExit(f"{file}: its tests do not read the copy")
    sys.dont_write_bytecode = True  # otherwise Python may use the bytecode of the mutant before
    every = list(mutants(file, source))
    chosen = sorted(random.Random(SEED).sample(range(len(every)), min(sample, len(every))))
    for mutant, mutated in (every[i] for i in chosen):
        if again is None or _key(mutant._asdict()) in again:
            path.write_text(mutated, encoding="utf-8")
            survived = passes(tree, file)
            print(f"{file}:{mutant.line}", mutant.before, "->", mutant.after, *["survived"] * survived, flush=True)
            yield mutant._asdict() | {"of": len(every), "survived": int(survived)}
    path.write_text(source, encoding="utf-8")


def _key(row: dict[str, object]) -> tuple:
    """What identifies a mutant, even when its line has moved."""
    return tuple(str(row[name]) for name in ("file", "text", "repeat", "column", "before", "after"))


def tables(rows: pd.DataFrame) -> str:
    """The results of the study, as Markdown."""
    lines = []
    for file, of_file in rows.groupby("file", sort=False):
        names, possible = (Path(name).stem.removeprefix("test_") for name in TESTS[file]), int(of_file["of"].iloc[0])
        lines.append({"File": f"sgbench/{file}", "Tests": ", ".join(names), "Possible": possible} | _counts(of_file))
    total = {"File": "All", "Tests": "", "Possible": sum(line["Possible"] for line in lines)} | _counts(rows)
    parts = [pd.DataFrame([*lines, total]).to_markdown(index=False, disable_numparse=True)]
    for file, survivors in rows[rows["survived"] == 1].groupby("file", sort=False):
        survived = [
            f"- line {row.line}: `{row.before}` to `{row.after}` in `{row.text}`: {row.reason or 'unexplained'}"
            for row in survivors.itertuples()
        ]
        parts += [f"### Survivors of sgbench/{file}", "\n".join(survived)]
    return "\n\n".join(parts)


def _counts(rows: pd.DataFrame) -> dict[str, object]:
    survived = int(rows["survived"].sum())
    killed = len(rows) - survived
    return {"Run": len(rows), "Killed": killed, "Survived": survived, "Killed, %": f"{100 * killed / len(rows):.1f}"}


def main() -> None:
    """Run the study, or only write its tables."""
    parser = argparse.ArgumentParser(description="Mutation study of the files that hold formulas.")
    parser.add_argument("files", nargs="*", choices=[*TESTS, []], help="files of sgbench/ (default: all)")
    parser.add_argument("--sample", type=int, default=sys.maxsize, help="most mutants per file, drawn by seed 2018")
    parser.add_argument("--survivors", action="store_true", help="run only those that survived the last time")
    parser.add_argument("--tables", action="store_true", help="only write the tables again from mutation.csv")
    arguments = parser.parse_args()
    if arguments.tables:
        write(read())
    else:
        run(arguments.files or list(TESTS), arguments.sample, arguments.survivors)


def run(files: list[str], sample: int, survivors: bool) -> None:
    """Run the mutants of the files, and write the results after each file."""
    for name in WARM:
        importlib.import_module(name)
    importlib.import_module("torch").set_num_threads(1)
    hypothesis.settings.register_profile("mutation", derandomize=True, database=None, deadline=None)
    hypothesis.settings.load_profile("mutation")
    gc.freeze()
    with tempfile.TemporaryDirectory() as folder:
        for name in ("sgbench", "tests"):
            shutil.copytree(ROOT / name, Path(folder, name))
        shutil.copy2(ROOT / "pyproject.toml", folder)
        for file in files:
            earlier = read()
            again = {_key(row) for row in earlier if row["survived"]} if survivors else None
            new = list(study(Path(folder), file, sample, again))
            write(merge(earlier, new, file, whole=not survivors))


def read() -> list[dict[str, object]]:
    """The rows of mutation.csv, if it exists."""
    path = FOLDER / "mutation.csv"
    return pd.read_csv(path, keep_default_na=False).to_dict("records") if path.exists() else []


def merge(earlier: list[dict], found: list[dict], file: str, whole: bool) -> list[dict]:
    """Earlier rows, in which ``found`` replaces all rows of a file (``whole``), or only those of the same mutants."""
    reasons = {_key(row): row["reason"] for row in earlier}
    for row in found:
        row["reason"] = reasons.get(_key(row), "") if row["survived"] else ""
    new = {_key(row) for row in found}
    kept = [row for row in earlier if _key(row) not in new and not (whole and row["file"] == file)]
    return sorted([*kept, *found], key=lambda row: (list(TESTS).index(row["file"]), row["line"]))


def write(rows: list[dict]) -> None:
    """Write mutation.csv and the tables of mutation.md."""
    frame = pd.DataFrame(rows)
    write_text(FOLDER / "mutation.csv", frame.to_csv(index=False, lineterminator="\n"))
    before, _, rest = (FOLDER / "mutation.md").read_text(encoding="utf-8").partition(BEGIN)
    write_text(FOLDER / "mutation.md", f"{before}{BEGIN}\n{tables(frame)}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
