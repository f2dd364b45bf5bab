"""Contenders that need no environment of their own: scripts, to be run and not imported."""
