"""The benchmark on a GPU: its command line, its parts one by one on a CPU, what it writes, and a whole dry run."""

import json
from dataclasses import asdict

import pytest
import torch

from benchmarks import gpu
from benchmarks.timing import checks, gpu_parts
from benchmarks.timing.cases import case_of
from benchmarks.timing.checks import Check, HostDraws, checks_of, differences, distance, trained
from benchmarks.timing.gpu_report import report
from benchmarks.timing.versions import our_steps

CPU = torch.device("cpu")
TINY = case_of("residualgan", (2,), 32).tiny()


def test_arguments():
    options = gpu.parser().parse_args(["--out", "somewhere"])
    assert (options.device, options.dry, options.parts) == ("cuda", False, ["checks", "times", "together", "kernels"])
    assert gpu.parser().parse_args(["--out", "x", "--parts", "times,checks", "--dry"]).parts == ["times", "checks"]
    with pytest.raises(SystemExit):
        gpu.parser().parse_args([])


def test_the_cases_have_their_bars():
    bars = [(str(entry.case), entry.bar) for entry in gpu_parts.TIMED]
    assert bars == [
        ("SG-GAN, 4 attributes, 128x128, batch 8", 45),
        ("SG-GAN, 3 attributes, 64x64, batch 8", 15),
        ("StarGAN, 4 attributes, 128x128, batch 16", 25),
        ("ResidualGAN, 1 attribute, 128x128, batch 16", 9),
    ]
    assert all(entry.case.widths == (64, 64) for entry in gpu_parts.TIMED)
    assert {entry.case.settings.n_critic for entry in gpu_parts.TIMED[:3]} == {5}
    assert gpu.SECONDS <= 240


@pytest.mark.slow
def test_checks_on_a_cpu_pass_or_say_that_they_need_a_gpu():
    found = list(checks_of(TINY, CPU))
    assert len(found) == 6
    assert [check.passed for check in found].count(True) == 1  # the feeds
    assert all(check.passed is not False for check in found)
    assert all("needs a GPU" in check.detail for check in found if check.passed is None)


@pytest.mark.slow
def test_a_check_that_breaks_is_told_and_the_others_go_on(monkeypatch):
    def broken(case, device):
        """It breaks."""
        raise RuntimeError("out of\nluck")

    monkeypatch.setattr(checks, "losses", broken)
    found = {check.name: check for check in checks_of(TINY, CPU)}
    assert len(found) == 6
    assert found["It breaks"].passed is False
    assert "RuntimeError: out of luck" in found["It breaks"].detail


def test_a_difference_between_checkpoints_is_found(tmp_path):
    trained(TINY, CPU, tmp_path / "one", "float32", 1)
    trained(TINY, CPU, tmp_path / "two", "float32", 2)
    assert differences(tmp_path / "one", tmp_path / "one") == []
    assert len(differences(tmp_path / "one", tmp_path / "two")) > 10


def test_distance_of_losses():
    assert distance({"a": 2.0, "b": 0.0}, {"a": 1.0, "b": 0.05}) == 1.0
    assert distance({"a": 0.0}, {"a": 0.05}) == pytest.approx(0.5)
    assert distance({"a": float("nan")}, {"a": 1.0}) == float("inf")
    assert distance({"a": 1.0}, {"b": 1.0}) == float("inf")


def test_draws_of_the_host_are_the_same_for_every_device():
    torch.manual_seed(0)
    expected = torch.rand(3), torch.randint(5, (4,)), torch.randperm(6)
    torch.manual_seed(0)
    with HostDraws():
        found = torch.rand(3, device=CPU), torch.randint(5, (4,), device=CPU), torch.randperm(6, device=CPU)
        assert torch.rand(2, device="meta").device.type == "meta"
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.slow
def test_times_and_kernels_of_a_case():
    row = gpu_parts.time_case(gpu_parts.Timed(TINY, 9), CPU, dry=True)
    assert row["ms"] > 0
    assert row["plain_graph_ms"] == row["times_as_fast_as_graph"] == row["allocated"] == "needs a GPU"
    assert row["times_as_fast_as_eager"] > 0
    found = gpu_parts.kernels_of(our_steps(TINY, CPU, "bfloat16", replayed=True), CPU)
    assert found["kernels"] > 100
    shares = [kernel["share"] for kernel in found["largest"]]
    assert len(shares) == 10
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) <= 1


