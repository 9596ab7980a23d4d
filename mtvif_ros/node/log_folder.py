"""Give ROS a folder for its logs where a user has no home, or none that can be written."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path


def provide_log_folder() -> None:
    """Set ROS_LOG_DIR to a temporary folder, with a warning, where ROS could not make its own.

    rclpy.init would end with a traceback. Call this before it.
    """
    if _is_writable(folder := _ros_log_folder()):
        return
    os.environ["ROS_LOG_DIR"] = tempfile.mkdtemp(prefix="mtvif_ros_log_")
    print(
        f"cannot write ROS's logs to {folder or 'a home folder, which HOME does not name'}; "
        f"they go to {os.environ['ROS_LOG_DIR']}; set ROS_LOG_DIR to choose another folder",
        file=sys.stderr,
    )


def _ros_log_folder() -> Path | None:
    """Return where rcl_logging writes: like that, without asking the list of users."""
    chosen, ros, home = (os.environ.get(name) for name in ("ROS_LOG_DIR", "ROS_HOME", "HOME"))
    if (chosen or ros or "~").startswith("~") and not home:
        return None
    return Path(chosen or f"{ros or '~/.ros'}/log".replace("~", home or "", 1))


def _is_writable(folder: Path | None) -> bool:
    if folder is None:
        return False
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
