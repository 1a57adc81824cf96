"""`python -m letterlock` is the command `letterlock`."""

from letterlock.cli.main import run

run()
