"""Pictures of heads whose shape, pose, camera and occluders are known: `python -m training.faces` shows some."""
