from pathlib import Path

import cv2
import numpy as np

from mtvif_ros.engines import load_engine
from mtvif_ros.imaging.fuse import Fuser, fuse_pair, segment_alone
from mtvif_ros.imaging.registration import Registration
from mtvif_ros.imaging.resize import scaled
from mtvif_ros.metrics.flicker import FlickerMeter
from mtvif_ros.metrics.fusion import average_gradient, luma
from mtvif_ros.pairing.synchronizer import Stream
from mtvif_ros.synthetic import Frame, RoadScene, SceneConfig


def test_results_have_the_visible_frames_size_whatever_the_model_and_infrared_have(
    model_path: Path, night_frame: Frame
) -> None:
    rgb = cv2.resize(night_frame.rgb, (800, 600))
    ir = cv2.resize(night_frame.ir, (320, 256))
    fused, mask, _ = fuse_pair(load_engine(model_path), np.asarray(rgb), np.asarray(ir))
    assert fused.shape == (600, 800, 3)
    assert mask.shape == (600, 800)


def test_visible_frames_larger_than_model_and_infrared_keep_their_sharpness(
    model_path: Path, night_frame: Frame, rng: np.random.Generator
) -> None:
    rgb = scaled(night_frame.rgb, (960, 720))
    rgb = np.asarray(cv2.add(rgb, rng.integers(0, 30, rgb.shape, np.uint8)), np.uint8)
    fused = fuse_pair(load_engine(model_path), rgb, night_frame.ir).fused
    # Enlarging the model's own image leaves three tenths of it.
    assert average_gradient(luma(fused)) > 0.9 * average_gradient(luma(rgb))


def test_a_smaller_model_flickers_no_more(model_path: Path) -> None:
    """Night frames are noisy in both cameras; at a model's own size either is shown."""
    scene = RoadScene(SceneConfig(3, "night"))
    frames = [scene.frame(number) for number in range(4)]
    ratios = []
    for size in ((480, 640), (384, 512)):
        engine, meter = load_engine(model_path, size=size), FlickerMeter()
        for frame in frames:
            fused = fuse_pair(engine, frame.rgb, frame.ir).fused
            meter.add(luma(frame.rgb), frame.ir.astype(float), luma(fused))
        ratios.append(meter.ratio() or 0.0)
    at_camera_size, smaller = ratios
    assert 1 < smaller < at_camera_size + 0.05


def test_infrared_that_is_finer_than_the_model_shows_its_detail(model_path: Path) -> None:
    dark = np.full((720, 960, 3), 10, np.uint8)
    stripes = np.tile(np.array([180, 220], np.uint8), (720, 480))
    fused = fuse_pair(load_engine(model_path), dark, stripes).fused
    assert average_gradient(luma(fused)) > 0.5 * average_gradient(stripes.astype(float))


def test_each_pixel_of_a_scaled_mask_has_the_class_at_its_centre(
    model_path: Path, night_frame: Frame
) -> None:
    engine = load_engine(model_path)
    height, width = (round(side * 1.2) for side in engine.size)
    rgb, ir = (scaled(frame, (width, height)) for frame in (night_frame.rgb, night_frame.ir))
    model_size = engine.size[::-1]
    small = engine.infer(scaled(rgb, model_size), scaled(ir, model_size)).mask.copy()
    mask = fuse_pair(engine, rgb, ir).mask
    rows, columns = (((np.arange(length) + 0.5) / 1.2).astype(int) for length in (height, width))
    np.testing.assert_array_equal(mask, small[rows][:, columns])


def test_outside_the_node_an_open_file_computes_at_the_size_of_each_frame(
    open_model: Path, night_frame: Frame
) -> None:
    fuse = Fuser(open_model, "onnxruntime")
    for height, width in ((50, 70), (64, 96)):
        rgb, ir = night_frame.rgb[:height, :width].copy(), night_frame.ir[:height, :width].copy()
        # Scaled to any other size and back, it would not be equal.
        np.testing.assert_array_equal(fuse(rgb, ir)[0], np.maximum(rgb, ir[..., None]))
    assert fuse.description.startswith("onnxruntime")


def test_one_camera_alone_is_shown_as_it_is_and_segmented_at_its_size(
    model_path: Path, night_frame: Frame
) -> None:
    rgb = scaled(night_frame.rgb, (800, 600))
    fused, mask, _ = segment_alone(load_engine(model_path), Stream.RGB, rgb)
    np.testing.assert_array_equal(fused, rgb)
    assert mask.shape == (600, 800)


def test_infrared_alone_is_shown_on_the_visible_grid(model_path: Path, night_frame: Frame) -> None:
    shift = Registration((1.0, 0.0, 40.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    ir = scaled(night_frame.ir, (320, 240))
    fused, mask, _ = segment_alone(load_engine(model_path), Stream.IR, ir, (600, 800), shift)
    assert (fused.shape, mask.shape) == ((600, 800, 3), (600, 800))
    np.testing.assert_array_equal(fused[..., 1], shift(ir, (800, 600), (800, 600)))
    own = segment_alone(load_engine(model_path), Stream.IR, ir)
    assert own.fused.shape == (240, 320, 3)
