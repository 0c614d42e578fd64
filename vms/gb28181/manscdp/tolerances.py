"""The names under which forgiven deviations are counted, per device."""

from collections.abc import Mapping
from enum import StrEnum


class Tolerance(StrEnum):
    """What a MANSCDP body had wrong and was read all the same."""

    CHARSET_MISLABELLED = "charset_mislabelled"
    """The declaration says GB2312 and the bytes are UTF-8, or the reverse."""
    UNDECODABLE_TEXT = "undecodable_text"
    """Some bytes belong to no character of the charset; U+FFFD stands in their place."""
    CONTROL_CHARACTERS = "control_characters"
    """NULs or other characters XML does not allow were dropped."""
    BARE_MARKUP = "bare_markup"
    """An `&` or `<` that is text stood unescaped."""
    UNQUOTED_ATTRIBUTE = "unquoted_attribute"
    """`Num=2`, as the standard's own samples have it."""
    SALVAGED = "salvaged"
    """No well-formed XML: every complete leaf element was kept, the rest dropped."""
    TAG_CASE = "tag_case"
    """An element's name differs from the standard's in case."""
    SN = "sn"
    """SN is missing or no positive integer."""
    TOTAL = "total"
    """SumNum is missing or no integer; the items of the part were counted."""
    RESPONSE_ROOT = "response_root"
    """A catalogue notification with the root `Response`, as the 2011 edition had it."""
    ITEM_DAMAGED = "item_damaged"
    """An Item without a usable DeviceID was left out."""
    EVENT_WORD = "event_word"
    """A catalogue notification's Item without a known Event was taken as UPDATE."""
    PLACEHOLDER = "placeholder"
    """A value copied from the standard's samples: CivilCode `CivilCode`, Owner `Owner1`."""
    CIVIL_CODE = "civil_code"
    """CivilCode is not of 2, 4, 6 or 8 digits."""
    PARENT_ID = "parent_id"
    """A part of ParentID is no identifier, or names the item itself."""
    STATUS_WORD = "status_word"
    """A channel's Status is neither ON nor OFF."""
    RESULT_WORD = "result_word"
    """A Result or keepalive Status is neither OK nor ERROR."""
    NUMBER = "number"
    """A number, coordinate or time says nothing usable, or is out of its range."""
    NUMBER_RANGE = "number_range"
    """A number beyond its range was taken as the nearest within it."""
    TIME_FORM = "time_form"
    """A time with a zone, with a blank for its T, with slashes or single digits."""
    WORD = "word"
    """A word or code is not spelt as the standard spells it."""
    COMMAND_SPELLING = "command_spelling"
    """A CmdType is spelt otherwise, such as `PersetQuery` in the supplement of 2014."""
    UNKNOWN_BLOCK = "unknown_block"
    """A block of a configuration that no edition knows, or that did not read, was left out."""
    ID_LENGTH = "id_length"
    """An identifier has neither 20 digits nor, of a division or alarm centre, 2, 4, 6, 8 or 10."""
    ID_TYPE = "id_type"
    """The type digits (11 to 13) of an identifier are in no range of the standard."""
    BYTE_ORDER_MARK = "byte_order_mark"
    """The body begins with a byte order mark."""


RULES: Mapping[Tolerance, str] = {
    Tolerance.CHARSET_MISLABELLED: "T1",
    Tolerance.UNDECODABLE_TEXT: "T1",
    Tolerance.BYTE_ORDER_MARK: "T1",
    Tolerance.CONTROL_CHARACTERS: "T2",
    Tolerance.BARE_MARKUP: "T2",
    Tolerance.UNQUOTED_ATTRIBUTE: "T2",
    Tolerance.SALVAGED: "T2",
    Tolerance.TAG_CASE: "T2",
    Tolerance.ITEM_DAMAGED: "T2",
    Tolerance.COMMAND_SPELLING: "T7",
    Tolerance.UNKNOWN_BLOCK: "T7",
    Tolerance.RESPONSE_ROOT: "T7",
    Tolerance.EVENT_WORD: "T7",
    Tolerance.STATUS_WORD: "T7",
    Tolerance.RESULT_WORD: "T7",
    Tolerance.WORD: "T7",
    Tolerance.PLACEHOLDER: "T7",
    Tolerance.SN: "T8",
    Tolerance.TOTAL: "T8",
    Tolerance.NUMBER: "T9",
    Tolerance.NUMBER_RANGE: "T9",
    Tolerance.TIME_FORM: "T10",
    Tolerance.CIVIL_CODE: "T11",
    Tolerance.PARENT_ID: "T11",
    Tolerance.ID_LENGTH: "T11",
    Tolerance.ID_TYPE: "T11",
}
"""The rule of the acceptance list (T1 to T20) that each belongs to.

T1 text, T2 repair of XML, T7 what is not known, T8 pairing and counting, T9 numbers, T10 times,
T11 identifiers.
"""

_known_notes: dict[frozenset[Tolerance], frozenset[Tolerance]] = {}
MOST_KNOWN_NOTES = 1000


def shared(notes: set[Tolerance]) -> frozenset[Tolerance]:
    """The same, kept once for all that have it: the items of a recorder are wrong in one way."""
    frozen = frozenset(notes)
    if len(_known_notes) >= MOST_KNOWN_NOTES:
        return _known_notes.get(frozen, frozen)
    return _known_notes.setdefault(frozen, frozen)


_ID_LENGTHS = frozenset({2, 4, 6, 8, 10, 20})


def note_odd_id(identifier: str, notes: set[Tolerance]) -> None:
    """Note an identifier of an odd length, or of a type below 111, where the ranges begin."""
    if len(identifier) not in _ID_LENGTHS:
        notes.add(Tolerance.ID_LENGTH)
    elif len(identifier) == 20 and identifier[10:13] < "111":
        notes.add(Tolerance.ID_TYPE)
