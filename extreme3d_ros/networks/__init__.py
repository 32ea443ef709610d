"""The papers' networks in PyTorch: for training and for reading published checkpoints. Nothing on the road needs it."""
