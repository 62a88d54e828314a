"""Prepares what scoring needs, once for all systems: images and known answers, networks, judges."""

from dataclasses import dataclass

from sgbench.data.requests import make_requests
from sgbench.data.store.packed import PackedImages, open_store
from sgbench.data.store.references import open_references
from sgbench.judges.cache import open_judge
from sgbench.judges.judge import Judge
from sgbench.judges.training import Epoch
from sgbench.plan.protocol import Seat
from sgbench.plan.study import Study
from sgbench.results.scores import Panelist
from sgbench.scoring.evaluation_set import EvaluationSet, everything_asked
from sgbench.scoring.outlook import outlook
from sgbench.scoring.panel import Panel, UserNetworks, open_networks, panelists, real_features
from sgbench.support.cores import LOOKING, torch_threads
from sgbench.support.environment import decoders
from sgbench.support.global_state import foreign

_TRIED = 4
"""Test images that a network of the user's is tried with."""


@dataclass(frozen=True)
class StudyData:
    """The data that a study trains and scores on.

    Attributes:
        images: all images of the data set.
        test: the test images, the requests, and the known answers.
        networks: the networks whose weights the user provides.
    """

    images: PackedImages
    test: EvaluationSet
    networks: UserNetworks


@dataclass(frozen=True)
class Jury:
    """The judges of a study, and what records say about them."""

    judges: tuple[Judge, ...]
    panelists: tuple[Panelist, ...]


def prepare_data(study: Study) -> StudyData:
    """Decode images that are not packed, draw or read the known answers, and open the user's networks.

    Raises:
        UserError: an image cannot be read, the disk is full, or a file holds another network than it should.
    """
    plan, screen = study.plan, study.screen
    networks = open_networks(study.settings.scoring, study.protocol.files, study.device)
    study.runs.prepare()
    with screen.task("images", len(plan.source.ids), "images") as task, foreign(f"data set {plan.source.name}"):
        images = open_store(plan.source, study.runs.store, lambda done, total: task.update(done))
        if not plan.source.drawn and (
            told := study.runs.check_images(plan.source.fingerprint, images.digest, decoders())
        ):
            screen.say(f"warning: {told}")
    requests = make_requests(plan.test_labels, plan.attributes)
    total = len(plan.test) + sum(len(r.positions) for r in requests)
    with screen.task("references", total, "images") as task:
        store = study.runs.store
        with foreign(f"data set {plan.source.name}"):
            known = open_references(plan.source, plan.test, requests, store, lambda done, _: task.update(done))
    test = everything_asked(images[plan.test], plan.test_labels, requests, known)
    if networks.embedder:
        networks.embedder.check(test.images[:_TRIED])  # before anything is trained
    return StudyData(images, test, networks)


def train_judges(study: Study, data: StudyData, needed: bool = False) -> Jury:
    """Train the judges that are not trained yet, and measure how well they see the attributes of real test images.

    What they will not be able to score is told, before time is spent on training methods for them.

    Args:
        needed: refuse to go on where no attribute would have an accuracy.

    Raises:
        UserError: a judge diverged, or is needed and sees nothing.
    """
    plan, say = study.plan, study.screen.say
    with torch_threads(LOOKING):
        judges = tuple(_judge(study, data.images, seat) for seat in study.protocol.judges)
        jury = Jury(judges, panelists(judges, study.protocol.judges, data.test, study.settings.jury.gate))
    if twins := study.runs.judge(study.protocol.judges[0].key).facts().get("left out"):
        say(f"judges: {twins:,} training images were left out, which have the pixels of a test image")
    foreseen = outlook(jury.panelists, plan.attributes, plan.source.labels[plan.train], study.settings)
    for line in foreseen.lines:
        say(f"warning: {line}")
    if needed:
        foreseen.check()
    if foreseen.lines:
        say(f"to have accuracy scored, {foreseen.remedy}")
    return jury


def make_panel(study: Study, data: StudyData, jury: Jury) -> Panel:
    """The panel: all networks that look at results."""
    test = data.test
    features = real_features(data.networks.inception, test.images, test.labels, study.plan.attributes)
    return Panel(jury.judges, data.networks, features)


def _judge(study: Study, images: PackedImages, seat: Seat) -> Judge:
    plan, name = study.plan, f"judge {seat.architecture} {seat.settings.seed}"
    with study.screen.task(name, seat.settings.epochs, "epochs") as task:

        def advance(epoch: Epoch) -> None:
            best = f"held-out balanced accuracy {epoch.score:.3f}" if epoch.score >= 0 else ""
            task.update(epoch.done + epoch.share, best)

        files, device = study.runs.judge(seat.key), study.device
        return open_judge(plan.source, images, plan.train, seat.settings, seat.architecture, files, device, advance)
