"""Settings that a method is checked with."""

import pytest
from small import Needy, Small

from sgbench.support.errors import UserError
from sgbench.trials.own_settings import settings_for


def test_settings_that_are_wrong_are_one_line(refused):
    for given, said in {
        "base_width": "--settings: 'base_width' is no name=value",
        "base_width=0": "--settings: base_width: Input should be greater than or equal to 1",
        "width=2": "--settings: width: Extra inputs are not permitted",
    }.items():
        assert said in refused(lambda given=given: settings_for(Small, [given]))
    told = refused(lambda: settings_for(Needy, []))
    assert (
        told
        == "--settings: weight: Field required; give it by --settings name=value, or a config that has it by --config"
    )
    assert settings_for(Needy, ["weight=2.5"]).weight == 2.5
    with pytest.raises(UserError, match=r"quick\.yaml has no method of the class small:Small"):
        settings_for(Small, [], "quick")
