"""Judge what a network gives: pure functions, and how they are balanced."""

from training.losses.joint import FusionJudge, check_terms, fusion_terms, joint_loss

__all__ = ["FusionJudge", "check_terms", "fusion_terms", "joint_loss"]
