"""The one exception that this room raises."""

from __future__ import annotations

from letterlock.model.errors import InputError


class ConfError(InputError):
    """A configuration document cannot be read or edited as asked; `where` is the file and line."""
