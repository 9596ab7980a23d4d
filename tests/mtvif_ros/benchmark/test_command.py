import json
from collections.abc import Callable, Sequence
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from mtvif_ros.benchmark.command import main, usable_backends
from mtvif_ros.benchmark.subjects import FOREIGN


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Return a file that knows nothing of our contract: one float input, doubled."""
    shape = [1, 3, 8, 8]
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("x", "y")]
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])], "double", tensors[:1], tensors[1:]
    )
    path = tmp_path / "foreign.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_every_usable_backend_is_timed_beside_the_others(
    model_path: Path, foreign: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "numbers.json"
    int8 = model_path.with_name("mtvif_int8.onnx")
    arguments = [str(int8), "--foreign", str(foreign), "--runs", "5", "--json", str(out)]
    main(arguments)
    results = json.loads(out.read_text())["results"]
    backends = usable_backends()
    assert [r["engine"].split()[0] for r in results] == backends + [one for one in backends if one in FOREIGN]
    assert {r["model"] for r in results} == {int8.name, "foreign.onnx"}
    for r in results:
        assert 0 < r["p50_ms"] <= r["p90_ms"] <= r["p99_ms"]
        assert r["pairs_per_s"] > 0
    assert " core" in capsys.readouterr().out


def test_a_foreign_file_is_timed_where_it_can_run(
    foreign: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mtvif_ros.benchmark.command.usable_backends", lambda: ["tensorrt", "onnxruntime"])
    main(["--foreign", str(foreign), "--runs", "5"])
    assert "| onnxruntime " in capsys.readouterr().out
    with pytest.raises(SystemExit, match="1"):
        main(["--foreign", str(foreign), "--backend", "tensorrt"])
    assert "--foreign runs on openvino or onnxruntime, not on tensorrt" in capsys.readouterr().err


def test_a_network_that_takes_microseconds_has_a_time_and_a_ratio(
    foreign: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def three_microseconds(runs: Sequence[Callable[[], object]], count: int) -> list[list[float]]:
        return [[3e-6] * count for _ in runs]

    monkeypatch.setattr("mtvif_ros.benchmark.command.time_interleaved", three_microseconds)
    out = tmp_path / "numbers.json"
    main(["--foreign", str(foreign), "--backend", "onnxruntime", "--json", str(out)])
    assert json.loads(out.read_text())["results"][0]["p50_ms"] == pytest.approx(0.003)
    assert "| 0.003 | 0.003 | 0.003 | 333333.3 | 1 |" in capsys.readouterr().out


def test_start_up_and_memory_are_those_of_a_process_of_its_own(model_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "numbers.json"
    arguments = [str(model_path), "--backend", "onnxruntime", "--runs", "5", "--footprint"]
    main([*arguments, "--json", str(out)])
    (result,) = json.loads(out.read_text())["results"]
    assert result["start_up_s"] > 0
    assert 20 < result["resident_mb"] < 2000


def test_streams_run_at_once(model_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "numbers.json"
    int8 = model_path.with_name("mtvif_int8.onnx")
    arguments = [str(int8), "--backend", "openvino", "--threads", "1", "--runs", "4"]
    main([*arguments, "--streams", "1", "2", "--json", str(out)])
    assert [r["streams"] for r in json.loads(out.read_text())["results"]] == [1, 2]


def test_an_open_file_is_timed_at_every_size_asked_for(open_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "numbers.json"
    arguments = [str(open_model), "--backend", "onnxruntime", "--runs", "1", "--json", str(out)]
    main(arguments)
    main([*arguments[:-1], str(tmp_path / "two.json"), "--size", "64x96", "96x128"])
    sizes = [json.loads(path.read_text())["results"] for path in (out, tmp_path / "two.json")]
    assert [[r["size"] for r in results] for results in sizes] == [["480x640"], ["64x96", "96x128"]]


def test_a_file_of_one_size_is_timed_at_no_other(toy_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1"):
        main([str(toy_model), "--backend", "onnxruntime", "--size", "64x96"])
    assert "computes 60x80 only" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.onnx", "--backend", "openvino"], "none.onnx: no such file"),
        ([], "name a model file"),
        (["a.onnx", "--foreign", "b.onnx", "--streams", "2"], "--foreign does not apply to --streams"),
        (["a.onnx", "--footprint", "--streams", "2"], "--footprint does not apply to --streams"),
    ],
)
def test_bad_input_is_named(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="1"):
        main(arguments)
    assert message in capsys.readouterr().err


def test_a_foreign_file_of_open_size_is_refused(foreign: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = onnx.load(foreign)
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    del model.graph.value_info[:]
    onnx.save(model, foreign)
    for backend in ("openvino", "onnxruntime"):
        with pytest.raises(SystemExit, match="1"):
            main(["--foreign", str(foreign), "--backend", backend])
        assert "export it with fixed sizes" in capsys.readouterr().err


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("content", [b"garbage", None])
def test_a_foreign_file_that_cannot_run_is_told_in_one_line(
    content: bytes | None, backend: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "other.onnx"
    if content:
        path.write_bytes(content)
    with pytest.raises(SystemExit, match="1"):
        main(["--foreign", str(path), "--backend", backend])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"mtvif_benchmark: --foreign {path}: {backend} cannot run it")
