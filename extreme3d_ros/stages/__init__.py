"""The stages of the road, a module each."""
