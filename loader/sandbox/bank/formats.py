"""Each format's writer, and how its files are called."""

from collections.abc import Callable
from enum import StrEnum

from loader.sandbox.bank.bai2 import write_bai2
from loader.sandbox.bank.bank_csv import write_csv
from loader.sandbox.bank.camt import write_camt
from loader.sandbox.bank.mt940 import write_mt940
from loader.sandbox.bank.ofx import write_ofx
from loader.sandbox.bank.statement import BankStatement


class Format(StrEnum):
    """A format of statements."""

    BAI2 = "bai2"
    CAMT = "camt"
    CSV = "csv"
    MT940 = "mt940"
    OFX = "ofx"


WRITERS: dict[Format, Callable[[BankStatement], str]] = {
    Format.BAI2: write_bai2,
    Format.CAMT: write_camt,
    Format.CSV: write_csv,
    Format.MT940: write_mt940,
    Format.OFX: write_ofx,
}

SUFFIXES = {
    Format.BAI2: "bai",
    Format.CAMT: "xml",
    Format.CSV: "csv",
    Format.MT940: "sta",
    Format.OFX: "ofx",
}
