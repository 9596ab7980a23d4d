"""Measure the quality of fused images and masks."""
