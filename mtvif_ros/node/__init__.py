"""Run the network on two live cameras: the lifecycle node and all that it owns."""
