"""Play a bag through fusion_node and evaluate the answers.

ros2 launch mtvif_ros replay.launch.py bag:=drive out:=runs/drive
"""

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.substitutions import ExecutableInPackage

from launch import LaunchContext, LaunchDescription
from mtvif_ros import topics
from mtvif_ros.resources import share_directory

ARGUMENTS = {
    "bag": (None, "Recording: a rosbag2 folder, an mcap or a db3 file."),
    "out": ("replay", "Folder for report.html, summary.json, pairs.csv and preview.mp4."),
    "rgb": (topics.absolute(topics.RGB), "Topic of the visible images in the bag."),
    "ir": (topics.absolute(topics.IR), "Topic of the infrared images in the bag."),
    "rate": ("1.0", "Speed of the replay; 2.0 is twice as fast as recorded."),
    "model": ("", "Model file; empty for the shipped one that suits the backend."),
    "backend": ("", "Engine that runs the model; empty chooses."),
}


def start(context: LaunchContext) -> list[ExecuteProcess | RegisterEventHandler]:
    """Return the replay, which takes the classes from the model that the node runs, and what ends both."""
    value = LaunchConfiguration
    given = {name: value(name).perform(context) for name in ("model", "backend")}
    replay = ExecuteProcess(
        cmd=[
            ExecutableInPackage(executable="mtvif_replay", package="mtvif_ros"),
            *("--node", "external", "--bag", value("bag"), "--out", value("out")),
            *("--rgb-topic", value("rgb"), "--ir-topic", value("ir"), "--rate", value("rate")),
            *(word for name, text in given.items() if text for word in (f"--{name}", text)),
        ],
        output="screen",
        emulate_tty=True,
    )
    over = EmitEvent(event=Shutdown(reason="the replay is over"))
    return [replay, RegisterEventHandler(OnProcessExit(target_action=replay, on_exit=[over]))]


def generate_launch_description() -> LaunchDescription:
    """Start the node on the bag's topics, replay, and shut everything down."""
    value = LaunchConfiguration
    node = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(share_directory() / "launch" / "fusion.launch.py")),
        launch_arguments={name: value(name) for name in ("rgb", "ir", "model", "backend")}.items(),
    )
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, (default, description) in ARGUMENTS.items()
            ),
            node,
            OpaqueFunction(function=start),
        ]
    )
