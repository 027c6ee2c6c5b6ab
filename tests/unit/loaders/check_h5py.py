"""Traces between h5py and the loaders, both ways.  Arguments: dump-trace, test-live."""
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)

dump_trace, test_live = sys.argv[1:3]


def softmax_rows(rng, shape):
    logits = rng.normal(size=shape)
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def dump(path):
    done = subprocess.run([dump_trace, path], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return np.frombuffer(done.stdout, np.float32), done.stderr.decode()


def check_written_by_h5py(path, dtype, libver, **storage):
    """As people write it: variable strings, booleans, numpy integers, h5py's automatic chunks."""
    rng = np.random.default_rng(2385)
    layers = {0: 5, 3: 2}
    data = {i: softmax_rows(rng, (5, 2, heads, 24, 24)).astype(dtype) for i, heads in layers.items()}
    with h5py.File(path, "w", libver=libver) as f:
        f.attrs["format"] = "attention-trace"
        f.attrs["format_version"] = np.int16(1)
        f.attrs["run_name"] = "läuft"
        f.attrs["causal"] = True
        f.attrs["attempt"] = np.uint8(2)
        f.attrs["context_length"] = np.array([24], ">i4")
        config = f.create_group("config")
        config.attrs["arch"] = np.bytes_("SM+LN+G")
        config.attrs["lr"] = np.float32(0.5)
        config.attrs["tied"] = np.bool_(False)
        f["step"] = np.arange(10, 60, 10)
        f["scalars/loss/step"] = np.arange(3, dtype="u4")
        f["scalars/loss/value"] = np.array([5.5, np.nan, 2.385], ">f4")
        for i, a in data.items():
            f.create_dataset(f"layers/{i}/attention", data=a, **storage)
    rows, words = dump(path)
    expected = np.concatenate([data[i].astype(np.float32).ravel() for i in sorted(data)])
    assert np.array_equal(rows, expected), (dtype, libver, storage)
    for line in ("run_name=läuft", "causal=1", "attempt=2", "context_length=24",
                 "config arch=SM+LN+G", "config lr=0.5", "config tied=0", "scalar loss 0=5.5",
                 "scalar loss 1=nan", "scalar loss 2=2.385"):
        assert line in words.splitlines(), (line, words)


def check_read_while_it_grows(path):
    """Our writer in another process, h5py beside it."""
    with subprocess.Popen([test_live, "--write", path, "0"], stdout=subprocess.PIPE) as writer:
        try:
            for _ in range(20):
                committed = int(writer.stdout.readline())
            with h5py.File(path, "r", libver=("v110", "v110"), swmr=True) as f:
                step = f["step"]
                step.refresh()
                n = step.shape[0]
                assert n >= committed, (n, committed)
                attention = f["layers/0/attention"]
                attention.refresh()
                assert attention.dtype == np.float16 and attention.fletcher32
                assert attention.shape[1:] == (2, 3, 5, 6)
                assert np.array_equal(step[:committed], np.arange(1, committed + 1) * 10)
                assert np.isfinite(attention[:committed]).all()
                assert f.attrs["run_name"] == b"healthy" or f.attrs["run_name"] == "healthy"
                # the same capture through the loaders, which open the file again
                mine, _ = dump(path)
                theirs = attention[0].astype(np.float32).ravel()
                assert np.array_equal(mine[:theirs.size], theirs)
        finally:
            writer.kill()


with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "trace.h5")
    for dtype in ("<f2", ">f2", "<f4", ">f4", "<f8"):
        for libver in ("earliest", ("v110", "v110")):
            check_written_by_h5py(path, dtype, libver)
            check_written_by_h5py(path, dtype, libver, chunks=True)
            check_written_by_h5py(path, dtype, libver, compression="gzip", shuffle=True,
                                  fletcher32=True, chunks=(2, 1, 2, 7, 10))
            check_written_by_h5py(path, dtype, libver, maxshape=(None, 2, None, None, None),
                                  chunks=(1, 2, 1, 24, 24), fletcher32=True)
    check_read_while_it_grows(path)
    check_read_while_it_grows(path)
