"""How many labels per value a method is given."""

from typing import Literal

Level = int | Literal["all"]
"""Labels kept per value, or all that there are."""
