"""Judge what a network gives: pure functions, and how they are balanced."""

from training.losses.joint import joint_loss

__all__ = ["joint_loss"]
