"""LPIPS with files of random weights against its definition, computed layer by layer on torchvision's networks."""

from pathlib import Path

import pytest
import torch
import torchmetrics
import torchvision
from torch import nn

from sgbench.features.lpips import LPIPS, load_lpips
from sgbench.features.weights import PUBLISHED
from sgbench.support.errors import UserError

MODELS = {
    "alex": torchvision.models.alexnet,
    "vgg": torchvision.models.vgg16,
    "squeeze": torchvision.models.squeezenet1_1,
}
TAPPED = {
    "alex": (1, 4, 7, 9, 11),
    "vgg": (3, 8, 15, 22, 29),
    "squeeze": (1, 4, 7, 9, 10, 11, 12),
}
"""Layers whose activations count: the last rectification of each stage, or the squeeze network's modules."""
SHIFT = torch.tensor([-0.030, -0.088, -0.188], dtype=torch.float64)[:, None, None]
SCALE = torch.tensor([0.458, 0.448, 0.450], dtype=torch.float64)[:, None, None]


def _backbone(net):
    """Random weights under which activations neither vanish nor explode; only the layers that count, for speed."""
    torch.manual_seed(3)
    with torch.device("meta"):
        model = MODELS[net]()
    features = model.features.to_empty(device="cpu")
    for layer in features.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.normal_(layer.bias, 0, 0.05)
    return features.eval()


@pytest.fixture(scope="module", params=MODELS)
def case(request, tmp_path_factory) -> tuple[str, nn.Module, Path]:
    net = request.param
    features = _backbone(net)
    state = {f"features.{name}": value for name, value in features.state_dict().items()}
    state |= {"classifier.1.weight": torch.zeros(2, 3)}  # published files hold the classifier as well
    path = tmp_path_factory.mktemp(net) / "weights.pth"
    torch.save(state, path)
    return net, features, path


@pytest.fixture
def alex_file(tmp_path) -> Path:
    path = tmp_path / "alex.pth"
    torch.save({f"features.{name}": value for name, value in _backbone("alex").state_dict().items()}, path)
    return path


def _images(number, size=64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(number, 3, 6, 6, generator=generator)
    smooth = nn.functional.interpolate(coarse, (size, size), mode="bilinear", align_corners=True)
    return (smooth * 230 + 25 * torch.rand(number, 3, size, size, generator=generator)).byte()


@torch.no_grad()
def _by_definition(net, features, first, second):
    folder = Path(torchmetrics.__file__).parent / "functional" / "image" / "lpips_models"
    linear = torch.load(folder / f"{net}.pth", map_location="cpu", weights_only=True)
    features = features.double()
    x, y = ((image.double() / 255 * 2 - 1 - SHIFT) / SCALE for image in (first, second))
    total, layer = torch.zeros(len(first), dtype=torch.float64), 0
    for index, module in enumerate(features):
        x, y = module(x), module(y)
        if index in TAPPED[net]:
            directions = [z / z.square().sum(1, keepdim=True).add(1e-8).sqrt() for z in (x, y)]
            weights = linear[f"lin{layer}.model.1.weight"].double().flatten()
            gaps = (directions[0] - directions[1]).square()
            total += torch.einsum("nchw,c->nhw", gaps, weights).mean((1, 2))
            layer += 1
    features.float()
    assert layer == len(linear)
    return total


@pytest.mark.slow
def test_distances_are_those_of_the_definition(case):
    net, features, path = case
    size = 32 if net == "vgg" else 64
    results, references = _images(3, size), _images(3, size, seed=1)
    references[2] = results[2]
    distances = load_lpips(path, net)(results, references)
    expected = _by_definition(net, features, results, references)
    assert distances.dtype == torch.float64
    assert distances.shape == (3,)
    assert (expected[:2] > 0.005).all()
    assert abs(expected[0] / expected[1] - 1) > 1e-3
    torch.testing.assert_close(distances, expected, rtol=1e-4, atol=1e-9)
    assert distances[2] == 0


def test_both_orders_and_any_batches_give_the_same_distances(alex_file):
    results, references = _images(5), _images(5, seed=1)
    lpips = load_lpips(alex_file)
    distances = lpips(results, references)
    torch.testing.assert_close(lpips(references, results), distances, rtol=1e-4, atol=1e-8)
    batches = LPIPS(lpips.network, lpips.definition, batch_size=2)(results, references)
    torch.testing.assert_close(batches, distances, rtol=1e-4, atol=1e-8)


def test_images_of_32_pixels_have_a_distance(alex_file):
    assert (load_lpips(alex_file)(_images(2, 32), _images(2, 32, seed=1)) > 0).all()


def test_other_weights_than_the_published_ones_show_in_the_definition(alex_file, monkeypatch):
    custom = load_lpips(alex_file).definition
    assert custom.startswith("LPIPS 0.1, alex, custom weights ")
    digest = custom.rsplit(" ", 1)[1]
    assert len(digest) == 12
    monkeypatch.setitem(load_lpips.__globals__["BACKBONES"], "alex", ("alexnet-owt", digest[:8]))
    assert load_lpips(alex_file).definition == "LPIPS 0.1, alex"


@pytest.mark.parametrize(
    ("net", "weights"),
    [
        ("alex", torchvision.models.AlexNet_Weights),
        ("vgg", torchvision.models.VGG16_Weights),
        ("squeeze", torchvision.models.SqueezeNet1_1_Weights),
    ],
)
def test_the_wanted_file_is_the_one_that_torchvision_publishes(net, weights, tmp_path):
    (tmp_path / "text.pth").write_text("not weights")
    with pytest.raises(UserError) as caught:
        load_lpips(tmp_path / "text.pth", net)
    url = weights.IMAGENET1K_V1.url
    assert f"give torchvision's {url.rsplit('/', 1)[1]}" in str(caught.value)
    assert (url == PUBLISHED["lpips"].url) == (net == "alex") == ("sgbench fetch lpips" in str(caught.value))


@pytest.mark.slow
def test_a_file_of_another_network_is_refused_in_one_line(alex_file):
    with pytest.raises(UserError, match=r"alex\.pth: not the weights of vgg16: give torchvision's vgg16-") as caught:
        load_lpips(alex_file, "vgg")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [[1, 2], torch.zeros(3), {"features.0.weight": torch.zeros(1)}, {}, 7])
def test_a_file_of_something_else_is_refused(tmp_path, content):
    path = tmp_path / "else.pth"
    torch.save(content, path)
    with pytest.raises(UserError, match=r"else\.pth: not the weights of alexnet-owt"):
        load_lpips(path)


def test_a_file_that_runs_code_is_refused(tmp_path):
    path = tmp_path / "code.pth"
    torch.save({"features.0.weight": Path("x")}, path)
    with pytest.raises(UserError, match=r"code\.pth: not a file of weights"):
        load_lpips(path)


def test_a_missing_file_and_an_unknown_backbone_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"none\.pth: .*No such file"):
        load_lpips(tmp_path / "none.pth")
    with pytest.raises(UserError, match="no backbone 'resnet': give alex, vgg, squeeze"):
        load_lpips(tmp_path / "none.pth", "resnet")


def test_only_8_bit_images_are_taken(alex_file):
    lpips = load_lpips(alex_file)
    with pytest.raises(ValueError, match="references: images must be uint8"):
        lpips(_images(2), _images(2).float())
    with pytest.raises(ValueError, match="references"):
        lpips(_images(2), _images(3))
