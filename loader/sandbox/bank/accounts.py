"""Which accounts have bank statements here, in which format, and how their banks word entries."""

from dataclasses import dataclass

from loader.sandbox.bank.formats import Format
from loader.sandbox.bank.noise import Habit
from loader.sandbox.bank.wording import AchRecord, AchSummary, SepaFields, SepaText, Wording


@dataclass(frozen=True, kw_only=True)
class BankAccount:
    """The bank account into which one Stripe account is paid in one currency."""

    actor: str
    """Who of the cast has it."""
    currency: str
    number: str
    """As statements have it: the `bank_account_id`."""
    format: Format
    wording: Wording
    shows_trace_id: bool = False
    """Whether the trace id that Stripe names for a payout stands in its entry."""
    opening_minor: int
    """Balance before the first statement."""
    habits: tuple[Habit, ...]

    @property
    def key(self) -> str:
        """Its name among the bank accounts, and of its files."""
        return f"{self.actor}-{self.currency}"


_RENT = Habit(
    party="Quayside Properties",
    purpose="Rent",
    smallest=-190_000,
    largest=-180_000,
    day_of_month=1,
)

BANK_ACCOUNTS = (
    BankAccount(
        actor="platform",
        currency="usd",
        number="4021187733",
        format=Format.BAI2,
        wording=AchRecord(),
        opening_minor=8_412_655,
        habits=(
            _RENT,
            Habit(
                party="Evergreen Payroll",
                purpose="Payroll",
                smallest=-420_000,
                largest=-380_000,
                day_of_month=25,
            ),
            Habit(
                party="First Prairie Bank",
                purpose="Svc charge",
                smallest=-4_500,
                largest=-2_500,
                day_of_month=5,
            ),
            Habit(
                party="Tidewater Fairs",
                purpose="Invoice",
                smallest=40_000,
                largest=240_000,
                share=0.35,
            ),
            Habit(
                party="Pioneer Hosting",
                purpose="Hosting",
                smallest=-32_000,
                largest=-6_000,
                share=0.12,
            ),
        ),
    ),
    BankAccount(
        actor="platform",
        currency="eur",
        number="IE64IRCE92050112345678",
        format=Format.CAMT,
        wording=SepaFields(),
        shows_trace_id=True,
        opening_minor=1_260_400,
        habits=(
            Habit(
                party="Irish Harbour Bank",
                purpose="Account fee",
                smallest=-1_900,
                largest=-1_500,
                day_of_month=3,
            ),
            Habit(
                party="Marché des Créateurs",
                purpose="Facture de stand",
                smallest=20_000,
                largest=90_000,
                share=0.15,
            ),
            Habit(
                party="Kanzlei Brandt & Söhne",
                purpose="Beratung",
                smallest=-60_000,
                largest=-15_000,
                share=0.1,
            ),
        ),
    ),
    BankAccount(
        actor="harbor",
        currency="usd",
        number="700412345",
        format=Format.CSV,
        wording=AchRecord(),
        opening_minor=2_305_117,
        habits=(
            _RENT,
            Habit(
                party="Gale & Sons Publishers",
                purpose="Book order",
                smallest=-280_000,
                largest=-90_000,
                share=0.2,
            ),
            Habit(
                party="Riverside School",
                purpose="Invoice",
                smallest=30_000,
                largest=160_000,
                share=0.25,
            ),
        ),
    ),
    BankAccount(
        actor="atelier",
        currency="eur",
        number="FR7630006000011234567890189",
        format=Format.MT940,
        wording=SepaText(),
        shows_trace_id=True,
        opening_minor=1_874_020,
        habits=(
            Habit(
                party="SCI des Ateliers de la Butte",
                purpose="LOYER",
                smallest=-128_000,
                largest=-118_000,
                day_of_month=2,
            ),
            Habit(
                party="Banque du Vieux Port",
                purpose="FRAIS DE TENUE DE COMPTE",
                smallest=-2_400,
                largest=-1_200,
                day_of_month=6,
            ),
            Habit(
                party="Galerie Beaurepaire et Fils Antiquités",
                purpose="REGLEMENT FACTURE",
                smallest=25_000,
                largest=140_000,
                share=0.2,
            ),
        ),
    ),
    BankAccount(
        actor="summit",
        currency="usd",
        number="000123456789",
        format=Format.OFX,
        wording=AchSummary(),
        opening_minor=3_017_240,
        habits=(
            _RENT,
            Habit(
                party="Trailhead Wholesale",
                purpose="Supplies",
                smallest=-70_000,
                largest=-20_000,
                share=0.2,
            ),
            Habit(
                party="Cascade Climbing Club",
                purpose="Membership gear",
                smallest=15_000,
                largest=80_000,
                share=0.2,
            ),
        ),
    ),
)
