"""Prepare DDS for images: the environment of a process, and a domain that no other replay uses."""

from __future__ import annotations

import os
import socket
import sys

from mtvif_ros.node.log_folder import provide_log_folder
from mtvif_ros.resources import fastdds_profile

# Fast DDS renamed this variable; from Humble to Kilted it reads one or both.
_PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")

_REPLAY_DOMAINS = range(40, 100)  # from domain 102 on, ports collide with Linux's ephemeral ones
_claims: list[socket.socket] = []


def dds_environment() -> dict[str, str]:
    """Return the variables for a process: a Fast DDS profile with room for images, unless one is set.

    Where ROS comes from wheels, AMENT_PREFIX_PATH names the environment that holds them.
    """
    found = {name: os.environ.get(name, str(fastdds_profile())) for name in _PROFILE_VARIABLES}
    if "AMENT_PREFIX_PATH" not in os.environ:
        found["AMENT_PREFIX_PATH"] = sys.prefix
    return found


def prepare_dds() -> None:
    """Set these variables in this process; call this before the first rclpy.init."""
    os.environ.update(dds_environment())
    provide_log_folder()


def claim_domain() -> int:
    """Return a DDS domain and keep it for this process: no other caller on this machine gets it.

    Raises OSError when all are taken.
    """
    for domain in _REPLAY_DOMAINS:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            # An abstract socket name: the kernel frees it when the process ends, however it ends. Like DDS
            # over loopback it is shared by all users of one network namespace.
            claim.bind(f"\0mtvif_replay_domain_{domain}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return domain
    raise OSError(
        f"all DDS domains from {_REPLAY_DOMAINS[0]} to {_REPLAY_DOMAINS[-1]} are taken by other replays; "
        "wait for one to end, or set ROS_DOMAIN_ID"
    )
