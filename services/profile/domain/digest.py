"""One digest of what a profile knows, and a fingerprint of each of its pieces: equal exactly when the events had equal effects. Pure.

Left out is what depends on when and how often something was done: versions, acceptance times, ids of deltas, and what
models and rules of the day made of a customer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from hashlib import blake2b, sha256

import msgspec

from services.profile.domain.delta import Effects, decode_delta, effects_of, grown, plus
from services.profile.domain.facet import EMPTY
from services.profile.domain.facet_codec import FORMAT_VERSION, decode, encode

FACETS = "facets"
DIGEST_FORMAT = 1
"""Raised whenever the same state would have another digest."""
_FINGERPRINT_BYTES = 16
_EMPTY_STATE = encode(EMPTY)


@dataclass(frozen=True, slots=True, order=True)
class Fingerprint:
    """One piece of state: the part that it belongs to, its key within it, and what stands for its content."""

    part: str
    key: str
    content: bytes
    customer_id: str | None = None
    """Whose it is, where it is one customer's."""


@dataclass(frozen=True, slots=True)
class StateDigest:
    """The digest of each part with its number of pieces, as hexadecimal text; `whole` is of all of them."""

    parts: Mapping[str, str]
    pieces: Mapping[str, int]

    @property
    def whole(self) -> str:
        """One digest of all parts."""
        told = "".join(f"{part}={digest}\n" for part, digest in sorted(self.parts.items()))
        return sha256(told.encode()).hexdigest()


class DigestOfPieces:
    """Gathers fingerprints into a digest; those of one part come in the order of their keys."""

    def __init__(self, parts: Iterable[str]) -> None:
        self._hashes = {part: sha256() for part in parts}
        self._pieces = dict.fromkeys(self._hashes, 0)

    def add(self, piece: Fingerprint) -> None:
        """One more piece."""
        key = piece.key.encode()
        self._hashes[piece.part].update(len(key).to_bytes(4, "big") + key + piece.content)
        self._pieces[piece.part] += 1

    def digest(self) -> StateDigest:
        """Of all that was added."""
        return StateDigest({part: found.hexdigest() for part, found in self._hashes.items()}, dict(self._pieces))


def facet_fingerprint(
    customer_id: str | None, state: bytes, effects: Effects, pending: Sequence[bytes]
) -> bytes | None:
    """Of one facet with all that is committed: its state and the deltas that this lacks count as if they were worked in.

    `customer_id` is None for a facet that is a customer alone; one of those that holds nothing has no fingerprint: somebody
    was named beside it, and whether that counts depends on who was forgotten when.
    """
    deltas = [decode_delta(delta) for delta in pending]
    if deltas or state[0] != FORMAT_VERSION:
        state = encode(reduce(grown, deltas, decode(state)))
    told = plus(effects, effects_of(*deltas))
    if customer_id is None and state == _EMPTY_STATE and not told.contacts_count:
        return None
    counted = (
        customer_id,
        told.receipts_count,
        told.lines_count,
        told.amount_cents,
        told.returns_count,
        told.refund_cents,
        told.contacts_count,
        told.currency,
    )
    return blake2b(msgspec.msgpack.encode((counted, state)), digest_size=_FINGERPRINT_BYTES).digest()
