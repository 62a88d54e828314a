"""The paper's config on a small copy of CelebA: every method and level at every size, narrow and short."""

import json

import pandas as pd
import pytest
import yaml

from sgbench.commands.options import data_overrides
from sgbench.run import main
from sgbench.run import parser as run_parser
from sgbench.settings.config_files import find_config
from sgbench.settings.reading import read_settings

SHORT = {"iterations": 2, "constant_iterations": 1, "batch_size": 2, "base_width": 2}


def narrow(raw):
    """The config as it stands, but for widths, lengths and the number of labels."""
    for method in raw["methods"].values():
        method |= SHORT | ({"n_critic": 2} if "n_critic" in method else {})
        method["levels"] = [{"all": "all", 5000: 10, 500: 5}[k] for k in method.get("levels", raw["levels"])]
    raw["levels"] = ["all", 10, 5]
    raw["experiments"] = {"levels": {5000: 10, 500: 5, 1000: 4, 100: 3, 10: 2}}
    raw["judge"] |= {"epochs": 1, "floor": 0.5}
    raw["jury"] |= {"size": 2, "epochs": 1, "floor": 0, "gate": 0}
    raw["scoring"] = {"num_resamples": 10, "figure_people": 1, "composition": 0}
    return raw


def settings_of(arguments):
    return read_settings(find_config("paper"), {}, data_overrides(run_parser().parse_args(arguments)))


def test_its_settings_are_the_papers():
    settings = settings_of(["--data", "somewhere"])
    assert settings.data.image_size == 128
    assert settings.data.num_test == 5000
    levels = {entry.key: settings.levels_of(entry) for entry in settings.methods}
    assert levels == {
        "sggan": ("all", 5000, 500),
        "stargan": ("all",),
        "residualgan": ("all",),
    }
    for entry in settings.methods:
        assert entry.settings == entry.cls.Settings(), entry.key
    assert settings.precision == "float32"


def test_levels_of_the_command_line_are_every_methods():
    settings = read_settings(find_config("paper"), {"levels": ["all", 500]}, {"path": "somewhere"})
    assert {settings.levels_of(entry) for entry in settings.methods} == {("all", 500)}


def run(tmp_path, root, size, *more):
    """Run the narrowed config; returns the study's records and its report's folder."""
    path = tmp_path / "paper.yaml"
    path.write_text(yaml.safe_dump(narrow(yaml.safe_load(find_config("paper").read_text())), sort_keys=False))
    out = tmp_path / "runs"
    arguments = ["--config", path, "--data", root, "--image-size", size, "--num-test", 16, "--out", out, *more]
    assert main([str(a) for a in arguments]) == 0
    (report,) = out.glob("paper-*/report")
    return pd.read_csv(report / "records.csv", keep_default_na=False), report


@pytest.mark.slow
def test_every_job_of_the_main_tables_is_trained_scored_and_put_beside_what_was_published(tmp_path, celeba_copy):
    items = "table1,table2,table3,figure3,figure6"
    frame, report = run(tmp_path, celeba_copy(60, (178, 218)), 32, "--experiment", items)
    assert report.parent.name == "paper-main"
    assert len(json.loads((report.parent / "plan.json").read_text())["jobs"]) == 10
    systems = set(map(tuple, frame[["method", "variant", "level"]].drop_duplicates().to_numpy()))
    assert systems == {
        ("sggan", "", "all"),
        ("sggan", "", "10"),
        ("sggan", "", "5"),
        ("sggan", "residual", "5"),
        ("sggan", "none", "5"),
        ("stargan", "", "all"),
        ("residualgan", "", "all"),
        ("copy", "", ""),
        ("real", "", ""),
    }
    accuracy = frame[(frame["metric"] == "accuracy") & (frame["method"] == "sggan")]
    assert set(accuracy["target"]) == {"gender", "smile", "hair_color", "lipstick"}
    assert ((frame["value"] != "") | (frame["note"] != "")).all()
    page = (report / "report.md").read_text()
    assert "StarGAN, published" in page
    assert "| 95.49" in page or " 95.49" in page
    assert "60 images at 32x32" in page
    assert "published" in (report / "table2_accuracy.tex").read_text()


@pytest.mark.slow
def test_figure_4_balances_pale_skin_for_sggan_alone(tmp_path, celeba_copy):
    _, report = run(tmp_path, celeba_copy(60, (178, 218)), 32, "--experiment", "figure4")
    jobs = json.loads((report.parent / "plan.json").read_text())["jobs"]
    balanced = {job["method"]: job["manifest"]["balanced"] for job in jobs.values()}
    assert balanced == {"sggan": ["pale_skin"], "stargan": []}
    counts = {job["method"]: job["manifest"]["counts"]["pale_skin"] for job in jobs.values()}
    assert len(set(counts["sggan"].values()) - {0}) == 1
    assert (report / "figure4.png").exists()
    page = (report / "report.md").read_text()
    assert "all, seed 0, balanced pale_skin" in page
    assert "| all, seed 0  " in page


@pytest.mark.slow
@pytest.mark.parametrize("size", [64, 128, 256])
def test_every_method_trains_and_is_scored_at_every_size(tmp_path, celeba_copy, size):
    own = ["--methods", "sggan,stargan,residualgan", "--sparse", "5", "--attributes", "gender,hair_color"]
    frame, _ = run(tmp_path, celeba_copy(70, (178, 218)), size, *own)
    assert set(frame["method"]) == {"sggan", "stargan", "residualgan", "copy", "real"}
    assert set(frame["image_size"]) == {size}
    (corner,) = frame[frame["metric"] == "background_ms_ssim"]["definition"].unique()
    side = max(8, round(10 * size / 128))
    assert corner.startswith(f"top-left {side}x{side} of {size}x{size}, MS-SSIM of 8-bit RGB, ")
    assert corner.endswith("per image, negative terms clipped at 0")
