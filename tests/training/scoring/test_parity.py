import json
import math
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from mtvif_ros.synthetic import Frame
from training.scoring.parity import compare_outputs, main


def test_parity_by_hand() -> None:
    fused, mask = np.full((2, 2, 3), 100, np.uint8), np.zeros((2, 2), np.uint8)
    other, other_mask = fused.copy(), mask.copy()
    other[0, 0] = (101, 99, 100)
    other[1, 1] = (100, 100, 106)
    other_mask[0, 1] = 1
    parity = compare_outputs([(fused, mask)], [(other, other_mask)])
    assert parity.mask_equal == 0.75
    assert parity.within_one == 0.75
    assert parity.psnr == pytest.approx(10 * math.log10(255**2 / (38 / 12)))
    assert compare_outputs([(fused, mask)], [(fused, mask)]).psnr == math.inf


def test_every_usable_backend_is_a_row(
    model_path: Path, night_frame: Frame, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, pixels in zip(("vi", "ir", "labels"), (night_frame.rgb, night_frame.ir, night_frame.mask)):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "one.png"), pixels)
    main([str(model_path), "--data", str(tmp_path)])
    rows = capsys.readouterr().out.splitlines()[2:]
    reference = next(row for row in rows if "onnxruntime" in row)
    assert "| 100.000% | 100.000% | inf |" in reference
    assert any("openvino" in row for row in rows)


def test_files_of_other_classes_are_not_compared(
    model_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = onnx.load(str(model_path))
    (classes,) = (entry for entry in other.metadata_props if entry.key == "classes")
    classes.value = json.dumps(json.loads(classes.value)[::-1])
    onnx.save(other, str(tmp_path / "other.onnx"))
    with pytest.raises(SystemExit):
        main([str(model_path), str(tmp_path / "other.onnx"), "--data", str(tmp_path)])
    assert "other.onnx: knows the classes " in capsys.readouterr().err
