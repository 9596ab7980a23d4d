"""Start fusion_node.

ros2 launch mtvif_ros fusion.launch.py rgb:=/camera/color/image_raw ir:=/thermal/image_raw
"""

from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription
from mtvif_ros import topics
from mtvif_ros.node.dds import dds_environment
from mtvif_ros.resources import share_directory

ARGUMENTS = {
    "namespace": ("", "Namespace of the node and its topics."),
    "params_file": (str(share_directory() / "config" / "fusion.yaml"), "Parameter file."),
    "rgb": (topics.RGB, "Topic of the visible camera."),
    "ir": (topics.IR, "Topic of the infrared camera."),
    "fused": (topics.FUSED, "Topic of the fused image."),
    "segmentation": (topics.SEGMENTATION, "Topic of the mask."),
    "model": ("", "Model file; empty for the shipped one that suits the backend."),
    "backend": ("auto", "Engine that runs the model: auto, tensorrt, openvino or onnxruntime."),
    "use_sim_time": ("false", "Take the time from /clock."),
    "enclave": ("/", "SROS 2 enclave of the node, for ROS_SECURITY_ENABLE=true."),
    "autostart": ("true", "Configure and activate at start; false leaves that to a lifecycle manager."),
}
REMAPPED = {
    topics.RGB: "rgb",
    topics.IR: "ir",
    topics.FUSED: "fused",
    topics.SEGMENTATION: "segmentation",
}


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, set the DDS profile and start the node."""
    switches = {
        name: ParameterValue(LaunchConfiguration(name), value_type=bool)
        for name in ("use_sim_time", "autostart")
    }
    texts = {name: ParameterValue(LaunchConfiguration(name), value_type=str) for name in ("model", "backend")}
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, (default, description) in ARGUMENTS.items()
            ),
            *(
                # With its own default Fast DDS loses nearly every image. A profile that is set already stays.
                SetEnvironmentVariable(name, value)
                for name, value in dds_environment().items()
            ),
            LifecycleNode(
                package="mtvif_ros",
                executable="fusion_node",
                name="fusion_node",
                namespace=LaunchConfiguration("namespace"),
                parameters=[LaunchConfiguration("params_file"), {**texts, **switches}],
                ros_arguments=["--enclave", LaunchConfiguration("enclave")],
                remappings=[(topic, LaunchConfiguration(name)) for topic, name in REMAPPED.items()],
                output="screen",
                emulate_tty=True,
            ),
        ]
    )
