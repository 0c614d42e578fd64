"""Surroundings that every test shares."""

from tests.support.tools import prepare_environment

prepare_environment()

pytest_plugins = ["tests.support.groups", "tests.support.databases"]
