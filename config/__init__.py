"""Typed settings and their commented defaults."""
