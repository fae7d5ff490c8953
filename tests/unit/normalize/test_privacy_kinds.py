"""What is a kind of personal data and what only looks like one.

All are invented or documented for tests: example.com, cards of payment providers, the registry's IBANs.
"""

import pytest

from etl.normalize.kinds import KINDS, find


def found(text):
    """Find in one text, in the order of the text."""
    return [
        (finding.name, text[finding.start : finding.end])
        for finding in sorted(find(text, []), key=lambda finding: finding.start)
    ]


TRUE = {
    "email": [
        "jo@example.com", "jo.o'neil+tag@mail.example.co.uk", "J_O-1%x@EXAMPLE.COM",
        "j\u00f8rgen@example.com",
        "jo@b\u00fccher.example", "jo@xn--bcher-kva.xn--p1ai", "12345678@example.com",
    ],
    "phone": [
        "+45 12 34 56 78", "+4512345678", "0045 12345678", "(+45) 12345678", "+45-12-34-56-78",
        "+1 (555) 234-5678",
        "+44 20 7946 0958", "+46 (0)70-123 45 67", "+49 (0)30 123456", "+33 1 23 45 67 89",
        "+358 40 123 4567",
        "12 34 56 78", "12-34-56-78", "12\u00a034\u00a056\u00a078", "01 23 45 67 89", "070-123 45 67",
        "08-123 456 78", "08-123456", "030/1234567", "(030) 1234567", "0171 2345678", "01712345678",
        "020 7946 0958",
        "555-234-5678", "(555) 234-5678", "1-800-555-0199", "912 34 567", "612 345 678",
    ],
    "card": [
        "4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "5555555555554444",
        "2223003122003222",
        "378282246310005", "3782 822463 10005", "30569309025904", "3056 930902 5904", "6011111111111117",
        "3530111333300000", "4222222222222", "6304000000000000", "4111.1111.1111.1111",
    ],
    "iban": [
        "DK5000400440116243", "DK50 0040 0440 1162 43", "dk50 0040 0440 1162 43",
        "GB82 WEST 1234 5698 7654 32",
        "DE89370400440532013000", "NO93 8601 1117 947", "MT84MALT011000012345MTLCAST001S",
        "FR14 2004 1010 0505 0001 3M02 606", "SE45-5000-0000-0583-9825-7466",
    ],
    "ip": [
        "192.0.2.44", "10.0.0.1", "255.255.255.255", "2001:db8::1234", "2001:DB8:0:0:8:800:200C:417A",
        "::ffff:192.0.2.128", "fe80::1ff:fe23:4567:890a",
    ],
    "national_id": [
        "010190-1234", "290200-4123", "900101-0017", "19900101-0017", "900161-0014", "01019012480",
        "010190 12480", "131052-308T", "131052A308T", "36574261809", "36 574 261 809", "12345678Z",
        "12345678-Z",
        "X1234567L", "RSSMRA85T10A562S", "255081416802538", "2 55 08 14 168 025 38", "123-45-6789",
        "AB123456C",
        "AB 12 34 56 C", "1112.22.333",
    ],
}  # fmt: skip

NAMED = [
    ("phone", "tlf. 12345678", "12345678"),
    ("phone", "Ring p\u00e5 1234 5678, tak", "1234 5678"),
    ("phone", "my phone number is 5551234567.", "5551234567"),
    ("phone", "Mobil: 12345678", "12345678"),
    ("phone", "order 4711, call 12345678", "12345678"),
    ("phone", "whatsapp 123 456 789", "123 456 789"),
    ("national_id", "cpr nr. 0101901234", "0101901234"),
    ("national_id", "mit CPR er 010190 1234", "010190 1234"),
    ("national_id", "personnummer 199001010017", "199001010017"),
    ("national_id", "BSN: 111222333", "111222333"),
    ("national_id", "ssn 123456789", "123456789"),
]

