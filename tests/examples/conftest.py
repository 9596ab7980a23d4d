from tests.mtvif_ros.conftest import certain_model, toy_model
from tests.mtvif_ros.node.conftest import cameras, running, small_frame

__all__ = ["cameras", "certain_model", "running", "small_frame", "toy_model"]
