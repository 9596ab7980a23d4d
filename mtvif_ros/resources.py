"""Find the files that come with the package, installed or in a checkout."""

from __future__ import annotations

import sys
from pathlib import Path

_SHARE = Path("share") / "mtvif_ros"


def share_directory() -> Path:
    """Return the folder that holds models/, config/ and launch/.

    A checkout's own files take precedence over those that colcon or pip installed. Raises FileNotFoundError
    if there are neither.
    """
    package = Path(__file__).resolve().parent
    candidates = [package.parent, Path(sys.prefix) / _SHARE]
    # colcon and pip install the package to PREFIX/lib/pythonX.Y/site-packages/mtvif_ros,
    # or in PREFIX/local/lib/pythonX.Y/dist-packages/mtvif_ros on Debian.
    candidates += [parent / _SHARE for parent in package.parents]
    for candidate in candidates:
        if (candidate / "models").is_dir() and (candidate / "config").is_dir():
            return candidate
    raise FileNotFoundError(
        "mtvif_ros: found no models/ and config/ in "
        + ", ".join(str(candidate) for candidate in candidates[:3])
        + "; install the package with colcon or pip"
    )


def model_directory() -> Path:
    """Return the folder of the shipped model files."""
    return share_directory() / "models"


def fastdds_profile() -> Path:
    """Return the Fast DDS profile whose shared-memory segment holds whole images."""
    return share_directory() / "config" / "fastdds.xml"
