"""StarGAN: sizes, vectors, masks, every loss term re-derived image by image, and what each update touches."""

import copy

import pytest
import torch

from baselines.stargan import StarGAN, StarGANDiscriminator, StarGANGenerator, VectorCodec
from sgbench.data.labels import HIDDEN, NONE, Attribute, Group
from sgbench.methods.contract import Batch, update
from sgbench.methods.networks import frozen, num_parameters

GENDER = Attribute("gender", ("female", "male"))
SMILE = Attribute("smile", ("no", "yes"))
HAIR = Attribute("hair", ("black", "blond"), exhaustive=False)
SHAPE = Attribute("shape", ("round", "oval", "long"))
ATTRIBUTES = (GENDER, HAIR, SHAPE)  # entries: male; black, blond; round, oval, long
LABELS = torch.tensor([[0, 1, 2], [1, NONE, 0], [HIDDEN, 0, 1], [1, HIDDEN, HIDDEN], [0, 0, 0]], dtype=torch.int8)
COMPLETE = LABELS[[0, 1, 4]]


def make(attributes=ATTRIBUTES, labels=LABELS, size=32, **settings):
    torch.manual_seed(0)
    return StarGAN(attributes, size, StarGAN.Settings(base_width=2, **settings), labels)


def make_batch(labels=LABELS, seed=1, size=32):
    generator = torch.Generator().manual_seed(seed)
    return Batch(torch.rand(len(labels), 3, size, size, generator=generator) * 2 - 1, labels)


def logits_of(method, x):
    return method.discriminator.classify(method.discriminator.features(x))


def losses_of(method, batch, targets):
    """All terms of both networks."""
    fakes = method.generator(batch.images, targets)
    d_losses = method.discriminator_losses(batch, fakes.detach())
    return d_losses | method.generator_losses(batch, targets, fakes)


def bce(logit, target):
    return -(target * torch.sigmoid(logit).log() + (1 - target) * torch.sigmoid(-logit).log())


@pytest.mark.parametrize(("size", "count"), [(32, 2_771_392), (64, 11_175_872), (128, 44_762_048), (256, 44_884_928)])
def test_discriminator_has_the_official_number_of_parameters(size, count):
    with torch.device("meta"):
        assert num_parameters(StarGANDiscriminator(5, size, 64)) == count


def test_generator_has_the_official_number_of_parameters_and_no_convolution_biases():
    with torch.device("meta"):
        generator = StarGANGenerator(5, 64)
    assert num_parameters(generator) == 8_430_528
    assert all(m.bias is None for m in generator.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.ConvTranspose2d))


@pytest.mark.parametrize(("size", "side"), [(32, 2), (64, 2), (128, 2), (256, 4)])
def test_shapes_at_every_size(size, side):
    method, batch = make(size=size), make_batch(size=size)
    assert method.discriminator(batch.images).shape == (5, 1, side, side)
    assert logits_of(method, batch.images).shape == (5, 6)
    result = method.edit(batch.images, batch.labels, Group(2, 1))
    assert result.shape == batch.images.shape
    assert result.abs().max() <= 1
    assert not result.requires_grad


def test_unsupported_size_and_unknown_setting_are_errors():
    with pytest.raises(ValueError, match="image_size 48"):
        make(size=48)
    with pytest.raises(ValueError, match="lambda_dual"):
        StarGAN.Settings(lambda_dual=1)


def test_defaults_are_the_official_ones():
    s = StarGAN.Settings()
    assert (s.iterations, s.constant_iterations, s.batch_size, s.n_critic) == (40_000, 20_000, 16, 5)
    assert (s.lambda_gp, s.lambda_adv, s.lambda_cls, s.lambda_rec, s.learning_rate) == (10, 1, 1, 10, 1e-4)
    method = make(discriminator_learning_rate=3e-4, discriminator_width=3)
    rates = {name: o.param_groups[0]["lr"] for name, o in method.optimizers.items()}
    assert rates == {"generator": 1e-4, "discriminator": 3e-4}
    assert method.discriminator.convolutions[0].out_channels == 3


def test_vector_of_the_papers_attributes_has_five_entries():
    assert len(VectorCodec([GENDER, SMILE, HAIR, Attribute("lipstick", ("no", "yes"))]).entries) == 5


def test_encode_makes_none_a_known_zero_and_hidden_unknown():
    vectors, known = VectorCodec(ATTRIBUTES).encode(LABELS)
    assert vectors.tolist() == [
        [0, 0, 1, 0, 0, 1],
        [1, 0, 0, 1, 0, 0],
        [0, 1, 0, 0, 1, 0],
        [1, 0, 0, 0, 0, 0],
        [0, 1, 0, 1, 0, 0],
    ]
    assert known.int().tolist() == [[1] * 6, [1] * 6, [0, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0], [1] * 6]


