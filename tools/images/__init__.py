"""Builds the images as their users would, with or without a Docker engine, for `make image-test`."""
