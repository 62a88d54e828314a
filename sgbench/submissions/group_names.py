"""The names of its groups that a file of a model may keep, so that each result goes to the group that it is of.

A model that was trained on the same attributes in another order, or on others, has groups of other numbers; without
names nobody would see that results are taken for those of other groups.
"""

from collections.abc import Sequence

from sgbench.data.labels import Attribute, Group, all_groups
from sgbench.support.errors import UserError, one_line

GROUPS = "groups"
"""Under which a file keeps the names of its groups, in the order of its results."""
_BETWEEN = ", "


def name_of_group(group: Group, attributes: Sequence[Attribute]) -> str:
    """A group as a user names it, such as ``smile=smiling``."""
    attribute = attributes[group.attribute]
    return f"{attribute.name}={attribute.values[group.value]}"


def names_of_groups(attributes: Sequence[Attribute]) -> str:
    """All groups in their order, as a file keeps them."""
    return _BETWEEN.join(name_of_group(group, attributes) for group in all_groups(attributes))


def numbers_in_file(named: str, attributes: Sequence[Attribute], file: str) -> tuple[list[int], int]:
    """The number that each group of a study has in a file, in the order of ``all_groups``, and how many the file has.

    Args:
        named: what the file keeps under ``GROUPS``; empty if it keeps nothing, and then its groups are the study's.

    Raises:
        UserError: the file's groups are without one of the study's, or have one twice.
    """
    own = [name_of_group(group, attributes) for group in all_groups(attributes)]
    if named in ("", names_of_groups(attributes)):
        return list(range(len(own))), len(own)
    kept = named.split(_BETWEEN)
    if lacking := [name for name in own if kept.count(name) != 1]:
        raise UserError(
            f"{file}: gives results for {one_line(named, 200)}, and the study asks for {lacking[0]} too; choose a "
            "model of these attributes, or its attributes with --attributes"
        )
    return [kept.index(name) for name in own], len(kept)
