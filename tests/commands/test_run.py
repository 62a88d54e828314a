"""The whole command on a tiny study: what it leaves, that it repeats nothing, and every way in which it is refused."""

import json
import os
import pkgutil
import resource
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import yaml
from filelock import FileLock
from PIL import Image

from sgbench.metrics.catalogue import METRICS
from sgbench.run import main

SMALL = {"iterations": 2, "constant_iterations": 1, "base_width": 2, "batch_size": 2}
CONFIG = {
    "study": "tiny",
    "data": {
        "class": "faces",
        "num_images": 200,
        "num_test": 60,
        "image_size": 32,
        "attributes": ["gender", "hair_color"],
    },
    "levels": [5],
    "workers": 1,
    "judge": {"epochs": 1, "floor": 0.5},
    "jury": {"size": 2, "epochs": 1, "floor": 0, "gate": 0},
    "scoring": {"num_resamples": 20, "figure_people": 1, "composition": 5},
    "methods": {"sggan": SMALL | {"n_critic": 1}, "stargan": SMALL | {"n_critic": 1}, "residualgan": SMALL},
}
TRANSLATORS = {"sggan", "stargan", "residualgan", "copy", "oracle"}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "tiny.yaml"
    path.write_text(yaml.safe_dump(CONFIG, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    """The folder of all runs after the command was run once."""
    out = tmp_path_factory.mktemp("finished")
    assert main(["--config", str(config), "--out", str(out)]) == 0
    return out


@pytest.fixture
def refused(capsys):
    """Runs the command, which must say why it does not in one line; returns the line."""

    def refused(*arguments):
        assert main([str(a) for a in arguments]) == 2
        out, err = capsys.readouterr()
        lines = err.splitlines()
        assert out == ""
        assert lines[-1].startswith("error: ")
        assert not any(line.startswith(("Traceback", "usage")) for line in lines)
        expected = (
            "stage ",
            "reading ",
            "images: ",
            "references: ",
            "trying methods: ",
            "training ",
            "judge ",
            "no Inception Score: ",
            "celeba: ",
        )
        assert [line for line in lines[:-1] if not line.startswith(expected)] == []
        return lines[-1]

    return refused


def contents(folder):
    """Every file below a folder and its bytes."""
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def records_of(out):
    return (out / "tiny-5" / "report" / "records.csv").read_bytes()


def leftovers(out):
    """Half-written files."""
    return list(out.rglob(".*.partial*"))


def test_a_run_leaves_a_report_with_tables_and_figures(finished):
    folder = finished / "tiny-5"
    assert {path.name for path in folder.iterdir()} == {
        "settings.yaml",
        "plan.json",
        "study.json",
        "runtime.json",
        "report",
        "SHA256SUMS",
    }
    report = folder / "report"
    page = (report / "report.md").read_text()
    for name in ("SG-GAN", "StarGAN", "ResidualGAN", "Oracle", "Copy", "Hair color"):
        assert name in page
    linked = {part.split(")")[0] for part in page.split("](")[1:]}
    assert {"figure3.png", "figure4.png", "target_accuracy.png", "matrix.png", "losses.png"} <= linked
    assert {"jury_accuracy.csv", "table2_accuracy.csv", "table2_accuracy.tex", "comparisons.csv"} <= linked
    assert {"judges.csv", "cost.csv"} <= linked
    for name in linked:
        assert (report / name).stat().st_size > 0
        if name.endswith(".png"):
            with Image.open(report / name) as image:
                image.load()
                assert min(image.size) > 100
        elif name.endswith(".csv"):
            assert len(pd.read_csv(report / name)) > 0


def test_every_system_has_every_record(finished):
    frame = pd.read_csv(finished / "tiny-5" / "report" / "records.csv", keep_default_na=False)
    frame["value"] = pd.to_numeric(frame["value"])
    key = ["target", "direction", "measured_on", "metric"]
    keys = {name: set(map(tuple, own[key].to_numpy())) for name, own in frame.groupby("method")}
    assert keys.keys() == TRANSLATORS | {"real"}
    of_chains = {name for name, spec in METRICS.items() if spec.table == "chains"}
    assert all(keys[name] == keys["sggan"] for name in TRANSLATORS - {"oracle"})
    assert keys["oracle"] == {key for key in keys["sggan"] if key[-1] not in of_chains}  # it knows test images alone
    assert of_chains <= {key[-1] for key in keys["sggan"]}
    assert not frame.duplicated(["system", *key]).any()
    values = {"gender": ("female", "male"), "hair_color": ("black", "blond")}
    for target in values:
        for direction in ("all", *values[target]):
            for metric in ("accuracy", "jury_accuracy", "jury_agreement"):
                assert {(target, direction, other, metric) for other in values} <= keys["sggan"]
        others = {(place, metric) for t, _, place, metric in keys["sggan"] if t == target and metric != "accuracy"}
        assert others >= {
            ("background", "background_ms_ssim"),
            ("background", "background_mae"),
            ("background", "background_psnr"),
            ("background", "true_background_error"),
            ("inside", "counterfactual_error"),
            ("outside", "counterfactual_error"),
            ("image", "change"),
            ("image", "judge_score"),
        }
    assert {("", "all", name, "balanced_accuracy") for name in values} <= keys["real"]
    assert {("", "all", name, "jury_accuracy") for name in values} <= keys["real"]
    assert (frame["value"].notna() | (frame["note"] != "")).all()
    assert (frame["num_images"] > 0).all()
    copy = frame[(frame["method"] == "copy") & (frame["metric"] == "change")]
    assert (copy["value"] == 0).all()


def test_every_job_is_done_and_keeps_its_statistics_and_samples(finished):
    jobs = list((finished / "jobs").iterdir())
    assert len(jobs) == 4
    for job in jobs:
        assert {p.name for p in job.iterdir()} >= {"done", "job.json", "checkpoint.pt", "stats.jsonl", "samples"}
        assert len((job / "stats.jsonl").read_text().splitlines()) == 2
        assert sorted(p.name for p in (job / "samples").iterdir()) == ["000001.png", "000002.png"]
    assert leftovers(finished) == []


@pytest.mark.slow
def test_the_same_command_again_reads_records_alone_and_changes_nothing(finished, config, monkeypatch, capsys):
    def never(*_, **__):
        raise AssertionError("a finished study is not to be trained, judged or decoded again")

    for name in (
        "scoring.stages.open_store",
        "scoring.stages.open_judge",
        "scoring.stages.open_references",
        "scoring.systems.load_models",
        "launching.launch.run_job",
    ):
        monkeypatch.setattr(f"sgbench.{name}", never)
    before = contents(finished)
    assert main(["--config", str(config), "--out", str(finished)]) == 0
    after = contents(finished)
    assert before.keys() == after.keys()
    assert {str(path) for path in before if before[path] != after[path]} <= {"tiny-5/runtime.json", "tiny-5/SHA256SUMS"}
    assert "training" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_smaller_question_uses_what_is_there(finished, config, monkeypatch, capsys):
    monkeypatch.setattr("sgbench.launching.launch.run_job", None)
    records, settings = records_of(finished), (finished / "tiny-5" / "settings.yaml").read_bytes()
    smaller = ["--config", str(config), "--out", str(finished), "--methods", "stargan"]
    assert main(smaller) == 2
    assert "holds a report that has sggan-5-s0, residualgan-5-s0 too" in capsys.readouterr().err.splitlines()[-1]
    assert records_of(finished) == records
    assert main([*smaller, "--replace"]) == 0
    few = pd.read_csv(finished / "tiny-5" / "report" / "records.csv")
    assert set(few["method"]) == {"stargan", "real", "copy", "oracle"}
    assert main(["--config", str(config), "--out", str(finished)]) == 0
    assert (records_of(finished), (finished / "tiny-5" / "settings.yaml").read_bytes()) == (records, settings)


@pytest.mark.slow
def test_no_method_is_the_judge_and_the_controls(finished, config, monkeypatch):
    monkeypatch.setattr("sgbench.judges.cache.train_judge", None)
    assert main(["--config", str(config), "--methods", "none", "--study", "judge", "--out", str(finished)]) == 0
    own = pd.read_csv(finished / "judge" / "report" / "records.csv")
    assert set(own["method"]) == {"real", "copy", "oracle"}
    page = (finished / "judge" / "report" / "report.md").read_text()
    assert "how systems of other runs were made" not in page
    assert "| Real images" in page


@pytest.mark.slow
def test_judges_that_see_nothing_stop_the_run_before_anything_is_trained(
    finished, config, tmp_path, monkeypatch, capsys
):
    shutil.copytree(finished, tmp_path / "runs")
    shutil.rmtree(tmp_path / "runs" / "jobs")
    monkeypatch.setattr("sgbench.judges.cache.train_judge", None)
    blind = ["--set", "judge.floor=1", "--set", "jury.floor=1", "--study", "blind"]
    arguments = ["--config", str(config), "--out", str(tmp_path / "runs"), "--methods", "stargan", *blind]
    assert main(arguments) == 2
    *_, hair, line = capsys.readouterr().err.splitlines()
    assert hair.startswith("warning: hair_color: accuracy will not be scored by the jury: 0 of its 2 judges see it")
    assert line.startswith(
        "error: no attribute would have an accuracy, whatever the methods learn: nothing is trained;"
    )
    assert not list((tmp_path / "runs" / "jobs").glob("*/*"))
    assert "train judges for longer (--set judge.epochs=" in line
    assert main([*arguments, "--unscored"]) == 0
    assert "to have accuracy scored, train judges for longer (--set judge.epochs=" in capsys.readouterr().err
    page = (tmp_path / "runs" / "blind-5" / "report" / "report.md").read_text()
    assert "judge.floor: 1.0 (0.5 in tiny); jury.floor: 1.0 (0.0 in tiny)" in page


@pytest.mark.slow
def test_nobody_is_shown_where_nobody_may_be(finished, config, tmp_path):
    shutil.copytree(finished, tmp_path / "runs")
    private = tmp_path / "private.yaml"
    private.write_text(yaml.safe_dump(CONFIG | {"scoring": CONFIG["scoring"] | {"figure_people": 0}}, sort_keys=False))
    assert main(["--config", str(private), "--out", str(tmp_path / "runs"), "--replace"]) == 0
    report = tmp_path / "runs" / "tiny-5" / "report"
    assert {path.name for path in report.glob("*.png")} == {"target_accuracy.png", "matrix.png", "losses.png"}
    assert "figure3" not in (report / "report.md").read_text()
    hidden, shown = (pd.read_csv(out / "tiny-5/report/records.csv") for out in (tmp_path / "runs", finished))
    pd.testing.assert_frame_equal(hidden.drop(columns="system"), shown.drop(columns="system"))


INTERRUPTED_IN = {
    "decoding": "sgbench.data.sources.faces.EmbeddedFaces.read_many",
    "references": "sgbench.data.sources.faces.EmbeddedFaces.background",
    "judge": "sgbench.judges.training._augment",
    "training": "sgbench.methods.sggan.SGGAN.discriminator_losses",
    "scoring": "sgbench.judges.judge.Judge.posteriors",
    "bootstrap": "sgbench.scoring.cells.bootstrap_intervals",
    "report": "sgbench.report.drawings.loss_curves",
}


@pytest.mark.slow
def test_ctrl_c_anywhere_is_one_line_and_the_same_command_goes_on(finished, config, tmp_path, monkeypatch, capsys):
    arguments = ["--config", str(config), "--out", str(tmp_path)]
    for name in INTERRUPTED_IN.values():
        original = pkgutil.resolve_name(name)

        def interrupt(*args, original=original, **kwargs):
            os.kill(os.getpid(), signal.SIGINT)
            return original(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(name, interrupt)
            assert main(arguments) == 130, name
        last = capsys.readouterr().err.splitlines()[-1]
        assert last == "interrupted; all that is done is kept: run the same command again to go on"
        assert leftovers(tmp_path) == []
    assert main(arguments) == 0
    assert records_of(tmp_path) == records_of(finished)


@pytest.fixture
def file_size_limit():
    """Sets the largest size of a file, beyond which writing fails as on a full disk; 0 lifts it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size or before[0], before[1]))

    yield limit
    limit(0)


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_nothing_half_written_is_taken_for_whole(
    finished, config, tmp_path, refused, file_size_limit, capsys
):
    arguments = ["--config", config, "--out", tmp_path]

    def full(size):
        """The command with files of at most so many bytes, which is one too few for the next that it makes."""
        file_size_limit(size)
        line = refused(*arguments)
        file_size_limit(0)
        assert f"error: {tmp_path}/" in line, size  # the file that is too large
        assert "free space" in line
        assert leftovers(tmp_path) == []

    full(100_000)
    assert list(tmp_path.glob("cache/store/*/index.json")) == []
    assert not (tmp_path / "tiny-5").exists()
    full(5_000_000)
    assert len(list(tmp_path.glob("cache/store/*/index.json"))) == 1
    assert list(tmp_path.glob("cache/judge/*.pt")) == []
    judge = ["--config", str(config), "--out", str(tmp_path), "--methods", "none", "--study", "judge"]
    assert main(judge) == 0
    capsys.readouterr()
    full(100_000)
    assert len(list(tmp_path.glob("cache/judge/*.pt"))) == 3
    assert list(tmp_path.glob("jobs/*/checkpoint.pt")) == []
    assert main([str(a) for a in arguments]) == 0
    assert records_of(tmp_path) == records_of(finished)


def test_an_unwritable_folder_of_runs_is_refused(config, tmp_path, refused):
    (tmp_path / "file").write_text("in the way")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        line = refused("--config", config, "--out", out)
        assert f"{tmp_path / 'file'}" in line
        assert line.endswith("; free space, mend the path or choose another folder")
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.mark.slow
def test_a_job_that_another_process_trains_is_left_to_it(finished, config, tmp_path, refused):
    job = next(p.name for p in (finished / "jobs").iterdir() if p.name.startswith("residualgan-gender"))
    (tmp_path / "jobs" / job).mkdir(parents=True)
    with FileLock(tmp_path / "jobs" / job / "lock"):
        line = refused("--config", config, "--out", tmp_path, "--methods", "residualgan")
    assert f"{job}: another process is training this job; wait for it to end" in line


BAD_INPUT = {
    "unknown flag": (["--colour", "red"], "unrecognized arguments: --colour red; --help lists the options"),
    "abbreviated flag": (["--meth", "sggan"], "unrecognized arguments: --meth sggan"),
    "flag without value": (["--sparse"], "argument --sparse: expected one argument"),
    "unknown config": (["--config", "quik"], "--config quik: no such file; the configs here are "),
    "unknown method": (["--methods", "sgan"], "unknown method 'sgan'"),
    "method twice": (["--methods", "sggan,sggan"], "one is named twice"),
    "empty methods": (["--methods", ""], "argument --methods: '' must be names with commas between them"),
    "unknown attribute": (["--attributes", "gender,beard"], "unknown attribute 'beard'; those of the embedded faces"),
    "word for a level": (["--sparse", "few"], "argument --sparse: 'few' must be numbers of labels from 1 on, or all"),
    "level 0": (["--sparse", "0"], "argument --sparse: '0' must be"),
    "negative level": (["--sparse", "-5"], "argument --sparse: '-5' must be"),
    "fractional level": (["--sparse", "0.5"], "argument --sparse: '0.5' must be"),
    "trailing comma": (["--sparse", "5,"], "argument --sparse: '5,' must be"),
    "level twice": (["--sparse", "5,5"], "command line: levels: 5, 5: one is named twice"),
    "word for a seed": (["--seeds", "a"], "argument --seeds: 'a' must be whole numbers with commas between them"),
    "level above the data": (["--sparse", "5000"], "training images have hair_color = 'blond'; ask for at most"),
    "image size 48": (
        ["--image-size", "48"],
        "command line: data.image_size: Input should be 32, 64, 128 or 256, not 48",
    ),
    "image size text": (["--image-size", "big"], "argument --image-size: 'big' must be a whole number, such as 2"),
    "test set": (["--num-test", "200"], "data.num_test is 200, but there are only 200 images: choose fewer"),
    "device": (["--device", "tpu"], "argument --device: invalid choice: 'tpu'"),
    "no thread": (["--threads", "0"], "command line: threads: Input should be greater than or equal to 1, not 0"),
    "no iteration": (["--iterations", "0"], "--iterations 0: must be a whole number from 1 to"),
    "setting without value": (["--set", "jury.size"], "--set 'jury.size': must be KEY=VALUE"),
    "unknown setting": (["--set", "jury.sise=3"], "command line: unknown key jury.sise; did you mean size?"),
    "setting twice": (["--set", "jury.size=3", "--set", "jury.size=3"], "--set jury.size: is given twice"),
    "launcher": (["--launcher", "slurm"], "argument --launcher: invalid choice: 'slurm'"),
    "allow missing faces": (["--allow-missing"], "command line: unknown key data.allow_missing"),
    "no data folder": (["--data", "/nowhere/photos"], "/nowhere/photos: no folder with CelebA's images there"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_bad_input_is_refused_in_one_line_before_anything_is_written(config, tmp_path, refused, arguments, message):
    usual = () if "--config" in arguments else ("--config", config)
    assert message in refused(*usual, "--out", tmp_path / "runs", *arguments)
    assert not (tmp_path / "runs").exists()


def test_an_unknown_key_is_named_with_its_file(tmp_path, refused):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(CONFIG | {"sparse": 5}))
    line = refused("--config", tmp_path / "mine.yaml", "--out", tmp_path / "runs")
    assert f"{tmp_path / 'mine.yaml'}: unknown key sparse; " in line
    assert not (tmp_path / "runs").exists()


def damage_attribute_file(root):
    (root / "list_attr_celeba.txt").unlink()


def damage_row(root):
    table = root / "list_attr_celeba.txt"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines[:9], lines[9][:-3], *lines[10:]]))


def damage_images(root):
    (root / "img_align_celeba" / "000008.jpg").unlink()


def damage_jpeg(root):
    path = root / "img_align_celeba" / "000033.jpg"
    path.write_bytes(path.read_bytes()[:1500])


DAMAGE = {
    "no attribute file": (damage_attribute_file, "celeba copy: no list_attr_celeba.txt in it or beside it"),
    "bad row": (damage_row, "list_attr_celeba.txt: line 10 must be a name and 40 values of 1 or -1"),
    "missing images": (damage_images, "the first 000008.jpg; complete the copy or pass --allow-missing"),
    "corrupt JPEG": (damage_jpeg, "000033.jpg: not a readable image (image file is truncated"),
}


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_copy_of_celeba_is_refused_before_training(config, tmp_path, celeba_copy, refused, damage, message):
    root = celeba_copy(120, (89, 109))
    damage(root)
    out = tmp_path / "runs"
    assert message in refused("--config", config, "--out", out, "--data", root, "--num-test", 40)
    assert list(out.glob("jobs/*/*")) == []
    assert list(out.glob("cache/store/*/index.json")) == []


@pytest.mark.slow
def test_photographs_are_trained_on_scored_and_reported(config, tmp_path, celeba_copy):
    root = celeba_copy(120, (89, 109))
    damage_images(root)
    arguments = ["--config", config, "--out", tmp_path / "runs", "--data", root, "--num-test", "40", "--allow-missing"]
    assert main([*map(str, arguments), "--methods", "sggan", "--attributes", "smile,pale_skin"]) == 0
    frame = pd.read_csv(tmp_path / "runs" / "tiny-celeba-5" / "report" / "records.csv")
    assert set(frame["method"]) == {"sggan", "copy", "real"}
    assert set(frame["dataset"]) == {"celeba"}
    assert set(frame["target"].dropna()) == {"smile", "pale_skin"}


@pytest.mark.slow
def test_ctrl_c_in_training_exits_with_130_and_the_same_command_resumes(tmp_path, capsys):
    method = SMALL | {"n_critic": 1, "iterations": 120}
    (tmp_path / "long.yaml").write_text(yaml.safe_dump(CONFIG | {"methods": {"sggan": method}}))
    arguments = ["--config", str(tmp_path / "long.yaml"), "--out", str(tmp_path / "runs")]
    process = subprocess.Popen([sys.executable, "-m", "sgbench.run", *arguments], stderr=subprocess.PIPE, text=True)
    try:
        started = time.monotonic()
        while not list(tmp_path.glob("runs/jobs/*/samples/000015.png")) and time.monotonic() - started < 600:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=600)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err.splitlines()[-1] == "interrupted; all that is done is kept: run the same command again to go on"
    (job,) = (tmp_path / "runs" / "jobs").iterdir()
    rows = (job / "stats.jsonl").read_text().splitlines()
    assert 15 <= len(rows) < 120
    assert (job / "checkpoint.pt").exists()
    assert not (job / "done").exists()
    assert main(arguments) == 0
    resumed = (job / "stats.jsonl").read_text().splitlines()
    assert resumed[: len(rows)] == rows
    assert len(resumed) == 120


def test_a_folder_that_cannot_be_made_is_refused_before_anything_is_trained(config, tmp_path, refused):
    (tmp_path / "systems").write_text("in the way")
    assert f"{tmp_path / 'systems'}" in refused("--config", config, "--out", tmp_path)
    assert not list(tmp_path.glob("cache/judge/*")) + list(tmp_path.glob("jobs/*"))


@pytest.mark.slow
def test_an_embedder_that_fails_on_images_is_refused_before_anything_is_trained(config, tmp_path, refused):
    line = refused("--config", config, "--out", tmp_path, "--embedder", "textwrap:dedent")
    assert "textwrap:dedent: fails on images [4, 3, 32, 32]" in line
    assert not list(tmp_path.glob("cache/judge/*")) + list(tmp_path.glob("jobs/*"))


def test_a_study_called_like_a_folder_of_every_run_is_refused_at_once(config, tmp_path, refused):
    line = refused("--config", config, "--out", tmp_path / "runs", "--study", "jobs", "--methods", "none")
    assert "'jobs' is the name of a folder of every run" in line
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_losses_and_systems_that_were_lost_do_not_stop_the_report(finished, config, tmp_path, capsys):
    out = tmp_path / "runs"
    shutil.copytree(finished, out)
    before = json.loads((out / "tiny-5" / "runtime.json").read_text())["seconds"]
    shutil.rmtree(out / "jobs")
    assert main(["--config", str(config), "--out", str(out)]) == 0
    assert "losses.png" not in (out / "tiny-5" / "report" / "report.md").read_text()
    assert records_of(out) == records_of(finished)
    shutil.rmtree(next((out / "systems").glob("copy-*")))
    assert main(["--config", str(config), "--out", str(out), "--methods", "none", "--study", "controls"]) == 0
    assert main(["--config", str(config), "--out", str(out)]) == 0
    after = json.loads((out / "tiny-5" / "runtime.json").read_text())["seconds"]
    assert all(after[stage] >= seconds for stage, seconds in before.items())
