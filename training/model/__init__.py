"""Build the networks: an encoder, on it a head, around both the file contract."""

from training.model.network import MultiTaskVIF, build_model

__all__ = ["MultiTaskVIF", "build_model"]
