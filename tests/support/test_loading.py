"""Code by name: what its import does to the process stays its own."""

import numpy as np
import pytest
import torch

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
