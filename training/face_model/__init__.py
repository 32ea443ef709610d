"""Learns the shipped face model from ICT-FaceKit: `python -m training.face_model`."""
