# ROS 2 Jazzy with TensorRT 10 for a desktop NVIDIA GPU; the driver and the NVIDIA container toolkit are the host's.
#
#   docker build -f docker/desktop.Dockerfile -t mtvif:desktop .
#   docker run --rm -it --gpus all --network host --ipc host -v mtvif_engines:/engines mtvif:desktop
#
# Without --gpus the node runs on the CPU with OpenVINO.
FROM ros:jazzy-ros-base

ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    PIP_BREAK_SYSTEM_PACKAGES=1 \
    PIP_NO_CACHE_DIR=1 \
    MTVIF_ENGINE_CACHE=/engines
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

WORKDIR /ws
COPY package.xml src/mtvif_ros/package.xml
COPY docker/constraints.txt /tmp/constraints.txt
# TensorRT and CUDA 12 are wheels. The constraints keep apt's NumPy, for which ROS is compiled. The node needs
# neither mcap nor rosbags: they are for the bag tools and the replay.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-pip ros-jazzy-vision-msgs \
    && rosdep update \
    && PIP_CONSTRAINT=/tmp/constraints.txt rosdep install --from-paths src --ignore-src --default-yes \
    && python3 -m pip install --constraint /tmp/constraints.txt \
        onnx openvino tensorrt-cu12==10.13.3.9 cuda-python==12.9.4 \
    && rm -rf /var/lib/apt/lists/*

COPY . src/mtvif_ros
RUN source /opt/ros/jazzy/setup.bash && colcon build --packages-select mtvif_ros

VOLUME /engines
COPY docker/entrypoint.sh /entrypoint.sh
ENTRYPOINT ["/entrypoint.sh"]
CMD ["ros2", "launch", "mtvif_ros", "fusion.launch.py"]
