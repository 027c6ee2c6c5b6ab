"""driver.py: trains what is missing, and takes it into the database.

A run goes through three steps: train (a trace and a checkpoint in the scratch folder), analyze (into
the database), delete (the trace first).  A run is done when it is in the database to its end and its
trace is gone; so the driver can be killed at any time and started again.  The trainer goes on from
the checkpoint, analyzing again replaces what is there.
"""
import contextlib
import ctypes
import fcntl
import json
import math
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import results

HERE = Path(__file__).resolve().parent
PROGRAM = HERE.parent.parent / "build/cli/entroscope"
CHECKPOINT_EVERY = 100   # steps
MOST_BYTES = 10_000_000  # of the database
LOCK_PATIENCE = 5        # seconds; a trainer whose driver was killed needs a moment to end
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)


class DriverError(Exception):
    """A sentence."""


class Stopped(Exception):
    """By the signal args[0]."""


# ---- what there is -------------------------------------------------------------------------------

def find_program(given):
    path = Path(given or os.environ.get("ENTROSCOPE") or PROGRAM)
    found = shutil.which(path)
    if found is None:
        raise DriverError(f"{path}: there is no such program; build it (meson setup build && "
                          "ninja -C build), or name it with --entroscope")
    return os.path.abspath(found)


def scratch_of(db):
    """Where traces, checkpoints, log and lock of a database are."""
    return Path(db).absolute().with_suffix(".scratch")


def trace_of(scratch, job):
    return scratch / job.trace


def checkpoint_of(scratch, job):
    return scratch / (job.stem + ".checkpoint.h5")


def log_of(scratch, job):
    return scratch / (job.stem + ".log")


def is_stored(job, runs):
    """In the database, trained by the options of the recipe."""
    return job.name in runs and runs[job.name].source == job.trace


def state_of(job, runs, scratch):
    if is_stored(job, runs) and not trace_of(scratch, job).exists():
        return "done"
    if trace_of(scratch, job).exists():
        return "begun"
    return "trained by other options" if job.name in runs else "missing"


# ---- one run -------------------------------------------------------------------------------------

def die_with_driver():
    """In the child: no trainer goes on without its driver, whatever that one died of."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start_training(program, job, scratch, lock):
    """The trainer; its progress goes to a log of its own, its result to stdout."""
    command = [program, "train", *job.arguments(), "--trace", job.trace,
               "--checkpoint", checkpoint_of(scratch, job).name,
               "--checkpoint-every", str(CHECKPOINT_EVERY), "--resume", "--json"]
    with open(log_of(scratch, job), "ab") as log:
        return subprocess.Popen(command, cwd=scratch, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=log, pass_fds=[lock],
                                preexec_fn=die_with_driver)


def analyze(program, job, scratch, db, lock):
    """The source that is stored is the file's name alone, and says by which options it was trained."""
    command = [program, "analyze", "-q", "--db", os.path.abspath(db), "--run", job.name, "--replace",
               job.trace]
    done = subprocess.run(command, cwd=scratch, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, pass_fds=[lock], preexec_fn=die_with_driver)
    if done.returncode != 0:
        raise DriverError(f"{job.name}: entroscope analyze ended with {done.returncode}: "
                          f"{done.stderr.decode(errors='replace').strip()}")


def delete_files(scratch, job):
    """The trace first: without it nothing is begun, and the rest is rubbish: the draft of a checkpoint,
    too, whose writer was killed."""
    trace_of(scratch, job).unlink(missing_ok=True)
    for path in scratch.iterdir():
        if job.stem in path.name:
            path.unlink(missing_ok=True)


def compact(db):
    """One small file without a write-ahead log beside it, as it can be committed."""
    with contextlib.closing(sqlite3.connect(db, timeout=5, isolation_level=None)) as connection:
        try:
            connection.execute("VACUUM")
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            raise DriverError(f"{db}: all is stored, but the file could not be made small ({error}); "
                              "the same command tries again") from error
    size = os.path.getsize(db)
    if size > MOST_BYTES:
        raise DriverError(f"{db} has {size} bytes, and should have at most {MOST_BYTES}: capture "
                          "less often, or log fewer scalars")


# ---- the driver ----------------------------------------------------------------------------------

