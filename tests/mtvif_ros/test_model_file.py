import re
import shlex
import subprocess
import sys
from pathlib import Path

import onnx
import pytest
from onnx import helper, numpy_helper

from mtvif_ros.classes import STREET_NAMES, SegmentationClass, with_colours
from mtvif_ros.model_file import ModelFileError, read_model_file
from mtvif_ros.resources import model_directory
from tests.mtvif_ros.toy import write_toy


def test_the_shipped_model_obeys_the_contract(model_path: Path) -> None:
    model = read_model_file(model_path)
    assert model.size is None
    assert model.classes == STREET_NAMES
    assert len(model.palette) == len(STREET_NAMES)
    assert {"model_version", "trained_on", "licence", "precision"} <= model.properties.keys()


@pytest.mark.parametrize("name", [path.name for path in model_directory().glob("*.onnx")])
def test_a_shipped_model_names_its_training_data_and_licence(name: str) -> None:
    model = read_model_file(model_directory() / name)
    assert model.properties["licence"].replace("-", " ") == "research use"
    assert "MSRS" in model.properties["trained_on"]
    assert re.match(r"\d+\.\d+\.\d+\+", model.version)


def test_a_file_of_open_size_is_fixed_when_it_is_asked_for_one(open_model: Path, tmp_path: Path) -> None:
    model = read_model_file(open_model)
    assert model.size is None
    assert (model.size_for(None), model.size_for((64, 96))) == ((480, 640), (64, 96))
    fixed = tmp_path / "fixed.onnx"
    fixed.write_bytes(model.content((64, 96)))
    assert read_model_file(fixed).size == (64, 96)


def test_a_fixed_file_refuses_another_size(toy_model: Path) -> None:
    model = read_model_file(toy_model)
    assert model.size_for(None) == model.size_for((60, 80)) == (60, 80)
    with pytest.raises(ModelFileError, match=r"toy.onnx computes 60x80 only, not 64x96; leave the size out"):
        model.size_for((64, 96))


@pytest.mark.parametrize("sides", [(60, 80), ("H", "W")])
def test_what_only_the_confidence_needs_can_be_cut(
    sides: tuple[int | str, int | str], tmp_path: Path
) -> None:
    model = read_model_file(write_toy(tmp_path / "certain.onnx", *sides, confidence=True))
    plain = read_model_file(write_toy(tmp_path / "plain.onnx", *sides))
    assert model.has_confidence and not plain.has_confidence
    (whole, cut), (same, _) = (
        [m.content((60, 80), wanted) for wanted in (True, False)] for m in (model, plain)
    )
    assert cut == same
    names = [output.name for output in onnx.load_from_string(whole).graph.output]
    assert names == ["fused", "segmentation", "confidence"]


def test_a_file_with_one_open_side_is_refused(tmp_path: Path) -> None:
    half = write_toy(tmp_path / "half.onnx", "H", 640)
    with pytest.raises(ModelFileError, match=r"both be fixed or both be open, found \('H', 640\)"):
        read_model_file(half)


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


def test_every_class_needs_a_colour(toy_model: Path, tmp_path: Path) -> None:
    model = onnx.load(str(toy_model))
    palette = next(entry for entry in model.metadata_props if entry.key == "palette")
    palette.value = "[[0, 0, 0], [1, 1, 1]]"
    onnx.save(model, str(tmp_path / "grey.onnx"))
    with pytest.raises(ModelFileError, match="has 2 palette colours for 9 classes"):
        read_model_file(tmp_path / "grey.onnx")


@pytest.mark.parametrize("count", [2, 40, 255])
def test_a_file_may_have_other_classes(count: int, tmp_path: Path) -> None:
    classes = with_colours([f"thing {index}" for index in range(count)])
    model = read_model_file(write_toy(tmp_path / "toy.onnx", 60, 80, classes))
    assert model.classes == tuple(name for name, _ in classes)
    assert [tuple(colour) for colour in model.colours[:count].tolist()] == [rgb for _, rgb in classes]


@pytest.mark.parametrize(
    ("classes", "told"),
    [
        ([("alone", (0, 0, 0))], "lists 1 classes, expected 2 to 255"),
        ([("car", (0, 0, 0)), ("car", (1, 1, 1))], "lists the classes .*expected names that differ"),
        ([("car", (0, 0, 0)), ("bus", (1, 1, 256))], r"expected \[R, G, B\] in 0\.\.255 for each class"),
    ],
)
def test_classes_that_cannot_be_are_refused(
    classes: list[tuple[str, tuple[int, int, int]]], told: str, tmp_path: Path
) -> None:
    path = write_toy(tmp_path / "toy.onnx", 60, 80, tuple(SegmentationClass(*one) for one in classes))
    with pytest.raises(ModelFileError, match=told):
        read_model_file(path)


@pytest.mark.parametrize(
    "text",
    ["background car", '"ab"', '{"0": "background", "1": "car"}', "2", "null", "[" * 100_000, "9" * 5000],
)
def test_classes_that_are_no_list_are_refused(text: str, toy_model: Path, tmp_path: Path) -> None:
    model = onnx.load(str(toy_model))
    for entry in model.metadata_props:
        entry.value = {"classes": text, "palette": "[[0, 0, 0], [0, 0, 255]]"}[entry.key]
    broken = tmp_path / "broken.onnx"
    onnx.save(model, str(broken))
    with pytest.raises(ModelFileError, match="metadata property `classes` is not a list in JSON"):
        read_model_file(broken)


def test_many_classes_get_colours_that_differ() -> None:
    colours = [rgb for _, rgb in with_colours([f"thing {index}" for index in range(255)])]
    assert len(set(colours)) == 255


def test_weights_in_a_second_file_are_refused_with_the_command_that_packs_them(
    toy_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "two files.onnx"
    model = onnx.load(str(toy_model))
    for weights in model.graph.initializer:
        weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights), weights.name))
    onnx.save(model, str(path), save_as_external_data=True, location="weights.bin", size_threshold=0)
    with pytest.raises(ModelFileError, match=r"two files.onnx: keeps weights in weights.bin") as told:
        read_model_file(path)
    command = shlex.split(str(told.value).partition(" with: ")[2])
    subprocess.run([sys.executable, *command[1:]], check=True)
    assert read_model_file(tmp_path / "packed_two files.onnx").size == (60, 80)


def test_weights_of_a_node_count_too(toy_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "constant.onnx"
    model = onnx.load(str(toy_model))
    constant = helper.make_tensor("value", onnx.TensorProto.FLOAT, [1], [1.0])
    constant.data_location = onnx.TensorProto.EXTERNAL
    constant.external_data.add(key="location", value="deep.bin")
    model.graph.node.append(helper.make_node("Constant", [], ["unused"], value=constant))
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelFileError, match=r"keeps weights in deep.bin"):
        read_model_file(path)


def test_a_tensor_whose_name_is_no_text_is_named_as_it_is(toy_model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(toy_model.read_bytes().replace(b"segmentation", b"segm\xffntation"))
    with pytest.raises(ModelFileError, match=r"segm.*xffntation.*expected \['fused', 'segmentation'\]"):
        read_model_file(broken)
