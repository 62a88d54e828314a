"""Photographs of the user's translated by a trained system, one at a time: a result does not depend on the others."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import Tensor

from sgbench.data.labels import HIDDEN
from sgbench.plan.study import find_device
from sgbench.results.run_folder import RunFolder
from sgbench.support.cores import LOOKING, torch_threads
from sgbench.support.errors import UserError
from sgbench.support.global_state import own_state
from sgbench.support.screen import Screen
from sgbench.translating.asked import Pair, groups_of, in_words, labels_in_words, labels_of
from sgbench.translating.framing import Framed, as_picture, open_framed
from sgbench.translating.naming import find_model
from sgbench.translating.pictures import Photo, find_photos, folders_instead, keeps_alpha, name_results, save_picture
from sgbench.translating.systems import TrainedSystem, open_system


@own_state()
def translate(
    inputs: Sequence[Path],
    model: str,
    output: Path,
    to: Sequence[Pair] = (),
    known: Sequence[Pair] = (),
    paste: bool = False,
    device: str = "auto",
    out: Path = Path("runs"),
    screen: Screen | None = None,
) -> list[Path]:
    """Translate photographs; returns the files that were written.

    Args:
        inputs: photographs, or folders of them.
        model: as ``naming`` has it.
        output: the result's file, or a folder.
        to: attributes and values asked for, applied in this order.
        known: those that the photographs have, if the method reads them; what is missing the method guesses.
        paste: put each result back at its place in the photograph.
        out: the folder of all runs.

    Raises:
        UserError: bad input; the message says in one line what is wrong and how to mend it.
    """
    screen = screen or Screen()
    photos = find_photos(inputs)
    targets = dict(zip(photos, name_results(photos, output), strict=True))
    with torch_threads(LOOKING):
        system = open_system(find_model(model, RunFolder(out)), find_device(device))
        groups, labels = groups_of(to, system.attributes), known_labels(known, system)
        if not groups:
            raise UserError(f"--to is missing: say what to translate to, such as --to {_example(system)}; or --grid")
        size, asked = system.image_size, in_words(groups, system.attributes)
        screen.say(f"{system.name}: {system.title} at {size}x{size}, asked for {asked}")
        written = []
        for photo, framed in opened(photos, system, screen):
            own = completed_labels(photo, framed, system, labels, screen)
            result = as_picture(system.edit(framed.image, own, groups)[0])
            target = targets[photo]
            if paste and (lost := _lost(framed, target)):
                screen.say(f"{target}: does not keep {', nor '.join(lost)}")
            save_picture(framed.pasted(result) if paste else result, target, framed.whole.profile)
            written.append(target)
    return written


def known_labels(known: Sequence[Pair], system: TrainedSystem) -> Tensor:
    """What a user says of the photographs, int8 [1, J].

    Raises:
        UserError: the system does not look at labels, or there are no such ones.
    """
    labels = labels_of(known, system.attributes)
    if known and not system.reads_labels:
        raise UserError(f"--from: {system.title} does not look at labels of the source image; leave it out")
    return labels


def opened(photos: Sequence[Photo], system: TrainedSystem, screen: Screen) -> Iterator[tuple[Photo, Framed]]:
    """Each photograph that can be read; what a folder holds besides is said and left out.

    Raises:
        UserError: one that was named itself cannot be read, or none can be.
    """
    told: set[str] = set()

    def once(line: str) -> None:
        if line not in told:
            screen.say(line)
            told.add(line)

    read = 0
    for photo in photos:
        try:
            framed = open_framed(photo.path, system)
        except UserError as error:
            if not photo.found:
                raise
            screen.say(f"left out: {error}")
            continue
        size = system.image_size
        if system.source is not None and system.source.drawn and framed.whole.rgb.size != (size, size):
            once(f"{system.name} has only seen drawn faces, no photographs: expect little of its results")
        if system.source is None:
            once(f"{system.name}: nothing here says how its own images were cropped; cropped to the centred square")
        if not framed.as_trained:
            name = system.source.name if system.source else ""
            once(f"{photo.path}: has not the shape of the images of {name}; cropped to the centred square")
        read += 1
        yield photo, framed
    if not read:
        folder = photos[0].path.parent
        raise UserError(f"{folder}: none of its files is a photograph that can be read{folders_instead(folder)}")


def completed_labels(photo: Photo, framed: Framed, system: TrainedSystem, labels: Tensor, screen: Screen) -> Tensor:
    """The labels of a photograph, int8 [1, J]; says which of them the method guessed."""
    completed = system.completed(framed.image, labels)
    guessed = completed.masked_fill(completed == labels, HIDDEN)
    if words := labels_in_words(guessed[0].tolist(), system.attributes):
        screen.say(f"{photo.path}: {system.title} guesses {words}")
    return completed


def _lost(framed: Framed, target: Path) -> list[str]:
    """What a photograph has and, pasted into, will not have in its new file."""
    opaque = framed.whole.alpha is not None and not keeps_alpha(target)
    return [*framed.whole.lost, *(["what is transparent in it; write a PNG"] if opaque else [])]


def _example(system: TrainedSystem) -> str:
    attribute = system.attributes[0]
    return f"{attribute.name}={attribute.values[-1]}"
