"""Estimate from a recording how infrared lies on the visible picture, and the offset of the two clocks."""
