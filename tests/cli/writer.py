"""writer.py PATH HOW N DELAY [KEY=VALUE ...]: writes a trace by h5py, as a trainer would.

HOW    swmr     under SWMR, flushed after each capture
       plain    the newest format without SWMR: marked as being written
       old      h5py's default format: no mark
       reopen   the old format, opened ('r+', with h5py's own locks) and closed for each capture
KEY    name, seed, uuid, layers, heads, length; collapse=STEP: from there on, one key has it all;
       fresh=N: so many captures with nothing
       learned yet; complete=0: not said at the end; checksums=0; flush=0: never; mode=a: to go on with what is there;
       linger=S: before closing; order=step: flushes /step before what belongs to it;
       adds=STEP: a group, a dataset and an attribute then

Says "STEP TIME" when a capture is on its way to readers, and "failed ..." when an open() was refused.
"""
import sys
import time

import h5py
import numpy

path, how, n, delay = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
options = {"name": "live", "seed": "1", "uuid": "u-1", "layers": "2", "heads": "4", "length": "32",
           "collapse": "-1", "complete": "1", "linger": "0", "first": "0", "checksums": "1", "fresh": "0",
           "flush": "1", "order": "", "adds": "-1"}
options.update(word.split("=", 1) for word in sys.argv[5:])
L, H, T = (int(options[key]) for key in ("layers", "heads", "length"))
rng = numpy.random.default_rng(int(options["seed"]))


def say(*words):
    print(*words, flush=True)


def attention(step):
    if 0 <= int(options["collapse"]) <= step:
        p = numpy.zeros((1, 1, H, T, T), dtype="f4")
        p[..., 0] = 1
        return p
    sharp = 0 if step < int(options["fresh"]) else 4
    p = (rng.random((1, 1, H, T, T)) ** sharp + 1e-3) * numpy.tril(numpy.ones((T, T)))
    return (p / p.sum(-1, keepdims=True)).astype("f4")


def create(file):
    file.attrs["format"] = numpy.bytes_("attention-trace")
    file.attrs["format_version"] = 1
    file.attrs["run_name"] = numpy.bytes_(options["name"].encode("utf-8", "surrogateescape"))
    file.attrs["causal"] = 1
    if options["uuid"]:
        file.attrs["trace_uuid"] = numpy.bytes_(options["uuid"])
    file.create_dataset("step", (0,), "i8", maxshape=(None,), chunks=(1024,))
    file.create_dataset("complete", (1,), "u1", chunks=(1,))
    file["complete"][0] = 0
    for name in ("step", "value"):
        file.create_dataset(f"scalars/loss/{name}", (0,), "i8" if name == "step" else "f8",
                            maxshape=(None,), chunks=(1024,))
    for layer in range(L):
        file.create_dataset(f"layers/{layer}/attention", (0, 1, H, T, T), "f4",
                            maxshape=(None, 1, H, T, T), chunks=(1, 1, H, T, T), fletcher32=options["checksums"] == "1")


def append(dataset, value):
    dataset.resize(dataset.shape[0] + 1, 0)
    dataset[-1:] = value


def flush(file):
    if options["flush"] == "1":
        file.flush()


def capture(file, step):
    if options["order"] == "step":
        append(file["step"], step)
        file.flush()
        time.sleep(1.2)
    for layer in range(L):
        append(file[f"layers/{layer}/attention"], attention(step))
    append(file["scalars/loss/step"], step)
    append(file["scalars/loss/value"], 4 / (1 + step))
    flush(file)
    if options["order"] != "step":
        append(file["step"], step)
        flush(file)
    if step == int(options["adds"]):
        file.attrs["note"] = "added"
        file["later/numbers"] = numpy.arange(1000.)
        flush(file)


def finish(file):
    if options["complete"] == "1":
        file["complete"][0] = 1
        file.flush()
    say("done", time.time())
    time.sleep(float(options["linger"]))


def hold(libver, swmr):
    with h5py.File(path, "w", libver=libver) as file:
        create(file)
        file.flush()
        if swmr:
            file.swmr_mode = True
        for step in range(int(options["first"]), int(options["first"]) + n):
            capture(file, step)
            say(step, time.time())
            time.sleep(delay)
        finish(file)


def reopen():
    with h5py.File(path, "w") as file:
        create(file)
    for step in range(n):
        try:
            with h5py.File(path, "r+") as file:
                capture(file, step)
        except OSError as error:
            say("failed", step, error)
        say(step, time.time())
        time.sleep(delay)
    with h5py.File(path, "r+") as file:
        finish(file)


if how == "reopen":
    reopen()
else:
    hold("earliest" if how == "old" else ("v110", "v110"), how == "swmr")
