"""Fuse and segment visible and infrared camera streams in ROS 2."""

__version__ = "0.2.0"
