"""readme.py: rewrites the parts of README.md that come from the database.

A part stands between <!-- begin: NAME --> and <!-- end: NAME -->; the rest is written by hand.
"""
import os
import re

MARK = re.compile(r"<!-- begin: (?P<name>[\w-]+) -->\n(?P<old>.*?)<!-- end: (?P=name) -->", re.DOTALL)
BEGIN = re.compile(r"<!-- begin: ([\w-]+) -->")


class ReadmeError(Exception):
    """A sentence."""


def filled(text, parts, path="README.md"):
    """The text with every part made anew; `parts` maps names to functions without arguments."""
    whole = [match["name"] for match in MARK.finditer(text)]
    for name in BEGIN.findall(text):
        if name not in parts:
            raise ReadmeError(f"{path}: there is no part \"{name}\"; there are {', '.join(parts)}")
        if name not in whole:
            raise ReadmeError(f"{path}: the part \"{name}\" begins, and does not end")
    return MARK.sub(lambda match: f"<!-- begin: {match['name']} -->\n{parts[match['name']]()}\n"
                                  f"<!-- end: {match['name']} -->", text)


def rewrite(path, parts):
    """Beside the file, then renamed: a failure leaves the old one whole."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        new = filled(text, parts, path)
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.write(new)
        os.replace(f"{path}.new", path)
    except OSError as error:
        raise ReadmeError(f"{path}: {error.strerror}") from error
    return new != text
