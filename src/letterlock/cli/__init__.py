"""Wiring and exit codes, one small file per verb."""
