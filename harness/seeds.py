"""Seeds: every random number of SnoopBench goes back to one digest of named fields.

    digest(root, "salt", 3)  ──BLAKE2b──►  32 bytes  ──►  a generator, a 64-bit seed, a salt

Fields are type-tagged and length-prefixed, so that ("ab", "c") and ("a", "bc"), 1 and "1", None and "" differ.
What is computed per bucket goes through `mix` and `gaussian`, which work on whole columns: a keyed SipHash-2-4
of fixed-width words, and the normal quantile of its output.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from enum import Enum
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

Field = None | bool | int | float | str | bytes | tuple["Field", ...]
Words = NDArray[np.uint64]

_LENGTH = struct.Struct(">Q")
_SIPHASH_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)


def encode(field: Field) -> bytes:
    """One field as type tag, length, payload. Raises TypeError for other types."""
    if type(field) is str:  # most fields of the keys of an answer, of which there can be 10⁵, are one of these three
        return _text(field)
    if type(field) is int:
        return _tagged(b"i", b"%d" % field)
    if type(field) is tuple:
        return _tagged(b"t", b"".join(map(encode, field)))
    match field:
        case None:
            tag, payload = b"n", b""
        case bool():
            tag, payload = b"b", bytes([field])
        case int():
            tag, payload = b"i", str(field).encode()
        case float():
            tag, payload = b"f", struct.pack(">d", field)
        case str():
            tag, payload = b"s", field.encode("utf-8", "surrogatepass")
        case bytes():
            tag, payload = b"y", field
        case tuple():
            tag, payload = b"t", b"".join(encode(part) for part in field)
        case _:
            raise TypeError(f"a seed field cannot be a {type(field).__name__}")
    return _tagged(tag, payload)


def _tagged(tag: bytes, payload: bytes) -> bytes:
    return tag + _LENGTH.pack(len(payload)) + payload


@lru_cache(maxsize=10_000)
def _text(text: str) -> bytes:
    return _tagged(b"s", text.encode("utf-8", "surrogatepass"))


def digest(*fields: Field, key: bytes = b"", size: int = 32) -> bytes:
    """BLAKE2b over the fields, `size` bytes; `key` (at most 64 bytes) makes it a keyed digest."""
    return hashlib.blake2b(b"".join(map(encode, fields)), key=key, digest_size=size).digest()


def seed64(*fields: Field, key: bytes = b"") -> int:
    """A 64-bit seed from the fields."""
    return int.from_bytes(digest(*fields, key=key, size=8), "big")


class Each(Enum):
    """In the fields of `seeds64`: here stands one value after the other."""

    EACH = "each"


EACH = Each.EACH
Template = Field | Each | tuple["Template", ...]


def seeds64(*fields: Template, values: Sequence[int] | Sequence[str], key: bytes = b"") -> Words:
    """`seed64` of the fields with one of the values for EACH, for every value: uint64 (n,). The values are all whole
    numbers or all texts."""
    is_text = len(values) > 0 and isinstance(values[0], str)
    tag, payloads = b"s" if is_text else b"i", [str(value).encode("utf-8", "surrogatepass") for value in values]
    around = {size: _around(fields, tag, size) for size in set(map(len, payloads))}
    blake = partial(hashlib.blake2b, key=key, digest_size=8)
    digests = b"".join([blake(payload.join(around[len(payload)])).digest() for payload in payloads])
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


def _around(fields: Iterable[Template], tag: bytes, size: int) -> list[bytes]:
    """The encoded fields, cut where the payload of EACH stands in them: `size` bytes under that tag."""
    pieces = [b""]
    for field in fields:
        if field is EACH:
            own = [tag + _LENGTH.pack(size), b""]
        elif type(field) is tuple:
            own = _around(field, tag, size)
            own[0] = b"t" + _LENGTH.pack(sum(map(len, own)) + size * (len(own) - 1)) + own[0]
        else:
            own = [encode(field)]  # type: ignore[arg-type]
        pieces[-1] += own[0]
        pieces += own[1:]
    return pieces


def generator(*fields: Field) -> np.random.Generator:
    """A generator of its own for these fields; its state leads back to none of them."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest(*fields), "big")))


def mix(key: bytes, *columns: Words) -> Words:
    """Row by row, a keyed 64-bit digest of columns of 64-bit words: (n,), (n,), … -> (n,).

    SipHash-2-4 (Aumasson, Bernstein 2012) of the row's words in little-endian order under a 16-byte `key`. Written
    out in NumPy because noise is drawn per bucket: a BLAKE2b call a bucket is slower, and no library promises a
    vectorised keyed hash that is stable across its versions.
    """
    k0, k1 = (np.uint64(word) for word in struct.unpack("<QQ", key))
    shape = np.shape(columns[0])
    v = [
        np.full(shape, k ^ np.uint64(c), dtype=np.uint64) for k, c in zip((k0, k1, k0, k1), _SIPHASH_START, strict=True)
    ]
    length = np.full(shape, (8 * len(columns) % 256) << 56, dtype=np.uint64)
    for word in (*columns, length):
        v[3] ^= word
        _sip_rounds(v, 2)
        v[0] ^= word
    v[2] ^= np.uint64(0xFF)
    _sip_rounds(v, 4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def _sip_rounds(v: list[Words], rounds: int) -> None:
    for _ in range(rounds):
        for a, b, c, d, turn_b, turn_d in ((0, 1, 2, 3, 13, 16), (2, 1, 0, 3, 17, 21)):
            v[a] += v[b]
            v[b] = _rotate(v[b], turn_b) ^ v[a]
            v[a] = _rotate(v[a], 32)
            v[c] += v[d]
            v[d] = _rotate(v[d], turn_d) ^ v[c]


def _rotate(words: Words, by: int) -> Words:
    return (words << np.uint64(by)) | (words >> np.uint64(64 - by))


def gaussian(seeds: Words) -> NDArray[np.float64]:
    """One standard normal sample per 64-bit seed: the normal quantile of its upper 52 bits, shape (n,); finite."""
    from scipy.special import ndtri

    uniform = ((seeds >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    return np.asarray(ndtri(uniform), dtype=np.float64)
