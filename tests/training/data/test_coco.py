import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from training.data.coco import draw, find_coco, read_coco

SIZE = (8, 12)


def square(left: float, top: float, side: float) -> list[float]:
    return [left, top, left + side, top, left + side, top + side, left, top + side]


def annotation(number: int, category: int, segmentation: Any, **more: Any) -> dict[str, Any]:
    crowd = int(isinstance(segmentation, dict))
    return {
        "id": number,
        "image_id": 1,
        "category_id": category,
        "segmentation": segmentation,
        "iscrowd": crowd,
    } | more


def content() -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "vi\\one.jpg", "width": SIZE[1], "height": SIZE[0]}],
        "categories": [{"id": 7, "name": "crate"}, {"id": 3, "name": "person"}],
        "annotations": [annotation(1, 3, [square(1, 1, 2)]), annotation(2, 7, [square(0, 0, 6)])],
    }


def written(folder: Path, plain: Any) -> Path:
    (folder / "annotations").mkdir(exist_ok=True)
    path = folder / "annotations/instances_default.json"
    path.write_text(json.dumps(plain))
    return path


def drawn(folder: Path, *annotations: dict[str, Any]) -> np.ndarray:  # type: ignore[type-arg]
    path = written(folder, content() | {"annotations": annotations})
    return draw(path, read_coco(path).images["one"])


def test_polygons_become_classes_and_small_things_lie_on_top(tmp_path: Path) -> None:
    coco = read_coco(written(tmp_path, content()))
    assert coco.names == ("background", "crate", "person")
    mask = draw(coco.path, coco.images["one"])
    wanted = np.zeros(SIZE, np.uint8)
    wanted[:6, :6], wanted[1:3, 1:3] = 1, 2
    assert mask.tolist() == wanted.tolist()


def test_run_lengths_and_crowds_become_classes(tmp_path: Path) -> None:
    wanted = np.zeros(SIZE, np.uint8)
    wanted[2:5, 3:9] = 2
    packed = coco_mask.encode(np.asfortranarray(wanted // 2))
    runs = [3 * 8 + 2, *[3, 5] * 5, 3, 3 + 3 * 8]
    for counts in (packed["counts"].decode(), runs):
        segmentation = {"size": list(SIZE), "counts": counts}
        assert drawn(tmp_path, annotation(5, 3, segmentation)).tolist() == wanted.tolist()


@pytest.mark.parametrize(
    ("segmentation", "problem"),
    [
        ([], "has no segmentation; draw a polygon"),
        (None, "has no segmentation"),
        ([[1, 2, 3, 4]], "must be lists of x, y for three points or more"),
        ([[1, 2, 3, 4, 5, 6, 7]], "must be lists of x, y"),
        ([[1, 2, 3, 4, 5, "6"]], "must be lists of x, y"),
        ([square(8, 0, 6)], r"point 14, 0 lies outside of 12x8 pixels; cut it at the edge"),
        ([square(2, 2, 0)], "covers no pixel"),
        ({"size": [8, 13], "counts": [104]}, r"are for \[8, 13\], expected \[8, 12\]; export it again"),
        ({"size": [8, 12], "counts": [90, 7]}, "do not add up to 96 pixels"),
        ({"size": [8, 12], "counts": "Z" * 40}, "run lengths do not fill the image|covers no pixel"),
    ],
)
def test_a_segmentation_that_cannot_be_drawn_is_named(
    segmentation: Any, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=rf"default\.json: annotation 5 of 'one': .*{problem}"):
        drawn(tmp_path, annotation(5, 3, segmentation))


def add(kind: str, entry: Any) -> Callable[[dict[str, Any]], None]:
    return lambda plain: plain[kind].append(entry)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (add("annotations", annotation(3, 4, [])), r"annotation 3: category_id 4 is not among .*\(7, 3\)"),
        (add("annotations", annotation(3, 3, [], image_id=9)), "annotation 3: image_id 9 is no image"),
        (add("annotations", annotation(1, 3, [])), "annotation 1: has the id of an earlier one"),
        (add("annotations", annotation(3, 3, [square(1, 1, 2)])), "annotation 3: repeats annotation 1"),
        (add("annotations", {"id": 4}), "annotation 4: lacks image_id, category_id; export it again"),
        (add("images", "two.jpg"), "image at place 1: lacks id, file_name, width, height"),
        (
            add("images", {"id": 2, "file_name": "ir/one.png", "width": 1, "height": 1}),
            "image 2: 'ir/one.png' has the name of an earlier one",
        ),
        (add("categories", {"id": 8, "name": "crate"}), "category 'crate': is named twice"),
    ],
)
def test_an_entry_that_cannot_be_read_is_named(
    damage: Callable[[dict[str, Any]], None], problem: str, tmp_path: Path
) -> None:
    plain = content()
    damage(plain)
    with pytest.raises(ValueError, match=rf"instances_default\.json: .*{problem}"):
        read_coco(written(tmp_path, plain))


def test_the_one_file_of_annotations_is_found(tmp_path: Path) -> None:
    (tmp_path / "info.json").write_text('{"images": []}')
    assert find_coco(tmp_path) is None
    path = written(tmp_path, content())
    assert find_coco(tmp_path) == path
    (tmp_path / "other.json").write_text(json.dumps(content()))
    with pytest.raises(
        ValueError, match=r"several COCO files, annotations/instances_default\.json, other\.json"
    ):
        find_coco(tmp_path)
    (tmp_path / "other.json").write_text('{\n"images":')
    with pytest.raises(ValueError, match=r"other\.json: not valid JSON: .*line 2.*; export it again"):
        find_coco(tmp_path)
