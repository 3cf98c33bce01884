"""Derived ids are UUIDs of version 5, as any library makes them: ids of an earlier release are found again."""

import uuid

from hypothesis import example, given
from hypothesis import strategies as st

from libs.common.ids import derived_id

NAMESPACE = uuid.UUID("6f0c8b3e-5f0a-5c39-9d1c-7a1f0e6f7a11")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4))
@example(["customer", "loyalty_card:p0123456789abcdefghijklmnop"])
def test_a_derived_id_is_a_uuid_of_version_5(parts: list[str]) -> None:
    name = "\x1f".join(f"{len(part)}:{part}" for part in parts)
    assert derived_id(*parts) == str(uuid.uuid5(NAMESPACE, name))
