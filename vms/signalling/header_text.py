"""Text of SIP headers as the application may keep, show and log it."""

LONGEST_TEXT = 256


def readable(text: str | None) -> str:
    """Printable and of bounded length, "" for None; equal texts stay equal.

    Headers arrive with bytes that are no UTF-8 as surrogate escapes (`sip.parser`), which neither
    a database nor JSON takes; devices that write those mean GB 18030.
    """
    if not text:
        return ""
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "surrogateescape").decode("gb18030", "replace")
    text = text[:LONGEST_TEXT]
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)
