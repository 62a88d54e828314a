"""Code from outside the package: which files count, and what changes its hash."""

import hashlib
import importlib
import re
import sys
import tomllib
from pathlib import Path

import pytest

from sgbench.support.code import check_as_imported, files_of, hash_of_code, is_data, is_outside, made_of
from sgbench.support.errors import UserError
from sgbench.support.parts import NEEDED

ROOT = Path(__file__).parents[2]

FILES = {
    "mine.py": "import numpy\nimport helper\nfrom sgbench.support import errors\n\nWEIGHTS = 'weights.pt'\n",
    "helper.py": "def half():\n    import deeper\n",
    "deeper.py": "import mine\n",
    "unrelated.py": "",
    "weights.pt": "1",
    "packed/__init__.py": "",
    "packed/faces.py": "from . import nets\nfrom .nets import parts\nimport helper\n\nW = '../weights.pt'\n",
    "packed/nets/__init__.py": "import packed.layers\n",
    "packed/nets/parts.py": "",
    "packed/layers.py": "",
    "packed/other.py": "",
}
MODULES = ("mine", "helper", "deeper", "packed", "packed.faces", "packed.nets", "packed.nets.parts", "packed.layers")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    import helper  # noqa: F401
    import mine  # noqa: F401
    import packed.faces  # noqa: F401

    yield tmp_path
    for name in MODULES:
        sys.modules.pop(name, None)


def test_a_file_counts_with_what_it_imports_from_its_folder_and_the_files_that_it_names(folder):
    found = files_of("mine")
    assert next(iter(found)) == "mine.py"
    assert found.keys() == {"mine.py", "helper.py", "deeper.py", "weights.pt"}
    assert found["helper.py"] == hashlib.sha256(FILES["helper.py"].encode()).hexdigest()


def test_a_module_of_a_package_counts_with_what_it_imports_from_the_package(folder):
    inside = {"__init__.py", "faces.py", "nets/__init__.py", "nets/parts.py", "layers.py"}
    beside = {"helper.py", "deeper.py", "mine.py", "weights.pt"}
    assert files_of("packed.faces").keys() == {f"packed/{name}" for name in inside} | beside


NAMING = {
    "a path of parts": "from pathlib import Path\nW = Path(__file__).parent / 'weights' / 'code.pt'\n",
    "a path that is joined": "import os\nW = os.path.join(os.path.dirname(__file__), 'weights', 'code.pt')\n",
    "a path in two steps": "from pathlib import Path\nD = Path(__file__).parent / 'weights'\nW = D / 'code.pt'\n",
    "a formatted path": "import os\nW = f'{os.path.dirname(__file__)}/weights/code.pt'\n",
    "a path from the folder above": "from pathlib import Path\nW = Path(__file__).parents[1] / 'shared' / 'code.pt'\n",
    "a path from the working folder": "W = 'at-work/code.pt'\n",
}


@pytest.mark.parametrize("text", NAMING.values(), ids=NAMING)
def test_files_that_are_named_piece_by_piece_count(text, folder, monkeypatch):
    for place in ("packed/weights", "shared", "work/at-work"):
        (folder / place).mkdir(parents=True)
        (folder / place / "code.pt").write_text("1")
    monkeypatch.chdir(folder / "work")
    (folder / "packed/faces.py").write_text(text)
    (named,) = (name for name in files_of("packed.faces") if name.endswith("code.pt"))
    before = hash_of_code("packed.faces")
    (folder / named).write_text("2")
    assert hash_of_code("packed.faces") != before


@pytest.mark.parametrize("name", ["run_by_name.py", "weights.so", "WEIGHTS", "notes.PY"])
def test_a_file_that_is_named_counts_whatever_its_suffix(name, folder):
    (folder / "packed" / name).write_text("K = 1\n")
    text = f"import runpy\nfrom pathlib import Path\nH = runpy.run_path(Path(__file__).with_name({name!r}))\n"
    (folder / "packed/faces.py").write_text(text)
    before = hash_of_code("packed.faces")
    assert f"packed/{name}" in files_of("packed.faces")
    (folder / "packed" / name).write_text("K = 2\n")
    assert hash_of_code("packed.faces") != before


def test_code_that_is_named_counts_with_what_it_imports_and_names(folder, tmp_path_factory, monkeypatch):
    (folder / "packed/faces.py").write_text("import runpy\nH = runpy.run_path('run_by_name.py')\n")
    work = tmp_path_factory.mktemp("work")
    (work / "run_by_name.py").write_text("import helper\nW = 'kept.npy'\nOWN = 'run_by_name.py'\n")
    (work / "kept.npy").write_text("1")
    monkeypatch.chdir(work)
    beside = {"packed/__init__.py", "packed/faces.py", "helper.py", "deeper.py", "mine.py", "weights.pt"}
    assert files_of("packed.faces").keys() - beside == {str(work / name) for name in ("run_by_name.py", "kept.npy")}


