"""What several MANSCDP messages share (GB/T 28181-2022 annex A.2.1)."""

from enum import StrEnum


class Result(StrEnum):
    """`resultType`: there are no other codes and no reasons."""

    OK = "OK"
    ERROR = "ERROR"


class RecordType(StrEnum):
    """Why something was recorded; `ALL` only in a query."""

    TIME = "time"
    ALARM = "alarm"
    MANUAL = "manual"
    ALL = "all"
