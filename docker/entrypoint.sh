#!/bin/bash
# ROS's set-up scripts read variables that are not set.
set -eo pipefail
source "/opt/ros/$ROS_DISTRO/setup.bash"
source /ws/install/setup.bash
exec "$@"
