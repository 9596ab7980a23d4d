"""Read and write recordings (rosbag2 in mcap or sqlite3) and folders of frame pairs."""
