"""Time model files on the engines of this machine."""
