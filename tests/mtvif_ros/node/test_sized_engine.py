"""The size that the model computes: given, or chosen for the camera and a rate that is out of all doubt."""

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtvif_ros.classes import STREET
from mtvif_ros.engines import Engine, EngineError, load_engine
from mtvif_ros.imaging.codec import read_rgb
from mtvif_ros.model_file import ModelFileError
from mtvif_ros.node.parameter_server import typed
from mtvif_ros.node.parameters import Parameters, Sizing
from mtvif_ros.node.sized_engine import SizedEngine
from mtvif_ros.size import Size
from mtvif_ros.synthetic import Frame
from tests.mtvif_ros.node.cameras import PATIENCE, Cameras, NodeLog, running_node, toy_parameters
from tests.mtvif_ros.node.reports import Seconds
from tests.mtvif_ros.toy import write_toy

SLOW = {"model.rate": 0.1}  # Hz, which every machine keeps at every size


def values(model: Path, given: Mapping[str, object]) -> Parameters:
    return replace(typed({"backend": "onnxruntime", "threads": 1, **given}), model=str(model))


def test_a_slow_rate_takes_the_cameras_own_size_in_its_own_shape(open_model: Path) -> None:
    lines: list[str] = []
    sized = SizedEngine(values(open_model, SLOW), lines.append)
    assert sized.engine.size == (480, 640)
    assert "480x640 takes" in lines[0] and lines[0].endswith("736x960 keeps 0.1 Hz")
    assert sized.for_camera((480, 640)).size == (480, 640)
    assert sized.for_camera((512, 640)).size == (512, 640)
    assert sized.for_camera((720, 1280)).size == (608, 1088)
    assert lines[-1] == "model.size: 608x1088 for the camera's 720x1280"
    before, count = sized.engine, len(lines)
    assert sized.for_camera((720, 1280)) is before
    assert len(lines) == count


def test_the_first_start_makes_what_a_step_under_load_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_toy(tmp_path / "open.onnx", "H", "W", confidence=True)
    monkeypatch.setenv("MTVIF_ENGINE_CACHE", str(tmp_path / "cache"))

    def engines() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").glob("*.engine")}

    sized = SizedEngine(values(model, {"backend": "openvino", **SLOW}), lambda line: None)
    assert sized.engine.size == (480, 640)
    made = engines()
    for confidence in (False, True):
        for size in ((480, 640), (416, 576)):
            load_engine(model, "openvino", 1, "", size, confidence)
    assert engines() == made
    assert sized.for_camera((512, 640)).size == (512, 640)  # another camera
    end = time.monotonic() + PATIENCE
    while len(engines()) < len(made) + 4 and time.monotonic() < end:
        time.sleep(0.05)
    assert len(engines()) == len(made) + 4
    sized.close()


def test_a_given_size_stays_whatever_the_camera(open_model: Path) -> None:
    lines: list[str] = []
    sized = SizedEngine(values(open_model, {"model.size": "64x96"}), lines.append)
    assert sized.for_camera((480, 640)).size == (64, 96)
    assert lines == []


def test_a_fixed_file_keeps_its_size(toy_model: Path) -> None:
    sized = SizedEngine(values(toy_model, SLOW), lambda line: None)
    assert sized.for_camera((480, 640)).size == (60, 80)
    with pytest.raises(ModelFileError, match=r"toy\.onnx computes 60x80 only"):
        SizedEngine(values(toy_model, {"model.size": "64x96"}), lambda line: None)


def test_an_engine_with_confidence_is_made_when_it_is_asked_for_and_kept(certain_model: Path) -> None:
    sized = SizedEngine(values(certain_model, {}), lambda line: None)
    plain, certain = (sized.for_camera((60, 80), wanted, wait=True) for wanted in (False, True))
    assert (plain.gives_confidence, certain.gives_confidence) == (False, True)
    assert sized.for_camera((60, 80), True) is certain
    assert sized.for_camera((60, 80)) is plain is sized.engine


