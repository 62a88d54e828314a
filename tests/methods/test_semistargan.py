"""SemiStarGAN: sizes, every loss term done again by plain operators, masks, schedules, statistics, and edits."""

import copy

import pytest
import torch
from torch.nn import functional as F

from baselines import semistargan
from baselines.semistargan import SemiStarGAN, SemiStarGANDiscriminator
from sgbench.data.labels import HIDDEN, NONE, Attribute, Group, all_groups
from sgbench.methods.batch_norm import PartedBatchNorm
from sgbench.methods.contract import Batch, update
from sgbench.methods.convolutions import SameConv2d
from sgbench.methods.networks import frozen, num_parameters
from sgbench.methods.norms import InstanceNorm
from sgbench.methods.star_generator import StarGANGenerator

GENDER = Attribute("gender", ("female", "male"))
SMILE = Attribute("smile", ("no", "yes"))
HAIR = Attribute("hair", ("black", "blond"), exhaustive=False)
SHAPE = Attribute("shape", ("round", "oval", "long"))
ATTRIBUTES = (GENDER, HAIR, SHAPE)  # entries: male; black, blond; round, oval, long
LABELS = torch.tensor([[0, 1, 2], [1, NONE, 0], [HIDDEN, 0, 1], [1, HIDDEN, HIDDEN], [0, 0, 0]], dtype=torch.int8)
COMPLETE = LABELS[[0, 1, 4]]
HIDDEN_ALL = torch.full((4, 3), HIDDEN, dtype=torch.int8)


def make(attributes=ATTRIBUTES, labels=LABELS, size=32, **settings):
    torch.manual_seed(0)
    settings = {"base_width": 2, "iterations": 30, "constant_iterations": 15, "n_critic": 2} | settings
    return SemiStarGAN(attributes, size, SemiStarGAN.Settings(**settings), labels)


