import logging
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from mtvif_ros.engines import BACKENDS, EngineError, load_engine, shipped_model
from mtvif_ros.model_file import read_model_file
from mtvif_ros.synthetic import Frame, RoadScene, SceneConfig

ON_CPU = ("openvino", "onnxruntime")  # tensorrt/test_engine.py has the third


@pytest.mark.parametrize("backend", [*ON_CPU, "auto"])
def test_every_backend_answers_in_the_contracts_form(
    backend: str, model_path: Path, night_frame: Frame
) -> None:
    engine = load_engine(model_path, backend)
    fused, mask, _ = engine.infer(night_frame.rgb, night_frame.ir)
    assert fused.shape == (480, 640, 3)
    assert mask.shape == (480, 640)
    assert fused.dtype == mask.dtype == np.uint8
    assert mask.max() < len(engine.model.classes)


def test_backends_agree(model_path: Path, night_frame: Frame) -> None:
    """OpenVINO computes in bfloat16 where the CPU has it, so it is not equal to the last bit."""
    (fused_a, mask_a, _), (fused_b, mask_b, _) = (
        load_engine(model_path, name).infer(night_frame.rgb, night_frame.ir) for name in ON_CPU
    )
    assert np.abs(fused_a.astype(int) - fused_b).mean() < 1.5
    assert (mask_a == mask_b).mean() > 0.98


