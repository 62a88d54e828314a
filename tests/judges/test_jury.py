"""A jury's settings: how many judges, of which architectures and seeds."""

import pytest
from pydantic import ValidationError

from sgbench.judges.jury import JurySettings
from sgbench.judges.training import JudgeSettings


def test_architectures_take_turns_and_each_judge_has_a_seed_of_its_own():
    seats = list(JurySettings(size=5, seed=3).seats())
    assert [(name, settings.seed) for name, settings in seats] == [
        ("compact_vgg", 3),
        ("compact_resnet", 4),
        ("compact_vgg", 5),
        ("compact_resnet", 6),
        ("compact_vgg", 7),
    ]


def test_no_judge_has_the_seed_of_the_papers_judge():
    assert JudgeSettings().seed not in {settings.seed for _, settings in JurySettings().seats()}


def test_judges_share_all_other_settings():
    jury = JurySettings(size=3, epochs=7, distortion=0.3, precision="bfloat16", floor=0.97)
    for _, settings in jury.seats():
        assert type(settings) is JudgeSettings
        shared = jury.model_dump(include=set(JudgeSettings.model_fields))
        assert settings == JudgeSettings(**shared | {"seed": settings.seed})


def test_two_judges_of_a_larger_jury_are_the_smaller_jury():
    assert list(JurySettings(size=5).seats())[:3] == list(JurySettings(size=3).seats())


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": 1},
        {"size": 0},
        {"architectures": ["compact_vgg"]},
        {"architectures": ["compact_vgg", "compact_vgg"]},
        {"architectures": ["compact_vgg", "lenet"]},
        {"gate": 1.1},
        {"distortion": -1},
        {"judges": 3},
    ],
)
def test_what_is_no_jury_is_refused(wrong):
    with pytest.raises(ValidationError):
        JurySettings(**wrong)
