"""The text of an error on the command line."""


def join_title(title: str, detail: str) -> str:
    """The title and the detail of an error; the detail alone if it begins with the title."""
    title = title.rstrip(".")
    if not detail:
        return f"{title}."
    if detail.casefold().startswith(title.casefold()):
        return detail[0].upper() + detail[1:]
    return f"{title}: {detail}" if detail[0].islower() else f"{title}. {detail}"
