"""Label frames that have no mask, with trained networks."""
