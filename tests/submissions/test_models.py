"""Models that somebody brings: what they may return, what they may take, and what they are known by."""

import functools
import random
import sys

import elsewhere
import numpy as np
import pytest
import torch
from torch import nn

from sgbench.data.labels import Group
from sgbench.data.pixels import to_bytes, to_floats
from sgbench.submissions.group_names import GROUPS
from sgbench.submissions.opening import open_results
from sgbench.support.errors import UserError

CPU = torch.device("cpu")
ALL = torch.arange(elsewhere.NUM_IMAGES)
MALE, SMILING = Group(0, 1), Group(1, 1)


def opened(origin, batch_size=5):
    return open_results(origin, elsewhere.inputs(), CPU, batch_size)


def refusal(origin):
    """What a user is told, in one line."""
    with pytest.raises(UserError) as caught:
        opened(origin)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_function_gets_the_images_in_their_range_and_at_most_a_batch_of_them():
    seen = []

    def copy(images, labels, groups):
        seen.append((images, labels, groups))
        return images

    results = opened(copy)
    seen.clear()
    given = results.translate(ALL, [MALE, SMILING])
    assert torch.equal(given, elsewhere.inputs().images)
    assert [len(images) for images, _, _ in seen] == [5, 5, 3]
    given = torch.cat([images for images, _, _ in seen])
    assert given.dtype == torch.float32
    assert torch.equal(given, elsewhere.inputs().images / 127.5 - 1)
    assert torch.equal(torch.cat([labels for _, labels, _ in seen]), elsewhere.inputs().labels)
    assert {groups for _, _, groups in seen} == {(MALE, SMILING)}


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_a_function_may_write_all_its_results_into_the_same_memory(dtype):
    memory = torch.empty(5, 3, elsewhere.SIZE, elsewhere.SIZE, dtype=dtype)

    def copy(images, labels, groups):
        levels = ((images + 1) * 127.5).round() if dtype == torch.uint8 else images
        return memory[: len(images)].copy_(levels)

    assert torch.equal(opened(copy).translate(ALL, [MALE]), elsewhere.inputs().images)


@pytest.mark.filterwarnings("ignore:.*are clamped")
def test_a_small_overshoot_is_clamped_and_halves_are_taken():
    given = opened(lambda images, labels, groups: (images * 1.2).half()).translate(ALL, [MALE])
    exact = (elsewhere.inputs().images.double() / 127.5 - 1) * 1.2
    expected = ((exact.clamp(-1, 1) + 1) * 127.5).round()
    assert (given.double() - expected).abs().max() <= 1
    assert given.min() == 0
    assert given.max() == 255


WRONG = {
    "returned NaN or infinity": lambda images: images / 0,
    "returned NaN or infinity; ": lambda images: images * float("nan"),
    "; expected are floats [4, 3, 8, 8] in [-1, 1]: scale them": lambda images: (images + 1) * 127.5,
    "; expected are floats [4, 3, 8, 8] in [-1, 1]: scale": lambda images: images - 3,
    "returned float32 [4, 3, 4, 4]; expected are floats [4, 3, 8, 8]": lambda images: images[..., ::2, ::2],
    "returned float32 [4, 8, 8, 3]": lambda images: images.permute(0, 2, 3, 1),
    "returned uint8 [4, 3, 8, 7]": lambda images: images[..., 1:].to(torch.uint8),
    "returned int64 [4, 3, 8, 8]; expected are floats": lambda images: images.long(),
    "returned ndarray; expected are floats [4, 3, 8, 8] in [-1, 1] as a torch.Tensor": lambda images: images.numpy(),
    "returned tuple; ": lambda images: (images, images),
    "returned NoneType; ": lambda images: None,
    "returned a tensor that is sparse; ": lambda images: (-images).to_sparse(),
    "returned a tensor without values; ": lambda images: images.to("meta"),
}


@pytest.mark.parametrize("problem", WRONG)
def test_what_is_no_result_is_refused_on_opening(problem):
    def wrong(images, labels, groups):
        return WRONG[problem](images)

    message = refusal(wrong)
    assert message.startswith("test_models:test_what_is_no_result_is_refused_on_opening.<locals>.wrong returned")
    assert problem in message