IMPORTING = {
    "a statement": "import set_apart.parts\n",
    "a call": "import importlib\nimportlib.import_module('set_apart.parts')\n",
    "a dunder": "__import__('set_apart.parts')\n",
}


@pytest.mark.parametrize("text", IMPORTING.values(), ids=IMPORTING)
def test_imports_are_followed_to_every_folder_of_the_users(text, folder, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("other")
    (other / "set_apart").mkdir()
    (other / "set_apart/parts.py").write_text("from . import deeper\n")
    (other / "set_apart/deeper.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(other)
    (folder / "packed/faces.py").write_text(text)
    before = hash_of_code("packed.faces")
    assert {str(other / f"set_apart/{name}.py") for name in ("parts", "deeper")} <= files_of("packed.faces").keys()
    (other / "set_apart/deeper.py").write_text("x = 2\n")
    assert hash_of_code("packed.faces") != before


def test_of_an_installed_package_the_version_counts_unless_the_suite_needs_it_too(folder, tmp_path, monkeypatch):
    installed = tmp_path / "site-packages"
    (installed / "timmy").mkdir(parents=True)
    (installed / "timmy/__init__.py").write_text("import numpy\n")
    (installed / "timmy-1.0.dist-info").mkdir()
    (installed / "timmy-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: timmy\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(installed)
    (folder / "packed/faces.py").write_text("import timmy.deep\nimport numpy\nimport ast\n")
    found = files_of("packed.faces")
    assert found.keys() == {"packed/faces.py", "the package timmy"}
    assert found["the package timmy"] == "1.0"
    assert made_of({"a/b.py": "1", "the package timmy": "1.0"}) != made_of({"a/b.py": "1", "the package timmy": "1.1"})
    assert [is_data(name) for name in ("a.py", "the package timmy", "w.pt")] == [False, False, True]


def test_what_the_suite_needs_is_what_its_project_names():
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    imported = {"PIL": "pillow", "yaml": "pyyaml"}
    assert sorted(imported.get(name, name.replace("_", "-")) for name in NEEDED) == sorted(
        re.match("[a-z0-9-]+", name)[0] for name in named
    )


def test_a_program_that_never_ends_is_read_to_a_limit(folder, monkeypatch):
    monkeypatch.setattr("sgbench.support.parts._MOST_FILES", 3)
    assert len(files_of("packed.faces")) < 8


@pytest.mark.parametrize("name", ["mine.py", "deeper.py", "weights.pt"])
def test_any_of_its_files_changes_the_hash_and_no_other_does(folder, name):
    before = hash_of_code("mine")
    (folder / "unrelated.py").write_text("x = 1")
    assert hash_of_code("mine") == before
    (folder / name).write_text(FILES[name] + "# 2\n")
    assert hash_of_code("mine") != before


def test_files_that_exchange_their_contents_change_the_hash(folder):
    before, known = hash_of_code("mine"), files_of("mine")
    (folder / "helper.py").write_text(FILES["deeper.py"] + "import deeper\n")
    (folder / "deeper.py").write_text(FILES["helper.py"])
    mixed = hash_of_code("mine")
    assert mixed != before
    exchanged = known | {"helper.py": known["weights.pt"], "weights.pt": known["helper.py"]}
    assert sorted(exchanged.values()) == sorted(known.values())
    assert made_of(exchanged) != made_of(known)


def test_where_a_module_lies_is_of_no_account():
    alone = {"mine.py": "1", "weights.pt": "2", "nets/parts.py": "3"}
    assert made_of({f"a/b/{name}": digest for name, digest in alone.items()}) == made_of(alone)
    assert made_of({f"/x/{name}": digest for name, digest in {"mine.py": "1", "weights.pt": "2"}.items()}) == made_of(
        {"yours.py": "1", "weights.pt": "2"}
    )
    assert made_of({}) == ["", []]


def test_code_that_was_edited_after_it_was_imported_is_refused_until_it_is_imported_again(folder):
    check_as_imported("mine")
    for name in ("mine.py", "helper.py"):
        (folder / name).write_text(FILES[name] + "# 2\n")
        with pytest.raises(UserError, match=rf"{name}: was changed after Python imported it; start Python again, or"):
            check_as_imported("mine")
        (folder / name).write_text(FILES[name])
        check_as_imported("mine")
        (folder / name).write_text(FILES[name] + "# 2\n")
        importlib.reload(sys.modules[name.removesuffix(".py")])
        check_as_imported("mine")


def test_the_hash_of_a_single_file_is_that_of_its_bytes(folder):
    import unrelated  # noqa: F401

    assert hash_of_code("unrelated") == hashlib.sha256(b"").hexdigest()
    assert files_of("textwrap").keys() == {"textwrap.py"}


def test_the_packages_own_code_has_versions_instead():
    assert not any(map(is_outside, ("sgbench", "sgbench.methods.sggan", "baselines.stargan")))
    assert is_outside("sgbenchmark")
    assert files_of("sgbench.support.code") == {}
    assert hash_of_code("sgbench.support.code") == hash_of_code("no.such.module") == ""
