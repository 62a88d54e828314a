"""What a study of the paper's items tells its report."""

import pytest

from sgbench.experiments.parts import Filter, part_settings
from sgbench.plan.study import open_study
from sgbench.settings.config_files import find_config
from sgbench.settings.reading import read_settings
from sgbench.studies.description import describe
from sgbench.support.screen import Screen

SMALL = {"num_images": 4000, "num_test": 100}


@pytest.mark.parametrize(
    ("items", "levels"),
    [
        (["table2", "figure3"], {"500": "5000", "50": "500"}),
        (["figure5"], {"100": "1000", "30": "100"}),
        (["figure4"], {}),
    ],
)
def test_a_report_knows_its_items_and_which_levels_stand_for_the_papers(tmp_path, items, levels):
    settings = read_settings(find_config("miniature"), {}, SMALL)
    (part,) = part_settings(settings, items, Filter(seeds=[0]))
    description = describe(open_study(part, tmp_path, Screen()), [])
    assert description.items == tuple(items)
    assert description.paper_levels == levels
