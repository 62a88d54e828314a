"""The paper's list of experiments, and the studies that a config makes of it."""

import pytest

from sgbench.experiments.paper import EXPERIMENTS, PARTS, chosen_parts
from sgbench.experiments.parts import Filter, paper_levels, part_settings
from sgbench.settings.config_files import find_config
from sgbench.settings.models import Settings
from sgbench.settings.reading import read_settings
from sgbench.support.errors import UserError

EVERYTHING = Filter()


def settings_of(config: str) -> Settings:
    return read_settings(find_config(config), {}, {"path": "somewhere"} if config == "paper" else {})


def models(settings: Settings) -> int:
    """Jobs of a part: a model for each attribute where a method trains one for each."""
    return sum(
        len(entry.levels) * (len(settings.data.attributes) if entry.cls.one_attribute else 1)
        for entry in settings.methods
    )


def test_the_paper_takes_25_models():
    parts = part_settings(settings_of("paper"), ["paper"], EVERYTHING)
    assert [(part.study, models(part)) for part in parts] == [
        ("paper-main", 10),
        ("paper-figure4", 2),
        ("paper-figure5", 13),
    ]


def test_items_of_one_part_share_its_models():
    (tables,) = part_settings(settings_of("paper"), ["table1", "table2"], EVERYTHING)
    assert tables.study == "paper-table1-table2"
    assert tables.items == ("table1", "table2")
    assert models(tables) == 8
    (third,) = part_settings(settings_of("paper"), ["table3"], EVERYTHING)
    assert [entry.key for entry in third.methods] == ["sggan/residual", "sggan"]
    assert {entry.levels for entry in third.methods} == {(500,)}


def test_a_part_has_its_own_attributes_and_balance():
    main, figure4, figure5 = part_settings(settings_of("paper"), ["paper"], EVERYTHING)
    assert main.data.attributes == ("gender", "smile", "hair_color", "lipstick")
    assert figure4.data.attributes == ("gender", "hair_color", "lipstick", "pale_skin")
    assert {entry.key: entry.balanced for entry in figure4.methods} == {"stargan": (), "sggan": ("pale_skin",)}
    assert figure5.data.attributes == ("pale_skin",)
    assert {entry.key: (entry.balanced, entry.levels) for entry in figure5.methods} == {
        "residualgan": ((), ("all", 1000, 100, 10)),
        "stargan": ((), ("all", 1000, 100, 10)),
        "stargan/balanced": (("pale_skin",), ("all",)),
        "sggan": (("pale_skin",), ("all", 1000, 100, 10)),
    }


def test_variants_of_the_residual_start_alike():
    main, *_ = part_settings(settings_of("miniature"), ["paper"], EVERYTHING)
    of_sggan = {entry.key: entry.settings for entry in main.methods if entry.name == "sggan"}
    assert of_sggan["sggan"].pass_through > 0
    started = {key: (s.residual, s.pass_through) for key, s in of_sggan.items() if key != "sggan"}
    assert started == {
        "sggan/residual": ("residual", 0),
        "sggan/refined": ("refined", 0),
        "sggan/none": ("none", 0),
    }


def test_levels_shrink_with_the_data():
    main, _, figure5 = part_settings(settings_of("miniature"), ["paper"], EVERYTHING)
    assert next(e.levels for e in main.methods if e.key == "sggan") == ("all", 500, 50)
    assert next(e.levels for e in figure5.methods if e.key == "sggan") == ("all", 100, 30, 10)


def test_the_budget_is_of_every_method_at_each_of_its_levels():
    (budget,) = part_settings(settings_of("miniature"), ["budget"], EVERYTHING)
    assert {entry.key: entry.levels for entry in budget.methods} == dict.fromkeys(
        ("sggan", "stargan", "residualgan"), ("all", 1000, 500, 100, 30, 10)
    )


def test_options_choose_among_the_systems():
    settings = settings_of("miniature")
    parts = part_settings(settings, ["paper"], Filter(["sggan"], ["all"], [2, 5]))
    assert {(e.key, e.levels) for part in parts for e in part.methods} == {("sggan", ("all",))}
    assert {part.seeds for part in parts} == {(2,)}
    (variants,) = part_settings(settings, ["figure6"], Filter(["sggan/none"]))
    assert [entry.key for entry in variants.methods] == ["sggan/none"]
    (method,) = part_settings(settings, ["figure6"], Filter(["sggan"]))
    assert [entry.key for entry in method.methods] == ["sggan/none", "sggan/residual", "sggan/refined"]


@pytest.mark.parametrize(
    ("names", "wanted", "message"),
    [
        (["table4"], EVERYTHING, f"--experiment: unknown 'table4'; there are {', '.join(EXPERIMENTS)}"),
        (["table3"], Filter(["stargan"]), "'stargan' is in none of these experiments, which have sggan, "),
        (["table3"], Filter(levels=[7]), "no system is left by --methods, --sparse and --seeds"),
        (["table1"], Filter(seeds=[9]), "no system is left"),
    ],
)
def test_what_is_not_there_is_said(names, wanted, message):
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        part_settings(settings_of("miniature"), names, wanted)


def test_a_config_without_a_method_that_is_needed():
    settings = settings_of("miniature")
    without = settings.model_copy(update={"methods": settings.methods[:2]})
    with pytest.raises(UserError, match="residualgan is needed, and the config has only sggan, stargan"):
        part_settings(without, ["table1"], EVERYTHING)
    (left,) = part_settings(without, ["table1"], Filter(["sggan", "stargan"]))
    assert {entry.key for entry in left.methods} == {"sggan", "stargan"}


def test_every_part_has_items_of_different_names():
    names = [item.name for part in PARTS for item in part.items]
    assert len(set(names)) == len(names)
    assert [part.name for part in chosen_parts(["paper"])] == ["main", "figure4", "figure5"]


def test_levels_here_stand_for_the_papers_by_part():
    main, figure4, figure5, budget = part_settings(settings_of("miniature"), ["paper", "budget"], EVERYTHING)
    assert paper_levels(main) == {"500": "5000", "50": "500"}
    assert paper_levels(figure4) == paper_levels(budget) == {}
    assert paper_levels(figure5) == {"100": "1000", "30": "100"}
    assert paper_levels(settings_of("miniature")) == {}
    assert [paper_levels(part) for part in part_settings(settings_of("paper"), ["paper"], EVERYTHING)] == [{}] * 3
