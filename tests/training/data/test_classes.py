from dataclasses import replace
from typing import Any

import pytest

from mtvif_ros.classes import STREET
from tests.training import tiny
from training.config import Config, PairSource, RenderedSource, check
from training.data.classes import classes_of, mask_values, names_of

RENDERED = {"rendered": 1, "share": 1.0}
PST900 = {"path": "pst", "layout": "pst900", "share": 1.0}


def config(*sources: dict[str, Any], **more: Any) -> Config:
    return check(Config, tiny.plain_config(sources=list(sources)) | more, "test")


def test_classes_come_from_the_data() -> None:
    assert classes_of(config(RENDERED)) == STREET
    assert names_of(config(PST900))[1:3] == ("fire_extinguisher", "backpack")
    assert len(names_of(config({"path": "fmb", "layout": "fmb", "share": 1.0}))) == 14
    merged = config(PST900 | {"map": {"hand_drill": "backpack", "survivor": "person"}})
    assert names_of(merged) == ("background", "fire_extinguisher", "backpack", "person")


def test_a_config_names_its_own_classes_and_their_colours() -> None:
    named = classes_of(config(RENDERED, classes={"floor": None, "person": None, "forklift": "#10FF30"}))
    assert [one.name for one in named] == ["floor", "person", "forklift"]
    assert named[1].rgb == dict(STREET)["person"], "known classes keep their colour"
    assert named[2].rgb == (16, 255, 48)
    assert classes_of(config(RENDERED, classes=["floor", "person"])) == named[:2]


@pytest.mark.parametrize(
    "classes", [["floor"], {"a": "red", "b": None}, "floor", [str(index) for index in range(256)]]
)
def test_classes_that_cannot_be_are_refused(classes: object) -> None:
    with pytest.raises(ValueError, match=r"^test: classes is .*, expected 2 to 255 different names, each"):
        config(RENDERED, classes=classes)


def test_what_masks_ignore_is_no_class() -> None:
    with pytest.raises(ValueError, match=r"^classes: ignore is no class .* names: \[floor, person, ignore\]"):
        classes_of(config(RENDERED, classes=["floor", "person", "ignore"]))


def test_sources_with_different_classes_need_a_list() -> None:
    with pytest.raises(
        ValueError, match=r"different classes; list those of the model as `classes`.*survivor"
    ):
        classes_of(config(RENDERED, PST900))


def test_more_classes_than_a_mask_holds_are_refused() -> None:
    names = ("floor", *(f"thing{number}" for number in range(255)))
    source = PairSource(path="x", names=names, map=dict.fromkeys(names[1:], "thing"), share=1.0)
    with pytest.raises(ValueError, match=r"^x: its masks have 256 values, expected at most 255"):
        mask_values(source, ("floor", "thing"))
    assert mask_values(replace(source, names=names[:-1]), ("floor", "thing"))


def test_a_map_renames_merges_and_ignores() -> None:
    source = PairSource(path="x", names=("a", "b", "c", "d"), map={"a": "d", "c": "ignore"}, share=1.0)
    assert mask_values(source, ("b", "d")) == {0: 1, 1: 0, 2: 255, 3: 1, 255: 255}
    rendered = RenderedSource(rendered=1, map=dict.fromkeys(("curve", "bump"), "background"), share=1.0)
    values = mask_values(rendered, [name for name, _ in STREET if name not in ("curve", "bump")])
    assert values is not None and values[4] == values[8] == 0


def test_a_class_that_the_model_lacks_is_named_with_what_to_do() -> None:
    source = PairSource(path="drive", layout="fmb", share=1.0)
    told = r"^drive: its classes road, .*pole are not among the model's \(background, person\); rename each"
    with pytest.raises(ValueError, match=told):
        mask_values(source, ("background", "person"))
