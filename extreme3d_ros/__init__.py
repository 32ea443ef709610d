"""Detailed 3D faces from a camera, seen through occlusions (Tran et al., CVPR 2018), for ROS 2."""

__version__ = "0.1.0"
