"""Render road scenes as aligned visible and infrared frames with exact labels.

The scenes serve demos, tests and pretraining. They resemble roads; scores on them say little about real ones.
"""

from mtvif_ros.synthetic.scene import Frame, RoadScene, SceneConfig

__all__ = ["Frame", "RoadScene", "SceneConfig"]
