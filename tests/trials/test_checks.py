"""Each fault of a method is found by the check that is for it, in a sentence that says how to mend it."""

import pytest
import torch
from small import ATTRIBUTES, Small, hidden, trial_of
from torch import nn
from torch.nn import functional as F

from baselines.residualgan import ResidualGAN
from sgbench.methods.contract import update
from sgbench.support.errors import UserError
from sgbench.trials.checks import CHECKS
from sgbench.trials.trial import Unsuited


def tried(cls, **about):
    """Remarks of all checks."""
    trial = trial_of(cls, **about)
    return [remark for check in CHECKS.values() if (remark := trial.passes(check))]


def like(**changed):
    """A class like the small one, with other functions; ``made`` is called at the end of ``__init__``."""
    made = changed.pop("made", None)

    def init(self, *given):
        Small.__init__(self, *given)
        if made:
            made(self)

    return type("Mine", (Small,), {"key": "mine", "__module__": __name__, "__init__": init} | changed)


def fresh(self, batches, iteration):
    """An iteration after which the network is another one."""
    losses = Small.step(self, batches, iteration)
    self.scale = 0.5
    return losses


def with_batch_norm(self, images, labels, group):
    self.train()
    return F.batch_norm(images, None, None, training=True).tanh()


def keeping_mode(self, images, labels, group):
    return (images - images.mean(0)).tanh()


def running(self, images, labels, group):
    with torch.no_grad():
        self.generator.bias.add_(0.5)
    return self.generator(images).tanh()


def elsewhere(self):
    strange = nn.Conv2d(3, 3, 1)
    self.optimizers = {"generator": torch.optim.Adam(strange.parameters())}


def grown(self, batches, iteration):
    self.more = nn.Linear(2, 2)
    return Small.step(self, batches, iteration)


def nothing(self, batches, iteration):
    return {"loss": torch.zeros(())}


def with_graph(self, batches, iteration):
    loss = self.generator(batches[0].images).square().mean()
    update(self.optimizers["generator"], {"loss": loss})
    return {"loss": self.generator(batches[0].images).square().mean()}


def diverging(self, batches, iteration):
    return {name: loss / 0 for name, loss in Small.step(self, batches, iteration).items()}


def huge(self, batches, iteration):
    losses = Small.step(self, batches, iteration)
    self.generator.weight.data.mul_(1e9)
    return losses


def failing(self, batches, iteration):
    raise RuntimeError("of its own")


WRONG = {
    "no attributes": (
        {"made": lambda self: delattr(self, "attributes")},
        "write self.attributes = ",
    ),
    "no settings": ({"made": lambda self: delattr(self, "settings")}, "write self.settings = settings"),
    "no parameters": ({"made": lambda self: delattr(self, "generator")}, "has no parameters"),
    "no batches": ({"batches_per_iteration": 0}, "batches_per_iteration is 0; return a whole number"),
    "unknown knowledge": (
        {"source_labels": classmethod(lambda cls, settings: "some")},
        "source_labels.. gives 'some'; give true or guessed or none",
    ),
    "no optimisers": ({"made": lambda self: delattr(self, "optimizers")}, "optimizers is None, not optimisers"),
    "an empty dict": ({"made": lambda self: self.optimizers.clear()}, r"optimizers is \{\}, not optimisers"),
    "strange parameters": ({"made": elsewhere}, "'generator' holds parameters that are not the method's"),
    "no losses": ({"step": lambda *_: None}, r"Mine.step\(\) must return tensors of one number by their names"),
    "no scalars": ({"step": lambda *_: {"loss": torch.zeros(2)}}, "must return tensors of one number"),
    "no dict": ({"step": lambda *_: torch.zeros(())}, "must return tensors of one number"),
    "a step that changes nothing": ({"step": nothing}, "changes no parameter; call zero_grad"),
    "losses with graphs": ({"step": with_graph}, r"return loss.detach\(\)"),
    "infinite losses": ({"step": diverging}, "g_rec not finite in the first iteration"),
    "huge weights": ({"step": huge}, "weights generator.weight are as large as"),
    "an error": ({"step": failing}, r"test_checks:Mine: .*test_checks.py:\d+: RuntimeError: of its own"),
    "another shape": ({"edit": lambda self, x, *_: x[..., :4]}, r"edit\(\) returned float32 \[4, 3, 8, 4\]"),
    "fewer images": ({"edit": lambda self, x, *_: x[:1]}, r"returned float32 \[1, 3, 8, 8\]"),
    "levels": ({"edit": lambda self, x, *_: x * 100}, "returned values from .*: scale them"),
    "NaN": ({"edit": lambda self, x, *_: x * torch.nan}, "returned NaN or infinity"),
    "training mode": ({"edit": with_batch_norm}, r"leaves it in training mode; leave out train\(\)"),
    "the batch": ({"edit": keeping_mode}, "change with the other images of the batch"),
    "a little of the batch": (
        {"edit": lambda self, x, *_: 0.9 * x + 0.005 * x.mean(0)},
        "change with the other images of the batch",
    ),
    "state of edits": ({"edit": running}, "changes generator.bias, so that results depend on what was edited before"),
    "lost state": (
        {"step": fresh, "scale": 1.0, "edit": lambda self, x, *_: x * self.scale},
        r"a new instance with the same state_dict\(\) gives other results",
    ),
    "late parts": ({"step": grown}, "its state cannot be loaded into a new instance .*more.weight"),
    "an unknown translate": ({"translate": lambda self, x, labels, groups: None}, "returned NoneType"),
}


def test_results_that_are_nowhere_below_zero_are_remarked():
    (remark,) = tried(like(edit=lambda self, x, *_: x.sigmoid()))
    assert "where a network ends in a sigmoid, return 2 * x - 1" in remark


def test_a_method_that_keeps_the_contract_passes():
    assert tried(Small) == []
    assert tried(Small, level="all") == []
    assert tried(Small, attributes=ATTRIBUTES[:1]) == []


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_a_sentence(name):
    changed, said = WRONG[name]
    with pytest.raises(UserError, match=said) as caught:
        tried(like(**changed))
    assert "\n" not in str(caught.value)
    assert "Mine" in str(caught.value) or "Small" in str(caught.value)


def test_results_that_are_drawn_are_allowed_and_said():
    drawing = like(edit=lambda self, x, *_: F.dropout(x, 0.1))
    assert tried(drawing) == ["results are drawn at random: figures are those of one draw"]


@pytest.mark.parametrize("sees", ["none", "guessed", "true"])
def test_labels_are_hidden_from_a_method_that_does_not_say_that_it_is_given_them(sees):
    told = []

    def edit(self, images, labels, group):
        told.append(hidden(labels))
        return images

    tried(like(edit=edit, source_labels=classmethod(lambda cls, settings: sees)), level="all")
    assert set(told) == {sees != "true"}


def test_what_a_method_refuses_itself_is_told_apart():
    with pytest.raises(Unsuited, match="ResidualGAN learns exactly one attribute"):
        tried(ResidualGAN)
