"""The one exception of this room."""

from __future__ import annotations

from letterlock.model.errors import InputError


class CertificateError(InputError):
    """A certificate, key or chain that cannot be read or must not be installed: the one line says
    which, why, and what to do."""
