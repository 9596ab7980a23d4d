"""Turn camera messages into the network's frames and its answers into images."""
