"""Measure what the node gives."""
