"""Code from outside the package: which files count, and what changes its hash."""

import hashlib
import importlib
import sys

import pytest

from sgbench.support.code import check_as_imported, files_of, hash_of_code, is_outside, made_of
from sgbench.support.errors import UserError

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
    assert files_of("packed.faces").keys() == {f"packed/{name}" for name in inside} | {"packed/../weights.pt"}


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
