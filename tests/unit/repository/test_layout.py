"""The rules of the tree that no linter knows."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
SERVICES = ("ingest", "profile", "offers", "inventory")
FORBIDDEN_NAMES = {"utils", "helpers", "manager", "misc", "data"}
GREATEST_LINES = 250
LAYERS_BY_SUBJECT = [ROOT / "services/offers" / layer for layer in ("api", "store", "handlers", "ports", "domain")]
LAYERS_BY_SUBJECT += [ROOT / "services/inventory" / layer for layer in ("api", "store", "handlers", "domain")]
COMMON = {"contracts", "streaming", "persistence", "http", "observability", "service"}


def python_files() -> Iterator[Path]:
    for folder in ("services", "libs", "docs", "benchmarks"):
        yield from (ROOT / folder).rglob("*.py")


def test_no_file_grows_past_what_one_sitting_reads() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in python_files()
        if (lines := len(path.read_text().splitlines())) > GREATEST_LINES
    }
    assert not long


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert not [path for path in python_files() if path.stem in FORBIDDEN_NAMES or path.parent.name in FORBIDDEN_NAMES]


def test_every_module_says_what_it_holds() -> None:
    assert not [path for path in python_files() if not path.read_text().lstrip().startswith('"""')]


def test_common_code_grows_by_decision() -> None:
    assert {
        path.name for path in (ROOT / "libs/common").iterdir() if path.is_dir() and path.name != "__pycache__"
    } == COMMON


def test_a_subject_is_a_folder_where_a_layer_has_several_files_of_it_and_a_file_where_it_has_one() -> None:
    folders = [path for layer in LAYERS_BY_SUBJECT for path in layer.iterdir() if any(path.glob("*.py"))]
    assert folders
    assert not [path for path in folders if len(list(path.glob("*.py"))) < len(("__init__.py", "one", "another"))]
    assert not [path for path in folders if path.with_suffix(".py").exists()]


def test_every_service_has_a_card_that_says_what_it_owns_serves_consumes_and_publishes() -> None:
    for service in SERVICES:
        card = (ROOT / "services" / service / "__init__.py").read_text().lower()
        assert all(re.search(rf"\b{word}\b", card) for word in ("owns", "serves", "consumes", "publishes")), service


def test_migrations_say_whether_they_run_before_or_after_the_new_code_and_travel_in_the_package() -> None:
    for service in SERVICES:
        files = sorted(path.name for path in (ROOT / "services" / service / "migrations").glob("*.sql"))
        assert files, service
        assert all(re.fullmatch(r"\d{4}_(pre|post)_[a-z0-9_]+\.sql", name) for name in files), files
        numbers = [name[:4] for name in files]
        assert len(set(numbers)) == len(numbers), "two migrations with one number"
