"""Score fused images and masks of labelled pairs."""
