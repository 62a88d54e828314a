"""The benchmark of growth: its fits on known powers, and a dry run of it."""

import pytest
import torch

from benchmarks import growth_steps
from benchmarks.growth_steps import Growth, Point, slope
from benchmarks.timing.cases import case_of

CASE = case_of("residualgan", (2,), 32)


def grown(seconds, memory, flops=lambda n: 100 * n**2):
    return Growth("size", tuple(Point(CASE, n, flops(n), seconds(n), memory(n)) for n in (1, 2, 4, 8)))


def test_arguments():
    options = growth_steps.parser().parse_args([])
    assert (options.device, options.factors) == ("cpu", ["attributes", "size", "batch"])
    assert growth_steps.parser().parse_args(["--factors", "size", "--methods", "sggan"]).factors == ["size"]


def test_slopes_of_powers():
    assert slope([1, 2, 4], [3, 12, 48]) == pytest.approx(2)
    growth = grown(lambda n: 5 * n**3, lambda n: 7 * n)
    assert growth.against_factor("flops") == pytest.approx(2)
    assert growth.against_factor("seconds") == pytest.approx(3)
    assert growth.against_flops("seconds") == pytest.approx(1.5)
    assert growth.against_flops("memory") == pytest.approx(0.5)
    assert growth.at_the_end == pytest.approx(1.5)


def test_what_grows_faster_than_its_arithmetic_is_told():
    assert grown(lambda n: n**2, lambda n: n).in_step is True
    assert grown(lambda n: n**3, lambda n: n).in_step is False
    assert grown(lambda n: n, lambda n: n**3).in_step is False
    assert grown(lambda n: n, lambda n: n, flops=lambda n: 100 + n).in_step is None
    options = growth_steps.parser().parse_args([])
    fast = "\n".join(growth_steps.report([grown(lambda n: n**3, lambda n: n)], torch.device("cpu"), options))
    assert "Faster than the arithmetic, by more than 0.1: ResidualGAN with size." in fast
    slow = "\n".join(growth_steps.report([grown(lambda n: n, lambda n: n)], torch.device("cpu"), options))
    assert "Nothing grows faster than its arithmetic" in slow


def test_one_factor_at_a_time_is_varied():
    cases = growth_steps.cases("sggan", "attributes", torch.device("cpu"), dry=False)
    assert [len(case.values) for _, case in cases] == [1, 2, 4, 8]
    assert {(case.size, case.settings.batch_size, case.widths) for _, case in cases} == {(32, 4, (8, 8))}
    (_, on_gpu), *_ = growth_steps.cases("sggan", "size", torch.device("cuda"), dry=False)
    assert on_gpu.widths == (64, 64)


@pytest.mark.slow
def test_a_dry_run(tmp_path, capsys):
    out = tmp_path / "growth.md"
    arguments = ["--dry", "--methods", "residualgan", "--factors", "attributes,batch", "--rounds", "1", "--out"]
    growth_steps.main([*arguments, str(out)])
    text = out.read_text()
    assert text in capsys.readouterr().out
    assert "| ResidualGAN | batch | 2 to 4 |" in text
    assert "| ResidualGAN | batch 4 |" in text
    assert "attributes 1" not in text  # a model of ResidualGAN has one
