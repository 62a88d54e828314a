"""Chooses the quick config's settings of each method by validation faces: ``python -m benchmarks.tuning``.

The same procedure for every method, with as many trials:

1. The first trial is the method's start in ``tuning_space``, set by hand after exploratory trials (twenty of SG-GAN,
   half of them a search from a start with n_critic 1 that tinted everything; seven of StarGAN; three of ResidualGAN;
   two of SemiStarGAN and the beginnings of five more: with its first weights as published, narrow networks learn no
   smile). Every further one takes the settings of the best trial so far and draws about a third of them anew from
   the method's table.
2. Each trial trains for the same time: its iterations are those of the method's share of ten minutes, divided by how
   long its iteration takes beside one of the first trial, both timed in turns.
3. It is trained with seed 0 on the training faces without the validation faces, and a jury that has not seen these
   either looks at what it makes of them. Its **shortfall** is how far it is from the bars below, each in its own unit.
4. The trials with the smallest shortfalls are trained with two more seeds; the smallest mean is chosen.
5. What is chosen is trained again with all seeds, ``LONGER`` times as many iterations: these became faster after the
   trials, and the factor is what the time of training allows, the same for every method.

Test faces are not looked at. Trials that were run before are not run again. Writes ``tuning.csv`` and the table of
``tuning.md`` beside this file.
"""

import argparse
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, median
from typing import Any

import pandas as pd
import torch
import yaml

from benchmarks.tuning_figures import figures, shortfall
from benchmarks.tuning_space import BARS, ITERATIONS, SPACE, START
from sgbench.data.labels import Batch
from sgbench.methods.casting import cast_once
from sgbench.methods.contract import Method
from sgbench.settings.config_files import find_config
from sgbench.settings.reading import METHOD_PACKAGES, read_settings
from sgbench.support.atomic import write_text
from sgbench.support.loading import load_class
from sgbench.training.precision import settled

FOLDER = Path(__file__).parent
BEGIN, END = "<!-- results -->", "<!-- end of results -->"
NUM_TRIALS, NUM_FINAL, SEEDS = 6, 2, (0, 1, 2)
LONGER = 1.4


def main() -> None:
    """Run every trial that is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="the run folder")
    parser.add_argument("--methods", default=",".join(SPACE))
    runs, methods = (arguments := parser.parse_args()).runs, arguments.methods.split(",")
    run_study(runs, "tuning-judges", {}, 0)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda method: tune(runs, method), methods))
        list(pool.map(lambda method: train_longer(runs, method), methods))
    write_tables(runs, methods)


def tune(runs: Path, method: str) -> None:
    """The trials of a method that one is chosen by, one after another."""
    for number in range(NUM_TRIALS):
        run_trial(runs, method, number, SEEDS[0])
    for number in best_of(runs, method)[:NUM_FINAL]:
        for seed in SEEDS[1:]:
            run_trial(runs, method, number, seed)


def train_longer(runs: Path, method: str) -> None:
    """What was chosen for a method, with all seeds."""
    for seed in SEEDS:
        run_trial(runs, method, chosen(runs, method), seed, LONGER)


def trial_settings(runs: Path, method: str, number: int) -> dict[str, Any]:
    """A trial's settings, without its iterations."""
    known = kept_at(runs, method, number, SEEDS[0])
    if known.exists():
        return json.loads(known.read_text(encoding="utf-8"))["settings"]
    if not number:
        return dict(START[method])
    draw = random.Random(f"{method} {number}")
    best = trial_settings(runs, method, best_of(runs, method)[0])
    changed = [name for name in SPACE[method] if draw.random() < 1 / 3] or [draw.choice(list(SPACE[method]))]
    fields = load_class(method, Method, METHOD_PACKAGES).Settings.model_fields
    has = {name: best.get(name, getattr(fields.get(name), "default", None)) for name in changed}
    return best | {name: draw.choice([v for v in SPACE[method][name] if v != has[name]]) for name in changed}


def kept_at(runs: Path, method: str, number: int, seed: int, longer: float = 1.0) -> Path:
    """Where a trial's outcome is kept."""
    times = "" if longer == 1 else f"x{longer}"
    return runs / "trials" / f"tuning-{method}-{number}{times}-s{seed}.json"


def run_trial(runs: Path, method: str, number: int, seed: int, longer: float = 1.0) -> None:
    """Train and score a trial, unless its outcome is kept."""
    kept = kept_at(runs, method, number, seed, longer)
    if kept.exists():
        return
    settings = trial_settings(runs, method, number)
    own = {name: value for name, value in settings.items() if name != "constant"}
    known = kept_at(runs, method, number, SEEDS[0])
    if known.exists():
        iterations = json.loads(known.read_text(encoding="utf-8"))["iterations"]
    else:
        iterations = round(ITERATIONS[method] / (relative_time(method, own) if number else 1))
    iterations = round(longer * iterations)
    own |= {"iterations": iterations, "constant_iterations": round(settings["constant"] * iterations)}
    began = time.monotonic()
    folder = run_study(runs, kept.stem, {method: own}, seed)
    outcome = {"method": method, "trial": number, "seed": seed, "longer": longer, "iterations": iterations}
    outcome["settings"] = settings
    outcome |= {"seconds": time.monotonic() - began} | figures(runs, folder, method)
    outcome["shortfall"] = shortfall(outcome)
    write_text(kept, json.dumps(outcome, indent=1) + "\n")
    print(f"{kept.stem}: {json.dumps({k: round(outcome[k], 2) for k in ('shortfall', *BARS)})}", flush=True)


