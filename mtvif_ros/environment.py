"""Set the environment variables that processes speaking DDS need for images."""

from __future__ import annotations

import os
import sys

from mtvif_ros.resources import fastdds_profile

# Fast DDS renamed its variable; distributions from Humble to Kilted read one or both.
_PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")

# Of which replays choose, so that none hears another. From 102 on the ports are Linux's own.
REPLAY_DOMAINS = range(40, 100)


def dds_environment() -> dict[str, str]:
    """Return variables for a child process: the image-sized Fast DDS profile, unless one is set.

    Where ROS comes from wheels, AMENT_PREFIX_PATH is set to the environment that holds them.
    """
    found = {name: os.environ.get(name, str(fastdds_profile())) for name in _PROFILE_VARIABLES}
    if "AMENT_PREFIX_PATH" not in os.environ:
        found["AMENT_PREFIX_PATH"] = sys.prefix
    return found


def prepare_dds() -> None:
    """Set these variables for this process; call it before the first rclpy.init."""
    os.environ.update(dds_environment())
