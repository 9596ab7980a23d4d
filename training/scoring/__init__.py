"""Score fused images and masks on labelled pairs."""
