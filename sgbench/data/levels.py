"""How many labels per value a method is given."""

from typing import Literal

Level = int | Literal["all"]
"""Labels kept per value, or all that there are."""

NONE_NAME = "none"
"""What images are called that have none of an attribute's values, where labels are counted by value: no value is."""
