"""Arguments of the form key=value, as every command takes them."""


def split(argument: str) -> tuple[str, str | None]:
    """The key as it is written, and the value: None where the argument has no equals sign."""
    key, equals, value = argument.partition("=")
    return key, value if equals else None


def key_of(override: str) -> str:
    """The key that an override is about, without the +, ++ or ~ before it."""
    return split(override)[0].lstrip("+~")
