"""Arrays in, arrays out: no ROS, no network, no file."""
