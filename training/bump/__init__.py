"""The bump network: renders with true bumps, loss, training, export. `python -m training.bump --help`."""
