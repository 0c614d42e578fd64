"""Surroundings that every test shares."""

from tests.support.tools import plain_logs, prepare_environment

prepare_environment()
plain_logs()

pytest_plugins = ["tests.support.groups", "tests.support.databases"]
