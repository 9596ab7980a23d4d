from dataclasses import dataclass, field

from mtvif_ros.node.parameter_declaration import declared, filled, markdown_tables, parameter


@dataclass(frozen=True)
class Lamp:
    colour: str = parameter("red", "Colour.", choices=("red", "blue"))
    levels: tuple[float, ...] = parameter((0.5, 1.0), "Levels.", live=True)


@dataclass(frozen=True)
class Room:
    lamp: str = parameter("", "Name of the lamp.")
    light: Lamp = field(default=Lamp(), metadata={"name": "lamp"})
    seats: int = parameter(4, "Seats.", (1, 8))
    height: float = parameter(2.5, "Height, in m.", (2.0, 4.0))


ROOM = declared(Room())


def test_groups_give_parameters_their_prefix() -> None:
    assert list(ROOM) == ["lamp", "lamp.colour", "lamp.levels", "seats", "height"]
    assert ROOM["lamp.colour"].default == "red"


def test_given_values_replace_defaults_within_groups() -> None:
    room = filled(Room(), {"lamp": "desk", "lamp.levels": [0.1], "height": 3.0})
    assert room == Room(lamp="desk", light=Lamp(levels=(0.1,)), height=3.0)


def test_a_range_is_inclusive() -> None:
    assert [value for value in range(10) if not ROOM["seats"].problem_with(value)] == list(range(1, 9))


def test_ros_is_told_ranges_by_type_and_choices_in_words() -> None:
    (seats,) = ROOM["seats"].descriptor().integer_range
    assert (seats.from_value, seats.to_value) == (1, 8)
    (height,) = ROOM["height"].descriptor().floating_point_range
    assert (height.from_value, height.to_value) == (2.0, 4.0)
    assert ROOM["lamp.colour"].descriptor().additional_constraints == "one of: red, blue"


def test_the_tables_hold_a_row_a_parameter() -> None:
    fixed, _, live = markdown_tables(ROOM).partition("## Live")
    assert [line for line in fixed.splitlines() if "`" in line] == [
        "| `lamp` |  |  | Name of the lamp. |",
        "| `lamp.colour` | red | red, blue | Colour. |",
        "| `seats` | 4 | 1..8 | Seats. |",
        "| `height` | 2.5 | 2.0..4.0 | Height, in m. |",
    ]
    assert [line for line in live.splitlines() if "`" in line] == ["| `lamp.levels` |  |  | Levels. |"]
