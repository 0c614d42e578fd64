"""Cameras that speak the protocol, for demonstrations, tests and load."""
