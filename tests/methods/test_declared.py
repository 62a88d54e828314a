"""What a class of a method does not declare is said with what to write."""

import pytest

from baselines.attgan import AttGAN
from baselines.residualgan import ResidualGAN
from baselines.semistargan import SemiStarGAN
from baselines.stargan import StarGAN
from baselines.stgan import STGAN
from sgbench.methods.contract import Method, MethodSettings
from sgbench.methods.declared import undeclared
from sgbench.methods.sggan import SGGAN

DECLARED = {"key": "mine", "display_name": "Mine", "Settings": MethodSettings}
WRONG = {
    "no key": ({"key": None}, 'Mine declares no key; write key = "mine" into the class'),
    "a key that is no name": ({"key": "a/b"}, "Mine declares no key"),
    "no display_name": ({"display_name": None}, 'Mine declares no display_name; write display_name = "MyGAN"'),
    "an empty display_name": ({"display_name": " "}, "Mine.display_name is ' '; write"),
    "no Settings": ({"Settings": None}, "Mine declares no Settings; write class Settings(MethodSettings)"),
    "other Settings": ({"Settings": dict}, "Mine.Settings is <class 'dict'>; write"),
    "no version": ({"version": "2"}, "Mine.version is '2'; write version = 1 into the class"),
    "true as a version": ({"version": True}, "Mine.version is True"),
    "a kind of attributes": ({"one_attribute": 1}, "Mine.one_attribute is 1; write one_attribute = True or False"),
    "a kind of batches": ({"sampling": "all"}, 'Mine.sampling is \'all\'; write sampling = "mixed" or "by_value"'),
    "another __init__": (
        {"__init__": lambda self, settings: None},
        "Mine.__init__ cannot be called with attributes, image_size, settings, labels; write def __init__(self, ",
    ),
    "a step without a number": ({"step": lambda self, batches: {}}, "Mine.step cannot be called with batches, iter"),
    "an edit of more": (
        {"edit": lambda self, images, labels, group, strength: images},
        "Mine.edit cannot be called with images, labels, group; write def edit(self, images, labels, group) into",
    ),
    "vectors": ({"needs_complete_vectors": None}, "Mine declares no needs_complete_vectors"),
}


@pytest.mark.parametrize("cls", [SGGAN, StarGAN, ResidualGAN, SemiStarGAN, AttGAN, STGAN])
def test_the_methods_of_the_suite_declare_everything(cls):
    assert undeclared(cls) == ""


@pytest.mark.parametrize("name", WRONG)
def test_what_is_missing_is_said(name):
    changed, said = WRONG[name]
    assert undeclared(type("Mine", (Method,), DECLARED | changed)).startswith(said)


def test_what_may_be_left_out_may_be_there():
    free = {"step": lambda self, *batches, **more: {}, "edit": lambda self, images, labels, group, strength=1: images}
    assert undeclared(type("Mine", (Method,), DECLARED | free)) == ""


def test_a_subclass_needs_a_key_of_its_own():
    assert undeclared(type("Mine", (SGGAN,), {})).startswith("Mine declares no key")
    assert undeclared(type("Mine", (SGGAN,), {"key": "mine"})) == ""