def test_auto_takes_the_first_backend_that_can_run_and_logs_why_it_skipped_others(
    model_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        chosen = load_engine(model_path, "auto").description.split()[0]
    skipped = list(BACKENDS)[: list(BACKENDS).index(chosen)]
    for name in skipped:
        assert f"skipped {name}: " in caplog.text
    assert f"engine: {chosen}" in caplog.text


def test_an_unknown_backend_is_refused_with_those_that_exist(model_path: Path) -> None:
    with pytest.raises(EngineError, match="openvino"):
        load_engine(model_path, "abacus")


def test_frames_of_another_size_are_refused(model_path: Path) -> None:
    engine = load_engine(model_path, "onnxruntime")
    with pytest.raises(ValueError, match=r"ir: got uint8 \(10, 10\)"):
        engine.infer(np.zeros((480, 640, 3), np.uint8), np.zeros((10, 10), np.uint8))


@pytest.mark.parametrize("backend", ON_CPU)
def test_an_engine_of_an_open_file_has_the_size_that_it_was_loaded_for(
    backend: str, open_model: Path, night_frame: Frame
) -> None:
    rgb, ir = night_frame.rgb[:64, :96].copy(), night_frame.ir[:64, :96].copy()
    engine = load_engine(open_model, backend, size=(64, 96))
    assert engine.size == (64, 96)
    assert np.array_equal(engine.infer(rgb, ir)[0], np.maximum(rgb, ir[..., None]))
    with pytest.raises(ValueError, match=r"rgb: got uint8 \(480, 640, 3\)"):
        engine.infer(night_frame.rgb, night_frame.ir)


@pytest.mark.parametrize("backend", ON_CPU)
def test_confidence_comes_only_when_it_is_asked_for_and_the_file_has_it(
    backend: str, certain_model: Path, toy_model: Path, night_frame: Frame
) -> None:
    rgb, ir = night_frame.rgb[:60, :80].copy(), night_frame.ir[:60, :80].copy()
    without, plain, engine = (
        load_engine(path, backend, confidence=wanted)
        for path, wanted in ((certain_model, False), (toy_model, True), (certain_model, True))
    )
    assert engine.gives_confidence and not without.gives_confidence and not plain.gives_confidence
    assert without.infer(rgb, ir).confidence is plain.infer(rgb, ir).confidence is None
    fused, mask, confidence = engine.infer(rgb, ir)
    assert confidence is not None and np.array_equal(confidence, ir)
    assert np.array_equal(fused, np.maximum(rgb, ir[..., None])) and np.array_equal(mask, ir > 128)


@pytest.mark.parametrize("backend", ON_CPU)
def test_without_a_path_a_backend_runs_the_shipped_file_that_suits_it(backend: str) -> None:
    engine = load_engine(None, backend)
    assert engine.model.path == shipped_model(backend)


def test_the_int8_file_agrees_with_the_fp32_file_from_day_to_night(model_path: Path) -> None:
    """On average; rendered nights alone differ by more than a level (models/README.md)."""
    int8 = model_path.with_name("mtvif_int8.onnx")
    assert read_model_file(int8).precision == "int8"
    engines = [load_engine(path, "openvino") for path in (model_path, int8)]
    equal, differences = [], []
    for time in ("day", "dusk", "night"):
        frame = RoadScene(SceneConfig(seed=3, time=time)).frame(20)
        (fused_a, mask_a, _), (fused_b, mask_b, _) = (engine.infer(frame.rgb, frame.ir) for engine in engines)
        equal.append((mask_a == mask_b).mean())
        differences.append(np.abs(fused_a.astype(int) - fused_b).mean())
    assert min(equal) > 0.98
    assert np.mean(differences) < 1


def test_a_backend_that_is_not_installed_is_skipped_or_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.delitem(sys.modules, "mtvif_ros.engines.openvino", raising=False)
    assert load_engine(None, "auto").description.startswith("onnxruntime")
    with pytest.raises(EngineError, match="pip install openvino"):
        load_engine(None, "openvino")


@pytest.mark.parametrize("backend", ON_CPU)
def test_an_unavailable_device_is_refused_with_those_that_exist(backend: str, model_path: Path) -> None:
    with pytest.raises(EngineError, match=rf"{backend}: device 'QPU' is not available; choose one of .*CPU"):
        load_engine(model_path, backend, device="QPU")


@pytest.mark.parametrize("backend", ON_CPU)
def test_a_graph_that_a_backend_cannot_run_is_named(backend: str, toy_model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(toy_model.read_bytes().replace(b"Greater", b"GreaTer"))
    with pytest.raises(EngineError, match=rf"broken\.onnx: {backend} cannot run it: .*copy or"):
        load_engine(broken, backend)


def test_a_graph_whose_outputs_have_other_shapes_than_it_says_is_named(
    toy_model: Path, tmp_path: Path
) -> None:
    model, broken = onnx.load(toy_model), tmp_path / "broken.onnx"
    last = next(node for node in model.graph.node if "segmentation" in node.output)
    last.output[0] = "flat"
    model.graph.node.append(onnx.helper.make_node("Unsqueeze", ["flat", "last"], ["segmentation"]))
    onnx.save(model, broken)
    with pytest.raises(
        EngineError, match=r"broken\.onnx: computes images of .* and \(60, 80, 1\) for frames of 60x80"
    ):
        load_engine(broken, "onnxruntime")


def test_a_second_start_loads_the_network_that_openvino_compiled(
    model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTVIF_ENGINE_CACHE", str(tmp_path))
    load_engine(model_path, "openvino")
    (kept,) = tmp_path.glob("*.engine")
    before = kept.stat().st_mtime_ns
    load_engine(model_path, "openvino")
    assert kept.stat().st_mtime_ns == before


def test_a_damaged_blob_is_never_run(
    model_path: Path, night_frame: Frame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO itself would load it and give other images."""
    monkeypatch.setenv("MTVIF_ENGINE_CACHE", str(tmp_path))
    fused, mask, _ = load_engine(model_path, "openvino").infer(*night_frame[:2])
    expected = fused.copy(), mask.copy()
    (kept,) = tmp_path.glob("*.engine")
    content = kept.read_bytes()
    middle = len(content) * 2 // 3
    kept.write_bytes(content[:middle] + bytes(1000) + content[middle + 1000 :])
    fused, mask, _ = load_engine(model_path, "openvino").infer(*night_frame[:2])
    assert np.array_equal(fused, expected[0]) and np.array_equal(mask, expected[1])


def test_openvino_runs_without_a_writable_cache(
    model_path: Path, night_frame: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTVIF_ENGINE_CACHE", "/proc/no/such/place")
    fused = load_engine(model_path, "openvino").infer(night_frame.rgb, night_frame.ir).fused
    assert fused.shape == (480, 640, 3)
