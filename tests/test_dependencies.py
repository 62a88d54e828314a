"""Both lists of versions that the tests run with are those that pyproject.toml allows: the lowest, and newer ones."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]


def declared():
    """What pyproject.toml asks for, of users, tests and extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(text) for texts in (project["dependencies"], *extras) for text in texts]


def pinned(name):
    """Version of each package in a list of constraints."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = [line.split("==") for line in lines if not line.lstrip().startswith("#")]
    return {re.sub(r"[-_.]+", "-", package).lower(): Version(version) for package, version in pins}


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_the_lowest_versions_are_the_bounds(requirement):
    (bound,) = requirement.specifier
    assert bound.operator == ">="
    assert pinned("constraints-lowest.txt")[requirement.name] == Version(bound.version)


@pytest.mark.parametrize("requirement", declared(), ids=str)
def test_the_newest_versions_are_allowed(requirement):
    assert pinned("constraints.txt")[requirement.name] in requirement.specifier


def test_the_build_asks_for_the_setuptools_of_the_tests():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(project["build-system"]["requires"]) <= {str(requirement) for requirement in declared()}


def test_the_page_shows_both():
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| ([\w-]+) \| ([\d.]+) \| ([\d.]+) \|", page, re.MULTILINE)
    lowest, newest = pinned("constraints-lowest.txt"), pinned("constraints.txt")
    names = dict.fromkeys(requirement.name for requirement in declared())
    assert [(name, Version(low), Version(new)) for name, low, new in shown] == [
        (name, lowest[name], newest[name]) for name in names
    ]
