"""Signals as in a terminal; a small copy of CelebA; the check that a bad file is refused in one line, and at once."""

import signal
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from sgbench.support.errors import UserError

if TYPE_CHECKING:
    from sgbench.plan.study import Study

HEADER = """
5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair Blurry
Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones Male
Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks
Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace
Wearing_Necktie Young
"""

LONGEST = (
    "test_ray.py",
    "test_kernels.py",
    "test_document_commands.py",
    "test_paper_config.py",
    "test_launch.py",
    "test_killed.py",
)
"""Files of slower tests that take longest: begun first, none of them is left for one process alone at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files that take long first; the others stay in their order."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.fixture(scope="session", autouse=True)
def signals_as_in_a_terminal() -> None:
    """What runs in the background or under ``nohup`` is started with signals ignored, and the suite leaves them so."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> "Study":
    """A planned study of the suite's methods, two seeds and two attributes; jobs of seed 1 are trained."""
    from trained import train_study

    return train_study(tmp_path_factory.mktemp("trained"), seeds=[0, 1])


@pytest.fixture
def celeba_copy(tmp_path: Path) -> Callable[..., Path]:
    """Makes a copy of CelebA with random labels and smooth random images; returns its root."""

    def make(num_images: int = 40, size: tuple[int, int] = (178, 218), table: str = "list_attr_celeba.txt") -> Path:
        root = tmp_path / "celeba copy"
        folder = root / "img_align_celeba"
        folder.mkdir(parents=True)
        rng = np.random.default_rng(7)
        values = np.where(rng.random((num_images, len(HEADER.split()))) < 0.5, 1, -1)
        rows = []
        for number, row in enumerate(values, 1):
            name = f"{number:06d}.jpg"
            coarse = Image.fromarray(rng.integers(0, 256, (9, 8, 3), dtype=np.uint8))
            coarse.resize(size, Image.Resampling.BICUBIC).save(folder / name, quality=95)
            rows.append(f"{name}  {'  '.join(f'{v:2d}' for v in row)}")
        (root / table).write_text("\n".join([str(num_images), " ".join(HEADER.split()), *rows]) + "\n")
        return root

    return make


@pytest.fixture
def refused() -> Callable[[Callable[[], object]], str]:
    """Calls what must raise a UserError of one line, within a second and 32 MiB; returns its message."""

    def call(work: Callable[[], object]) -> str:
        tracemalloc.start()
        start = time.process_time()
        try:
            with pytest.raises(UserError) as caught:
                work()
            assert time.process_time() - start < 1
            assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
        finally:
            tracemalloc.stop()
        message = str(caught.value)
        assert "\n" not in message
        assert len(message) < 1000
        return message

    return call
