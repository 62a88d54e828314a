"""Settings that iterations are timed with, and synthetic images and labels for them."""

from collections.abc import Collection
from dataclasses import dataclass, replace

import torch

from benchmarks.plain.arithmetic import Flops, residualgan_flops, sggan_flops, stargan_flops
from benchmarks.plain.stargan import vector_entries
from sgbench.data.batches import Batches
from sgbench.data.labels import Attribute, SparseLabels, sparsify
from sgbench.methods.contract import Method, MethodSettings
from sgbench.settings.config_files import find_config
from sgbench.settings.reading import METHOD_PACKAGES, read_settings
from sgbench.support.loading import load_class

METHODS = ("sggan", "stargan", "residualgan")
TINY = {"base_width": 2, "discriminator_width": 2, "batch_size": 2, "n_critic": 2}
_NUM_IMAGES, _LEVEL = 128, 20


@dataclass(frozen=True)
class Case:
    """What an iteration is carried out on.

    Attributes:
        method: one of ``METHODS``.
        values: how many values each attribute has; the third does not apply to every image.
        size: side of the images.
        settings: of the method.
        all_labels: whether no label is hidden.
    """

    method: str
    values: tuple[int, ...]
    size: int
    settings: MethodSettings
    all_labels: bool = False

    @property
    def cls(self) -> type[Method]:
        """The method's class."""
        return load_class(self.method, Method, METHOD_PACKAGES)

    @property
    def attributes(self) -> tuple[Attribute, ...]:
        """Attributes with these values."""
        return tuple(
            Attribute(f"attribute_{j}", tuple(f"value_{v}" for v in range(m)), exhaustive=j != 2)
            for j, m in enumerate(self.values)
        )

    @property
    def widths(self) -> tuple[int, int]:
        """Base widths of generator and discriminator."""
        return self.settings.base_width, self.settings.discriminator_width or self.settings.base_width

    @property
    def name(self) -> str:
        """The method as reports call it."""
        return self.cls.display_name

    def __str__(self) -> str:
        number, size = len(self.values), self.size
        attributes = f"{number} attribute{'s' * (number > 1)}"
        return f"{self.name}, {attributes}, {size}x{size}, batch {self.settings.batch_size}"

    def flops(self) -> Flops:
        """The operations that an iteration needs; StarGAN's reconstruction counts for every image."""
        batch, widths = self.settings.batch_size, self.widths
        if self.method == "residualgan":
            return residualgan_flops(self.size, batch, *widths)
        n_critic = self.settings.n_critic
        if self.method == "sggan":
            return sggan_flops(self.values, self.size, batch, *widths, n_critic=n_critic)
        entries = len(vector_entries(self.values, [a.exhaustive for a in self.attributes]))
        return stargan_flops(entries, self.size, batch, *widths, n_critic=n_critic)

    def labels(self) -> SparseLabels:
        """Random labels of the images, some of them hidden unless all are asked for."""
        generator = torch.Generator().manual_seed(1)
        truth = [torch.randint(m, (_NUM_IMAGES,), generator=generator) for m in self.values]
        level = "all" if self.all_labels else _LEVEL
        return sparsify(torch.stack(truth, 1).to(torch.int8), self.attributes, level, 0)

    def make_method(self, device: torch.device, seed: int = 0) -> Method:
        """The method as a job builds it: the same weights on every device."""
        torch.manual_seed(seed)
        method = self.cls(self.attributes, self.size, self.settings, self.labels().labels)
        return method.to(device, memory_format=torch.channels_last).train()

    def make_batches(self, device: torch.device) -> Batches:
        """Batches of noise, as a job draws them."""
        generator = torch.Generator().manual_seed(2)
        images = torch.randint(256, (_NUM_IMAGES, 3, self.size, self.size), generator=generator, dtype=torch.uint8)
        own, positions = self.settings, torch.arange(_NUM_IMAGES)
        size, share, sampling = own.batch_size, own.labelled_share, self.cls.sampling
        return Batches(images, positions, self.labels(), size, share, sampling, 0, device)

    def changed(self, **settings: object) -> "Case":
        """The same with other settings, those that the method has."""
        known = {name: value for name, value in settings.items() if name in type(self.settings).model_fields}
        return replace(self, settings=type(self.settings)(**(self.settings.model_dump() | known)))

    def tiny(self) -> "Case":
        """The same with networks and images that take no time, to see that a benchmark runs."""
        return replace(self.changed(**TINY), size=32, values=self.values[:1])


def case_of(method: str, values: Collection[int], size: int, all_labels: bool = False, **settings: object) -> Case:
    """A case with the method's default settings, which are the paper's, but for those given."""
    settings_class = load_class(method, Method, METHOD_PACKAGES).Settings
    values = tuple(values)[:1] if method == "residualgan" else tuple(values)
    return Case(method, values, size, settings_class(), all_labels).changed(**settings)


def cases_of(config: str, methods: Collection[str] = METHODS) -> list[Case]:
    """The cases of a config that comes with the package: each method's first entry, with its attributes and size.

    Labels are hidden as at the method's first level.
    """
    settings = read_settings(find_config(config), {}, {})
    entries = {entry.cls.key: entry for entry in reversed(settings.methods)}
    cases = []
    for method in methods:
        entry, number = entries[method], len(settings.data.attributes)
        values = (2,) * (1 if entry.cls.one_attribute else number)
        level = (entry.levels or settings.levels)[0]
        cases.append(Case(method, values, settings.data.image_size, entry.settings, level == "all"))
    return cases
