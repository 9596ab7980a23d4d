"""Render road scenes as aligned visible and infrared frames with exact labels.

The scenes are made for demos, tests and pretraining; they look like a road but measure nothing.
"""

from mtvif_ros.synthetic.scene import Frame, RoadScene, SceneConfig

__all__ = ["Frame", "RoadScene", "SceneConfig"]
