"""Pure functions between arrays and ROS messages; no node in sight."""
