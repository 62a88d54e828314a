"""Would the tests notice a wrong formula? Mutants of the files that hold formulas: ``python benchmarks/mutation.py``.

A mutant is a file with one small change: an integer one more or one less, a float doubled or 1 % larger; a comparison
(``<`` and ``<=``, ``==`` and ``!=``), an operator (``+`` and ``-``, ``*`` and ``/``), ``and`` and ``or``, True and
False, or a least and a greatest (min, max, clamp, any, all, argmin, argmax) taken for its counterpart; ``-``, ``not``
or ``~`` dropped; the condition of an ``if`` always false. Strings, annotations and ``raise`` statements stay. It is
killed when one of its file's tests fails, or does not end. All happens in a copy of the tree; hypothesis draws the same
examples each time.

Writes mutation.csv, every mutant with its fate, and the tables of mutation.md. The column ``reason`` says why a mutant
survives; it is filled in by hand and kept as long as the mutant is found again.
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
LIMIT = 120
"""Seconds a mutant's tests may take."""

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
    "statistics/paired.py": ("statistics/test_paired.py",),
    "statistics/intervals.py": ("statistics/test_intervals.py", "statistics/test_paired.py"),
}
WARM = ("torch", "torchmetrics", "scipy.stats", "hypothesis.extra.numpy", "pytorch_msssim", "torch_fidelity")

SWAPPED = [
    *[(ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot), (ast.In, ast.NotIn)],
    *[(ast.Add, ast.Sub), (ast.Mult, ast.Div), (ast.BitAnd, ast.BitOr), (ast.And, ast.Or)],
]
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
    """Every mutant of a file in the order of its lines, and its source."""
    tree, lines = ast.parse(source), source.splitlines()
    for parent, field, index, node in _places(tree):
        for other in _alternatives(node):
            _put(parent, field, index, other)
            before, after = (ast.unparse(n).splitlines()[0] for n in (node, other))
            text = lines[node.lineno - 1].strip()
            column = node.col_offset - lines[node.lineno - 1].index(text)
            repeat = sum(line.strip() == text for line in lines[: node.lineno - 1])
            yield Mutant(file, node.lineno, column, text, repeat, before, after), ast.unparse(tree)
            _put(parent, field, index, node)


