import pytest

from mtvif_ros.size import read_size, read_size_or_auto, shown


def test_a_size_reads_as_it_is_shown() -> None:
    assert read_size("480x640") == (480, 640)
    assert shown(read_size("480x640")) == "480x640"
    assert read_size_or_auto("480x640") == (480, 640)
    assert read_size_or_auto("auto") is None


@pytest.mark.parametrize("text", ["", "480", "0x640", "-480x640", "480x640x3", "480 x 640", "large"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not HEIGHTxWIDTH, such as 480x640$"):
        read_size(text)
    with pytest.raises(ValueError, match=r"and not auto$"):
        read_size_or_auto(text)