def test_a_report_says_what_failed_what_was_missed_and_what_was_ended():
    time = {
        "case": "A",
        "bar_ms": 9,
        "ms": 12.0,
        "alone_ms": 11.0,
        "tflops": 100.0,
        "dry": False,
        "allocated": 5 * 2**30,
        "reserved": 6 * 2**30,
        "images": 2**30,
        "plain_eager_ms": 50.0,
        "times_as_fast_as_eager": 4.2,
        "plain_graph_ms": 24.0,
        "times_as_fast_as_graph": 2.0,
    }
    kernel = {"name": "gemm<bfloat16>", "number": 3, "ms": 1.0, "share": 0.25}
    found = {
        "hardware": "a GPU",
        "seconds": 12.3,
        "dry": False,
        "parts": {
            "checks": {"status": "done", "rows": [asdict(Check("A", "feeds", False, "differ"))]},
            "times": {"status": "done", "rows": [time, time | {"ms": 8.0, "allocated": 2**30}]},
            "together": {
                "status": "done",
                "rows": [
                    {"case": "A", "processes": 1, "iterations_a_second": [10.0]},
                    {"case": "A", "processes": 2, "iterations_a_second": [6.0, 7.0]},
                ],
            },
            "kernels": {
                "status": "was ended after 60 seconds",
                "rows": [{"case": "A", "version": "after", "kernels": 12, "ms": 4.0, "largest": [kernel]}],
            },
        },
    }
    text = report(found, 4 * 2**30)
    assert "| A | feeds | FAILED | differ |" in text
    assert "| A | 12.0 | 9 | MISSED | 11.0 | 100 | 24.0 | 2.00 | 50.0 | 4.20 |" in text
    assert "| A | 8.00 | 9 | met |" in text
    assert "| A | 5.00 | 4.00 | MISSED | 6.00 | 1.00 |" in text
    assert "| A | 1.00 | 4.00 | met |" in text
    assert "| A | 2 | 13.0 | 6.00 + 7.00 | 1.30 |" in text
    assert "**This part was ended after 60 seconds**" in text
    assert "| `gemm<bfloat16>` | 3 | 1.000 | 25.0 |" in text


@pytest.mark.slow
def test_a_case_that_breaks_is_told_after_the_others():
    def find(entry):
        if entry.case.method == "stargan":
            raise RuntimeError("broken")
        yield {"case": entry.case.method}

    rows = gpu_parts.each_case(find, CPU, dry=True)
    assert [next(rows)["case"], next(rows)["case"]] == ["sggan", "residualgan"]
    with pytest.raises(ExceptionGroup, match="cases that broke") as raised:
        next(rows)
    assert [error.__notes__ for error in raised.value.exceptions] == [[str(gpu_parts.timed_cases(dry=True)[1].case)]]


@pytest.mark.slow
def test_a_whole_dry_run(tmp_path, capfd):
    assert gpu.main(["--out", str(tmp_path), "--device", "cpu", "--dry"]) == 0
    text, found = (tmp_path / "gpu.md").read_text(), json.loads((tmp_path / "gpu.json").read_text())
    assert text in capfd.readouterr().out
    assert {part["status"] for part in found["parts"].values()} == {"done"}
    assert len(found["parts"]["checks"]["rows"]) == 18
    assert len(found["parts"]["times"]["rows"]) == 3
    assert [len(row["iterations_a_second"]) for row in found["parts"]["together"]["rows"]] == [1, 2]
    assert len(found["parts"]["kernels"]["rows"]) == 6
    assert "needs a GPU" in text
    assert "FAILED" not in text
    assert "MISSED" not in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gpu.json", "gpu.md"]


@pytest.mark.slow
def test_a_part_that_breaks_or_takes_too_long_is_told(tmp_path):
    options = gpu.parser().parse_args(["--out", str(tmp_path), "--device", "no-such-device", "--dry"])
    assert gpu.run_part("times", options, 60)["status"].startswith("broke: ")
    assert gpu.run_part("times", options, 0.2)["status"] == "was ended after 0 seconds"
    assert gpu.run_part("times", options, -1)["status"] == "no time was left"