FALSE = [
    # order, invoice, ticket and tracking numbers
    "order 12345678", "#12345678", "order no. 555-234-5678", "Ordre 12 34 56 78", "12345678", "123456789",
    "1234567890", "invoice 0171 2345678", "faktura: 030-1234567", "0012345678", "000123456789",
    "123-4567890-1234567",
    "RR123456785DK", "JJD000390001234567", "1Z999AA10123456784", "00340434161094042557", "track 01712345678",
    "SO-2024-00012345", "REF 2024/12345678", "ticket 070-123 45 67", "4111111111111112",
    "1234 5678 9012 3456",
    "4006381333931", "imei 490154203237518", "DK51 1040 0440 1162 43", "GB82 TEST 1234 5698 7654 32",
    # books, dates, times
    "ISBN 978-3-16-148410-0", "978 3 16 148410 0", "0-306-40615-2", "isbn 0306406152", "2024-01-15",
    "15-01-2024",
    "01.02.2024", "01/02/2024", "20240115", "2024-01-15 10:30:00", "2024-01-15T10:30:00+01:00", "08.00-16.00",
    "kl. 08.00 - 16.00", "2019-2020", "10:30:00", "call on 15-01-2024", "call 01.02.2024 10", "202401151030",
    # prices, amounts, numbers, ranges
    "3-4 dage", "1.299,00 kr.", "12.345.678", "12 345 678 kr", "kr. 12 34 56 78", "$12,345,678.00",
    "1 299 000,00",
    "EUR 612 345 678", "12.345678", "0.123456789", "100-200", "5 x 12", "+10%", "+1.000.000", "10-20-30",
    # software, addresses of programs
    "v1.2.3.4", "1.2.3.4", "version 10.0.19.41", "10.0.19041.1", "Firefox 68.0.1", "999.1.1.1", "01.02.03.04",
    "std::vector", "a::b", "::", "::1", "00:1A:2B:3C:4D:5E", "550e8400-e29b-41d4-a716-446655440000",
    "https://example.com/x/0066403615/", "id=4512345678", '"version":"32.0.0.207"',
    # almost
    "@jo", "jo@", "jo@example", "a@b", "jo @ example.com", "[email]", "[phone 4f9a]", "320190-1234",
    "290201-1235", "311190-1234x", "900101-0018", "71019012481", "131052-308U", "36574261808", "12345678A",
    "X1234567M",
    "RSSMRA85T10A562T", "255081416802539", "000-45-6789", "666-45-6789", "900-45-6789", "BG123456C",
    "AB123456E",
    "111222333", "bsn 111222334", "cpr 3201901234", "\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), [(kind, value) for kind in KINDS for value in TRUE[kind]])
@pytest.mark.parametrize(
    "frame", ["{}", "Hej, {}.", "({})", "a:\n{}\nb", "<{}>", "{}, {}", "\u00e6 {} \U0001f600"]
)
def test_value_is_found_exactly(kind, value, frame):
    """Not a character more: the text around it stays."""
    text = frame.format(value, value)
    assert [(kind, value)] * text.count(value) == found(text)


@pytest.mark.parametrize(("kind", "text", "value"), NAMED)
def test_bare_digits_are_found_after_a_word_that_names_them(kind, text, value):
    """Alone they could be an order number."""
    assert [(kind, value)] == found(text)


@pytest.mark.parametrize("text", FALSE)
@pytest.mark.parametrize("frame", ["{}", "Hej, {}!", "({})", "om {} igen"])
def test_what_only_looks_like_personal_data_is_left(text, frame):
    """A masked order number is a lost one."""
    assert [] == found(frame.format(text))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("+45 12 34 56 78 2300 K\u00f8benhavn", [("phone", "+45 12 34 56 78")]),
        ("4111 1111 1111 1111 12/27", [("card", "4111 1111 1111 1111")]),
        ("DK50 0040 0440 1162 43 OG MERE", [("iban", "DK50 0040 0440 1162 43")]),
        ("12 34 56 78 / 87 65 43 21", [("phone", "12 34 56 78"), ("phone", "87 65 43 21")]),
        ("mailto:jo@example.com?x=1", [("email", "jo@example.com")]),
        ("'jo@example.com'", [("email", "jo@example.com")]),
        ("tel:+4512345678", [("phone", "+4512345678")]),
        ("192.0.2.44:8080", [("ip", "192.0.2.44")]),
        ("[2001:db8::1234]:443", [("ip", "2001:db8::1234")]),
        ("+4512345678@example.com", [("email", "+4512345678@example.com")]),
    ],
)
def test_value_ends_where_it_ends(text, values):
    """What follows is not part of it, and the most specific kind has it."""
    assert values == found(text)


def test_nothing_is_found_in_what_is_taken():
    """The job's own patterns and earlier masks go first."""
    text = "jo@example.com x@example.com"
    assert [("email", 15)] == [(finding.name, finding.start) for finding in find(text, [(0, 14)])]
