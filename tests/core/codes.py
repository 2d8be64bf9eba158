"""The code that goes with each text of a problem: a text never has two."""

import re
from collections.abc import Mapping
from typing import Final

#: The texts of each code, as an expression for their beginning.
CODES: Final[Mapping[str, str]] = {
    "blank": "This field may not be blank",
    "does_not_exist": 'Invalid pk "',
    "duplicate": "The items of this list must be distinct",
    "empty": "This (selection|list) may not be empty|The submitted file is empty",
    "fixed": "This field cannot be changed",
    "forbidden": "This header cannot be set",
    "incorrect_type": "Incorrect type",
    "invalid_choice": '(?s:".*") is not a valid choice|Select a valid choice|Attributes of (this )?type.* can be',
    "max_decimal_places": r"Ensure that there are no more than \d+ decimal places",
    "max_digits": r"Ensure that there are no more than \d+ digits in total",
    "max_length": r"Ensure this (field|value) has no more than \S+ (characters|elements|items|terms)",
    "max_string_length": "String value too large",
    "max_value": "Ensure this value is less than",
    "max_whole_digits": r"Ensure that there are no more than \d+ digits before the decimal point",
    "min_value": "Ensure this value is greater than",
    "not_a_dict": "Expected a dictionary of items",
    "not_a_list": "Expected a list of items",
    "null": "This field may not be null|No data provided",
    "null_characters_not_allowed": "Null characters are not allowed",
    "output_only": "This field is output only",
    "overflow": "Datetime value out of range",
    "placeholder": "Placeholders may stand in",
    "renamed": "This attribute was renamed to",
    "required": "This field is required",
    "surrogate_characters_not_allowed": "Surrogate characters are not allowed",
    "unique": "This field must be unique|This header is set twice|The fields .* must make a unique set",
    "unknown": (
        "This attribute is not defined|This (field|parameter|filter) is not known|Attributes are filtered by"
        "|Lists cannot be filtered by this field|Pages are not numbered"
    ),
    "unknown_placeholder": "Unknown placeholder",
}


def code_of(text: str) -> str:
    """Return the code of a problem with this text; ``invalid`` is that of all texts without one of their own."""
    return next((code for code, texts in CODES.items() if re.match(texts, text)), "invalid")
