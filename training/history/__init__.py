"""Record a training: curves, checkpoints, pictures, and a page that shows them."""
