"""Name the qualities of service that several topics share."""

from rclpy.qos import DurabilityPolicy, QoSProfile

# The last message waits for whoever subscribes later.
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
