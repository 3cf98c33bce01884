"""Writes the pages that are generated from the code; `make schemas` and `make docs` call it, a test compares."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from docs.asyncapi import asyncapi_page
from docs.contract_pages import event_page, schema_pages
from docs.described import metrics_page, openapi_pages

DOCS = Path(__file__).parent


GENERATORS: Mapping[str, tuple[Callable[[], Mapping[str, str]], ...]] = {
    "schemas": (schema_pages,),
    "all": (schema_pages, event_page, asyncapi_page, openapi_pages, metrics_page),
}


def stale_pages() -> list[str]:
    """The generated pages that differ from what the code says now, and files that nothing generates any more."""
    wanted = {path: text for generate in GENERATORS["all"] for path, text in generate().items()}
    differing = [
        path for path, text in wanted.items() if not (DOCS / path).exists() or (DOCS / path).read_text() != text
    ]
    orphans = [
        f"schemas/{path.name}" for path in (DOCS / "schemas").glob("*.json") if f"schemas/{path.name}" not in wanted
    ]
    return sorted(differing + orphans)


def main() -> None:
    """Write the pages of the kind that the command line names."""
    for generate in GENERATORS[sys.argv[1] if len(sys.argv) > 1 else "all"]:
        for path, text in generate().items():
            target = DOCS / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)


if __name__ == "__main__":
    main()
