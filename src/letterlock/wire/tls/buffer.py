"""The presentation language (RFC 8446 section 3): numbers and length-prefixed vectors."""

from __future__ import annotations

from letterlock.wire.error import WireError


class Reader:
    """Takes values off the front of `data`; no value reaches beyond its end. `what` names the
    structure in errors. Every method raises WireError and nothing else."""

    __slots__ = ("_at", "_data", "_what")

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._at = 0
        self._what = what

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._data):
            raise WireError(f"{self._what}: {count} bytes announced, {self.left} there")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def number(self, size: int) -> int:
        """A big-endian number of `size` bytes."""
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        """A vector whose length is the `size` bytes before it."""
        return self.take(self.number(size))

    def inner(self, size: int, what: str) -> Reader:
        """A vector as a reader of its own, which must be read to its end."""
        return Reader(self.vector(size), what)

    def rest(self) -> bytes:
        return self.take(self.left)

    def finish(self) -> None:
        """Raises WireError where bytes are left over."""
        if self.left:
            raise WireError(f"{self._what}: {self.left} bytes too many")


def numbers(data: bytes, size: int, what: str) -> tuple[int, ...]:
    """`data` as numbers of `size` bytes each. Raises WireError where it does not divide."""
    if len(data) % size:
        raise WireError(f"{what}: {len(data)} bytes for entries of {size}")
    return tuple(int.from_bytes(data[at : at + size], "big") for at in range(0, len(data), size))


def number_list(data: bytes, *, prefix: int, size: int, what: str) -> tuple[int, ...]:
    """The whole of `data` as one vector, prefixed by `prefix` bytes, of numbers of `size`."""
    reader = Reader(data, what)
    values = numbers(reader.vector(prefix), size, what)
    reader.finish()
    return values


def vector_list(data: bytes, *, prefix: int, size: int, what: str) -> tuple[bytes, ...]:
    """The whole of `data` as one vector, prefixed by `prefix` bytes, of vectors prefixed by
    `size`."""
    reader = Reader(data, what)
    inner = reader.inner(prefix, what)
    reader.finish()
    found = []
    while inner.left:
        found.append(inner.vector(size))
    return tuple(found)


def push(number: int, size: int) -> bytes:
    """Raises OverflowError where `number` has no room in `size` bytes."""
    return number.to_bytes(size, "big")


def push_vector(data: bytes, size: int) -> bytes:
    """`data` behind its length in `size` bytes. Raises OverflowError where it is too long."""
    return len(data).to_bytes(size, "big") + data


def push_numbers(values: tuple[int, ...], size: int) -> bytes:
    return b"".join(value.to_bytes(size, "big") for value in values)
