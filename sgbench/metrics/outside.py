"""A metric from outside the package, as the suite calls it: it gets copies, and what it gives is checked.

It is called like other code from elsewhere: it leaves the process as it was, and its errors are a line.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sgbench.metrics.image_metric import ImageMetric
from sgbench.metrics.spec import MetricSpec
from sgbench.support.blame import errors_in_a_line
from sgbench.support.errors import UserError, summary
from sgbench.support.global_state import foreign


def built_outside(
    cls: type[ImageMetric], spec: MetricSpec, place: str, image_size: int, network: str
) -> "OutsideMetric | None":
    """The metric of an entry from outside the package; other arguments as in ``ImageMetric.build``.

    Raises:
        UserError: its code fails, or gives no metric.
    """
    name = f"metric {spec.name} ({spec.implementation})"
    with _calling(name, cls.__module__):
        own = cls.build(place, image_size, network)
        definition = getattr(own, "definition", None)
    if own is None:
        return None
    if not isinstance(own, ImageMetric):
        raise UserError(f"{name}: build() must return the metric, or None, not {type(own).__name__}")
    if not isinstance(definition, str):
        raise UserError(f'{name}: does not say what it measures; write definition = "..." into the class')
    return OutsideMetric(own, definition, name, place)


class OutsideMetric(ImageMetric):
    """A metric whose class is not of the package.

    Methods that its class leaves to the contract are run on this object, so that what they call gets copies, too.

    Raises:
        UserError: by every method: the class's code fails, ends the process, or gives what the contract does not say.
    """

    def __init__(self, own: ImageMetric, definition: str, name: str, place: str):
        self.definition = definition
        self._own, self._name, self._place = own, name, place
        self._is_called = False

    @property
    def formula(self) -> tuple[object, ...]:
        return self._name, self._place, self.definition

    @property
    def is_mean(self) -> bool:
        return self._is_left("reduce")

    def terms(self, *inputs: Tensor) -> Tensor:
        number = len(inputs[0])
        with self._called():
            terms = self._own.terms(*(one.clone() for one in inputs))
        if not _is_float64(terms) or terms.ndim != 2 or len(terms) != number:
            wanted = f"float64 [{number}, K] for {number} images, a row for each"
            raise UserError(f"{self._name}: terms() must return {wanted}, not {_told(terms)}")
        if terms.isinf().any():
            raise UserError(
                f"{self._name}: terms() returned an infinite term; NaN means that it does not apply to an image"
            )
        return terms.detach().clone()  # of a buffer, perhaps, that the next batch is written into

    def per_image(self, terms: Tensor) -> Tensor:
        with self._called():
            values = self._method("per_image")(terms.clone())
        return self._checked("per_image", values, len(terms)).detach()

    def reduce(self, terms: Tensor, weights: Tensor) -> Tensor:
        with self._called():
            figures = self._method("reduce")(terms.clone(), weights.clone())
        figures = self._checked("reduce", figures, len(weights))
        return figures if weights.requires_grad else figures.detach()

    def figure(self, terms: Tensor) -> float:
        with self._called():
            return float(self._method("figure")(terms.clone()))

    def reduce_each(self, systems: Sequence[Tensor], weights: Tensor) -> Tensor:
        with self._called():
            figures = self._method("reduce_each")([terms.clone() for terms in systems], weights.clone())
        return self._checked("reduce_each", figures, len(systems), len(weights)).detach()

    def refusal(self, terms: Tensor) -> str:
        with self._called():
            words = self._method("refusal")(terms.clone())
        if not isinstance(words, str):
            raise UserError(
                f"{self._name}: refusal() must return a text, empty if there is a figure, not {words!r:.80}"
            )
        return words

    def num_clipped(self, terms: Tensor) -> int | None:
        with self._called():
            number = self._method("num_clipped")(terms.clone())
            return None if number is None else int(number)

    def exchanging(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> Callable[[Tensor], Tensor]:
        with self._called():
            after = self._method("exchanging")([(a.clone(), b.clone()) for a, b in pairs])

        def exchanged(swaps: Tensor) -> Tensor:
            with self._called():
                figures = after(swaps.clone())
            return self._checked("exchanging", figures, len(pairs), swaps.shape[1]).detach()

        return exchanged

    def shares(self, terms_a: Tensor, terms_b: Tensor) -> Tensor:
        with self._called():
            shares = self._method("shares")(terms_a.clone(), terms_b.clone())
        return self._checked("shares", shares, len(terms_a)).detach()

    def _is_left(self, name: str) -> bool:
        """Whether the class has the contract's method of this name."""
        return getattr(getattr(self._own, name), "__func__", None) is getattr(ImageMetric, name)

    def _method(self, name: str) -> Callable[..., Any]:
        return partial(getattr(ImageMetric, name), self) if self._is_left(name) else getattr(self._own, name)

    @contextmanager
    def _called(self) -> Iterator[None]:
        """Context for a call of the class's code; a call within a call needs no other, which would take long."""
        if self._is_called:
            yield
            return
        self._is_called = True
        try:
            with _calling(self._name, type(self._own).__module__):
                yield
        finally:
            self._is_called = False

    def _checked(self, call: str, found: Any, *shape: int) -> Tensor:
        if not _is_float64(found) or found.shape != shape:
            raise UserError(f"{self._name}: {call}() must return float64 {list(shape)}, not {_told(found)}")
        return found


@contextmanager
def _calling(name: str, module: str) -> Iterator[None]:
    try:
        with foreign(name), errors_in_a_line(name, module, anywhere=True):
            yield
    except UserError:
        raise
    except Exception as error:  # the memory ran out, or a class of the suite's was named for other inputs
        raise UserError(f"{name}: {summary(error)}") from error


def _is_float64(found: Any) -> bool:
    return isinstance(found, Tensor) and found.dtype == torch.float64


def _told(found: Any) -> str:
    return f"{found.dtype} {list(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
