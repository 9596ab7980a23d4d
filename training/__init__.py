"""Train, evaluate and export the networks that mtvif_ros runs."""
