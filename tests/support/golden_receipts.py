"""Writes the golden receipts anew: `python -m tests.support.golden_receipts`; look at what changed before it is kept."""

from collections.abc import Mapping
from pathlib import Path

from services.offers.domain.checkout.reprint import Form, rendered
from tests.support.offers_printing import EXAMPLES, FONT, KEYS, Example

FOLDER = Path(__file__).parents[1] / "golden" / "receipts"
ENDINGS: Mapping[Form, str] = {Form.TEXT: "txt", Form.PRINTER: "escpos", Form.PICTURE: "png", Form.E_RECEIPT: "json"}


def path_of(example: Example, form: Form) -> Path:
    return FOLDER / f"{example.name}.{ENDINGS[form]}"


def made(example: Example, form: Form) -> bytes:
    """The receipt in this form, as the code makes it now."""
    proposal = example.proposal
    return rendered(form, (proposal, [voucher.slot for voucher in proposal.vouchers]), KEYS, font=FONT)


def main() -> None:
    """Write all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for example in EXAMPLES:
        for form in Form:
            path_of(example, form).write_bytes(made(example, form))


if __name__ == "__main__":
    main()
