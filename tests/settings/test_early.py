"""What a config says of Inception's weights is told before anything heavy is loaded."""

import subprocess
import sys

import pytest

from sgbench.settings.early import tell_of_inception
from sgbench.support.errors import UserError


def test_a_missing_file_is_told_with_path_hash_and_remedy_before_torch_is_loaded(tmp_path):
    (tmp_path / "own.yaml").write_text("methods: {sggan: {}}\n")
    code = (
        "import sys\n"
        "from sgbench.commands.options import scoring_overrides\n"
        "from sgbench.run import parser\n"
        f"scoring_overrides(parser().parse_args(['--config', {str(tmp_path / 'own.yaml')!r}]))\n"
        "assert 'torch' not in sys.modules\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], env={"TORCH_HOME": str(tmp_path)}, capture_output=True, text=True, check=True
    ).stderr
    assert told.startswith(f"no Inception Score: no Inception weights at {tmp_path}")
    assert "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2" in told
    assert "download https://" in told


def test_a_wrong_method_is_told_before_torch_is_loaded():
    code = (
        "import sys\n"
        "from sgbench.run import main\n"
        "assert main(sys.argv[1:]) == 2\n"
        "assert 'torch' not in sys.modules\n"
        "import resource\n"
        "assert resource.getrusage(resource.RUSAGE_SELF).ru_utime < 2\n"
    )
    for wrong in (["--methods", "sgan"], ["--set", "methods.sgan.lambda_cls=2"]):
        told = subprocess.run([sys.executable, "-c", code, *wrong], capture_output=True, text=True, check=True).stderr
        assert "unknown method 'sgan'; did you mean sggan? " in told
    wrong = ["--methods", "no_such_package.gan:GAN"]
    told = subprocess.run([sys.executable, "-c", code, *wrong], capture_output=True, text=True, check=True).stderr
    assert "unknown method 'no_such_package.gan:GAN': Python finds no 'no_such_package.gan' from here; start in" in told


@pytest.mark.parametrize("own", ["{path: /nowhere/weights.pth}", "{sha256: abc}"])
def test_a_configs_own_weights_count(tmp_path, own):
    (tmp_path / "own.yaml").write_text(f"scoring: {{inception: {own}}}\n")
    with pytest.raises(UserError, match="Inception weights"):
        tell_of_inception(str(tmp_path / "own.yaml"), None, None)


@pytest.mark.parametrize(
    "content", ["", "[1, 2]", "scoring: 3", "scoring: {inception: 4}", "a: [", "scoring: {inception: null}"]
)
def test_a_config_that_is_not_one_is_left_to_those_who_read_it(tmp_path, capsys, monkeypatch, content):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "own.yaml").write_text(content)
    tell_of_inception(str(tmp_path / "own.yaml"), None, None)
    assert capsys.readouterr().err.startswith("no Inception Score: ")
