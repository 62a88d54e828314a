"""What a method must do in training and scoring, each tried once: building it, an iteration, a few results."""

from collections.abc import Mapping
from typing import get_args

import torch
from torch import Tensor
from torch.optim import Optimizer

from sgbench.data.checked import checked, never_below_zero
from sgbench.data.labels import Group, all_groups
from sgbench.data.pixels import to_bytes
from sgbench.launching.lasting import loaded_again
from sgbench.methods.contract import Method, SourceLabels
from sgbench.scoring.repeats import DRAWS, unsteady
from sgbench.scoring.translator import editor, translator
from sgbench.support.draws import seed_draws
from sgbench.support.errors import UserError, shown
from sgbench.support.global_state import foreign
from sgbench.training.feeds import HostFeed
from sgbench.training.loop import step_seed
from sgbench.training.soundness import fault
from sgbench.training.steps import Steps
from sgbench.trials.trial import Check, Trial

_LEVEL = 1 / 255
"""On a GPU, which may sum in another order, results that are nearer than half a level of 8 bits are the same."""
_ROUNDING = 0.01
"""Levels of 8 bits by which float32 on a CPU may differ from itself; before training a mistake makes little more."""


def construction(trial: Trial) -> str:
    """The class can be built, and says what it was built with."""
    job = trial.job
    method = trial.method = trial.built()
    if tuple(getattr(method, "attributes", ())) != job.attributes:
        raise UserError(f"{trial.name}: write self.attributes = tuple(attributes) into __init__")
    if getattr(method, "settings", None) != job.entry.settings:
        raise UserError(f"{trial.name}: write self.settings = settings into __init__")
    if not any(True for _ in method.parameters()):
        raise UserError(
            f"{trial.name} has no parameters, and a checkpoint would hold nothing; assign its networks to self in "
            "__init__, as self.generator = ..."
        )
    if type(count := method.batches_per_iteration) is not int or count < 1:
        raise UserError(f"{trial.name}.batches_per_iteration is {shown(count)}; return a whole number from 1 on")
    if (known := job.entry.source_labels) not in get_args(SourceLabels):
        raise UserError(
            f"{trial.name}.source_labels() gives {shown(known)}; give {' or '.join(get_args(SourceLabels))}"
        )
    return ""


def optimisers(trial: Trial) -> str:
    """There are optimisers, of parameters that a checkpoint holds."""
    given = getattr(trial.method, "optimizers", None)
    if not isinstance(given, Mapping) or not given or not all(isinstance(o, Optimizer) for o in given.values()):
        raise UserError(
            f"{trial.name}: optimizers is {shown(given)}, not optimisers by their names; write into __init__ "
            'self.optimizers = {"generator": torch.optim.Adam(self.generator.parameters(), settings.learning_rate)}: '
            "the loop sets their rates and keeps their state"
        )
    own = {id(parameter) for parameter in trial.method.parameters()}
    for name, optimizer in given.items():
        held = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        if not held or not {id(parameter) for parameter in held} <= own:
            what = "holds no parameters" if not held else "holds parameters that are not the method's"
            raise UserError(
                f"{trial.name}: the optimiser {shown(name)} {what}; assign the network to self in __init__, and give "
                "its parameters() to the optimiser afterwards"
            )
    return ""


def iteration(trial: Trial) -> str:
    """One iteration returns losses, and changes parameters."""
    method, job = trial.method.train(), trial.job
    steps = Steps(method, HostFeed(trial.batches, method.batches_per_iteration), job.precision)
    before = [parameter.detach().clone() for parameter in method.parameters()]
    seed_draws(step_seed(job.seed, 0))
    with foreign(trial.name):
        losses = steps.run(0)
    step = f"{trial.name}.step()"
    if losses.requires_grad:
        raise UserError(f"{step} returns losses with their graphs, which fill the memory; return loss.detach()")
    if wrong := [name for name, value in zip(steps.names, losses.tolist(), strict=True) if not abs(value) < torch.inf]:
        raise UserError(f"{step}: {', '.join(wrong)} not finite in the first iteration; mend it or lower learning_rate")
    moments = {name: optimizer.state_dict() for name, optimizer in method.optimizers.items()}
    if wrong := fault(method.state_dict(), moments):
        raise UserError(f"{step}: {wrong} after the first iteration; mend it or lower learning_rate")
    if all(torch.equal(old, new) for old, new in zip(before, method.parameters(), strict=True)):
        raise UserError(
            f"{step} changes no parameter; call zero_grad(), backward() and step(), as update() of "
            "sgbench.methods.contract does"
        )
    return ""


