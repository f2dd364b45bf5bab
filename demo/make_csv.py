"""Writes leads.csv anew: 5,000 invented leads, a few of them bad on purpose. `python -m demo.make_csv`."""

import csv
import random
from pathlib import Path

LEADS = 5_000
CSV = Path(__file__).with_name("leads.csv")
FIRST = (
    "Aarav Aditi Anaya Arjun Diya Farhan Gauri Harsh Ira Ishaan "
    "Kabir Kavya Meera Nikhil Pooja Rohan Saanvi Tara Veer Zoya"
)
LAST = (
    "Bansal Chatterjee Desai Fernandes Gupta Iyer Joshi Kapoor Lobo "
    "Mehta Nair Patel Rao Sethi Sharma Singh Thomas Verma"
)
CITIES = "Bangalore Chennai Delhi Hyderabad Kolkata Mumbai Pune"

# What a real export has wrong with it: row number -> column -> value.
BAD = {
    311: {"phone_number": "12345"},
    702: {"phone_number": "not known"},
    1213: {"phone_number": ""},
    1499: {"contact_name": ""},
    1998: {"lead_id": ""},
    2500: {"phone_number": "0000000000"},
    2999: {"contact_name": ""},
    3007: {"lead_id": ""},
    3456: {"phone_number": "+1 212 555 0100"},
    4100: {"phone_number": ""},
    4242: {"contact_name": "A name that goes on for longer than forty-eight characters"},
    4999: {"phone_number": "99999"},
}


def main() -> None:
    """Write the file; the same at every run."""
    rng = random.Random(4711)  # noqa: S311  # invented people, no secrets
    with CSV.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(
            file, ["lead_id", "phone_number", "contact_name", "city", "product_plan"], lineterminator="\n"
        )
        writer.writeheader()
        for number in range(1, LEADS + 1):
            row = {
                "lead_id": f"demo-{number:05d}",
                "phone_number": f"9{rng.randrange(10**9):09d}",
                "contact_name": f"{rng.choice(FIRST.split())} {rng.choice(LAST.split())}",
                "city": rng.choice(CITIES.split()),
                "product_plan": rng.choice(("Lite", "Standard", "Pro")),
            }
            writer.writerow(row | BAD.get(number, {}))


if __name__ == "__main__":
    main()
