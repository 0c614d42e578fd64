"""`python -m vms.simulator`: `vms simulate` without the server's weight, for many processes."""

import typer

from vms.simulator.command import simulate_cameras

if __name__ == "__main__":
    typer.run(simulate_cameras)
