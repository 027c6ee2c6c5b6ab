"""recipe.py: reads recipe.txt, the list of what is trained."""
import hashlib
import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

# The driver gives these itself.
RESERVED = {"--seed", "--run", "--trace", "--checkpoint", "--checkpoint-every", "--resume", "--json"}
NEEDED = ("--data", "--layers", "--context", "--batch", "--steps")


class RecipeError(Exception):
    """A sentence that begins with file and line."""


@dataclass(frozen=True, eq=False)
class Row:
    name: str
    parts: tuple
    seeds: tuple
    options: dict  # of `entroscope train`, defaults included; a flag has the value None


@dataclass(frozen=True)
class Job:
    """One run: a row with one of its seeds."""
    row: Row
    seed: int

    @property
    def name(self):
        return run_name(self.row.name, self.seed)

    @property
    def stem(self):
        """Of its files: what tells it from others, and from itself by other options."""
        text = json.dumps([self.name, self.row.options], sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        return re.sub(r"[^A-Za-z0-9.+=-]", "_", self.name) + "-" + digest

    @property
    def trace(self):
        return self.stem + ".h5"

    @property
    def work(self):
        """What its time is about proportional to: bytes trained on, times layers."""
        counts = (int(self.row.options[name]) for name in NEEDED if name != "--data")
        product = 1
        for count in counts:
            product *= count
        return product

    def arguments(self):
        """Of `entroscope train`."""
        words = []
        for option, value in self.row.options.items():
            words += [option] if value is None else [option, value]
        return words + ["--seed", str(self.seed), "--run", self.name]


def run_name(name, seed):
    return f"{name} s{seed}"


class Recipe:
    def __init__(self, rows):
        self.rows = rows

    def row(self, name):
        return next((row for row in self.rows if row.name == name), None)

    def part(self, part):
        """Names of the rows that belong to a table."""
        return [row.name for row in self.rows if part in row.parts]

    def parts(self):
        return sorted({part for row in self.rows for part in row.parts})

    def jobs(self):
        """All runs; the first seed of every row comes before the second of any."""
        pairs = [(position, Job(row, seed)) for row in self.rows
                 for position, seed in enumerate(row.seeds)]
        return [job for _, job in sorted(pairs, key=lambda pair: pair[0])]


def parse_options(words):
    """--name value, or --name alone."""
    options = {}
    for word in words:
        if word.startswith("--"):
            if word in RESERVED:
                raise ValueError(f"{word} is the driver's own")
            if word in options:
                raise ValueError(f"{word} stands there twice")
            options[word], last = None, word
        elif not options or options[last] is not None:
            raise ValueError(f'found "{word}", expected an option, like --layers')
        else:
            options[last] = word
    return options


def parse_seeds(text):
    words = text.split()
    if not words or not all(word.isascii() and word.isdigit() for word in words):
        raise ValueError(f'the seeds are "{text}", expected whole numbers, like 1 2 3')
    if len(set(words)) < len(words):
        raise ValueError(f'a seed stands twice in "{text}"')
    return tuple(int(word) for word in words)


def parse_row(text, defaults):
    fields = [field.strip() for field in text.split("|")]
    if len(fields) != 4:
        raise ValueError(f"found {len(fields)} fields between |, expected 4: name, parts, seeds, "
                         "options")
    name, parts, seeds, options = fields
    if not name or name.startswith("#"):
        raise ValueError(f'"{name}" cannot be the name of a run')
    if not parts:
        raise ValueError(f"{name} belongs to no part")
    row = Row(name, tuple(parts.split()), parse_seeds(seeds),
              {**defaults, **parse_options(shlex.split(options))})
    check_row(row)
    return row


def check_row(row):
    for option in NEEDED:
        value = row.options.get(option)
        if value is None:
            raise ValueError(f"{row.name} has no {option}, here or in [defaults]")
        if option != "--data" and not (value.isascii() and value.isdigit() and int(value) > 0):
            raise ValueError(f'{option} of {row.name} is "{value}", expected a number of at least 1')


def parse_line(line, section, defaults, rows):
    """One line's effect; returns the section that it stands in."""
    if line == "[defaults]" and section is not None:
        raise ValueError("[defaults] must come first, and once")
    if line in ("[defaults]", "[runs]"):
        return line
    if line.startswith("[") or section is None:
        raise ValueError(f'found "{line}", expected [defaults] or [runs]')
    if section == "[defaults]":
        more = parse_options(shlex.split(line))
        for option in more:
            if option in defaults:
                raise ValueError(f"{option} stands there twice")
        defaults.update(more)
        return section
    row = parse_row(line, defaults)
    if row.name in [other.name for other in rows]:
        raise ValueError(f"there is a row {row.name} already")
    rows.append(row)
    return section


def read_recipe(path):
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from error
    section, defaults, rows = None, {}, []
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        try:
            section = parse_line(line, section, defaults, rows)
        except ValueError as error:
            raise RecipeError(f"{path}:{number}: {error}") from error
    if not rows:
        raise RecipeError(f"{path}: no row in [runs]")
    return Recipe(rows)