def run_study(runs: Path, name: str, methods: Mapping[str, Any], seed: int) -> Path:
    """Run a study of some methods on the validation faces; its folder."""
    config = yaml.safe_load(find_config("quick").read_text(encoding="utf-8"))
    config |= {"study": name, "methods": dict(methods) or config["methods"], "notes": []}
    path = runs / "trials" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    options = ["--config", path, "--scored-on", "validation", "--seeds", str(seed), "--out", runs, "--workers", "1"]
    options += [] if methods else ["--methods", "none"]
    subprocess.run([sys.executable, "-m", "sgbench.run", *map(str, options)], check=True, stdout=subprocess.DEVNULL)
    (folder,) = runs.glob(f"{name}*@validation")
    return folder


def relative_time(method: str, settings: Mapping[str, Any]) -> float:
    """Time of an iteration beside that of the first trial's, on one thread: the median ratio of 25 turns."""
    torch.set_num_threads(1)
    first = {k: v for k, v in START[method].items() if k != "constant"}
    both = [iterate(method, own) for own in (first, settings)]
    seconds = [[next(one) for one in both] for _ in range(28)][3:]
    return median(own / base for base, own in seconds)


def iterate(method: str, settings: Mapping[str, Any]) -> Iterator[float]:
    """Seconds of iterations, one after another, on noise."""
    cls = load_class(method, Method, METHOD_PACKAGES)
    study = read_settings(find_config("quick"), {}, {})
    source = study.source(study.data)
    attributes = source.attributes[:1] if cls.one_attribute else source.attributes
    labels = torch.randint(-1, 2, (200, len(attributes)), dtype=torch.int8)
    labels[:4] = 1
    built = cls(attributes, 32, cls.Settings(iterations=2, constant_iterations=1, **settings), labels)
    built = built.to(memory_format=torch.channels_last)
    size = built.settings.batch_size * (2 if cls.sampling == "by_value" else 1)
    drawn = [Batch(torch.rand(size, 3, 32, 32) * 2 - 1, labels[:size]) for _ in range(built.batches_per_iteration)]
    lower = settled("auto", torch.device("cpu")) == "bfloat16"
    while True:
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=lower, cache_enabled=False), cast_once():
            built.step(drawn, 0)
        yield time.perf_counter() - began


def outcomes(runs: Path, method: str) -> list[dict[str, Any]]:
    """What is kept of a method's trials."""
    paths = sorted((runs / "trials").glob(f"tuning-{method}-*.json"))
    return [{"longer": 1.0} | json.loads(path.read_text(encoding="utf-8")) for path in paths]


def best_of(runs: Path, method: str) -> list[int]:
    """Trials by their shortfalls with seed 0, the smallest first."""
    firsts = [one for one in outcomes(runs, method) if one["seed"] == SEEDS[0] and one["longer"] == 1]
    return [one["trial"] for one in sorted(firsts, key=lambda one: (one["shortfall"], one["trial"]))]


def chosen(runs: Path, method: str) -> int:
    """The trial whose mean shortfall over seeds is smallest."""
    finals = best_of(runs, method)[:NUM_FINAL]
    found = [one for one in outcomes(runs, method) if one["longer"] == 1]
    return min(finals, key=lambda number: mean(one["shortfall"] for one in found if one["trial"] == number))


def write_tables(runs: Path, methods: list[str]) -> None:
    """Every trial as CSV, and a table a method with what was chosen; rows of methods that were not asked for stay."""
    found = [one for method in methods for one in outcomes(runs, method)]
    flat = [{k: v for k, v in one.items() if k != "settings"} | one["settings"] for one in found]
    path = FOLDER / "tuning.csv"
    before = pd.read_csv(path)
    table = pd.concat([before[~before.method.isin(methods)], pd.DataFrame(flat)])
    table.to_csv(path, index=False, float_format="%.6g")
    path = FOLDER / "tuning.md"
    head, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    tables, _, foot = rest.partition(END)
    _, *kept = re.split(r"^## ", tables, flags=re.MULTILINE)
    parts = {part.partition("\n")[0]: f"## {part.strip()}\n" for part in kept}
    parts |= {method: f"## {method}\n\n{table_of(runs, method)}\n" for method in methods}
    write_text(path, f"{head}{BEGIN}\n" + "\n".join(parts.values()) + f"{END}{foot}")


def table_of(runs: Path, method: str) -> str:
    """A method's trials as a Markdown table."""
    rows = [
        {
            "Trial": f"{o['trial']}" + (f", {o['longer']:g} times as long" if o["longer"] != 1 else ""),
            "Seed": o["seed"],
            "Shortfall": f"{o['shortfall']:.2f}",
        }
        | {name.capitalize(): f"{o[name]:.1f}" for name in BARS}
        | {"Iterations": o["iterations"], "Chosen": "yes" if o["trial"] == chosen(runs, method) else ""}
        for o in outcomes(runs, method)
    ]
    return pd.DataFrame(rows).to_markdown(index=False)


if __name__ == "__main__":
    main()
