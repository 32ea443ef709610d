"""What is left for people and programs to open."""
