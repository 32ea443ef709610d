"""Published networks, read from their authors' checkpoints and made ONNX files; none of them comes with the package."""