def _places(parent: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Nodes below ``parent`` and where they hang; what is only said to a reader is left out."""
    for field, value in ast.iter_fields(parent):
        if field in ("annotation", "returns"):
            continue
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(node, ast.AST) and not isinstance(node, ast.Raise):
                yield parent, field, index, node
                yield from _places(node)


def _put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def _alternatives(node: ast.AST) -> Iterator[ast.AST]:
    """What one small change makes of a node."""
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(value * 2)
            yield ast.Constant(value * 1.01)
        case ast.Compare(ops=[op]):
            yield _changed(node, ops=[OPERATORS[type(op)]()])
        case ast.Compare():
            raise SystemExit(f"line {node.lineno}: chained comparisons are not mutated")
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op):
            yield _changed(node, op=OPERATORS[type(op)]())
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert()):
            yield node.operand
        case ast.Attribute(attr=name) if name in NAMES:
            yield _changed(node, attr=NAMES[name])
        case ast.Name(id=name) if name in NAMES:
            yield _changed(node, id=NAMES[name])
        case ast.keyword(arg=name) if name in NAMES:
            yield _changed(node, arg=NAMES[name])
        case ast.If():
            yield _changed(node, test=ast.Constant(False))


def _changed(node: ast.AST, **fields: object) -> ast.AST:
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def passes(tree: Path, file: str) -> bool:
    """Whether a file's tests pass in a copy of the tree, in a fork of this process."""
    child = os.fork()
    if not child:
        _run_tests(tree, file)
    return os.waitpid(child, 0)[1] == 0


def _run_tests(tree: Path, file: str) -> None:
    """Ends the process."""
    signal.alarm(LIMIT)
    os.chdir(tree)
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    for name in [name for name in sys.modules if name.partition(".")[0] == "sgbench"]:
        del sys.modules[name]
    sys.path.insert(0, str(tree))
    tests = [str(tree / "tests" / name) for name in TESTS[file]]
    code = 1
    try:
        code = int(pytest.main(["-x", "-p", "no:cacheprovider", "-p", "no:unraisableexception", *tests]))
    finally:
        os._exit(code)


def study(tree: Path, file: str, sample: int, again: set[tuple] | None) -> Iterator[dict[str, object]]:
    """Run the mutants of one file, or only those of ``again``."""
    path = tree / "sgbench" / file
    source = path.read_text(encoding="utf-8")
    sys.dont_write_bytecode = False
    if not passes(tree, file):
        raise SystemExit(f"{file}: its tests fail without a mutation")
    path.write_text("raise ImportError\n", encoding="utf-8")
    if passes(tree, file):
        raise SystemExit(f"{file}: its tests do not read the copy")
    sys.dont_write_bytecode = True  # else a mutant of the same second and length is taken for the one before
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
    """What a mutant is, wherever its line has moved."""
    return tuple(str(row[name]) for name in ("file", "text", "repeat", "column", "before", "after"))


def tables(rows: pd.DataFrame) -> str:
    """What the study found, as Markdown."""
    lines = []
    for file, own in rows.groupby("file", sort=False):
        names = ", ".join(Path(name).stem.removeprefix("test_") for name in TESTS[file])
        lines.append({"File": f"sgbench/{file}", "Tests": names, "Possible": int(own["of"].iloc[0])} | _counts(own))
    total = {"File": "All", "Tests": "", "Possible": sum(line["Possible"] for line in lines)} | _counts(rows)
    parts = [pd.DataFrame([*lines, total]).to_markdown(index=False, disable_numparse=True)]
    for file, own in rows[rows["survived"] == 1].groupby("file", sort=False):
        parts.append(f"### Survivors of sgbench/{file}")
        parts.append(
            "\n".join(
                f"- line {row.line}: `{row.before}` to `{row.after}` in `{row.text}`: {row.reason or 'unexplained'}"
                for row in own.itertuples()
            )
        )
    return "\n\n".join(parts)


def _counts(rows: pd.DataFrame) -> dict[str, object]:
    survived = int(rows["survived"].sum())
    killed = len(rows) - survived
    return {"Run": len(rows), "Killed": killed, "Survived": survived, "Killed, %": f"{100 * killed / len(rows):.1f}"}


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description="Mutation study of the files that hold formulas.")
    parser.add_argument("files", nargs="*", choices=[*TESTS, []], help="of sgbench/; without one, all")
    parser.add_argument("--sample", type=int, default=sys.maxsize, help="most mutants a file, drawn by seed 2018")
    parser.add_argument("--survivors", action="store_true", help="run only those that survived the last time")
    parser.add_argument("--tables", action="store_true", help="run nothing, write the tables of mutation.csv anew")
    arguments = parser.parse_args()
    if arguments.tables:
        write(read())
    else:
        run(arguments.files or list(TESTS), arguments.sample, arguments.survivors)


def run(files: list[str], sample: int, survivors: bool) -> None:
    """Run the mutants of some files, and write after each file."""
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
            found = list(study(Path(folder), file, sample, again))
            write(merge(earlier, found, file, whole=not survivors))


def read() -> list[dict[str, object]]:
    """Rows of mutation.csv, if there is one."""
    path = FOLDER / "mutation.csv"
    return pd.read_csv(path, keep_default_na=False).to_dict("records") if path.exists() else []


def merge(earlier: list[dict], found: list[dict], file: str, whole: bool) -> list[dict]:
    """Earlier rows with those found in place of a file's, or (not ``whole``) only of the same mutants'."""
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
