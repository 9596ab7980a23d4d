"""Start fusion_node.

ros2 launch mtvif_ros fusion.launch.py rgb:=/camera/color/image_raw ir:=/thermal/image_raw
"""

from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription
from mtvif_ros.node.dds import dds_environment
from mtvif_ros.resources import share_directory

ARGUMENTS = {
    "namespace": ("", "Namespace of the node and its topics."),
    "params_file": (str(share_directory() / "config" / "fusion.yaml"), "Parameter file."),
    "rgb": ("rgb/image_raw", "Topic of the visible camera."),
    "ir": ("ir/image_raw", "Topic of the infrared camera."),
    "fused": ("mtvif/fused", "Topic of the fused image."),
    "segmentation": ("mtvif/segmentation", "Topic of the mask."),
    "model": ("", "Model file; empty for the shipped one that the backend runs best."),
    "backend": ("auto", "Engine that runs the model: auto, tensorrt, openvino or onnxruntime."),
    "use_sim_time": ("false", "Take the time from /clock."),
    "enclave": ("/", "SROS 2 enclave of the node, where ROS_SECURITY_ENABLE is true."),
    "autostart": ("true", "Configure and activate at start; false leaves it to a manager."),
}
TOPICS = {
    "rgb/image_raw": "rgb",
    "ir/image_raw": "ir",
    "mtvif/fused": "fused",
    "mtvif/segmentation": "segmentation",
}


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, set the DDS profile, start the node."""
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
                # Fast DDS's own default loses nearly every image; a profile already set is kept.
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
                remappings=[(topic, LaunchConfiguration(name)) for topic, name in TOPICS.items()],
                output="screen",
                emulate_tty=True,
            ),
        ]
    )
