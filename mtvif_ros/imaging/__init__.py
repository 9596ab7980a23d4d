"""Turn camera messages into the frames that the network takes, and its results into images."""
