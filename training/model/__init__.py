"""Networks: an encoder, a decoder on it, and the model file's contract around both."""

from training.model.network import Cascade, MultiTaskVIF, Network, build_model

__all__ = ["Cascade", "MultiTaskVIF", "Network", "build_model"]