def test_a_range_that_goes_wrong_later_is_refused_then():
    gone_wrong = []

    def late(images, labels, groups):
        return images * 255 if gone_wrong else images

    results = opened(late)
    gone_wrong.append(True)
    with pytest.raises(UserError, match=r"late returned values from -255 to 255; expected .*: scale them"):
        results.translate(ALL, [MALE])


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("no.such.module:f", "'no.such.module:f' cannot be imported: No module named 'no'"),
        (":f", "cannot be imported"),
        (".relative:f", "cannot be imported"),
        ("elsewhere:nothing", "elsewhere has no function 'nothing'"),
        ("elsewhere:", "elsewhere has no function ''"),
        ("elsewhere:SIZE", "elsewhere has no function 'SIZE'"),
        ("elsewhere:OneGroup", "elsewhere has no function 'OneGroup'"),
        ("elsewhere", "no such file or folder; a function is named package.module:function"),
    ],
)
def test_a_function_that_is_not_there_is_refused(name, problem):
    assert problem in refusal(name)


def test_a_function_is_known_by_nothing_but_its_results():
    """Its code may call anything: a helper in another file, weights that it loads."""
    assert opened(lambda images, labels, groups: images).fingerprint is None
    assert opened(functools.partial(elsewhere.as_floats)).fingerprint is None
    assert opened(elsewhere.Called(0)).fingerprint is None


def test_what_a_function_raises_is_one_line(tmp_path, monkeypatch):
    def broken(images, labels, groups):
        raise RuntimeError("no weights\nat all")

    assert refusal(broken).endswith(".broken: failed on images [4, 3, 8, 8]: no weights")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "brought.py").write_text("undefined\n")
    assert "'brought:f' cannot be imported: name 'undefined' is not defined" in refusal("brought:f")


class Mute(Exception):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize("leaves", [SystemExit("enough"), Mute()])
def test_a_function_cannot_end_the_program_or_the_line(leaves):
    def leaving(images, labels, groups):
        raise leaves

    ends = ": calls sys.exit('enough'), which would end the program; remove the call"
    assert refusal(leaving).endswith((ends, ": Mute"))


def test_a_module_in_training_mode_is_refused():
    model = elsewhere.Called(0)
    model.train()
    assert "training mode" in refusal(model)
    assert "training mode" in refusal(model.forward)
    model.eval()
    opened(model)


def test_a_part_in_training_mode_is_refused():
    model = elsewhere.Called()
    model.norm = nn.BatchNorm2d(3)
    assert "training mode" in refusal(model)
    model.eval()
    opened(model)


@pytest.mark.parametrize("batch_size", [2, 5])
def test_a_function_whose_results_depend_on_the_other_images_of_the_batch_is_refused(batch_size):
    norm = nn.BatchNorm2d(3, affine=False)

    def translate(images, labels, groups):
        return norm(images).clamp(-1, 1)

    with pytest.raises(UserError, match=r"change with the other images of the batch, .*; call its eval"):
        opened(translate, batch_size)
    norm.eval()
    opened(translate, batch_size)


def test_results_that_differ_by_rounding_alone_are_taken():
    opened(lambda images, labels, groups: (images + len(images) / 512).clamp(-1, 1))


@pytest.mark.parametrize(
    "draw",
    [torch.randn_like, lambda x: torch.from_numpy(np.random.randn(*x.shape)), lambda x: x.new_tensor(random.gauss())],  # noqa: NPY002
    ids=["torch", "numpy", "python"],
)
def test_a_model_that_draws_at_random_is_told_of_and_gives_the_same_results_each_time(draw):
    def translate(images, labels, groups):
        return (images + 0.3 * draw(images)).clamp(-1, 1).float()

    with pytest.warns(UserWarning, match="results are drawn at random: figures are those of one draw"):
        results = opened(translate)
    first = results.translate(ALL, [MALE])
    draw(torch.zeros(2, 3))
    assert torch.equal(results.translate(ALL, [MALE]), first)


