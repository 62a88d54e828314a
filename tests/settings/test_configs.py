"""Every config that comes with the package: readable, and its methods can be built."""

import pytest
import torch

from sgbench.data.sources.attributes import ATTRIBUTES
from sgbench.settings.config_files import CONFIGS
from sgbench.settings.reading import read_settings


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_config_can_be_read_and_its_methods_built(path):
    settings = read_settings(path, {}, {})
    assert settings.study == path.stem
    assert settings.about
    attributes = [a for a in ATTRIBUTES if a.name in settings.data.attributes]
    assert len(attributes) == len(settings.data.attributes)
    labels = torch.zeros(4, len(attributes), dtype=torch.int8)
    for entry in settings.methods:
        taken = attributes[:1] if entry.cls.one_attribute else attributes
        with torch.device("meta"):
            entry.cls(taken, settings.data.image_size, entry.settings, labels[:, : len(taken)])
