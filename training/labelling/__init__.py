"""Label frames that have no mask."""
