import pytest

from mtvif_ros.node.announce import Announcer

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("problems", "told"),
    [
        ([None] * 9, []),
        (["dark"] * 3 + [None] * 5, []),  # a moment
        (["dark"] * 9, ["dark"]),
        (["dark"] * 5 + [None] * 3, ["dark", "light"]),
        ([f"dark for {second}.5 s" for second in range(9)], ["dark for 3.5 s"]),
        (["dark"] * 5 + ["darker"] * 5 + [None], ["dark", "darker", "light"]),
        (["dark", None] * 9, []),
    ],
)
def test_what_lasts_is_told_once_and_so_is_its_end(problems: list[str | None], told: list[str]) -> None:
    log: list[str] = []
    announce = Announcer(log.append, log.append)
    for second, problem in enumerate(problems):
        announce("lamp", problem, "light", second * SECOND)
        announce("another", None, "never", second * SECOND)
    assert log == told
