"""Where weights are found, and which are accepted under which name."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sgbench.features import weights
from sgbench.features.weights import INCEPTION_FILE, INCEPTION_SHA256, checked, find_inception, hub_checkpoints
from sgbench.support.errors import UserError

CONTENT = b"stands for weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty torch cache; returns the path where the published file would lie."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch home"))
    return tmp_path / "torch home" / "hub" / "checkpoints" / INCEPTION_FILE


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes CONTENT the published file."""
    monkeypatch.setattr(weights, "INCEPTION_SHA256", SHA256)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "some weights.pth"
    path.write_bytes(CONTENT)
    return path


def _put(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)


def _refusal(*arguments, function=find_inception):
    with pytest.raises(UserError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("home", ["{tmp}/home", "~/torch", None])
@pytest.mark.parametrize("cache", ["{tmp}/xdg", None])
def test_the_cache_is_where_torch_keeps_it(home, cache, tmp_path, monkeypatch):
    for name, value in (("TORCH_HOME", home), ("XDG_CACHE_HOME", cache)):
        monkeypatch.delenv(name, raising=False)
        if value:
            monkeypatch.setenv(name, value.format(tmp=tmp_path))
    assert hub_checkpoints() == Path(torch.hub.get_dir()).expanduser() / "checkpoints"


def test_nothing_in_the_cache_is_told_in_a_line(hub):
    found = find_inception()
    assert found.path is None
    assert not found.published
    assert found.display_name == "Inception Score"
    for part in (str(hub), INCEPTION_SHA256, "download https://", INCEPTION_FILE):
        assert part in found.problem
    assert "\n" not in found.problem


@pytest.mark.usefixtures("published")
def test_the_published_file_in_the_cache_is_found(hub):
    _put(hub)
    found = find_inception()
    assert (found.path, found.sha256, found.problem) == (hub, SHA256, "")
    assert found.published
    assert found.display_name == "Inception Score"


def test_another_file_in_the_cache_is_not_used(hub):
    _put(hub)
    found = find_inception()
    assert found.path is None
    for part in (str(hub), SHA256, INCEPTION_SHA256, "download"):
        assert part in found.problem


@pytest.mark.usefixtures("published")
def test_an_explicit_path_goes_before_the_cache(hub, file):
    _put(hub)
    found = find_inception(file)
    assert found.path == file
    assert found.display_name == "Inception Score"


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("sha256", [SHA256, SHA256.upper()])
def test_custom_weights_with_their_hash_have_another_name(file, sha256):
    found = find_inception(file, sha256)
    assert (found.path, found.sha256) == (file, SHA256)
    assert not found.published
    assert found.display_name == "Inception (custom weights)"


@pytest.mark.usefixtures("hub", "published")
def test_the_published_file_keeps_its_name_whatever_hash_is_given(file):
    assert find_inception(file, "ab" * 32).display_name == "Inception Score"


@pytest.mark.usefixtures("hub")
def test_custom_weights_without_their_hash_are_refused(file):
    message = _refusal(file)
    for part in (str(file), SHA256, INCEPTION_SHA256, "pass this file's hash"):
        assert part in message


@pytest.mark.usefixtures("hub")
def test_custom_weights_with_another_hash_are_refused(file):
    expected = "ab" * 32
    message = _refusal(file, expected)
    for part in (str(file), SHA256, expected):
        assert part in message


def test_a_missing_explicit_file_is_refused_even_with_one_in_the_cache(hub, tmp_path, published):
    _put(hub)
    message = _refusal(tmp_path / "none.pth")
    for part in (str(tmp_path / "none.pth"), "No such file", SHA256, "download https://", str(hub.parent)):
        assert part in message


@pytest.mark.usefixtures("hub")
def test_a_missing_explicit_file_tells_the_hash_that_was_expected_of_it(tmp_path):
    assert "ab" * 32 in _refusal(tmp_path / "none.pth", "ab" * 32)
    assert "directory" in _refusal(tmp_path)


@pytest.mark.usefixtures("hub")
def test_a_hash_without_a_path_is_refused():
    assert "without the path" in _refusal(None, SHA256)


def test_checked_returns_the_hash_of_any_file(file):
    assert checked(file) == checked(file, SHA256) == checked(file, SHA256.upper()) == (file, SHA256)


def test_checked_refuses_another_hash_and_no_file(file, tmp_path):
    message = _refusal(file, "ab" * 32, function=checked)
    assert str(file) in message
    assert SHA256 in message
    assert "ab" * 32 in message
    assert str(tmp_path / "none") in _refusal(tmp_path / "none", function=checked)


def test_a_path_in_the_home_folder_is_found(file, monkeypatch):
    monkeypatch.setenv("HOME", str(file.parent))
    home = Path("~") / file.name
    assert checked(home) == (file, SHA256)
    assert find_inception(home, SHA256).path == file


def test_looking_for_weights_loads_nothing_heavy():
    code = "import sys, sgbench.features.weights; print(*sorted({'torch', 'numpy', 'pydantic'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
