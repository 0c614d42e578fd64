"""GB/T 28181 as dataclasses and pure functions."""
