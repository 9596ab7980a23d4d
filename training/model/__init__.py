"""Build the networks: an encoder, on it a decoder, around both the file contract."""

from training.model.network import Cascade, MultiTaskVIF, Network, build_model

__all__ = ["Cascade", "MultiTaskVIF", "Network", "build_model"]
