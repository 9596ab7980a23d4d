"""Measure fused images and masks."""
