"""Estimate the registration of the infrared camera to the visible one from a recording."""
