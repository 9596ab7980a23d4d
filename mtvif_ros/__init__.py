"""Fuse and segment synchronised visible and infrared camera streams in ROS 2."""

__version__ = "0.1.0"