def lively(method):
    """The method in float64 with every parameter drawn so that no term vanishes, scales and shifts too."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in method.double().parameters():
            drawn = torch.randn(p.shape, generator=generator, dtype=torch.float64)
            p.copy_(drawn * (1 / p[0].numel()) ** 0.5 if p.dim() > 1 else drawn * 0.3 + 0.7)
    return method


def make_batch(labels=LABELS, seed=1, size=32, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return Batch(torch.rand(len(labels), 3, size, size, generator=generator, dtype=dtype) * 2 - 1, labels)


@pytest.fixture
def quiet(monkeypatch):
    """Without noise and dropout, so that a term can be done again."""
    monkeypatch.setattr(semistargan, "NOISE", 0.0)
    monkeypatch.setattr(semistargan, "DROPOUT", 0.0)


def leaky(x):
    return torch.where(x > 0, x, 0.2 * x)


def plain_shared(d, x):
    for convolution in d.convolutions[:2]:
        x = leaky(F.conv2d(x, convolution.weight, None, 2, 1))
    return x


def plain_scores(d, x):
    h = plain_shared(d, x)
    for convolution in d.convolutions[2:]:
        h = leaky(F.conv2d(h, convolution.weight, None, 2, 1))
    return F.conv2d(h, d.adversarial.weight, None, 1, 1)


def plain_logits(d, x):
    """As in training: by the statistics of these images."""
    h = plain_shared(d, x)
    for convolution, norm in (layer for stage in d.stages for layer in stage):
        kernel = convolution.kernel_size[0]
        h = F.conv2d(h, convolution.weight, None, convolution.stride, (kernel - 1) // 2)
        mean = h.mean((0, 2, 3), keepdim=True)
        h = (h - mean) / ((h - mean).square().mean((0, 2, 3), keepdim=True) + 1e-5).sqrt()
        h = leaky(h * norm.weight[:, None, None] + norm.bias[:, None, None])
    return h.mean((2, 3)) @ d.last.weight[:, :, 0, 0].t()


def bce(logit, target):
    return -(target * torch.sigmoid(logit).log() + (1 - target) * torch.sigmoid(-logit).log())


def close(one, other):
    torch.testing.assert_close(one, torch.as_tensor(other, dtype=one.dtype), rtol=1e-7, atol=1e-9)


# Sizes. From the official code, for c labels, w = 64, at 128: the generator is StarGAN's. Of the discriminator,
# 16 * (3w + 2w*w) are shared; the critic goes on by 16 * (2*4 + 4*8) w*w for 3 labels, for 5 by
# 16 * (2*4 + 4*4 + 4*8 + 8*8) w*w, and ends in 9 * 8w; the classifier has those four layers too, then
# (8*4 + 4*2) w*w + 2w*c, and norms of 2 * (4 + 4 + 8 + 8 + 4 + 2) w.
@pytest.mark.parametrize(("entries", "size", "count"), [
    (3, 128, 10_792_576), (5, 128, 16_035_712), (5, 256, 16_035_712), (5, 64, 13_938_048), (5, 32, 5_548_416),
])  # fmt: skip
def test_discriminator_has_the_official_number_of_parameters(entries, size, count):
    with torch.device("meta"):
        assert num_parameters(SemiStarGANDiscriminator(entries, size, 64)) == count


def test_the_numbers_follow_from_the_layers():
    w, deep = 64, 16 * (2 * 4 + 4 * 4 + 4 * 8 + 8 * 8) * 64 * 64
    rest = 16 * (3 * w + 2 * w * w) + 9 * 8 * w + deep + (8 * 4 + 4 * 2) * w * w + 2 * 30 * w
    assert rest + 16 * (2 * 4 + 4 * 8) * w * w + 2 * w * 3 == 10_792_576
    assert rest + deep + 2 * w * 5 == 16_035_712


@pytest.mark.parametrize(("entries", "count"), [(3, 8_424_256), (5, 8_430_528)])
def test_generator_is_stargans(entries, count):
    with torch.device("meta"):
        assert num_parameters(StarGANGenerator(entries, 64)) == count


@pytest.mark.parametrize(("size", "few", "many"), [(32, 2, 2), (64, 4, 2), (128, 8, 2), (256, 16, 4)])
def test_sides_of_the_critics_map_at_every_size(size, few, many):
    for attributes, side in (((GENDER, HAIR), few), (ATTRIBUTES, many)):
        method = make(attributes, LABELS[:, : len(attributes)], size=size)
        h = method.discriminator.shared(make_batch(size=size).images)
        assert h.shape == (5, 4, size // 4, size // 4)
        assert method.discriminator.scores(h).shape == (5, 1, side, side)
        assert method.discriminator.logits(h).shape == (5, len(method.codec.entries))
    result = method.eval().edit(make_batch(size=size).images, LABELS, Group(2, 1))
    assert result.shape == (5, 3, size, size)
    assert result.abs().max() <= 1
    assert not result.requires_grad


def test_classifier_has_three_stages_that_dropout_precedes():
    d = SemiStarGANDiscriminator(5, 128, 2)
    layers = [[(c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0]) for c, _ in stage] for stage in d.stages]
    assert layers == [[(4, 8, 4, 2), (8, 8, 4, 2)], [(8, 16, 4, 2), (16, 16, 4, 2)], [(16, 8, 1, 1), (8, 4, 1, 1)]]
    assert [c.out_channels for c in d.convolutions] == [2, 4, 8, 8, 16, 16]
    assert [c.out_channels for c in SemiStarGANDiscriminator(4, 128, 2).convolutions] == [2, 4, 8, 16]


def test_weights_at_the_start_and_no_biases_of_convolutions():
    method = make(base_width=8)
    convolutions = [m for m in method.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.ConvTranspose2d)]
    assert all(m.bias is None for m in convolutions)
    weights = torch.cat([m.weight.flatten() for m in convolutions])
    assert weights.abs().max() <= 0.04
    assert weights.std().item() == pytest.approx(0.02 * 0.8796, rel=0.05)  # a normal cut at two deviations
    scales = torch.cat([m.weight for m in method.modules() if isinstance(m, InstanceNorm)])
    assert scales.mean().item() == pytest.approx(1, abs=0.01)
    assert scales.std().item() == pytest.approx(0.02, rel=0.2)
    norms = [m for m in method.modules() if isinstance(m, PartedBatchNorm)]
    assert len(norms) == 4  # at 32x32
    assert all((m.weight == 1).all() and (m.bias == 0).all() and (m.slope, m.decay) == (0.2, 0.9) for m in norms)


def test_settings_and_their_defaults():
    s = SemiStarGAN.Settings()
    assert (s.iterations, s.constant_iterations, s.batch_size, s.n_critic) == (91_300, 45_650, 16, 5)
    assert (s.lambda_gp, s.lambda_adv, s.lambda_cls, s.lambda_rec) == (10, 1, 1, 10)
    assert (s.lambda_con, s.lambda_id, s.learning_rate, s.labelled_share) == (2, 1, 1e-4, 0.5)
    method = make(discriminator_learning_rate=3e-4, discriminator_width=3)
    rates = {name: o.param_groups[0]["lr"] for name, o in method.optimizers.items()}
    assert rates == {"generator": 1e-4, "discriminator": 3e-4}
    assert method.discriminator.convolutions[0].out_channels == 3
    with pytest.raises(ValueError, match="image_size 48"):
        make(size=48)
    with pytest.raises(ValueError, match="alpha"):
        make(alpha=1)


def test_pass_through_is_the_generators_and_comes_after_the_weights_are_drawn():
    method, plain = make(base_width=12, pass_through=0.5), make(base_width=12)
    last, other = method.generator.body[-2].weight, plain.generator.body[-2].weight
    torch.testing.assert_close(last[:, 6:], 0.1 * other[:, 6:])
    assert torch.equal(last[:, :3, 3, 3], 0.5 * torch.eye(3))


def test_noise_and_dropout_are_there_in_training_alone():
    method, x = make(), torch.zeros(8, 3, 32, 32)
    d = method.discriminator
    noise = d.noisy(x)
    assert noise.std().item() == pytest.approx(0.15, rel=0.02)
    assert not torch.equal(noise[0], noise[1])
    h = torch.ones(64, 4, 8, 8)
    seen = []
    handle = d.stages[0][0][0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for mode in (True, False):
        d.train(mode)
        assert torch.equal(d.scores(h[:1]), d.scores(h[:1]))  # the critic's path drops nothing
        d.logits(h)
    handle.remove()
    dropped, whole = seen
    assert set(dropped.unique().tolist()) == {0, 2}
    assert (dropped == 0).float().mean().item() == pytest.approx(0.5, abs=0.02)
    assert torch.equal(whole, h)
    assert torch.equal(d.noisy(x), x)


def test_discriminator_losses_by_plain_operators(quiet):
    method = lively(make(lambda_gp=7, lambda_cls=3, lambda_con=5))
    batch, targets = make_batch(dtype=torch.float64), torch.eye(6, dtype=torch.float64)[:5]
    x, d = batch.images, method.discriminator
    fake = method.generator(x, targets).detach()
    method.updates.fill_(10)  # of 60, the ramp ends at 20
    torch.manual_seed(3)
    losses = method.discriminator_losses(batch, fake)
    torch.manual_seed(3)
    torch.randn(20, 3, 32, 32, dtype=torch.float64)  # the noise of all images, which counts nothing here
    mix = torch.rand(5, 1, 1, 1, dtype=torch.float32)
    scores = [plain_scores(d, images).mean() for images in (fake, fake.flip(3), x, x.flip(3))]
    close(losses["d_adv"], (scores[0] + scores[1]) / 2 - (scores[2] + scores[3]) / 2)
    between = (mix * x + (1 - mix) * fake).requires_grad_()
    gradient = torch.autograd.grad(plain_scores(d, between).sum(), between)[0]
    close(losses["d_gp"], 7 * (gradient.flatten(1).norm(dim=1) - 1).square().mean())
    logits = {name: plain_logits(d, images) for name, images in {"x": x, "m": x.flip(3)}.items()}
    logits |= {name: plain_logits(d, images) for name, images in {"f": fake, "fm": fake.flip(3)}.items()}
    total = 0
    for first, j, values in ((0, 0, (1,)), (1, 1, (0, 1)), (3, 2, (0, 1, 2))):
        for k, v in enumerate(values, first):
            rows = [i for i in range(5) if batch.labels[i, j] != HIDDEN]
            assert len(rows) == 4
            total += sum(bce(logits[n][i, k], int(batch.labels[i, j] == v)) for n in ("x", "m") for i in rows) / 8
    close(losses["d_cls"], 3 * total)
    apart = [(logits[a] - logits[b]).square().mean() for a, b in (("x", "m"), ("f", "fm"))]
    close(losses["d_con"], 5 * torch.exp(torch.tensor(-5 / 4)) * (apart[0] + apart[1]) / 2)


@pytest.mark.parametrize(
    ("updates", "identity", "unlabelled"), [(1, 1.0, 0), (3, 1.0, 0), (4, 0.5, 0), (7, 0.0, 0), (10, 0.0, 1)]
)
def test_generator_losses_by_plain_operators(quiet, updates, identity, unlabelled):
    """Of 60 updates of the discriminator 3 are the first twentieth; unlabelled images begin after 9."""
    method = lively(make(lambda_adv=2, lambda_cls=3, lambda_rec=5, lambda_id=7))
    batch, own = make_batch(dtype=torch.float64), method.codec.encode(LABELS)[0].double()
    targets = torch.eye(6, dtype=torch.float64)[:5]
    targets[4] = own[4]
    x, d = batch.images, method.discriminator
    fake = method.generator(x, targets)
    method.updates.fill_(updates)
    losses = method.generator_losses(batch, targets, fake)
    scores = [plain_scores(d, images).mean() for images in (fake, fake.flip(3))]
    close(losses["g_adv"], -2 * (scores[0] + scores[1]) / 2)
    terms = [bce(plain_logits(d, images), targets).sum(1).mean() for images in (fake, fake.flip(3))]
    close(losses["g_cls"], 3 * (terms[0] + terms[1]) / 2)
    logits = plain_logits(d, x)  # of the whole batch, as it is trained
    source = own.clone()
    source[2, 0] = float(logits[2, 0] > 0)
    best = torch.where(logits[3, 1:3] == logits[3, 1:3].max(), logits[3, 1:3] > 0, False)
    source[3, 1:] = torch.cat([best.double(), (logits[3, 3:] == logits[3, 3:].max()).double()])
    errors = [(x[i] - method.generator(fake[i : i + 1], source[i : i + 1])[0]).abs().mean() for i in range(5)]
    counted = [0, 1, 2, 3, 4] if unlabelled else [0, 1, 4]
    close(losses["g_rec"], 5 * sum(errors[i] for i in counted) / len(counted))
    close(losses["g_id"], 7 * identity * (x[4] - fake[4]).abs().mean())


def test_terms_of_labels_vanish_where_all_are_hidden_and_nothing_divides_by_zero():
    method, batch = make(), make_batch(HIDDEN_ALL)
    targets = method.draw_targets(batch.labels)
    fake = method.generator(batch.images, targets)
    method.updates.fill_(1)
    losses = method.discriminator_losses(batch, fake.detach()) | method.generator_losses(batch, targets, fake)
    assert all(value.isfinite() for value in losses.values())
    assert losses["d_cls"] == losses["g_rec"] == losses["g_id"] == 0
    assert losses["d_con"] > 0
    method.updates.fill_(10)
    assert method.generator_losses(batch, targets, fake)["g_rec"] > 0


@pytest.mark.parametrize(("done", "weight"), [(0, -5.0), (1 / 6, -1.25), (1 / 3, 0.0), (1 / 2, 0.0), (1, 0.0)])
def test_consistency_rises_over_the_first_third(done, weight):
    method = make(iterations=600, n_critic=5)
    method.updates.fill_(round(3000 * done))
    torch.testing.assert_close(method.consistency_weight(), torch.tensor(weight).exp())


def test_twentieths_are_the_official_codes_epochs():
    method = make(iterations=200, n_critic=5)  # so an epoch has 50 updates, of which every fifth is the generator's
    for updates, epoch in ((5, 0), (50, 0), (51, 1), (55, 1), (150, 2), (155, 3), (1000, 19)):
        method.updates.fill_(updates)
        assert method.twentieth() == epoch


def test_schedules_hold_in_the_shortest_training():
    method = make(iterations=1, constant_iterations=0, n_critic=1)
    losses = method.step([make_batch()], 0)
    assert all(value.isfinite() for value in losses.values())
    assert method.consistency_weight() == 1


def test_targets_are_any_valid_vectors_and_the_first_labelled_image_keeps_its_own():
    method = make()
    torch.manual_seed(0)
    drawn = torch.cat([method.draw_targets(HIDDEN_ALL) for _ in range(600)])
    vectors, counts = drawn.unique(dim=0, return_counts=True)
    assert len(vectors) == 2 * 3 * 3  # gender; black, blond or none; one of three shapes
    assert counts.min() > 0.6 * 2400 / 18
    assert (vectors[:, 1:3].sum(1) <= 1).all()
    assert (vectors[:, 3:].sum(1) == 1).all()
    own = method.codec.encode(LABELS)[0]
    for labels, kept, vector in ((LABELS, 0, own[0]), (LABELS[2:], 2, own[4])):
        draws = torch.stack([method.draw_targets(labels) for _ in range(40)])
        assert (draws[:, kept] == vector).all()
        assert [len(draws[:, i].unique(dim=0)) > 1 for i in range(len(labels))] == [
            i != kept for i in range(len(labels))
        ]


def test_norms_learn_of_real_images_and_their_mirrors_alone(quiet):
    method, batch = lively(make()), make_batch(dtype=torch.float64)
    targets = method.draw_targets(batch.labels).double()
    fake = method.generator(batch.images, targets)
    before = copy.deepcopy(dict(method.named_buffers()))
    method.generator_losses(batch, targets, fake)
    method.guess(batch.images)
    assert all(torch.equal(value, before[name]) for name, value in method.named_buffers())
    method.discriminator_losses(batch, fake.detach())
    norm, convolution = method.discriminator.stages[0][0][1], method.discriminator.stages[0][0][0]
    mean, variance = torch.zeros(8).double(), torch.zeros(8).double()
    for x in (batch.images, batch.images.flip(3)):
        h = F.conv2d(plain_shared(method.discriminator, x), convolution.weight, None, 2, 1)
        mean += h.mean((0, 2, 3)) / 2  # the first passes count alike
        variance += h.var((0, 2, 3)) / 2
    close(norm.mean, mean.detach())
    close(norm.variance, variance.detach())
    first = {name: value.clone() for name, value in method.named_buffers()}
    for name, value in method.named_buffers():
        value.copy_(before[name])
    method.discriminator_losses(batch, -fake.detach())  # other results, the same statistics
    assert all(torch.equal(value, first[name]) for name, value in method.named_buffers())


def test_buffers_are_in_the_state_and_go_on_from_it():
    method = make()
    method.step([make_batch(seed=s) for s in range(2)], 0)
    other = make()
    other.load_state_dict(method.state_dict())
    assert other.updates == 2
    assert any((value != 0).all() for name, value in other.named_buffers() if name.endswith("mean"))
    for (name, one), (_, two) in zip(method.named_buffers(), other.named_buffers(), strict=True):
        assert torch.equal(one, two), name


def test_step_updates_the_critic_on_every_batch_and_the_generator_on_the_last():
    method = make(n_critic=3)
    batches = [make_batch(seed=s) for s in range(method.batches_per_iteration)]
    first = copy.deepcopy(method.generator)
    drawn, critic, seen = [], [], []
    method.draw_targets = lambda labels: drawn.append(SemiStarGAN.draw_targets(method, labels)) or drawn[-1]
    method.generator_losses = lambda batch, targets, fakes: (
        seen.append((batch, targets, fakes)) or SemiStarGAN.generator_losses(method, batch, targets, fakes)
    )
    method.discriminator_losses = lambda batch, fakes: (
        critic.append((batch, fakes, int(method.updates))) or SemiStarGAN.discriminator_losses(method, batch, fakes)
    )
    losses = method.step(batches, 0)
    assert set(losses) == {"d_adv", "d_gp", "d_cls", "d_con", "g_adv", "g_cls", "g_rec", "g_id"}
    assert all(value.dim() == 0 and value.isfinite() and not value.requires_grad for value in losses.values())
    assert [(batch is own, count) for (batch, _, count), own in zip(critic, batches, strict=True)] == [
        (True, n) for n in (1, 2, 3)
    ]
    for (batch, fakes, _), targets in zip(critic, drawn, strict=True):  # one generator for all of them
        assert not fakes.requires_grad
        torch.testing.assert_close(fakes, first(batch.images, targets).detach())
    ((batch, targets, fakes),) = seen
    assert batch is batches[-1]
    assert targets is drawn[-1]
    assert fakes.requires_grad
    steps = {name: next(iter(o.state.values()))["step"].item() for name, o in method.optimizers.items()}
    assert steps == {"generator": 1, "discriminator": 3}
    assert all(p.requires_grad for p in method.parameters())


def test_each_update_touches_its_own_network():
    method, batch = make(), make_batch()
    targets = method.draw_targets(batch.labels)
    before = copy.deepcopy(dict(method.named_parameters()))
    fakes = method.generator(batch.images, targets)
    update(method.optimizers["discriminator"], method.discriminator_losses(batch, fakes.detach()))
    middle = copy.deepcopy(dict(method.named_parameters()))
    assert all(p.grad is None for p in method.generator.parameters())
    for p in method.discriminator.parameters():
        p.grad = None
    with frozen(method.discriminator):
        update(method.optimizers["generator"], method.generator_losses(batch, targets, fakes))
    assert all(p.grad is None for p in method.discriminator.parameters())
    for name, after in method.named_parameters():
        assert torch.equal(before[name], middle[name]) != name.startswith("discriminator"), name
        assert torch.equal(middle[name], after) != name.startswith("generator"), name


def trained_a_little():
    method = make()
    method.step([make_batch(seed=s) for s in range(2)], 0)
    return method.eval()


def test_a_result_depends_on_its_image_alone():
    method, batch = trained_a_little(), make_batch()
    whole = method.edit(batch.images, HIDDEN_ALL[:1].repeat(5, 1), Group(0, 1))
    alone = [method.edit(x[None], HIDDEN_ALL[:1], Group(0, 1)) for x in batch.images]
    torch.testing.assert_close(whole, torch.cat(alone), rtol=0, atol=1e-5)
    assert torch.equal(whole, method.edit(batch.images, HIDDEN_ALL[:1].repeat(5, 1), Group(0, 1)))


def test_edits_take_true_labels_where_they_are_known_and_guesses_elsewhere():
    method, batch = trained_a_little(), make_batch()
    own, known = method.codec.encode(LABELS)
    guess = method.guess(batch.images)
    for labels, source in ((LABELS, torch.where(known, own, guess)), (HIDDEN_ALL[:1].repeat(5, 1), guess)):
        wanted = method.codec.assign(method.codec.assign(source, Group(1, 1)), Group(0, 0))
        result = method.translate(batch.images, labels, [Group(1, 1), Group(0, 0)])
        assert torch.equal(result, method.generator(batch.images, wanted).detach())
    assert torch.equal(method.guessed_labels(batch.images), method.codec.decode(guess))
    assert SemiStarGAN.source_labels(SemiStarGAN.Settings()) == "true"
    assert SemiStarGAN.source_labels(SemiStarGAN.Settings(source_labels="guessed")) == "guessed"


def test_every_edit_is_each_edit():
    method, batch = trained_a_little(), make_batch()
    labels = HIDDEN_ALL[:1].repeat(5, 1)
    each = torch.stack([method.edit(batch.images, labels, group) for group in all_groups(ATTRIBUTES)], 1)
    torch.testing.assert_close(method.every_edit(batch.images), each, rtol=0, atol=1e-5)


def test_no_convolution_of_the_discriminator_has_a_kernel_that_its_padding_makes_lopsided():
    """What the plain operators of these tests rest on."""
    kernels = {m.kernel_size[0] for m in SemiStarGANDiscriminator(5, 32, 2).modules() if isinstance(m, SameConv2d)}
    assert kernels == {1, 3, 4}


def bright_and_dark(number):
    """Images whose brightness is their gender, and which that is."""
    truth = torch.randint(2, (number, 1)).to(torch.int8)
    brightness = 0.2 * torch.randn(number, 3, 1, 1) + (truth[:, :, None, None] - 0.5)
    return (brightness + 0.1 * torch.randn(number, 3, 32, 32)).clamp(-1, 1), truth


@pytest.mark.slow
def test_a_toy_task_is_learned():
    """Half of the images are without labels: classification and reconstruction fall, guesses at test are right."""
    settings = {"base_width": 4, "discriminator_width": 8, "iterations": 80, "constant_iterations": 80}
    settings |= {"n_critic": 1, "learning_rate": 2e-3, "lambda_rec": 100}
    method, losses = make((GENDER,), LABELS[:, :1], **settings), []
    for iteration in range(80):
        torch.manual_seed(iteration)
        x, truth = bright_and_dark(8)
        labels = torch.where(torch.arange(8)[:, None] < 4, truth, HIDDEN).to(torch.int8)
        losses.append({k: float(v) for k, v in method.step([Batch(x, labels)], iteration).items()})
    assert all(abs(value) < 1e3 for row in losses for value in row.values())
    early, late = ({k: sum(row[k] for row in part) / 20 for k in part[0]} for part in (losses[:20], losses[-20:]))
    assert late["d_cls"] < 0.75 * early["d_cls"]
    assert late["g_rec"] < 0.9 * early["g_rec"]
    x, truth = bright_and_dark(128)
    assert (method.eval().guessed_labels(x) == truth).float().mean() > 0.9
