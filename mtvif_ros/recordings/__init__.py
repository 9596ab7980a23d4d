"""Write and read recordings (rosbag2: mcap and sqlite3) and folders of frame pairs."""
