"""The wheel, unpacked away from the checkout, carries what the commands need."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT]
    subprocess.run(command, check=True, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def python(installed, *arguments):
    environment = os.environ | {"PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=installed, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_it_finds_its_configs_and_published_numbers(installed):
    program = """
import sgbench, baselines
from sgbench.results.published import published
from sgbench.settings.config_files import find_config
from sgbench.settings.reading import read_settings
settings = read_settings(find_config("quick"), {}, {})
print(sgbench.__file__, len(settings.methods), len(published(1)))
"""
    done = python(installed, "-c", program)
    assert done.returncode == 0, done.stderr
    path, methods, records = done.stdout.split()
    assert Path(path).is_relative_to(installed)
    assert int(methods) == 3
    assert int(records) > 0


@pytest.mark.slow
def test_its_command_refuses_what_it_should(installed):
    done = python(installed, "-m", "sgbench.run", "--methods", "nosuch", "--out", "runs")
    assert done.returncode == 2
    assert "nosuch" in done.stderr
    assert not (installed / "runs").exists()
