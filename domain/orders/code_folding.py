"""When two codes are one: in tables, in vocabularies of carriers, and in the cases of codes that nothing reads."""


def fold_code(code: str) -> str:
    """The code as it is compared: case does not count, nor how many blanks there are."""
    return " ".join(code.split()).casefold()
