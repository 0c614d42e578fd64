"""Which of our two languages a client wants (RFC 9110, 12.5.4)."""

from vms.site import Language


def language_of(accept_language: str) -> Language:
    """The one of higher weight in an `Accept-Language` header; English where it names neither."""
    weights: dict[Language, float] = {"en": 0.0, "zh": 0.0}
    for part in accept_language.lower().split(","):
        tag, _, parameter = part.strip().partition(";")
        name = tag.strip().partition("-")[0]
        weight = _weight(parameter)
        if name == "zh":
            weights["zh"] = max(weights["zh"], weight)
        elif name == "en":
            weights["en"] = max(weights["en"], weight)
    return "zh" if weights["zh"] > weights["en"] else "en"


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return min(max(float(value), 0.0), 1.0)
    except ValueError:
        return 0.0
