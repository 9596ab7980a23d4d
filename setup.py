"""Install the package where ros2 run and ros2 launch find it."""

from glob import glob

from setuptools import find_packages, setup

NAME = "mtvif_ros"

setup(
    name=NAME,
    version="0.2.0",
    description="Fuse and segment visible and infrared camera streams in ROS 2",
    license="Apache-2.0",
    python_requires=">=3.10",
    package_data={f"{NAME}.{of}": ["templates/*.j2"] for of in ("pages", "replay")},
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", glob("launch/*.launch.py")),
        (f"share/{NAME}/examples", glob("examples/*.py")),
        (f"share/{NAME}/config", glob("config/*.*")),
        (f"share/{NAME}/config/sros2", glob("config/sros2/*")),
        (f"share/{NAME}/config/systemd", glob("config/systemd/*")),
        (f"share/{NAME}/models", [*glob("models/*.onnx"), "models/README.md", "models/manifest.json"]),
    ],
    # What the node needs; a backend is an extra, because robots differ.
    install_requires=["numpy", "onnx", "PyYAML"],
    extras_require={
        # The node needs OpenCV too, but pip does not see the one that an apt ROS 2 brings.
        "opencv": ["opencv-python-headless"],
        # Bags, calibration, replay and their reports.
        "tools": ["Jinja2", "matplotlib", "mcap", "rosbags", "tqdm", "zstandard"],
        "openvino": ["openvino"],
        "onnxruntime": ["onnxruntime"],
        # TensorRT itself comes with JetPack or CUDA.
        "tensorrt": ["cuda-python"],
        "cluster": ["ray"],
    },
    zip_safe=True,
    entry_points={
        "console_scripts": [
            "fusion_node = mtvif_ros.node.fusion_node:main",
            "mtvif_calibrate = mtvif_ros.calibration.command:main",
            "mtvif_extract = mtvif_ros.recordings.extract:main",
            "mtvif_fuse = mtvif_ros.recordings.fuse:main",
            "mtvif_make_bag = mtvif_ros.recordings.make_bag:main",
            "mtvif_build_engine = mtvif_ros.engines.tensorrt.command:main",
            "mtvif_benchmark = mtvif_ros.benchmark.command:main",
            "mtvif_compare = mtvif_ros.replay.compare:main",
            "mtvif_replay = mtvif_ros.replay.command:main",
            "mtvif_replay_all = mtvif_ros.replay.many:main",
        ],
    },
)
