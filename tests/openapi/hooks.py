# SPDX-License-Identifier: Apache-2.0
"""How schemathesis makes values that no JSON Schema can describe, and which of its cases are put right.

A format names what a pattern cannot say: check digits, percent-encoded UTF-8. What OpenAPI cannot say is which headers
need which others, and that what is stated twice must agree: a case is made to hold to that, and then has to be accepted.
"""

import calendar
import unicodedata
from urllib.parse import quote

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

CENTURIES = {"1": 1800, "2": 1800, "3": 1900, "4": 1900, "5": 2000, "6": 2000}


@st.composite
def personal_codes(draw):
    """EVS 585:2007: a day that was, and the check digit."""
    sex = draw(st.sampled_from("3456"))
    year = draw(st.integers(0, 99 if sex in "34" else 25))
    month = draw(st.integers(1, 12))
    day = draw(st.integers(1, calendar.monthrange(CENTURIES[sex] + year, month)[1]))
    text = f"{sex}{year:02}{month:02}{day:02}{draw(st.integers(0, 999)):03}"
    return f"{text}{check_digit(text)}"


def check_digit(text):
    digits = [int(digit) for digit in text]
    for weights in ((1, 2, 3, 4, 5, 6, 7, 8, 9, 1), (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)):
        rest = sum(digit * weight for digit, weight in zip(digits, weights)) % 11
        if rest < 10:
            return rest
    return 0


def with_a_day_that_was(text):
    """The same number with a day and a check digit that can be, where it has the eleven digits of a personal code.

    One phase of schemathesis makes values by the pattern alone, also where the format says more.
    """
    if not (isinstance(text, str) and len(text) == 11 and text.isascii() and text.isdigit() and text[0] in "12345678"):
        return text
    start = f"{text[:3]}0101{text[7:10]}"
    return f"{start}{check_digit(start)}"


def that_can_be_seen(value):
    """The same, where something in every text of it can be seen: marks, and what no font has, are blank to the host.

    Which characters these are no pattern can say that all readers of patterns take.
    """
    if isinstance(value, list):
        return [that_can_be_seen(item) for item in value]
    if isinstance(value, dict):
        return {name: that_can_be_seen(item) for name, item in value.items()}
    if isinstance(value, str) and not any(unicodedata.category(letter)[0] in "LNPS" for letter in value):
        return "Mari"
    return value


WORDS = st.text(st.characters(categories=["Lu", "Ll", "Nd"]), min_size=1, max_size=20)
schemathesis.openapi.format("estonian-personal-code", personal_codes())
schemathesis.openapi.format("percent-encoded-utf8", WORDS.map(quote))
schemathesis.openapi.format("x-road-party", WORDS.map(quote))
schemathesis.openapi.format("x-road-client", WORDS.map(lambda word: f"EE/GOV/{quote(word)}"))


@schemathesis.hook
def map_case(context, case):
    meta = case.meta
    if meta is None or meta.generation.mode != GenerationMode.POSITIVE:
        return case
    headers = case.headers or {}
    for name in [name for name in headers if name.lower().startswith("x-road-pdu-")]:
        del headers[name]
    body = case.body if isinstance(case.body, dict) else {}
    where = body.get("where") if isinstance(body.get("where"), dict) else {}
    for part, name in ((body, "isikukoodid"), (where, "personalCode")):
        if isinstance(part.get(name), list):
            part[name] = [with_a_day_that_was(text) for text in part[name]]
        elif name in part:
            part[name] = with_a_day_that_was(part[name])
    for part in ("where", "context"):
        if part in body:
            body[part] = that_can_be_seen(body[part])
    context_part = body.get("context") or {}
    # What is stated in the body is not stated otherwise in a header.
    if context_part.get("case") is not None:
        headers.pop("X-Road-Issue", None)
    if context_part.get("legalBasis") is not None:
        headers.pop("RR-Request-Reason", None)
    return case