def test_classify_respects_exclusivity():
    logits = torch.tensor([[1.0, 2, 3, -3, -1, -2], [-1.0, -1, -2, 5, 6, 4]])
    assert VectorCodec(ATTRIBUTES).classify(logits).tolist() == [[1, 0, 1, 0, 1, 0], [0, 0, 0, 0, 1, 0]]


def test_assign_sets_one_attribute_and_copies():
    codec, vectors = VectorCodec(ATTRIBUTES), torch.tensor([[1.0, 0, 1, 0, 0, 1]])
    assert codec.assign(vectors, Group(0, 0)).tolist() == [[0, 0, 1, 0, 0, 1]]
    assert codec.assign(vectors, Group(1, 0)).tolist() == [[1, 1, 0, 0, 0, 1]]
    assert codec.assign(vectors, Group(2, 1)).tolist() == [[1, 0, 1, 0, 1, 0]]
    assert vectors.tolist() == [[1, 0, 1, 0, 0, 1]]


def test_targets_permute_the_batch_where_training_vectors_are_complete():
    method = make(labels=COMPLETE)
    own = method.codec.encode(COMPLETE)[0]
    draws = [method.targets.draw(COMPLETE) for _ in range(20)]
    assert all(sorted(d.tolist()) == sorted(own.tolist()) for d in draws)
    assert any(not torch.equal(d, own) for d in draws)


def test_targets_come_from_the_pools_complete_vectors_otherwise():
    method = make()
    complete = {tuple(v) for v in method.codec.encode(COMPLETE)[0].tolist()}
    drawn = method.targets.draw(LABELS[[3]].repeat(64, 1))
    assert {tuple(v) for v in drawn.tolist()} == complete
    torch.manual_seed(5)
    first = method.targets.draw(LABELS)
    torch.manual_seed(5)
    assert torch.equal(first, method.targets.draw(LABELS))
    assert "pool" not in method.state_dict()


@pytest.mark.parametrize(
    "labels",
    [LABELS[2:4], torch.tensor([[0, HIDDEN, 1]], dtype=torch.int8), torch.full((3, 3), HIDDEN, dtype=torch.int8)],
)
def test_no_complete_vector_is_an_error_with_a_remedy(labels):
    with pytest.raises(ValueError, match=r"gender, hair, shape known.*reveal more labels"):
        make(labels=labels)


def test_an_image_that_is_only_none_is_not_in_the_pool():
    with pytest.raises(ValueError, match="hair"):
        make((HAIR,), torch.tensor([[NONE], [HIDDEN]], dtype=torch.int8))