def test_answers_do_not_wait_for_the_engine_with_confidence(
    certain_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sized = SizedEngine(values(certain_model, {}), lambda line: None)
    may_load, load = threading.Event(), sized._load
    monkeypatch.setattr(sized, "_load", lambda **wanted: may_load.wait(10) and load(**wanted))
    assert not sized.for_camera((60, 80), True).gives_confidence
    may_load.set()
    made = sized.prepare_confidence()
    assert made is not None and made.result().gives_confidence
    assert sized.for_camera((60, 80), True) is made.result()
    sized.close()


def test_both_threads_that_want_confidence_tell_it_once(certain_model: Path) -> None:
    lines: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        time.sleep(0.1)

    sized = SizedEngine(values(certain_model, {}), tell)
    threads = [threading.Thread(target=sized.prepare_confidence) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lines == ["confidence: someone wants it; a second engine computes it, too"]
    sized.close()


def test_an_end_waits_for_the_engine_that_is_being_made_and_for_none_behind_it(
    certain_model: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[str] = []
    sized = SizedEngine(values(certain_model, {}), lines.append)
    begun, may_load, load = threading.Event(), threading.Event(), sized._load
    made: list[object] = []

    def slow(**wanted: Any) -> Engine:
        begun.set()
        may_load.wait(10)
        made.append(wanted)
        return load(**wanted)

    monkeypatch.setattr(sized, "_load", slow)
    for confidence in (True, False):
        sized._make((60, 80), confidence)
    begun.wait(10)
    threading.Timer(0.1, may_load.set).start()
    sized.close()
    assert made == [{"size": (60, 80), "confidence": True}]
    assert not lines and not caplog.records


def test_answers_go_on_without_confidence_when_no_engine_gives_it(
    certain_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    sized = SizedEngine(values(certain_model, {}), lines.append)

    def broken(**_: object) -> Engine:
        raise OSError("no memory")

    monkeypatch.setattr(sized, "_load", broken)
    sized.for_camera((60, 80), True)
    assert told(lines, "confidence: no engine gives it: no memory")
    assert sized.for_camera((60, 80), True) is sized.engine
    with pytest.raises(
        EngineError, match=r"confidence\.minimum: no engine gives confidence: no memory; set 0"
    ):
        sized.for_camera((60, 80), True, wait=True)
    assert len(lines) == 2


def test_no_engine_is_made_of_a_file_that_has_changed(tmp_path: Path) -> None:
    lines: list[str] = []
    model = write_toy(tmp_path / "toy.onnx", 60, 80, confidence=True)
    sized = SizedEngine(values(model, {}), lines.append)
    write_toy(model, 60, 80, STREET[::-1], confidence=True)
    sized.for_camera((60, 80), True)
    assert told(
        lines,
        f"confidence: no engine gives it: model file {model}: has changed since the node was configured; "
        "clean up and configure the node again",
    )
    assert sized.for_camera((60, 80), True) is sized.engine


def test_a_file_without_confidence_has_one_engine(toy_model: Path) -> None:
    sized = SizedEngine(values(toy_model, {}), lambda line: None)
    assert sized.for_camera((60, 80), True) is sized.engine


def test_a_rate_that_no_size_keeps_takes_the_smallest_and_says_so(open_model: Path) -> None:
    lines: list[str] = []
    parameters = replace(values(open_model, {}), sizing=Sizing(rate=1e9))
    assert SizedEngine(parameters, lines.append).engine.size == (256, 320)
    assert lines[0].endswith("256x320 is the smallest, but does not keep 1e+09 Hz")


@pytest.fixture
def at_704x960(open_model: Path) -> Iterator[tuple[SizedEngine, list[str]]]:
    """An engine that started at its largest size, for a camera of 720x960, and what it tells."""
    lines: list[str] = []
    sized = SizedEngine(values(open_model, SLOW), lines.append)
    assert sized.for_camera((720, 960)).size == (704, 960)
    yield sized, lines
    sized.close()


def settled(sized: SizedEngine, size: Size) -> bool:
    """Whether the camera's engine has this size before long; answers go on meanwhile."""
    end = time.monotonic() + PATIENCE
    while sized.for_camera((720, 960)).size != size and time.monotonic() < end:
        time.sleep(0.01)
    return sized.engine.size == size


def told(lines: list[str], line: str) -> bool:
    """Whether this is the last line before long."""
    end = time.monotonic() + PATIENCE
    while lines[-1] != line and time.monotonic() < end:
        time.sleep(0.01)
    return lines[-1] == line


def finish(sized: SizedEngine) -> None:
    """Wait for the engines that are to be made."""
    sized._maker.submit(int).result(PATIENCE)


def lag(sized: SizedEngine, seconds: Seconds | None = None) -> None:
    seconds = seconds or Seconds()
    for answered in (1, 0, 0, 0):
        sized.keep_pace(next(seconds(answered, superseded=1, inference=9e3)))


def test_a_size_that_falls_behind_gives_way_to_the_next_smaller_and_comes_back(
    at_704x960: tuple[SizedEngine, list[str]],
) -> None:
    sized, lines = at_704x960
    lag(sized)
    assert told(lines, "model.size: 704x960 falls behind at 0.1 Hz; 576x768 from now on")
    assert settled(sized, (576, 768))
    for report in islice(Seconds()(30), 40):
        sized.keep_pace(report)
    assert told(lines, "model.size: 576x768 leaves time at 0.1 Hz; 704x960 from now on")
    assert settled(sized, (704, 960))


def test_a_start_beside_other_work_is_made_good_later(open_model: Path) -> None:
    lines: list[str] = []
    sized = SizedEngine(replace(values(open_model, {}), sizing=Sizing(rate=1e9)), lines.append)
    for report in islice(Seconds()(30, inference=1e-7), 12):
        sized.keep_pace(report)
    finish(sized)
    sized.close()
    assert lines[-1] == "model.size: 256x320 leaves time at 1e+09 Hz; 288x384 from now on"


def test_no_size_exceeds_the_cameras(at_704x960: tuple[SizedEngine, list[str]]) -> None:
    sized, lines = at_704x960
    count = len(lines)
    for report in islice(Seconds()(30), 40):
        sized.keep_pace(report)
    assert len(lines) == count


def test_a_camera_smaller_than_the_size_gets_one_that_differs(open_model: Path) -> None:
    lines: list[str] = []
    sized = SizedEngine(values(open_model, SLOW), lines.append)
    lag(sized)
    finish(sized)
    sized.close()
    assert lines[-1] == "model.size: 480x640 falls behind at 0.1 Hz; 416x576 from now on"


def test_a_given_size_does_not_follow_the_load(open_model: Path) -> None:
    sized = SizedEngine(values(open_model, {"model.size": "64x96", **SLOW}), lambda line: None)
    lag(sized)
    assert sized.for_camera((720, 960)).size == (64, 96)
    sized.close()


def test_confidence_goes_on_through_a_change_of_size(tmp_path: Path) -> None:
    model = write_toy(tmp_path / "certain.onnx", "H", "W", confidence=True)
    sized = SizedEngine(values(model, SLOW), lambda line: None)
    assert sized.for_camera((480, 640), True, wait=True).gives_confidence
    lag(sized)
    engines = [sized.for_camera((480, 640), True)]
    while engines[-1].size == (480, 640):
        engines.append(sized.for_camera((480, 640), True))
    assert engines[-1].size == (416, 576)
    assert all(engine.gives_confidence for engine in engines)
    sized.close()


def test_answers_keep_their_size_where_no_engine_of_another_can_be_made(
    at_704x960: tuple[SizedEngine, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sized, lines = at_704x960

    def broken(**_: object) -> Engine:
        raise OSError("no memory")

    monkeypatch.setattr(sized, "_load", broken)
    lag(sized)
    assert told(lines, "model.size: no engine of 576x768: no memory")
    assert sized.for_camera((720, 960)).size == (704, 960)
    assert not any("from now on" in line for line in lines)


def test_the_pace_goes_on_past_a_size_that_cannot_be_made(
    at_704x960: tuple[SizedEngine, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sized, lines = at_704x960
    load, seconds = sized._load, Seconds()

    def broken(size: Size, confidence: bool) -> Engine:
        if size == (576, 768):
            raise OSError("no memory")
        return load(size=size, confidence=confidence)

    monkeypatch.setattr(sized, "_load", broken)
    lag(sized, seconds)
    assert told(lines, "model.size: no engine of 576x768: no memory")
    lag(sized, seconds)
    assert told(lines, "model.size: 704x960 falls behind at 0.1 Hz; 480x640 from now on")
    assert settled(sized, (480, 640))


def test_the_pace_goes_on_where_a_cameras_engine_cannot_be_made(
    at_704x960: tuple[SizedEngine, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sized, lines = at_704x960
    load = sized._load

    def broken(size: Size, confidence: bool) -> Engine:
        if size == (608, 1088):
            raise OSError("no memory")
        return load(size=size, confidence=confidence)

    monkeypatch.setattr(sized, "_load", broken)
    with pytest.raises(OSError, match="no memory"):
        sized.for_camera((720, 1280))
    assert sized.for_camera((720, 1280)).size == (704, 960)
    lag(sized)
    assert told(lines, "model.size: 704x960 falls behind at 0.1 Hz; 512x896 from now on")


def test_the_node_takes_the_shape_of_each_camera_that_comes(
    cameras: Cameras, small_frame: Frame, open_model: Path, node_log: NodeLog
) -> None:
    wide = small_frame._replace(
        rgb=np.ascontiguousarray(np.tile(small_frame.rgb, (4, 6, 1))),
        ir=np.ascontiguousarray(np.tile(small_frame.ir, (4, 6))),
    )
    with running_node(cameras, small_frame, toy_parameters(open_model) | SLOW):
        assert node_log.tells("model.size: 32x64 for the camera's 60x80", cameras)
        fused, _ = cameras.ask(wide)
        assert node_log.tells("model.size: 224x480 for the camera's 240x480", cameras)
    assert read_rgb(fused).shape == wide.rgb.shape