def test_results_from_0_to_1_are_refused():
    assert "returned nothing below 0: expected are floats in [-1, 1], not in [0, 1]" in refusal(
        lambda images, labels, groups: (images + 1) / 2
    )
    opened(lambda images, labels, groups: images * 0)


def test_an_overshoot_is_told():
    with pytest.warns(UserWarning, match=r"values from -1\.\d+ to 1\.\d+ are clamped to \[-1, 1\]"):
        opened(lambda images, labels, groups: images * 1.2)


def test_pixels_themselves_are_refused():
    assert refusal(elsewhere.inputs().images).startswith("results are a Tensor; give a function, or keep pixels in ")


class Takes(nn.Module):
    """Anything in; what the function makes of it out."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *tensors):
        return self.function(*tensors)


def images(n, side=8):
    return torch.zeros(n, 3, side, side)


WRONG_PROGRAMS = [
    (lambda x: x * 1, (images(2),), "returned float32 [2, 3, 8, 8]; expected are floats [2, 6, 3, 8, 8] in [-1, 1]"),
    (
        lambda x, g: x + g,
        (images(2, 16), torch.tensor(0)),
        "takes float32 [2, 3, 16, 16], int64 []; must take float32 [n, 3, 8, 8]",
    ),
    (lambda x, g: x + g, (images(2).half(), torch.tensor(0)), "takes float16 [2, 3, 8, 8]"),
    (lambda x, g: x + g, (images(2), torch.tensor(0.0)), "takes float32 [2, 3, 8, 8], float32 []; must"),
    (lambda x, g: x + g, (images(2), torch.zeros(2, 1, 1, 1, dtype=torch.int64)), "int64 [2, 1, 1, 1]; must"),
    (lambda x, g, h: x + g + h, (images(2), torch.tensor(0), torch.tensor(0)), "int64 [], int64 []; must"),
    (lambda x, g: x + g, (images(2)[0], torch.tensor(0)), "takes float32 [3, 8, 8], int64 []; must"),
    (lambda x, g: (x + g) * 255 + 400, (images(2), torch.tensor(0)), ": scale them"),
    (lambda x, g: (x + g) / 0, (images(2), torch.tensor(0)), "returned NaN or infinity"),
    (lambda x, g: (x, g * 2), (images(2), torch.tensor(0)), "returned tuple; expected"),
    (
        lambda x, g: (x + g).sum(1),
        (images(2), torch.tensor(0)),
        "returned float32 [2, 8, 8]; expected are floats [2, 3, 8, 8]",
    ),
    (
        lambda x, g: (x + g)[torch.arange(2) + 7 * g + 7],
        (images(2), torch.tensor(0)),
        "failed on inputs [2, 3, 8, 8] and []",
    ),
]


@pytest.mark.parametrize(("function", "example", "problem"), WRONG_PROGRAMS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_program_of_another_signature_is_refused_on_opening(function, example, problem, tmp_path):
    path = tmp_path / "model.pt2"
    torch.export.save(torch.export.export(Takes(function), example), path)
    message = refusal(path)
    assert message.startswith(str(path))
    assert problem in message


class EveryGroup(nn.Module):
    """Results of all groups at once: the source, a little darker for each group of a list."""

    def __init__(self, number):
        super().__init__()
        self.shifts = nn.Parameter(-torch.arange(number).float() / 20, requires_grad=False)

    def forward(self, images):
        return (images[:, None] + self.shifts[:, None, None, None]).clamp(-1, 1)


def saved_with_groups(path, names):
    example, dynamic = (images(2),), ({0: torch.export.Dim("n")},)
    program = torch.export.export(EveryGroup(len(names)), example, dynamic_shapes=dynamic)
    torch.export.save(program, path, extra_files={GROUPS: ", ".join(names)})


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("added", [[], ["age=old", "age=young"]])
def test_results_of_a_program_are_of_the_groups_that_it_names(tmp_path, added):
    own = list(elsewhere.inputs().groups)
    named = [*added, *own[4:], *own[:2], *own[2:4]]
    for name, groups in (("other", named), ("own", [*own, *added])):
        saved_with_groups(tmp_path / f"{name}.pt2", groups)
        results = opened(tmp_path / f"{name}.pt2").translate
        for text, group in elsewhere.inputs().groups.items():
            expected = to_floats(elsewhere.inputs().images[:4]) - groups.index(text) / 20
            assert torch.equal(results(ALL[:4], [group]), to_bytes(expected.clamp(-1, 1)))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_program_of_other_groups_is_refused(tmp_path):
    own = list(elsewhere.inputs().groups)
    saved_with_groups(tmp_path / "model.pt2", [*own[:4], "age=old", "age=young"])
    assert f"age=young, and the study asks for {own[4]} too; choose" in refusal(tmp_path / "model.pt2")


@pytest.mark.slow
def test_an_onnx_model_of_other_groups_is_refused(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    export_onnx(tmp_path / "m.onnx", 0.1)
    assert opened(tmp_path / "m.onnx")
    model = onnx.load(tmp_path / "m.onnx")
    model.metadata_props.add(key=GROUPS, value="age=old, age=young")
    onnx.save(model, tmp_path / "m.onnx")
    assert "gives results for age=old, age=young, and the study asks for " in refusal(tmp_path / "m.onnx")


def test_a_program_that_cannot_be_loaded_is_refused(tmp_path, capfd):
    (tmp_path / "model.pt2").write_bytes(b"no program")
    assert "model.pt2: not a program that torch.export.save wrote" in refusal(tmp_path / "model.pt2")
    assert not capfd.readouterr().err


def export_onnx(path, shift, side=8):
    pytest.importorskip("onnxscript")
    shifts = nn.Parameter(torch.full((3, side, side), float(shift)), requires_grad=False)
    model = Takes(lambda x, g: x * 0.5 + shifts * g)
    model.shifts = shifts
    torch.onnx.export(
        model.eval(), (images(2, side), torch.tensor(1)), path, dynamo=True, verbose=False, external_data=True
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*are clamped", "ignore::DeprecationWarning", "ignore::FutureWarning")
def test_an_onnx_model_is_known_by_weights_in_a_file_of_their_own(tmp_path):
    pytest.importorskip("onnxruntime")
    for name, shift in (("a", 0.1), ("b", 0.2)):
        (tmp_path / name).mkdir()
        export_onnx(tmp_path / name / "m.onnx", shift)
        (tmp_path / name / "other.txt").write_text(name)
    assert (tmp_path / "a/m.onnx.data").exists()
    assert (tmp_path / "a/m.onnx").read_bytes() == (tmp_path / "b/m.onnx").read_bytes()
    assert opened(tmp_path / "a/m.onnx").fingerprint != opened(tmp_path / "b/m.onnx").fingerprint
    before = opened(tmp_path / "a/m.onnx").fingerprint
    (tmp_path / "a/other.txt").write_text("changed")
    assert opened(tmp_path / "a/m.onnx").fingerprint == before


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_a_wrong_onnx_model_is_refused(tmp_path):
    pytest.importorskip("onnxruntime")
    (tmp_path / "m.onnx").write_bytes(b"no model")
    assert "m.onnx: onnxruntime cannot load it: " in refusal(tmp_path / "m.onnx")
    export_onnx(tmp_path / "wide.onnx", 0.1, side=16)
    assert "wide.onnx: takes float32 [2, 3, 16, 16], int64 []; must take" in refusal(tmp_path / "wide.onnx")


@pytest.mark.parametrize(("package", "name"), [("onnxruntime", "m.onnx"), ("safetensors", "r.safetensors")])
def test_a_package_that_is_not_installed_is_named(package, name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / name).write_bytes(b"")
    assert refusal(tmp_path / name).endswith(f"needs {package}: pip install {package}")


async def waits(images, labels, groups):
    return images


async def waits_and_yields(images, labels, groups):
    yield images


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (waits, "is asynchronous; give a plain function"),
        (waits_and_yields, "is asynchronous; give a plain function"),
        (lambda *given: waits(*given), "is asynchronous; give a plain function"),
        (lambda images, *_: (image for image in images), "is a generator; give a plain function"),
    ],
)
def test_a_function_that_was_not_run_when_it_was_called_is_refused_without_a_warning(function, problem, recwarn):
    assert problem in refusal(function)
    assert not recwarn.list
