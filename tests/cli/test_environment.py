"""Whatever the environment says, the same bytes come out: HDF5's variables, locales, folders for temporary
files, generators of random numbers, threads, the terminal, time zones, and what pango and fontconfig read."""
import hashlib
import os
import shutil
import subprocess

import clitest
from clitest import FIXTURES, PROGRAM, Skip, dump, test

TRACES = [FIXTURES / f"{name}.h5" for name in ("healthy", "learned", "damaged", "diverged")]
PLOTS = ("layerwise-entropy", "headwise-entropy", "scalars")
ENDINGS = ("svg", "pdf", "png")


def german(world):
    """A locale with a decimal comma, made here; None without the means."""
    if shutil.which("localedef") is None:
        return None
    subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", "--no-archive", world / "de_DE.UTF-8"],
                   capture_output=True, check=False)
    return str(world.path) if (world / "de_DE.UTF-8").is_dir() else None


def outputs(world, env):
    """{name: bytes or lines} of everything that the program makes; kept.db is analysed once, for the time of
    that is told."""
    for name in world.names():
        if name.startswith("out"):
            (world / name).unlink()
    found = {}

    def run(what, *args, code=0):
        result = world.run(*args, env=env, check=code)
        found[what] = (result.out, result.err)

    run("inspect", "inspect", FIXTURES / "learned.h5")
    run("inspect json", "inspect", FIXTURES / "learned.h5", "--json")
    world.run("analyze", *TRACES, "--db", "out.db", env=env, check=3)
    found["database"] = dump(world / "out.db")
    for what in ("runs", "report", "compare"):
        names = {"report": ["learned"], "compare": ["healthy", "learned"]}.get(what, [])
        run(what, what, *names, "--db", "kept.db", "--json")
        run(f"{what} words", what, *names, "--db", "kept.db")
    for table in ("head_stats", "scalars"):
        for form in ("csv", "json"):
            run(f"{table} {form}", "export", table, "--db", "kept.db", "--format", form)
    run("cost", "cost", "--arch", "SM+LN+G", "--layers", "12", "--heads", "12", "--dim", "768", "--context", "128")
    for view in PLOTS:
        for ending in ENDINGS:
            world.run("plot", view, "--db", "kept.db", "--run", "learned", "-o", f"out.{ending}", env=env, check=0)
            found[f"{view} {ending}"] = hashlib.sha256((world / f"out.{ending}").read_bytes()).hexdigest()
    world.run("report", "learned", "--db", "kept.db", "--html", "out.html", env=env, check=0)
    found["page"] = (world / "out.html").read_text()
    return found


def variables(world):
    """{what: environment}"""
    path = german(world)
    empty = str(world / "empty")
    os.mkdir(empty)
    return {
        "HDF5, files": {"HDF5_PLUGIN_PATH": "/nowhere", "HDF5_PLUGIN_PRELOAD": "::", "HDF5_EXT_PREFIX": "/nowhere",
                        "HDF5_EXTFILE_PREFIX": "/nowhere", "HDF5_VDS_PREFIX": "/nowhere", "HDF5_PREFIX": "/nowhere",
                        "HDF5_DRIVER": "nosuch", "HDF5_DRIVER_CONFIG": "x", "HDF5_VOL_CONNECTOR": "nosuch under_vol=0"},
        "HDF5, locks": {"HDF5_USE_FILE_LOCKING": "TRUE"},
        "HDF5, debugging": {"HDF5_DEBUG": "all trace", "HDF5_DISABLE_VERSION_CHECK": "2", "HDF5_NOCLEANUP": "1"},
        "a locale with a comma": {"LANG": "de_DE.UTF-8", "LC_ALL": "de_DE.UTF-8", "LC_NUMERIC": "de_DE.UTF-8",
                                  **({"LOCPATH": path} if path else {})},
        "the comma alone": {"LC_NUMERIC": "de_DE.UTF-8", **({"LOCPATH": path} if path else {})},
        "no locale": {"LANG": "", "LC_ALL": "C"},
        "a locale that is not there": {"LC_ALL": "xx_YY.KOI8-R"},
        "temporary files": {"TMPDIR": "/nowhere", "TMP": "/nowhere", "SQLITE_TMPDIR": "/nowhere"},
        "random numbers": {"GSL_RNG_TYPE": "ranlxd2", "GSL_RNG_SEED": "77", "GSL_IEEE_MODE": "extended-precision,round-down"},
        "threads": {"OPENBLAS_NUM_THREADS": "3", "OMP_NUM_THREADS": "3", "GOMP_CPU_AFFINITY": "0", "OMP_DYNAMIC": "true"},
        "memory": {"MALLOC_PERTURB_": "165", "G_SLICE": "always-malloc", "MALLOC_ARENA_MAX": "1"},
        "time": {"TZ": "Pacific/Chatham", "DATEMSK": "/nowhere"},
        "a terminal": {"TERM": "xterm-256color", "COLUMNS": "20", "LINES": "2", "CLICOLOR_FORCE": "1", "NO_COLOR": "1"},
        "folders": {"HOME": "/nowhere", "XDG_CONFIG_HOME": "/nowhere", "XDG_CACHE_HOME": empty, "XDG_DATA_DIRS": empty},
        "pango": {"PANGOCAIRO_BACKEND": "fc", "PANGO_LANGUAGE": "ar:ja", "PANGO_SYSCONFDIR": "/nowhere",
                  "LANGUAGE": "ar"},
        "glib": {"G_FILENAME_ENCODING": "ISO-8859-1", "CHARSET": "ISO-8859-1", "G_DISABLE_CHECKS": "1"},
    }


@test
def the_environment_changes_no_byte(world):
    world.run("analyze", *TRACES, "--db", "kept.db", check=3)
    wanted = outputs(world, {})
    assert outputs(world, {}) == wanted, "it differs by itself"
    for what, env in variables(world).items():
        found = outputs(world, env)
        off = [name for name in wanted if found[name] != wanted[name]]
        assert not off, (what, off, found[off[0]], wanted[off[0]])


@test
def a_decimal_comma_is_one_indeed(world):
    """That the locale above is what it is called, or the test shows nothing."""
    path = german(world)
    if path is None:
        raise Skip("no localedef here")
    done = subprocess.run(["printf", "%.1f", "0,5"], capture_output=True, check=False,
                          env={"LOCPATH": path, "LC_ALL": "de_DE.UTF-8", "PATH": "/usr/bin:/bin"})
    assert done.stdout == b"0,5", done
    assert PROGRAM.exists()


if __name__ == "__main__":
    clitest.main()
