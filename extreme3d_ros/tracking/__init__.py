"""Tracking: which face of a frame is whose."""

from extreme3d_ros.tracking.tracker import Tracker as Tracker