class Lock:
    """One driver a scratch folder.  Its trainers inherit the lock, so that it outlives a killed
    driver until they have ended too."""

    def __init__(self, scratch):
        scratch.mkdir(parents=True, exist_ok=True)
        self.file = open(scratch / "lock", "a+", encoding="ascii")
        give_up = time.monotonic() + LOCK_PATIENCE
        while not self.take():
            if time.monotonic() > give_up:
                self.file.seek(0)
                raise DriverError(f"another driver (process {self.file.read().strip()}) is at work "
                                  f"in {scratch}")
            time.sleep(0.1)
        self.file.truncate(0)
        self.file.write(str(os.getpid()))
        self.file.flush()

    def take(self):
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class Driver:
    def __init__(self, program, db, jobs, at_once, reference=None):
        self.program, self.db, self.at_once = program, str(db), at_once
        self.scratch = scratch_of(db)
        self.queue, self.running = list(jobs), {}
        self.n_all, self.n_done, self.failed = len(jobs), 0, []
        self.reference = reference or {}  # runs of another database, to compare with
        self.work_done, self.started = 0, time.monotonic()

    def say(self, text):
        print(time.strftime("%H:%M:%S"), text, flush=True)

    def time_left(self):
        """From the work of this sitting; trainers beside each other count together."""
        left = sum(job.work for job in [*self.queue, *self.running])
        if not left or not self.work_done:
            return ""
        seconds = (time.monotonic() - self.started) * left / self.work_done
        return f"; about {seconds / 60:.0f} min left"

    def go(self):
        """Trains all; the names of those that failed."""
        lock = Lock(self.scratch)
        try:
            self.tidy()
            while self.queue or self.running:
                while self.queue and len(self.running) < self.at_once:
                    self.start(self.queue.pop(0), lock)
                time.sleep(0.05)
                for job in [job for job, child in self.running.items() if child.poll() is not None]:
                    self.end(job, lock)
            if os.path.exists(self.db):
                compact(self.db)
        finally:
            self.stop()
            lock.file.close()
        return self.failed

    def tidy(self):
        """What a killed driver left undone, and which runs need nothing any more."""
        runs = results.read_runs(self.db)
        for job in list(self.queue):
            if state_of(job, runs, self.scratch) == "done":
                delete_files(self.scratch, job)
                self.queue.remove(job)
                self.n_done += 1
        self.say(f"{self.n_done} of {self.n_all} runs are there")

    def start(self, job, lock):
        begun = trace_of(self.scratch, job).exists()
        if not begun:
            delete_files(self.scratch, job)  # a checkpoint alone cannot be gone on from
        self.say(f"{job.name}: {'goes on' if begun else 'begins'}")
        self.running[job] = start_training(self.program, job, self.scratch, lock.file.fileno())

    def end(self, job, lock):
        child = self.running.pop(job)
        output, _ = child.communicate()
        try:
            if child.returncode != 0:
                raise DriverError(self.why(job, child.returncode))
            analyze(self.program, job, self.scratch, self.db, lock.file.fileno())
        except DriverError as error:
            self.failed.append(job.name)
            self.say(f"error: {error}")
            return
        delete_files(self.scratch, job)
        self.n_done += 1
        self.work_done += job.work
        self.say(f"[{self.n_done}/{self.n_all}] {self.outcome(job, json.loads(output))}{self.time_left()}")

    def why(self, job, code):
        """With the last line that the trainer wrote."""
        lines = log_of(self.scratch, job).read_text(errors="replace").strip().splitlines()
        return (f"{job.name}: entroscope train ended with {code}: {lines[-1] if lines else ''} "
                f"(its files: {trace_of(self.scratch, job).with_suffix('')}.*; without them the run "
                "begins anew)")

    def outcome(self, job, result):
        text = f"{job.name}: perplexity {number(result['perplexity'])}"
        if result["diverged_at"] is not None:
            text = f"{job.name}: diverged at step {result['diverged_at']}"
        other = self.reference.get(job.name)
        if other is None:
            return text
        was = f"diverged at step {other.diverged_at}" if other.diverged_at else number(other.perplexity)
        return f"{text} (in the study: {was})"

    def stop(self):
        """Trainers that are told to end write a checkpoint first."""
        for child in self.running.values():
            child.terminate()
        for child in self.running.values():
            child.communicate()


def number(value):
    return "-" if value is None or not math.isfinite(value) else f"{value:.4f}"


def raise_stopped(signum, _frame):
    raise Stopped(signum)


def run(program, db, jobs, at_once, reference=None):
    """All of it; the exit code."""
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(signum) is not signal.SIG_IGN:  # nohup stays nohup
            signal.signal(signum, raise_stopped)
    os.nice(5)
    driver = Driver(program, db, jobs, at_once, reference)
    try:
        failed = driver.go()
    except Stopped as stopped:
        driver.say("stopped; the same command goes on")
        return 128 + stopped.args[0]
    if failed:
        driver.say(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def run_in_background(scratch):
    """The same command without --background, in a session of its own; its log file."""
    scratch.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, *[word for word in sys.argv if word != "--background"]]
    with open(scratch / "study.log", "ab") as log:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 start_new_session=True)
    return child.pid, scratch / "study.log"


def warn_about_data(runs):
    """Perplexities on other text do not compare: a sentence, or None."""
    seen = {}
    for run_ in runs.values():
        seen.setdefault((run_.config.get("data"), run_.config.get("data_about")), run_.name)
    if len(seen) < 2:
        return None
    texts = "; ".join(f"{name} on {data} ({about})" for (data, about), name in seen.items())
    return f"note: the runs were not all trained on the same text: {texts}"


# ---- status --------------------------------------------------------------------------------------

def last_line(path):
    try:
        lines = path.read_text(errors="replace").replace("\r", "\n").strip().splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""


def status(recipe, db):
    """Lines: each row with the state of its seeds, then what is at work."""
    runs, scratch = results.read_runs(db), scratch_of(db)
    states = {job: state_of(job, runs, scratch) for job in recipe.jobs()}
    for row in recipe.rows:
        seeds = [f"s{job.seed} {state}" for job, state in states.items() if job.row is row]
        yield f"{row.name:24} {', '.join(seeds)}"
    done = [job for job, state in states.items() if state == "done"]
    share = 100 * sum(job.work for job in done) / sum(job.work for job in states)
    size = f", {os.path.getsize(db) / 1e6:.1f} MB" if os.path.exists(db) else ""
    yield f"{len(done)} of {len(states)} runs, {share:.0f} % of the work{size}"
    for job, state in states.items():
        if state == "begun":
            yield f"{job.name}: {last_line(log_of(scratch, job))}"
