"""Loss functions of fusion and segmentation, and their balance."""

from training.losses.joint import FusionJudge, fusion_terms, joint_loss

__all__ = ["FusionJudge", "fusion_terms", "joint_loss"]
