"""A data set whose class comes from elsewhere: what it says and returns is checked before it is believed."""

from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sgbench.data.checked import check_called
from sgbench.data.labels import HIDDEN, NONE, Attribute, Group
from sgbench.data.source import Source, SourceSettings
from sgbench.support.errors import UserError, shown, summary

_TRIED = 8
"""Images that are asked for twice: of so many, one at least shows a flip that is drawn for each."""
_STEADY = "let it draw nothing at random, or from a generator that it seeds by the image"


class OutsideSource(Source):
    """The same data set, which keeps to the contract or says in a line where it does not.

    An error of its code becomes such a line too, with what it was asked for. A few images are asked for twice: what is
    drawn anew at each call would be another data set in the next run, under the same name.
    """

    def __init__(self, make: Callable[[SourceSettings], Source], name: str, settings: SourceSettings):
        self.name, self.settings = name, settings
        self._tried: set[str] = set()
        self._source = self._called("being opened", make, settings)
        self.attributes = self._attributes()
        self.ids = self._ids()
        self.labels = self._labels()
        self.fingerprint = self._text("fingerprint")
        self.notes = self._notes()

    def times(self) -> np.ndarray | None:
        made = self._called("times()", self._source.times)
        if made is not None:
            self._expect(
                isinstance(made, np.ndarray) and made.dtype == np.int64 and made.shape == (len(self.ids),),
                f"times() must return an array int64 [{len(self.ids)}], or None",
                made,
            )
        return made

    def read(self, index: int) -> np.ndarray:
        return self.read_many([index])[0]

    def read_many(self, index: Sequence[int]) -> np.ndarray:
        return self._steady("read()", self._read_many, index)

    def _read_many(self, index: Sequence[int]) -> np.ndarray:
        side = self.settings.image_size
        made = self._called(f"reading {self.ids[index[0]]!r} and those after it", self._source.read_many, index)
        self._expect(
            isinstance(made, np.ndarray) and made.dtype == np.uint8 and made.shape == (len(index), 3, side, side),
            f"read() must return arrays uint8 [3, {side}, {side}]",
            made,
        )
        return made

    def split(self) -> tuple[Tensor, Tensor]:
        return self._parts("split()", self._source.split)

    def scored_split(self) -> tuple[Tensor, Tensor]:
        self.split()  # most take it from there
        return self._parts("scored_split()", self._source.scored_split)

    def counterfactual(self, index: Tensor, groups: Sequence[Group]) -> Tensor | None:
        side = self.settings.image_size

        def make(index: Tensor) -> Tensor | None:
            made = self._called(f"counterfactual() of {groups}", self._source.counterfactual, index.clone(), groups)
            return self._pixels("counterfactual()", made, torch.uint8, (len(index), 3, side, side))

        return self._steady("counterfactual()", make, index)

    def background(self, index: Tensor) -> Tensor | None:
        side = self.settings.image_size

        def make(index: Tensor) -> Tensor | None:
            made = self._called("background()", self._source.background, index.clone())
            return self._pixels("background()", made, torch.bool, (len(index), side, side))

        return self._steady("background()", make, index)

    def _attributes(self) -> tuple[Attribute, ...]:
        wanted = tuple(self.settings.attributes)
        made = tuple(getattr(self._source, "attributes", ()))
        kept = all(isinstance(attribute, Attribute) for attribute in made)
        self._expect(
            kept and tuple(attribute.name for attribute in made) == wanted,
            f"attributes must be those that the settings name, in their order: {', '.join(wanted)}",
            made,
        )
        return made

    def _ids(self) -> list[str]:
        made = list(getattr(self._source, "ids", ()))
        self._expect(made and all(isinstance(i, str) for i in made), "ids must be a text for each image", made)
        if odd := [name for name in made if not name or name != name.strip()]:
            raise UserError(
                f"{self._called_so}: {shown(odd[0])} is one of ids; they must not be empty, and have no spaces around "
                "them, which tables lose"
            )
        if len(set(made)) < len(made):
            twice, times = Counter(made).most_common(1)[0]
            raise UserError(f"{self._called_so}: ids must differ, but {shown(twice)} is there {times} times")
        return [str(name) for name in made]

    def _labels(self) -> Tensor:
        made, shape = getattr(self._source, "labels", None), (len(self.ids), len(self.attributes))
        self._expect(
            isinstance(made, Tensor) and made.dtype == torch.int8 and made.shape == shape,
            f"labels must be a tensor int8 {list(shape)}, a row for each of ids",
            made,
        )
        for column, attribute in zip(made.T, self.attributes, strict=True):
            least = HIDDEN if attribute.exhaustive else NONE
            low, high = int(column.min()), int(column.max())
            if low < least or high >= len(attribute.values):
                raise UserError(
                    f"{self._called_so}: labels of {attribute.name} are {low} to {high}; they must be within {least} "
                    f"to {len(attribute.values) - 1}"
                )
        return made.clone()

    def _text(self, name: str) -> str:
        made = getattr(self._source, name, None)
        self._expect(isinstance(made, str) and made, f"{name} must be a text", made)
        return made

    def _notes(self) -> tuple[str, ...]:
        made = self._source.notes
        kept = isinstance(made, Sequence) and not isinstance(made, str) and all(isinstance(n, str) for n in made)
        self._expect(kept, "notes must be a sequence of sentences", made)
        return tuple(made)

    def _parts(self, name: str, split: Callable[[], tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Positions to train on and to score; a shared one would let figures look better than they are."""
        made, again = self._called(name, split), self._called(name, split)
        kept = isinstance(made, tuple) and len(made) == 2
        for part in made if kept else ():
            kept &= isinstance(part, Tensor) and part.dtype == torch.int64 and part.ndim == 1
        self._expect(kept, f"{name} must return two tensors int64 [n]", made)
        for part in made:
            if len(part) and not (part[0] >= 0 and part[-1] < len(self.ids) and (part[1:] > part[:-1]).all()):
                raise UserError(
                    f"{self._called_so}: {name} must return positions from 0 to {len(self.ids) - 1}, ascending, each "
                    "once"
                )
        if not all(map(_same, made, again)):
            raise UserError(f"{self._called_so}: {name} gives other positions at each call; {_STEADY}")
        if shared := set(made[0].tolist()) & set(made[1].tolist()):
            raise UserError(
                f"{self._called_so}: {name} gives {len(shared)} images to both parts, {self.ids[min(shared)]!r} among "
                "them; no image may be trained on and scored"
            )
        return made

    def _pixels(self, name: str, made: Any, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor | None:
        wanted = f"{name} must return a tensor {str(dtype).removeprefix('torch.')} {list(shape)} on the CPU, or None"
        kept = isinstance(made, Tensor) and made.dtype == dtype and made.shape == shape and made.device.type == "cpu"
        self._expect(made is None or kept, wanted, made)
        return made

    def _steady(self, name: str, make: Callable[[Any], Any], index: Any) -> Any:
        """What ``make`` gives for positions; a few of the first that it is ever asked for are asked for alone too.

        Raises:
            UserError: they are others then.
        """
        tried = () if name in self._tried else range(min(_TRIED, len(index)))
        self._tried.add(name)
        alone = [deepcopy(make(index[k : k + 1])) for k in tried]  # the next ones may come in the same memory
        made = make(index)
        for k, one in enumerate(alone):
            if not _same(one, None if made is None else made[k : k + 1]):
                raise UserError(
                    f"{self._called_so}: {name} gives another {self.ids[int(index[k])]!r} at each call; {_STEADY}"
                )
        return made

    def _called(self, what: str, function: Callable, *about: Any) -> Any:
        try:
            made = function(*about)
        except (UserError, MemoryError):
            raise
        except Exception as error:  # code from elsewhere may raise any error
            if isinstance(error, OSError) and error.filename is not None:  # of a file, which its message names
                raise
            raise UserError(f"{self._called_so}: {what} failed: {type(error).__name__}: {summary(error)}") from error
        for part in made.flat if isinstance(made, np.ndarray) and made.dtype == object else [made]:
            check_called(part, f"{self._called_so}: {what}")
        return made

    def _expect(self, kept: object, wanted: str, made: object) -> None:
        if not kept:
            dtype, shape = getattr(made, "dtype", None), getattr(made, "shape", None)
            told = shown(made) if shape is None else f"{type(made).__name__} {dtype} {list(shape)}"
            raise UserError(f"{self._called_so}: {wanted}, not {told}")

    @property
    def _called_so(self) -> str:
        return f"data set {self.name}"


def _same(one: Any, other: Any) -> bool:
    """Whether two arrays or tensors, or None, are equal."""
    if one is None or other is None:
        return one is other
    return torch.equal(torch.as_tensor(one), torch.as_tensor(other))
