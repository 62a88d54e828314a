"""Weights that are not part of the package: where their file is, and whether it is the right one.

Only the standard library is imported, so that a missing file is reported before anything heavy is loaded. The Inception
weights are those that torch-fidelity publishes, those for LPIPS torchvision's. Nothing is downloaded unless a user asks
for it (``fetching``).
"""

import os
from dataclasses import dataclass
from pathlib import Path

from sgbench.support.errors import UserError
from sgbench.support.hashing import hash_of_file
from sgbench.support.paths import user_path
from sgbench.support.reading import NotRead, reason

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
INCEPTION_URL = f"https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/{INCEPTION_FILE}"
ALEXNET_SHA256 = "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02"
"""Of torchvision's AlexNet. The file's name has the first eight digits; the others are those that many projects pin."""
_ALEXNET_FILE = f"alexnet-owt-{ALEXNET_SHA256[:8]}.pth"


@dataclass(frozen=True)
class PublishedWeights:
    """A file of weights that can be fetched.

    Attributes:
        about: what the weights are for.
        option: of commands that names the file.
        setting: that does.
        found_in_cache: whether the file is used if it lies in torch's hub cache and nothing names it.
    """

    file: str
    url: str
    sha256: str
    about: str
    option: str
    setting: str
    found_in_cache: bool


PUBLISHED = {
    "inception": PublishedWeights(
        INCEPTION_FILE,
        INCEPTION_URL,
        INCEPTION_SHA256,
        "the Inception network of the Inception Score, FID and KID (96 MB)",
        "--inception",
        "scoring.inception.path",
        found_in_cache=True,
    ),
    "lpips": PublishedWeights(
        _ALEXNET_FILE,
        f"https://download.pytorch.org/models/{_ALEXNET_FILE}",
        ALEXNET_SHA256,
        "AlexNet trained on ImageNet, for LPIPS (244 MB)",
        "--lpips",
        "scoring.lpips.path",
        found_in_cache=False,
    ),
}
_FETCH = "run sgbench fetch inception"


@dataclass(frozen=True)
class WeightsFile:
    """The Inception weights, or why there are none.

    Attributes:
        path: the file, None if there is none.
        sha256: its SHA-256 in small hexadecimal digits, empty if there is no file.
        problem: one line that says what is missing and how to get it; empty if there is a file.
    """

    path: Path | None
    sha256: str = ""
    problem: str = ""

    @property
    def published(self) -> bool:
        """Whether this is the published file."""
        return self.sha256 == INCEPTION_SHA256

    @property
    def display_name(self) -> str:
        """What a score with these weights is called."""
        return "Inception Score" if self.published or self.path is None else "Inception (custom weights)"


def find_inception(path: Path | None = None, sha256: str | None = None) -> WeightsFile:
    """The Inception weights: the file at ``path``, else the published one in torch's hub cache.

    Args:
        path: a file that the user names; it must exist.
        sha256: hash of the file at ``path`` if it is not the published file, in upper or lower case.

    Returns:
        The file. If no file is named and the cache has none, its ``path`` is None and ``problem`` says why.

    Raises:
        UserError: the named file is missing, or is neither the published nor the expected one; or a hash has no path.
    """
    if path is not None:
        return _explicit(user_path(path), sha256)
    if sha256 is not None:
        raise UserError(f"Inception weights: SHA-256 {sha256} is given without the path of a file: give both")
    cached = hub_checkpoints() / INCEPTION_FILE
    remedy = f"{_FETCH}, or download {INCEPTION_URL} to there"
    if not cached.is_file():
        return WeightsFile(None, problem=f"no Inception weights at {cached} (SHA-256 {INCEPTION_SHA256}): {remedy}")
    try:
        actual = hash_of_file(cached)
    except (OSError, NotRead) as error:
        return WeightsFile(None, problem=f"Inception weights at {cached} cannot be read: {reason(error)}")
    if actual != INCEPTION_SHA256:
        about = f"has SHA-256 {actual}, but the published file has {INCEPTION_SHA256}"
        return WeightsFile(None, problem=f"Inception weights not used: {cached} {about}: move it away, then {remedy}")
    return WeightsFile(cached, actual)


def checked(path: Path, sha256: str | None = None) -> tuple[Path, str]:
    """A file of weights and its SHA-256, compared with the expected one if that is given.

    Raises:
        UserError: the file is missing, is not readable, or has another hash than expected.
    """
    path = user_path(path)
    try:
        actual = hash_of_file(path)
    except (OSError, NotRead) as error:
        expected = f" (expected SHA-256 {sha256})" if sha256 else ""
        raise UserError(f"{path}: cannot read weights: {reason(error)}{expected}; give their path") from error
    if sha256 is not None and actual != sha256.lower():
        raise UserError(f"{path}: SHA-256 is {actual}, expected {sha256}; give the right file or this hash")
    return path, actual


def hub_checkpoints() -> Path:
    """Folder where torch's hub keeps weights, whether it exists or not."""
    caches = os.getenv("XDG_CACHE_HOME", "~/.cache")
    return Path(os.getenv("TORCH_HOME", os.path.join(caches, "torch")), "hub", "checkpoints").expanduser()


def _explicit(path: Path, sha256: str | None) -> WeightsFile:
    try:
        actual = hash_of_file(path)
    except (OSError, NotRead) as error:
        raise UserError(
            f"{path}: cannot read Inception weights: {reason(error)}; expected SHA-256 {sha256 or INCEPTION_SHA256}; "
            f"{_FETCH} and give none, or download {INCEPTION_URL} and give its path, or put it in {hub_checkpoints()}"
        ) from error
    if actual not in (INCEPTION_SHA256, (sha256 or "").lower()):
        expected = f", nor {sha256} as expected" if sha256 else ""
        raise UserError(
            f"{path}: SHA-256 is {actual}, not the published {INCEPTION_SHA256}{expected}; give the published file "
            f"({INCEPTION_URL}), or pass this file's hash with its path to accept custom weights"
        )
    return WeightsFile(path, actual)
