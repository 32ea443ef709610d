"""What comes in from files: images and calibrations."""
