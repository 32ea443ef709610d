"""The foundation network: renders, loss, training, export. `python -m training.foundation --help`."""
