"""Start fusion_node.

ros2 launch mtvif_ros fusion.launch.py rgb:=/camera/color/image_raw ir:=/thermal/image_raw
"""

from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchContext, LaunchDescription
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
    "model": ("", "Model file; empty for that of params_file."),
    "backend": ("", "auto, tensorrt, openvino or onnxruntime; empty for that of params_file."),
    "use_sim_time": ("", "Whether time comes from /clock; empty for what params_file says."),
    "enclave": ("/", "SROS 2 enclave of the node, for ROS_SECURITY_ENABLE=true."),
    "autostart": ("", "Whether to configure and activate at start; empty for what params_file says."),
}
# Parameters that an argument replaces in the parameter file, if it is given.
PARAMETERS = {"model": str, "backend": str, "use_sim_time": bool, "autostart": bool}
REMAPPED = {
    topics.RGB: "rgb",
    topics.IR: "ir",
    topics.FUSED: "fused",
    topics.SEGMENTATION: "segmentation",
}


def given(context: LaunchContext) -> dict[str, ParameterValue]:
    """Return the parameters of the arguments that are given."""
    return {
        name: ParameterValue(LaunchConfiguration(name), value_type=kind)
        for name, kind in PARAMETERS.items()
        if LaunchConfiguration(name).perform(context)
    }


def start(context: LaunchContext) -> list[Node]:
    """Return the node."""
    # LifecycleNode would make a ROS node of the launcher itself, for which SROS 2 has no enclave.
    node = Node(
        package="mtvif_ros",
        executable="fusion_node",
        name="fusion_node",
        namespace=LaunchConfiguration("namespace"),
        parameters=[LaunchConfiguration("params_file"), *filter(None, [given(context)])],
        ros_arguments=["--enclave", LaunchConfiguration("enclave")],
        remappings=[(topic, LaunchConfiguration(name)) for topic, name in REMAPPED.items()],
        output="screen",
        emulate_tty=True,
    )
    return [node]


def generate_launch_description() -> LaunchDescription:
    """Declare the arguments, set the DDS profile and start the node."""
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
            OpaqueFunction(function=start),
        ]
    )
