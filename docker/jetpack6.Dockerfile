# ROS 2 Humble on JetPack 6.1 or newer (L4T r36.4, Ubuntu 22.04, CUDA 12.6, TensorRT 10.3), built on the Jetson itself.
#
#   docker build -f docker/jetpack6.Dockerfile -t mtvif:jetpack6 .
#   docker run --rm -it --runtime nvidia --network host --ipc host -v mtvif_engines:/engines mtvif:jetpack6
FROM nvcr.io/nvidia/l4t-jetpack:r36.4.0

ARG ROS_APT_SOURCE=1.1.0
ENV DEBIAN_FRONTEND=noninteractive \
    LANG=C.UTF-8 \
    PIP_NO_CACHE_DIR=1 \
    ROS_DISTRO=humble \
    MTVIF_ENGINE_CACHE=/engines
SHELL ["/bin/bash", "-o", "pipefail", "-c"]

RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl \
    && curl --fail --silent --show-error --location --output /tmp/ros.deb \
        "https://github.com/ros-infrastructure/ros-apt-source/releases/download/${ROS_APT_SOURCE}/ros2-apt-source_${ROS_APT_SOURCE}.jammy_all.deb" \
    && dpkg --install /tmp/ros.deb \
    && rm -rf /tmp/ros.deb /var/lib/apt/lists/*

WORKDIR /ws
COPY package.xml src/mtvif_ros/package.xml
COPY docker/constraints.txt /tmp/constraints.txt
# The constraints keep NumPy 1, for which ROS and JetPack's TensorRT are compiled. The node needs neither mcap nor
# rosbags: they are for the bag tools and the replay.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        python3-pip python3-colcon-common-extensions python3-rosdep ros-humble-ros-base ros-humble-vision-msgs \
    && rosdep init \
    && rosdep update --rosdistro humble \
    && PIP_CONSTRAINT=/tmp/constraints.txt rosdep install --from-paths src --ignore-src --default-yes \
    && python3 -m pip install --constraint /tmp/constraints.txt onnx cuda-python==12.6.2.post1 \
    && python3 -c "import tensorrt; print('TensorRT', tensorrt.__version__)" \
    && rm -rf /var/lib/apt/lists/*

COPY . src/mtvif_ros
RUN source /opt/ros/humble/setup.bash && colcon build --packages-select mtvif_ros

VOLUME /engines
COPY docker/entrypoint.sh /entrypoint.sh
ENTRYPOINT ["/entrypoint.sh"]
CMD ["ros2", "launch", "mtvif_ros", "fusion.launch.py"]
