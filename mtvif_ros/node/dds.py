"""Set the environment variables that processes speaking DDS need for images."""

from __future__ import annotations

import os
import socket
import sys

from mtvif_ros.resources import fastdds_profile

# Fast DDS renamed its variable; distributions from Humble to Kilted read one or both.
_PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")

_REPLAY_DOMAINS = range(40, 100)  # from 102 on the ports are Linux's own
_claims: list[socket.socket] = []


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


def claim_domain() -> int:
    """Return a DDS domain that no other caller on this machine gets before this process ends.

    Raises OSError when all are taken.
    """
    for domain in _REPLAY_DOMAINS:
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            # A name without a file: the kernel gives it up with the process, whatever ends that. It is seen
            # where DDS over loopback is heard, in one network namespace, by all users.
            claim.bind(f"\0mtvif_replay_domain_{domain}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return domain
    raise OSError(
        f"{len(_REPLAY_DOMAINS)} replays run already, one in each DDS domain from {_REPLAY_DOMAINS[0]} to "
        f"{_REPLAY_DOMAINS[-1]}; wait for one to end, or set ROS_DOMAIN_ID"
    )
