"""Exported programs: which files of an ONNX model count."""

import pytest

from sgbench.submissions.programs import _onnx_files
from sgbench.support.errors import UserError


@pytest.fixture
def model(tmp_path):
    onnx = pytest.importorskip("onnx")

    def write(*places):
        """A model whose tensors lie in these files."""
        tensors = []
        for place in places:
            tensor = onnx.TensorProto(name="w" * 200, dims=[1], data_type=onnx.TensorProto.FLOAT)
            tensor.data_location = onnx.TensorProto.EXTERNAL
            for key, value in (("location", place), ("offset", "0"), ("length", "4")):
                tensor.external_data.add(key=key, value=value)
            tensors.append(tensor)
        graph = onnx.GraphProto(name="g", initializer=tensors)
        made = onnx.ModelProto(ir_version=9, graph=graph)
        made.metadata_props.add(key="location", value="/home")  # of the one who made it, and no file
        path = tmp_path / "m.onnx"
        path.write_bytes(made.SerializeToString())
        return path

    return write


def test_weights_in_files_count_wherever_below_the_model_they_lie(model, tmp_path):
    long = "-".join(["weights"] * 20)
    places = ["beside.bin", "weights/w.bin", f"weights/{long}/w.bin", "weights\\v.bin"]
    for place in (*places, "weights/other.bin", "other.bin"):
        file = tmp_path / place.replace("\\", "/")
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"1234")
    found = _onnx_files(model(*places, "weights/w.bin", "lost/w.bin"))
    named = [path.relative_to(tmp_path).as_posix() for path in found]
    assert named[:2] == ["m.onnx", "beside.bin"]
    assert sorted(named[2:]) == sorted([*places[1:3], "weights/v.bin"])


@pytest.mark.parametrize("place", ["../w.bin", "weights/../../w.bin", "/w.bin"])
def test_weights_outside_the_models_folder_are_refused(model, place):
    with pytest.raises(UserError, match=r"m.onnx: keeps weights in '.*w.bin', outside its folder; save it with them"):
        _onnx_files(model(place))
