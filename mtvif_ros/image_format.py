"""Name what can be wrong with an image message."""


class ImageFormatError(ValueError):
    """Say what is wrong with an image message."""
