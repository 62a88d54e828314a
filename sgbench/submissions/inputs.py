"""What a submission is given: the test images by name, and groups as text (``gender=male+smile=smiling``)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from sgbench.data.labels import Attribute, Group, all_groups, group_separator
from sgbench.submissions.group_names import name_of_group
from sgbench.support.errors import UserError


@dataclass(frozen=True)
class Inputs:
    """Test images with their names and labels.

    Attributes:
        ids: N different names, as in the data set's ``Source.ids``.
        images: uint8 [N, 3, S, S].
        labels: int8 [N, J], true labels.
    """

    ids: Sequence[str]
    images: Tensor
    labels: Tensor
    attributes: tuple[Attribute, ...]

    @property
    def image_size(self) -> int:
        """Side in pixels."""
        return self.images.shape[-1]

    @cached_property
    def groups(self) -> dict[str, Group]:
        """Every group by its text, in the order of ``all_groups``."""
        return {self.text([group]): group for group in all_groups(self.attributes)}

    def text(self, groups: Sequence[Group]) -> str:
        """Groups as text, in their order."""
        return "+".join(name_of_group(group, self.attributes) for group in groups)

    def parse(self, text: str) -> tuple[Group, ...]:
        """The groups that a text names, in its order; a plus sign within a value is no separator.

        Raises:
            UserError: an attribute or value is unknown, or an attribute is named twice.
        """
        groups = []
        for part in group_separator(self.attributes).split(text):
            if part.strip() not in self.groups:
                raise UserError(f"unknown group {part.strip()!r}; the study has {', '.join(self.groups)}")
            groups.append(self.groups[part.strip()])
        if len({g.attribute for g in groups}) < len(groups):
            raise UserError(f"groups {text!r} name an attribute twice")
        return tuple(groups)

    def place(self, source: str) -> int:
        """Position of the test image with this name.

        Raises:
            UserError: no test image has this name.
        """
        if source not in self._places:
            raise UserError(
                f"unknown source {source!r}; the {len(self.ids)} test images are named like '{self.ids[0]}'"
            )
        return self._places[source]

    def asks_for(self, position: int, groups: Sequence[Group]) -> bool:
        """Whether the image's label is known for each group and differs from it; only then is there a request."""
        labels = self.labels[position].tolist()
        return all(labels[g.attribute] >= 0 and labels[g.attribute] != g.value for g in groups)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.ids)}
