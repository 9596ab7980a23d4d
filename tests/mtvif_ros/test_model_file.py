import re
from pathlib import Path

import onnx
import pytest

from mtvif_ros.classes import CLASS_NAMES
from mtvif_ros.model_file import ModelFileError, read_model_file
from mtvif_ros.resources import model_directory


def test_the_shipped_model_obeys_the_contract(model_path: Path) -> None:
    model = read_model_file(model_path)
    assert model.size == (480, 640)
    assert model.classes == CLASS_NAMES
    assert len(model.palette) == len(CLASS_NAMES)
    assert {"model_version", "trained_on", "licence", "precision"} <= model.properties.keys()


@pytest.mark.parametrize("name", ["mtvif", "mtvif_fp16", "mtvif_int8"])
def test_a_shipped_model_names_its_training_data_and_licence(name: str) -> None:
    model = read_model_file(model_directory() / f"{name}.onnx")
    assert model.properties["licence"] == "research-use"
    assert "MSRS" in model.properties["trained_on"]
    assert re.match(r"\d+\.\d+\.\d+\+", model.version)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_model_file(tmp_path / "nowhere.onnx")


def test_a_truncated_file_is_refused(model_path: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.onnx"
    short.write_bytes(model_path.read_bytes()[:1000])
    with pytest.raises(ModelFileError, match=r"short.onnx: not a readable ONNX file \(1000 bytes"):
        read_model_file(short)


def test_one_error_names_every_breach_of_the_contract(model_path: Path, tmp_path: Path) -> None:
    model = onnx.load(str(model_path))
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    model.graph.output[0].name = "picture"
    del model.metadata_props[:]
    broken = tmp_path / "broken.onnx"
    onnx.save(model, str(broken))
    with pytest.raises(ModelFileError) as caught:
        read_model_file(broken)
    for told in ("FLOAT, expected UINT8", "picture", "`classes`", "`palette`"):
        assert told in str(caught.value)
