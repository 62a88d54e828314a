"""The commands on the pages of the documentation, one after another, with configs that take seconds.

Blocks of ``console`` are run, the files of blocks with a title are written first. Blocks of ``bash`` are not run: each
needs what a test has not, a GPU, a cluster, CelebA or an installation.
"""

import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from sgbench.commands import door
from sgbench.data.sources.faces import EmbeddedFaces
from sgbench.settings import config_files

DOCS = Path(__file__).parents[1] / "docs"
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(
    r"cuda|--launcher|srun|SBATCH|celeba|paper|pip install|make|git clone|inception|lpips", re.IGNORECASE
)
FEW = "20"
"""Labels in place of 500: so few images have as many."""
SHORT = {"iterations": 2, "constant_iterations": 1, "base_width": 2, "batch_size": 2}
TINY = {
    "data": {
        "class": "faces",
        "num_images": 260,
        "num_test": 50,
        "image_size": 32,
        "attributes": ["gender", "smile", "hair_color", "lipstick"],
    },
    "levels": [int(FEW)],
    "judge": {"epochs": 1, "floor": 0},
    "jury": {"size": 2, "epochs": 1, "floor": 0, "gate": 0},
    "scoring": {"num_resamples": 20, "composition": 0},
    "methods": {
        "sggan": SHORT | {"n_critic": 1},
        "stargan": SHORT | {"n_critic": 1, "discriminator_width": 2},
        "residualgan": SHORT,
    },
}


def blocks(page):
    """(language, title, text) of each block of a page."""
    return [(kind, title, text) for kind, title, text in FENCE.findall(page.read_text(encoding="utf-8"))]


def commands(text):
    """Commands of a block of ``console``, as lists of arguments."""
    lines = text.replace("\\\n", " ").splitlines()
    assert all(line.startswith("$ ") for line in lines), text
    return [shlex.split(re.sub(r"\b500\b", FEW, line.removeprefix("$ ")), comments=True) for line in lines]


PAGES = sorted(p for p in DOCS.glob("*.md") if any(kind == "console" for kind, _, _ in blocks(p)))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of pictures with a table of their labels, as the pages have it."""
    folder = tmp_path_factory.mktemp("given") / "photos"
    source = EmbeddedFaces(EmbeddedFaces.Settings(image_size=64, attributes=("smile", "gender"), num_images=160))
    rows = ["image,smile,species"]
    for place, pixels in enumerate(source.read_many(range(160))):
        name = f"{place:04d}.png"
        folder.mkdir(exist_ok=True)
        Image.fromarray(np.moveaxis(pixels, 0, 2)).save(folder / name)
        smile, other = source.labels[place].tolist()
        rows.append(f"{name},{max(smile, 0)},{('cat', 'dog')[max(other, 0)]}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture
def tiny_configs(tmp_path, monkeypatch):
    """The configs of the package with other sizes and schedules under their names."""
    folder = tmp_path / "configs"
    folder.mkdir()
    for name in ("quick", "miniature", "small", "celeba64"):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({"study": name} | TINY, sort_keys=False))
    monkeypatch.setattr(config_files, "CONFIGS", folder)


def test_there_are_pages_with_commands():
    assert {"tutorial.md", "own-data.md", "own-method.md", "own-translations.md"} <= {page.name for page in PAGES}


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_what_is_not_run_needs_what_a_test_has_not(page):
    for kind, _, text in blocks(page):
        if kind in ("bash", "sh", "shell"):
            assert NOT_RUN.search(text), text


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_work(page, photos, tiny_configs, tmp_path, monkeypatch):
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setattr(sys, "path", [*sys.path, str(work)])
    shutil.copytree(photos, work / "photos")
    if page.name != "tutorial.md":  # other pages begin where the tutorial ends
        run("sgbench", "run", "--methods", "sggan,stargan", "--sparse", FEW)
    for kind, title, text in blocks(page):
        if title:
            (work / title).write_text(text, encoding="utf-8")
        for command in commands(text) if kind == "console" else ():
            before_scoring(command, work)
            run(*command)
            shorten(command, work)


def run(*command):
    """A command, in this process; its status must be 0."""
    program, *arguments = command
    if program == "python":
        assert arguments[:2] == ["-m", "sgbench.run"], command
        program, arguments = "sgbench", ["run", *arguments[2:]]
    assert program == "sgbench", command
    draws = torch.get_rng_state()
    assert door.main(arguments) == 0, command
    torch.set_rng_state(draws)


def shorten(command, work):
    """Make the settings of a new method those of seconds."""
    if command[:3] == ["sgbench", "new", "method"]:
        for path in work.glob("*.yaml"):
            settings = yaml.safe_load(path.read_text())
            methods = {name: own | SHORT for name, own in settings["methods"].items() if own and "class" in own}
            path.write_text(yaml.safe_dump(settings | TINY | {"methods": methods}))


def before_scoring(command, work):
    """Put in place what a page tells the reader to: results of another program."""
    table = work / "elsewhere" / "requests.csv"
    if command[:3] == ["sgbench", "evaluate", "elsewhere/"] and table.exists():
        lines = [line.split(",") for line in table.read_text().splitlines()]
        head, rows = lines[0], lines[1:]
        for row in rows:
            about = dict(zip(head, row, strict=True))
            result = table.parent / about["result"]
            result.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(table.parent / about["image"], result)
        table.rename(table.with_name("results.csv"))