def edits(trial: Trial) -> str:
    """The results of each group are images, and making them changes nothing."""
    method, model = trial.method.eval(), trial.model()
    images, labels = trial.sources()
    before, made = _copied(method), []
    for group in all_groups(trial.job.attributes):
        with torch.no_grad(), foreign(trial.name):
            results = method.edit(images.clone(), model.known(labels), group)
        made.append(checked(results, tuple(images.shape), f"{trial.name}.edit()"))
    if method.training or any(part.training for part in method.modules()):
        raise UserError(f"{trial.name}.edit() leaves it in training mode; leave out train(): scoring calls eval()")
    if changed := [name for name, value in _copied(method).items() if not torch.equal(value, before[name])]:
        raise UserError(
            f"{trial.name}.edit() changes {changed[0]}, so that results depend on what was edited before; change state "
            "in step() alone"
        )
    low, high = torch.stack(made).aminmax()
    if never_below_zero(low.item(), high.item(), int(to_bytes(images).min())):
        return (
            "results are nowhere below 0, and should be in [-1, 1]: where a network ends in a sigmoid, return 2 * x - 1"
        )
    return ""


def several_groups(trial: Trial) -> str:
    """Two groups can be asked for together."""
    groups = all_groups(trial.job.attributes)
    images, labels = trial.sources()
    edit = editor([trial.model()], trial.device, trial.job.precision)
    edit(to_bytes(images), labels, [groups[0], groups[-1]], 0)
    return ""


def the_image_alone(trial: Trial) -> str:
    """The result of an image depends neither on other images of its batch nor, or else it is said, on draws."""
    images, labels = trial.sources()
    group = all_groups(trial.job.attributes)[-1]
    edit = editor([trial.model()], trial.device, trial.job.precision)
    translate = translator(edit, to_bytes(images), labels)

    def make(positions: Tensor, seed: int, groups: tuple[Group, ...] = (group,)) -> Tensor:
        return translate(positions, groups, seed)

    exact = trial.device.type == "cpu" and trial.job.precision == "float32"
    positions = torch.arange(len(images))
    found = unsteady(make, positions, _ROUNDING) if exact else unsteady(make, positions)
    if found == "batch":
        raise UserError(
            f"{trial.name}: results of an image change with the other images of the batch; edit() may neither compute "
            "over a batch, as norms in training mode do, nor keep what it was given before"
        )
    return DRAWS if found == "draws" else ""


def state(trial: Trial) -> str:
    """A new instance that takes over the state gives the same results."""
    images, labels = trial.sources()
    with foreign(trial.name):
        other = loaded_again(trial.job, trial.method, trial.device, trial.name)
    group = all_groups(trial.job.attributes)[0]
    with torch.no_grad():
        one, two = (trial.model(method.eval()).translate(images, labels, [group]) for method in (trial.method, other))
    if not torch.allclose(one, two, rtol=0, atol=_LEVEL if trial.device.type == "cuda" else 0):
        raise UserError(
            f"{trial.name}: a new instance with the same state_dict() gives other results; what edit() needs must be "
            "in it: keep a network with self.name = network, a tensor with self.register_buffer(name, tensor)"
        )
    return ""


CHECKS: dict[str, Check] = {
    "construction": construction,
    "optimisers": optimisers,
    "an iteration": iteration,
    "results of each group": edits,
    "two groups together": several_groups,
    "results of an image alone": the_image_alone,
    "state in state_dict()": state,
}
"""All checks, in the order in which they are made."""


def _copied(method: Method) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in method.state_dict().items() if isinstance(value, Tensor)}
