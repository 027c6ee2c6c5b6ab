#!/usr/bin/python3
"""study.py: trains the models of the paper in small, and sets its tables beside ours.

    study.py run                            trains what is missing; killed and started again it goes on
    study.py run --only SM+ScFuFFN-s1 --db /tmp/x.db     one run again, into a database of its own
    study.py status                         what is there
    study.py figures | tables | claims      from the database
    study.py readme                         rewrites the generated parts of README.md

The recipe is recipe.txt, the results are study.db; both stand in README.md.
"""
import argparse
import difflib
import sys
from pathlib import Path

import claims
import driver
import figures
import readme
import results
import tables
from recipe import RecipeError, read_recipe

HERE = Path(__file__).resolve().parent
DB = HERE / "study.db"


class UsageError(Exception):
    """A sentence."""


def study_of(args):
    return results.Study(args.recipe, results.read_runs(args.db))


# ---- choosing runs -------------------------------------------------------------------------------

def is_chosen(job, word):
    """A run ("SM-s1", "SM s1"), a row ("SM") or a part ("six")."""
    return word in (job.name, f"{job.row.name}-s{job.seed}", job.row.name, *job.row.parts)


def check_words(recipe, words):
    jobs = recipe.jobs()
    for word in words:
        if any(is_chosen(job, word) for job in jobs):
            continue
        known = [job.name for job in jobs] + [row.name for row in recipe.rows] + recipe.parts()
        near = difflib.get_close_matches(word, known, 3, 0.4)
        raise UsageError(f'--only: there is no run, row or part "{word}"'
                         + (f"; near it are {', '.join(near)}" if near else ""))


def chosen_jobs(recipe, words, seeds):
    check_words(recipe, words or [])
    jobs = [job for job in recipe.jobs()
            if (not words or any(is_chosen(job, word) for word in words))
            and (not seeds or job.seed in seeds)]
    if not jobs:
        raise UsageError("--seeds: none of the chosen rows has such a seed")
    return jobs


# ---- commands ------------------------------------------------------------------------------------

def command_run(args):
    jobs = chosen_jobs(args.recipe, args.only, args.seeds)
    program = driver.find_program(args.entroscope)
    if args.background:
        pid, log = driver.run_in_background(driver.scratch_of(args.db))
        print(f"process {pid} is at work; its log is {log}, and `kill {pid}` stops it")
        return 0
    reference = results.read_runs(DB) if args.db.resolve() != DB else {}
    code = driver.run(program, args.db, jobs, args.jobs, reference)
    note = driver.warn_about_data(results.read_runs(args.db))
    if note:
        print(note)
    return code


def command_status(args):
    print("\n".join(driver.status(args.recipe, args.db)))
    return 0


def command_figures(args):
    program = driver.find_program(args.entroscope)
    for line in figures.draw_all(program, study_of(args), args.db, args.output):
        print(line)
    return 0


def command_tables(args):
    for name in args.table:
        if name not in tables.TABLES:
            raise UsageError(f'there is no table "{name}"; there are {", ".join(tables.TABLES)}')
    study = study_of(args)
    for name in args.table or tables.TABLES:
        print(f"## {name}\n\n{tables.TABLES[name](study)}\n")
    return 0


def command_claims(args):
    print(claims.render(study_of(args)))
    return 0


def command_readme(args):
    study = study_of(args)
    parts = {name: lambda make=make: make(study) for name, make in tables.TABLES.items()}
    parts["claims"] = lambda: claims.render(study)
    changed = readme.rewrite(args.readme, parts)
    print(f"{args.readme}: {'rewritten' if changed else 'nothing new'}")
    return 0


# ---- the command line ----------------------------------------------------------------------------

def positive(text):
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def add_common(parser):
    parser.add_argument("--recipe", type=Path, default=HERE / "recipe.txt", metavar="FILE")
    parser.add_argument("--db", type=Path, default=DB, metavar="DB", help="default: study.db")
    parser.add_argument("--entroscope", metavar="PROGRAM",
                        help="default: ENTROSCOPE, or build/cli/entroscope")


def add_command(commands, name, function, about):
    parser = commands.add_parser(name, help=about, description=about)
    add_common(parser)
    parser.set_defaults(function=function)
    return parser


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = add_command(commands, "run", command_run, "Trains what is missing")
    run.add_argument("--only", nargs="+", metavar="ROW", help="runs, rows or parts of the recipe")
    run.add_argument("--seeds", nargs="+", type=int, metavar="N")
    run.add_argument("--jobs", type=positive, default=1, metavar="N", help="trainers at once (1)")
    run.add_argument("--background", action="store_true", help="and return at once")
    add_command(commands, "status", command_status, "Says what is there")
    draw = add_command(commands, "figures", command_figures, "Draws the figures")
    draw.add_argument("-o", "--output", type=Path, default=HERE / "figures", metavar="FOLDER")
    table = add_command(commands, "tables", command_tables, "Prints the tables as Markdown")
    table.add_argument("table", nargs="*", metavar="TABLE",
                       help=f"of {', '.join(tables.TABLES)} (default: all)")
    add_command(commands, "claims", command_claims, "Decides the paper's claims")
    rewrite = add_command(commands, "readme", command_readme, "Rewrites the generated parts")
    rewrite.add_argument("--readme", type=Path, default=HERE / "README.md", metavar="FILE")
    return parser.parse_args()


def main():
    args = parse_arguments()
    try:
        args.recipe = read_recipe(args.recipe)
        return args.function(args)
    except UsageError as error:
        code, text = 2, error
    except (RecipeError, driver.DriverError, figures.FigureError, readme.ReadmeError) as error:
        code, text = 1, error
    except results.sqlite3.Error as error:
        code, text = 1, f"{args.db}: {error}"
    print(f"study.py: {text}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
