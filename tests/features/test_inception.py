"""Inception with a file of random weights against torch-fidelity with the same file."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
import torch
import torch_fidelity
import yaml
from torch import nn
from torch_fidelity import feature_extractor_inceptionv3 as original

from sgbench.features.inception import Inception, load_inception
from sgbench.features.weights import INCEPTION_SHA256, INCEPTION_URL, WeightsFile, checked, find_inception
from sgbench.metrics.inception_score import InceptionScore, inception_posterior
from sgbench.run import main as run
from sgbench.support.errors import UserError

N = 16
LAYERS = ["2048", "logits_unbiased"]
CPU = torch.device("cpu")


def _images(number, size, seed=0):
    """Images that differ much from each other, much alike at every size: large and small shapes of random contrast."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.zeros(number, 3, size, size)
    for side, height in ((4, 170), (16, 85)):
        shapes = torch.rand(number, 3, side, side, generator=generator)
        shapes *= torch.rand(number, 3, 1, 1, generator=generator) * height
        images += nn.functional.interpolate(shapes, (size, size), mode="bilinear", align_corners=True)
    return images.byte()


@pytest.fixture(scope="session")
def state() -> dict[str, torch.Tensor]:
    """Random weights and statistics, with logits that vary from image to image, not about a mean far from 0."""
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:  # torch-fidelity's network can only be made from a file
        patch.setattr(original, "load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(original.FeatureExtractorInceptionV3, "load_state_dict", lambda *_: None)
        network = original.FeatureExtractorInceptionV3("random", LAYERS)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        if isinstance(module, nn.BatchNorm2d):
            for scale in (module.weight, module.running_var):
                nn.init.uniform_(scale, 0.7, 1.3)
            for shift in (module.bias, module.running_mean):
                nn.init.normal_(shift, 0, 0.2)
    images = _images(8, 80, seed=1)
    with torch.no_grad():
        features, _ = network(images)
        mean = features.mean(0)
        spread = (features - mean).square().sum(1).mean().sqrt()
        directions = torch.randn(1008, 2048) * 3 / spread
        network.fc.weight.copy_(directions - torch.outer(directions @ mean, mean) / mean.square().sum())
        nn.init.normal_(network.fc.bias, 0, 5)
    return network.state_dict()


@pytest.fixture(scope="session")
def weights(state, tmp_path_factory) -> WeightsFile:
    """The random weights as a file, in the format of torch before 1.6."""
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return find_inception(path, checked(path)[1])


@pytest.fixture(scope="session")
def inception(weights) -> Inception:
    return load_inception(weights, CPU)


@pytest.fixture(scope="session")
def extracted(inception) -> Callable[[int], tuple[torch.Tensor, torch.Tensor]]:
    """Our features and logits of the images of a size, all in one batch; computed once."""
    return cache(lambda size: inception.extract(_images(N, size)))


@pytest.fixture(scope="session")
def reference(weights) -> nn.Module:
    return original.FeatureExtractorInceptionV3("reference", LAYERS, feature_extractor_weights_path=weights.path)


class Images(torch.utils.data.Dataset):
    """What torch-fidelity takes as input."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, row):
        return self.images[row]


def _scored(logits):
    metric = InceptionScore(num_splits=10)
    terms = metric.terms(inception_posterior(logits))
    return metric.figure(terms), metric.spread(terms)


def _written(tmp_path: Path, content):
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    return WeightsFile(path, checked(path)[1])


@pytest.mark.slow
@pytest.mark.parametrize("size", [32, 64, 128, 299])
def test_logits_features_and_score_are_torch_fidelitys(size, extracted, reference):
    features, logits = extracted(size)
    expected_features, expected_logits = reference(_images(N, size))
    assert features.dtype == logits.dtype == torch.float32
    torch.testing.assert_close(features, expected_features, rtol=0, atol=1e-5)
    torch.testing.assert_close(logits, expected_logits, rtol=0, atol=1e-5)
    found = torch_fidelity.metric_isc.isc_features_to_metric(expected_logits, splits=10)
    value, spread = _scored(logits)
    assert value == pytest.approx(found[torch_fidelity.KEY_METRIC_ISC_MEAN], abs=1e-5)
    assert spread == pytest.approx(found[torch_fidelity.KEY_METRIC_ISC_STD], abs=1e-5)
    assert value > 1.2


@pytest.mark.slow
def test_the_score_is_what_torch_fidelity_calculates_from_a_data_set(extracted, weights):
    found = torch_fidelity.calculate_metrics(
        input1=Images(_images(N, 32)),
        isc=True,
        feature_extractor_weights_path=str(weights.path),
        batch_size=N,
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )
    value, spread = _scored(extracted(32)[1])
    assert value == pytest.approx(found[torch_fidelity.KEY_METRIC_ISC_MEAN], abs=1e-5)
    assert spread == pytest.approx(found[torch_fidelity.KEY_METRIC_ISC_STD], abs=1e-5)


def test_logits_vary_over_images_and_have_no_bias(extracted, state):
    _, logits = extracted(32)
    assert logits.std(0).mean() > 0.5
    assert abs(torch.corrcoef(torch.stack([logits.mean(0), state["fc.bias"]]))[0, 1]) < 0.3


@pytest.mark.slow
@pytest.mark.parametrize(("rows", "batch_size"), [(list(range(N))[::-1], 7), ([5, 2], 1)])
def test_batch_size_and_order_are_of_no_account(rows, batch_size, inception, extracted):
    features, logits = inception.extract(_images(N, 32)[rows], batch_size)
    expected_features, expected_logits = (x[rows] for x in extracted(32))
    assert (features - expected_features).abs().max() < 1e-5
    assert (logits - expected_logits).abs().max() < 1e-5 * logits.abs().max()
    assert (inception_posterior(logits) - inception_posterior(expected_logits)).abs().max() < 1e-5
    if len(rows) == N:
        assert _scored(logits.flip(0)) == pytest.approx(_scored(extracted(32)[1]), abs=1e-5)


def test_posteriors_are_float64_and_sum_to_one():
    found = inception_posterior(torch.tensor([[0.0, 100.0, 100.0], [0.0, 0.0, 0.0]]))
    assert found.dtype == torch.float64
    torch.testing.assert_close(found[:, 0], torch.tensor([3.72e-44 / 2, 1 / 3], dtype=torch.float64), rtol=1e-3, atol=0)
    torch.testing.assert_close(found.sum(1), torch.ones(2, dtype=torch.float64))


def test_the_network_stays_frozen_and_in_evaluation_mode(inception):
    images = _images(1, 32)
    expected = inception(images)[1]
    inception.train()
    assert not any(module.training for module in inception.modules())
    assert not any(p.requires_grad for p in inception.parameters())
    torch.testing.assert_close(inception(images)[1], expected)


@pytest.mark.parametrize("images", [torch.rand(2, 3, 32, 32), torch.zeros(2, 1, 32, 32, dtype=torch.uint8)])
def test_only_8_bit_colour_images_are_taken(inception, images):
    with pytest.raises(ValueError, match=r"uint8|Bx3xHxW"):
        inception(images)


def test_code_in_a_file_is_not_run(tmp_path):
    marker = tmp_path / "ran"

    class Harmful:
        def __reduce__(self):
            return Path.touch, (marker,)

    with pytest.raises(UserError, match="not a file of weights"):
        load_inception(_written(tmp_path, {"fc.bias": Harmful()}), CPU)
    assert not marker.exists()


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"PK\x03\x04 cut off", [1, 2], {"fc.bias": 3}])
def test_a_file_without_weights_is_refused(content, tmp_path):
    with pytest.raises(UserError, match=r"weights\.pth: not .*weights") as caught:
        load_inception(_written(tmp_path, content), CPU)
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused(tmp_path, state):
    others = {name: value for name, value in state.items() if name.startswith("fc.")}
    with pytest.raises(UserError, match=r"not torch-fidelity's Inception weights: .*Missing key") as caught:
        load_inception(_written(tmp_path, others), CPU)
    assert len(str(caught.value).splitlines()) == 1


def test_without_a_file_the_reason_is_told():
    with pytest.raises(UserError, match=r"^no Inception weights at here$"):
        load_inception(WeightsFile(None, problem="no Inception weights at here"), CPU)


@pytest.mark.slow
def test_a_run_with_weights_scores_and_names_them(weights, tmp_path, capsys):
    small = {"iterations": 1, "constant_iterations": 1, "base_width": 2, "batch_size": 2, "n_critic": 1}
    config = {
        "study": "weighed",
        "data": {"num_images": 60, "num_test": 14, "image_size": 32, "attributes": ["gender"]},
        "levels": [4],
        "workers": 1,
        "judge": {"epochs": 1, "floor": 0.5},
        "jury": {"size": 2, "epochs": 1, "floor": 0, "gate": 0},
        "scoring": {"num_resamples": 10, "figure_people": 1, "composition": 0},
        "methods": {"sggan": small},
    }
    (tmp_path / "weighed.yaml").write_text(yaml.safe_dump(config))
    arguments = ["--config", str(tmp_path / "weighed.yaml"), "--out", str(tmp_path), "--inception", str(weights.path)]
    assert run(arguments) == 2
    assert "pass this file's hash with its path to accept custom weights" in capsys.readouterr().err
    assert run([*arguments, "--inception-sha256", weights.sha256]) == 0
    frame = pd.read_csv(tmp_path / "weighed-4" / "report" / "records.csv", keep_default_na=False)
    scored = frame[frame["metric"] == "inception_score"].set_index("method")
    assert set(scored.index) == {"sggan", "copy", "oracle", "real"}
    assert (scored["value"].astype(float) > 1).all()
    assert scored["definition"].str.contains(f"custom weights {weights.sha256[:12]}").all()
    assert scored.loc["copy", "num_images"] == 14
    fid = frame[frame["metric"] == "fid"].set_index(["method", "direction"])["value"].astype(float)
    assert set(fid.index) == {(m, d) for m in ("sggan", "copy", "oracle") for d in ("female", "male")}
    assert (fid >= 0).all()
    page = (tmp_path / "weighed-4" / "report" / "report.md").read_text()
    assert "### Inception (custom weights)" in page
    assert "### Inception Score" not in page


@pytest.mark.parametrize("options", [["--inception", "--inception-sha256"], ["--lpips"]])
def test_a_file_without_weights_is_refused_before_training(options, tmp_path, capsys):
    path = tmp_path / "text.pth"
    path.write_text("no weights")
    given = [str(path), hashlib.sha256(b"no weights").hexdigest()]
    config = {"data": {"num_images": 60, "num_test": 14, "image_size": 32, "attributes": ["gender"]}, "levels": [4]}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(config | {"methods": {"sggan": {}}}))
    arguments = [argument for pair in zip(options, given, strict=False) for argument in pair]
    assert run(["--config", str(tmp_path / "small.yaml"), "--out", str(tmp_path / "runs"), *arguments]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith(f"error: {path}: not a file of weights")
    assert "; give weights-inception" in line or ": give torchvision's" in line
    assert not (tmp_path / "runs" / "jobs").exists()


@pytest.mark.parametrize("module", ["run", "commands.evaluate"])
def test_missing_weights_are_told_before_anything_heavy_is_imported(tmp_path, module):
    missing = str(tmp_path / "none.pth")
    code = f"import sys; from sgbench.{module} import main; status = main(sys.argv[1:]); print(status, *sys.modules)"
    results = ["x.npz", "--name", "x"] if module == "commands.evaluate" else []
    command = [sys.executable, "-c", code, *results, "--inception", missing, "--out", str(tmp_path / "runs")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {missing}: cannot read Inception weights: No such file")
    assert INCEPTION_SHA256 in line
    assert INCEPTION_URL in line
    status, *modules = done.stdout.split()
    assert status == "2"
    assert not {"torch", "pandas", "pydantic"} & set(modules)
    assert not (tmp_path / "runs").exists()
