"""What receipts say and when they are printed: the catalogue of words and the policies of countries, read once at the start."""

from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import ValidationError

from libs.common.errors import InvalidInput
from services.offers.domain.receipts.printing import PrintPolicies
from services.offers.domain.receipts.wording import Phrases, Wording

_SERVICE = files("services.offers")


def wording_of_ours() -> Wording:
    """The catalogue that comes with the service."""
    pages = (page for page in (_SERVICE / "wording").iterdir() if page.name.endswith(".yaml"))
    return Wording(Phrases.model_validate(yaml.safe_load(page.read_text(encoding="utf-8"))) for page in pages)


def picture_font() -> bytes:
    """DejaVu Sans Mono, free to ship, from the barcode library that we need anyway: Latin, Greek, Cyrillic."""
    return (files("barcode") / "fonts" / "DejaVuSansMono.ttf").read_bytes()


def print_policies(own: Path | None = None) -> PrintPolicies:
    """The policies that come with the service, and over them a deployment's own; raises InvalidInput for a file that is wrong."""
    ours = PrintPolicies.model_validate(yaml.safe_load((_SERVICE / "print_policies.yaml").read_text(encoding="utf-8")))
    if own is None:
        return ours
    try:
        return ours.changed_by(PrintPolicies.model_validate(yaml.safe_load(own.read_text(encoding="utf-8"))))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise InvalidInput(f"{own.name}: {error}", slug="invalid-print-policies") from error
