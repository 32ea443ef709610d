"""Detection: MediaPipe's networks, asked once where a face is easy and again and again where it is not."""

from extreme3d_ros.stages.detection.detection import Detection as Detection
