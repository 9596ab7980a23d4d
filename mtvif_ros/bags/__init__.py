"""Write and read recordings (rosbag2: mcap and sqlite3)."""
