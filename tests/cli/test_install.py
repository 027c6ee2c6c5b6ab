#!/usr/bin/env python3
"""What a user of the library meets: it is installed into a folder of its own, and programs are compiled
against what pkg-config says of that, in C and in C++; nothing of the source tree but the programs."""
import filecmp
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from clitest import FIXTURES, Skip, main, query, test

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ["BUILD"])
STRICT = ["-Wall", "-Wextra", "-Wstrict-prototypes", "-pedantic", "-Werror", "-fsyntax-only"]


def said(*command, **options):
    """What a command that must succeed says."""
    done = subprocess.run([*map(os.fspath, command)], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def build_option(name):
    options = json.loads((BUILD / "meson-info" / "intro-buildoptions.json").read_text())
    return next(option["value"] for option in options if option["name"] == name)


def overlay(root, folder):
    """The machine's own files around those of the installation: a root as pkg-config wants one."""
    (root / folder).mkdir(parents=True, exist_ok=True)
    for entry in (Path("/") / folder).iterdir():
        place = root / folder / entry.name
        if not place.exists():
            place.symlink_to(entry)
        elif place.is_dir() and not place.is_symlink():
            overlay(root, folder / entry.name)


class Installed:
    """The build installed under `root`, by the command that `ninja install` runs."""

    def __init__(self, root):
        self.root = root
        prefix = Path(build_option("prefix"))
        command = re.search(r"COMMAND = (.* install --no-rebuild)$", (BUILD / "build.ninja").read_text(), re.M)
        # the list by which `ninja uninstall` goes stays that of the user's own installation
        log = BUILD / "meson-logs" / "install-log.txt"
        before = log.read_bytes() if log.exists() else None
        said(*shlex.split(command[1]), "--quiet", cwd=BUILD, env={**os.environ, "DESTDIR": str(root)})
        if before is None:
            log.unlink(missing_ok=True)
        else:
            log.write_bytes(before)
        self.prefix = root / prefix.relative_to("/")
        self.libraries = self.prefix / build_option("libdir")
        self.headers = self.prefix / build_option("includedir") / "entroscope"
        overlay(root, Path("usr"))
        self.env = {**os.environ, "PKG_CONFIG_PATH": str(self.libraries / "pkgconfig"),
                    "PKG_CONFIG_SYSROOT_DIR": str(root), "LD_LIBRARY_PATH": str(self.libraries)}

    def pkg_config(self, *options):
        return shlex.split(said("pkg-config", *options, "entroscope", env=self.env))

    def compile(self, compiler, source, to, *more):
        said(compiler, "-Wall", "-Werror", source, "-o", to, *self.pkg_config("--cflags", "--libs"), *more,
             env=self.env)

    def program(self, *arguments, cwd):
        return said(self.prefix / build_option("bindir") / "entroscope", *arguments, cwd=cwd, env=self.env)


@test
def a_c_program(world):
    emit = world / "emit"
    installed.compile("cc", SOURCE / "samples" / "emit.c", emit, "-lm")
    said(emit, world / "run.h5", env=installed.env)
    installed.program("analyze", "run.h5", "--db", "r.db", cwd=world.path)
    assert query(world / "r.db", "SELECT count(*), sum(n_off_sum), min(entropy_mean) > 0 FROM head_stats") == \
        [(5 * 2 * 4, 0, 1)]
    loaded = said("ldd", emit, env=installed.env)
    assert str(installed.libraries / "libentroscope.so") in loaded, loaded


@test
def a_cpp_program(world):
    if shutil.which("c++") is None:
        raise Skip("no C++ compiler here")
    installed.compile("c++", SOURCE / "tests" / "usepublic.cpp", world / "use", "-std=c++17")
    said(world / "use", env=installed.env)


@test
def each_header_stands_alone(world):
    headers = sorted(header.name for header in installed.headers.iterdir())
    assert "entroscope.h" in headers
    public = re.findall(r'#include "(.*)"', (SOURCE / "entroscope.h").read_text())
    assert headers == sorted([*public, "entroscope.h"]), headers
    flags = installed.pkg_config("--cflags")
    compilers = [("cc", "c", "gnu11"), ("c++", "c++", "c++17")]
    for compiler, language, standard in compilers:
        strict = [flag for flag in STRICT if language == "c" or flag != "-Wstrict-prototypes"]
        for header in headers if shutil.which(compiler) else ():
            (world / "one").write_text(f"#include <{header}>\nint one(void);\n")
            said(compiler, "-x", language, f"-std={standard}", *strict, *flags, world / "one", env=installed.env)


@test
def what_pkg_config_says(_):
    version = installed.pkg_config("--modversion")
    assert installed.program("--version", cwd="/").split()[-1:] == version
    said("pkg-config", "--exists", "--print-errors", "entroscope >= 0.1", env=installed.env)
    assert "-lentroscope" in installed.pkg_config("--libs")
    # what the library needs for itself is not the user's to link
    assert not {"-lhdf5", "-lgsl", "-lsqlite3", "-lcairo"} & set(installed.pkg_config("--libs"))
    assert any(flag.endswith("include/entroscope") for flag in installed.pkg_config("--cflags"))


@test
def the_reader_is_the_installed_one_or_the_program_itself(world):
    [reader] = installed.pkg_config("--variable=reader")
    reader = installed.root / Path(reader).relative_to("/") if not Path(reader).exists() else Path(reader)
    trace = FIXTURES / "healthy.h5"
    whole = installed.program("inspect", trace, cwd=world.path)
    program = reader.read_bytes()
    shutil.copy(shutil.which("false"), reader)
    try:
        told = subprocess.run([installed.prefix / build_option("bindir") / "entroscope", "inspect", trace],
                              capture_output=True, text=True, check=False, env=installed.env)
        assert told.returncode == 4 and "ended with 1" in told.stderr, told
        reader.unlink()
        assert installed.program("inspect", trace, cwd=world.path) == whole
    finally:
        reader.write_bytes(program)


@test
def what_is_installed_is_what_was_built(_):
    for header in installed.headers.iterdir():
        [source] = [path for path in (*SOURCE.glob("*.h"), *SOURCE.glob("*/*.h")) if path.name == header.name]
        assert filecmp.cmp(header, source, shallow=False), header
    names = [path.name for path in installed.libraries.glob("libentroscope*")]
    assert "libentroscope.so" in names and not [name for name in names if name.endswith(".a")], names


if __name__ == "__main__":
    for tool in ("pkg-config", "cc", "ldd"):
        if shutil.which(tool) is None:
            print(f"1..0 # SKIP no {tool} here")
            sys.exit(0)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="installed-") as folder:
        installed = Installed(Path(folder))
        main()
