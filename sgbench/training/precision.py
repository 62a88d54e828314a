"""The precisions in which networks can be trained and run."""

from typing import Literal

Precision = Literal["float32", "bfloat16"]
