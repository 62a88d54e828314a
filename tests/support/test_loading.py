"""Code by name: what its import does to the process stays its own."""

import numpy as np
import pytest
import torch

from sgbench.support.code import files_of
from sgbench.support.errors import UserError
from sgbench.support.loading import load_class, load_function

HOSTILE = """
import os

import numpy
import torch

torch.set_default_dtype(torch.float64)
torch.set_grad_enabled(False)
numpy.seterr(all="raise")
os.environ["SGBENCH_TEST"] = "1"


class Dictionary(dict):
    pass


def function():
    pass
"""


@pytest.mark.parametrize(
    "load", [lambda: load_function("hostile:function"), lambda: load_class("hostile:Dictionary", dict, ())]
)
def test_an_import_changes_nothing(load, tmp_path, monkeypatch):
    (tmp_path / "hostile.py").write_text(HOSTILE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "hostile", raising=False)
    before = np.geterr()
    load()
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()
    assert np.geterr() == before
    assert "SGBENCH_TEST" not in __import__("os").environ


def test_an_import_that_ends_the_program_is_refused(tmp_path, monkeypatch):
    (tmp_path / "leaves_at_once.py").write_text("import sys\nsys.exit(0)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"'leaves_at_once:f' cannot be imported: leaves_at_once: calls sys.exit\(0\)"):
        load_function("leaves_at_once:f")


@pytest.mark.parametrize("body", ["async def run(self): pass", "async def run(self): yield 1"])
def test_a_class_with_an_asynchronous_method_is_refused(body, tmp_path, monkeypatch):
    base = "class Base:\n    def run(self): pass\n"
    (tmp_path / "waiting.py").write_text(f"{base}\n\nclass Late(Base):\n    {body}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "waiting", raising=False)
    found = __import__("waiting")
    with pytest.raises(UserError, match=r"waiting:Late.run is asynchronous; write def instead of async def"):
        load_class("waiting:Late", found.Base, ())


MAKING = """
class Base:
    pass


def make():
    class Made(Base):
        pass

    return Made


class Own(Base):
    pass
"""
USING = """
from making import Base, Own, make

Made = make()


class Mine(make()):
    pass


class Holder:
    class Inner(Base):
        pass


Inner = Holder.Inner
Typed = type("Typed", (Base,), {})
Nameless = type("Another", (Base,), {})
"""


@pytest.fixture
def using(tmp_path, monkeypatch):
    """A function that loads a class of a module that gets some from functions of another module."""
    (tmp_path / "making.py").write_text(MAKING)
    (tmp_path / "using.py").write_text(USING)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("making", "using"):
        monkeypatch.delitem(__import__("sys").modules, name, raising=False)
    base = __import__("making").Base
    return lambda name: load_class(f"using:{name}", base, ())


@pytest.mark.parametrize(
    ("name", "own"), [("Made", r"make\.<locals>\.Made of making"), ("Nameless", "Another of using")]
)
def test_a_class_that_is_not_found_by_its_own_name_is_refused(using, name, own):
    with pytest.raises(UserError, match=f"^'using:{name}' is {own}, where no class is found by that name; define it"):
        using(name)


@pytest.mark.parametrize(
    ("name", "file"),
    [("Mine", "using.py"), ("Own", "making.py"), ("Inner", "using.py"), ("Typed", "using.py")],
)
def test_a_class_that_is_found_again_is_hashed_by_its_own_file(using, name, file):
    files = list(files_of(using(name).__module__))
    assert files[0] == file
    assert "making.py" in files  # the file of the function too
