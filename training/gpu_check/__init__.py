"""Measure on an NVIDIA GPU what a machine without one cannot tell."""
