"""Pair the frames of two streams by their stamps."""
