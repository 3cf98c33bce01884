"""The generated pages say what the code says; a changed contract fails here until `make docs` is run on purpose."""

from docs.generate import stale_pages


def test_no_generated_page_is_stale() -> None:
    assert stale_pages() == [], "run `make docs` if the change of the contract is wanted"