def test_discriminator_losses_image_by_image():
    method, batch = make(lambda_gp=7, lambda_cls=3), make_batch()
    targets = method.targets.draw(batch.labels)
    torch.manual_seed(3)
    losses = method.discriminator_losses(batch, method.generator(batch.images, targets).detach())
    torch.manual_seed(3)
    mix = torch.rand(5)
    d, adversarial, penalty = method.discriminator, [], []
    entry_terms = [[] for _ in range(6)]
    for i, (x, label) in enumerate(zip(batch.images, batch.labels, strict=True)):
        fake = method.generator(x[None], targets[i : i + 1]).detach()
        adversarial.append(d(fake).mean() - d(x[None]).mean())
        between = (mix[i] * x[None] + (1 - mix[i]) * fake).requires_grad_()
        gradient = torch.autograd.grad(d(between).sum(), between)[0]
        penalty.append((gradient.square().sum().sqrt() - 1).square())
        logits = logits_of(method, x[None])[0]
        if label[0] != HIDDEN:
            entry_terms[0].append(bce(logits[0], int(label[0] == 1)))
        for first, j, count in ((1, 1, 2), (3, 2, 3)):
            if label[j] != HIDDEN:
                for v in range(count):
                    entry_terms[first + v].append(bce(logits[first + v], int(label[j] == v)))
    assert [len(t) for t in entry_terms] == [4, 4, 4, 4, 4, 4]
    torch.testing.assert_close(losses["d_adv"], sum(adversarial) / 5, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(losses["d_gp"], 7 * sum(penalty) / 5, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(losses["d_cls"], 3 * sum(sum(t) / len(t) for t in entry_terms), rtol=1e-4, atol=1e-6)


def test_generator_losses_image_by_image():
    method, batch = make(lambda_adv=2, lambda_cls=3, lambda_rec=5), make_batch()
    targets = method.targets.draw(batch.labels)
    losses = method.generator_losses(batch, targets, method.generator(batch.images, targets))
    own = method.codec.encode(batch.labels)[0]
    adversarial, cls, rec = [], [], []
    for i, x in enumerate(batch.images):
        fake = method.generator(x[None], targets[i : i + 1])
        logits = logits_of(method, fake)
        adversarial.append(-method.discriminator(fake).mean())
        cls.append(sum(bce(logits[0, k], targets[i, k]) for k in range(6)))
        if i in (0, 1, 4):
            rec.append((x - method.generator(fake, own[i : i + 1])[0]).abs().mean())
    torch.testing.assert_close(losses["g_adv"], 2 * sum(adversarial) / 5, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(losses["g_cls"], 3 * sum(cls) / 5, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(losses["g_rec"], 5 * sum(rec) / 3, rtol=1e-4, atol=1e-6)


def test_mixed_images_change_no_masked_term():
    method, batch = make(), make_batch()
    other = make_batch(torch.full((4, 3), HIDDEN, dtype=torch.int8), seed=2)
    both = Batch(torch.cat([batch.images, other.images]), torch.cat([batch.labels, other.labels]))
    targets = method.targets.draw(both.labels)
    few, many = losses_of(method, batch, targets[:5]), losses_of(method, both, targets)
    for name in ("d_cls", "g_rec"):
        torch.testing.assert_close(few[name], many[name], rtol=1e-5, atol=1e-6)
    assert few["g_adv"] != many["g_adv"]


def test_all_hidden_batch_has_no_masked_term_and_no_gradient_of_it():
    method = make()
    batch = make_batch(torch.full((3, 3), HIDDEN, dtype=torch.int8))
    targets = method.targets.draw(batch.labels)
    losses = losses_of(method, batch, targets)
    assert losses["d_cls"] == 0
    assert losses["g_rec"] == 0
    gradients = torch.autograd.grad(losses["g_rec"], method.generator.parameters(), retain_graph=True)
    assert all((g == 0).all() for g in gradients)
    losses["d_cls"].backward()
    assert all(p.grad is None or (p.grad == 0).all() for p in method.discriminator.parameters())


def test_targets_enter_the_generator_after_the_image():
    method, batch = make(), make_batch()
    vectors = method.codec.encode(batch.labels)[0]
    seen = []
    handle = method.generator.body.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    method.generator(batch.images, vectors)
    handle.remove()
    assert torch.equal(seen[0][:, :3], batch.images)
    assert torch.equal(seen[0][:, 3:, 7, 20], vectors)


def test_translate_sets_all_groups_at_once_and_keeps_the_sources_labels():
    method, batch = make(), make_batch(COMPLETE)
    vectors = torch.tensor([[1.0, 0, 1, 0, 1, 0], [1, 0, 0, 0, 1, 0], [1, 1, 0, 0, 1, 0]])
    groups = [Group(0, 1), Group(2, 1)]
    result = method.translate(batch.images, batch.labels, groups)
    torch.testing.assert_close(result, method.generator(batch.images, vectors).detach())
    assert torch.equal(result, method.translate(batch.images, batch.labels, groups[::-1]))
    one = method.edit(batch.images, batch.labels, Group(1, 0))
    assert torch.equal(one, method.translate(batch.images, batch.labels, [Group(1, 0)]))


def test_translate_takes_the_discriminators_guess_only_where_unknown():
    method, batch = make(), make_batch()
    logits = torch.tensor([5.0, -1, 4, 1, 3, 2]).repeat(5, 1)
    handle = method.discriminator.classify.register_forward_hook(lambda *_: logits)
    result = method.translate(batch.images, batch.labels, [Group(1, 1)])
    handle.remove()
    own = method.codec.encode(batch.labels)[0]
    own[:, 1:3] = torch.tensor([0.0, 1])
    own[2, 0] = 1
    own[3, 3:] = torch.tensor([0.0, 1, 0])
    torch.testing.assert_close(result, method.generator(batch.images, own).detach())


def test_with_every_label_hidden_all_entries_but_the_targets_are_the_discriminators_guess():
    """So it is scored with ``source_labels: guessed``."""
    method, batch = make(source_labels="guessed"), make_batch()
    logits = torch.tensor([[5.0, -1, 4, 1, 3, 2], [-5, -1, -4, 3, 1, 2]])[[0, 1, 0, 1, 0]]
    handle = method.discriminator.classify.register_forward_hook(lambda *_: logits)
    result = method.translate(batch.images, torch.full_like(LABELS, HIDDEN), [Group(0, 0)])
    handle.remove()
    guess = torch.tensor([[0.0, 0, 1, 0, 1, 0], [0, 0, 0, 1, 0, 0]])[[0, 1, 0, 1, 0]]
    torch.testing.assert_close(result, method.generator(batch.images, guess).detach())


def test_each_update_touches_its_own_network():
    method, batch = make(), make_batch()
    targets = method.targets.draw(batch.labels)
    before = copy.deepcopy(method.state_dict())
    fakes = method.generator(batch.images, targets)
    update(method.optimizers["discriminator"], method.discriminator_losses(batch, fakes.detach()))
    middle = copy.deepcopy(method.state_dict())
    assert all(p.grad is None for p in method.generator.parameters())
    for p in method.discriminator.parameters():
        p.grad = None
    with frozen(method.discriminator):
        update(method.optimizers["generator"], method.generator_losses(batch, targets, fakes))
    assert all(p.grad is None for p in method.discriminator.parameters())
    after = method.state_dict()
    for name in before:
        assert torch.equal(before[name], middle[name]) != name.startswith("discriminator")
        assert torch.equal(middle[name], after[name]) != name.startswith("generator")


def test_step_updates_the_critic_on_every_batch_and_the_generator_on_the_last():
    method = make(n_critic=3)
    batches = [make_batch(seed=s) for s in range(method.batches_per_iteration)]
    first = copy.deepcopy(method.generator)
    drawn, critic, seen = [], [], []
    draw = method.targets.draw
    method.targets.draw = lambda labels: drawn.append(draw(labels)) or drawn[-1]
    method.generator_losses = lambda batch, targets, fakes: (
        seen.append((batch, targets, fakes)) or StarGAN.generator_losses(method, batch, targets, fakes)
    )
    method.discriminator_losses = lambda batch, fakes: (
        critic.append((batch, fakes)) or StarGAN.discriminator_losses(method, batch, fakes)
    )
    losses = method.step(batches, 0)
    assert set(losses) == {"d_adv", "d_gp", "d_cls", "g_adv", "g_cls", "g_rec"}
    assert all(value.dim() == 0 and value.isfinite() and not value.requires_grad for value in losses.values())
    assert [batch is own for (batch, _), own in zip(critic, batches, strict=True)] == [True] * 3
    for (batch, fakes), targets in zip(critic, drawn, strict=True):  # one generator for all of them
        assert not fakes.requires_grad
        torch.testing.assert_close(fakes, first(batch.images, targets).detach())
    assert len(seen) == 1
    assert seen[0][0] is batches[-1]
    assert seen[0][1] is drawn[-1]
    assert seen[0][2].requires_grad
    assert torch.equal(seen[0][2], critic[-1][1])
    steps = {name: next(iter(o.state.values()))["step"].item() for name, o in method.optimizers.items()}
    assert steps == {"generator": 1, "discriminator": 3}
    assert all(p.requires_grad for p in method.parameters())


def test_instance_norm_is_the_same_in_evaluation_mode():
    method, batch = make(), make_batch()
    vectors = method.codec.encode(batch.labels)[0]
    training = method.train().generator(batch.images, vectors)
    assert torch.equal(training, method.eval().generator(batch.images, vectors))


@pytest.mark.parametrize("size", [32, 64])
def test_pass_through_starts_near_the_image_but_for_colour_and_contrast(size):
    torch.manual_seed(0)
    attributes = [Attribute("smile", ("no", "yes"))]
    labels = torch.zeros(4, 1, dtype=torch.int8)
    method = StarGAN(attributes, size, StarGAN.Settings(base_width=12, pass_through=0.1), labels)
    coarse = torch.rand(5, 3, 4, 4, generator=torch.Generator().manual_seed(1)) * 2 - 1
    x = torch.nn.functional.interpolate(coarse, size=size, mode="bicubic").clamp(-1, 1)
    results = method.generator(x, torch.zeros(5, 1)).detach()
    for image, result in zip(x.flatten(0, 1).flatten(1), results.flatten(0, 1).flatten(1), strict=True):
        assert torch.corrcoef(torch.stack([image, result]))[0, 1] > 0.9
        assert result.std() == pytest.approx(0.1, rel=0.2)


def test_pass_through_draws_nothing_and_leaves_the_discriminator_alone():
    attributes, labels = [Attribute("smile", ("no", "yes"))], torch.zeros(4, 1, dtype=torch.int8)
    states = []
    for gain in (0, 0.5):
        torch.manual_seed(0)
        method = StarGAN(attributes, 32, StarGAN.Settings(base_width=12, pass_through=gain), labels)
        states.append(method.state_dict() | {"next": torch.rand(3)})
    plain, passing = states
    assert torch.equal(plain["next"], passing["next"])
    changed = {name for name in plain if not torch.equal(plain[name], passing[name])}
    assert all(name.startswith("generator.") for name in changed)
    first = "generator.body.0.0.0.weight"
    assert torch.equal(plain[first][3:], passing[first][3:])


def test_pass_through_of_a_narrow_network_is_an_error():
    with pytest.raises(ValueError, match="base_width of at least 12, not 8"):
        StarGAN(
            [Attribute("smile", ("no", "yes"))], 32, StarGAN.Settings(base_width=8, pass_through=0.5), torch.zeros(4, 1)
        )
