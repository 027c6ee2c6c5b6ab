"""make-corpus.py FIXTURES CORPUS: seeds of the fuzz targets, small and by fixed numbers.

FIXTURES is the folder that the build makes (tests/data/make-fixtures.c).  Finds stand beside the seeds
under names of their own; nothing is removed.  Needs h5py and numpy.
"""
import io
import json
import os
import struct
import sys
import zipfile
import zlib

import h5py
import numpy as np


def put(target, name, data):
    folder = os.path.join(CORPUS, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(data)


def attention(*shape, dtype=np.float32):
    """Rows that sum to 1, causal or not: nobody asks here."""
    rng = np.random.default_rng(7)
    logits = rng.normal(size=shape)
    weights = np.exp(logits)
    return (weights / weights.sum(-1, keepdims=True)).astype(dtype)


# ---- chunks


def decode_seeds():
    plain = attention(8, 8).tobytes()
    for filters in range(0, 40):
        put("decode", f"round-{filters:02}", bytes([8 + 3, filters, 63, 0, filters, 1]) + plain[:40])
    z = zlib.compress(plain)
    put("decode", "deflate", bytes([3, 1 + 5, 63, 0, 0, 0]) + z)
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    put("decode", "zip", bytes([3, 255, 63, 0, 0, 4]) + raw.compress(b"head" + plain) + raw.flush())
    put("decode", "fletcher32", bytes([0, 1 + 10, 7, 0, 0, 0]) + b"\0" * 12)
    put("decode", "lzf", bytes([3, 1 + 15, 7, 0, 0, 0]) + b"\x1f" + bytes(range(32)) + b"\x20\x05")


# ---- HDF5


def h5(build, **options):
    out = io.BytesIO()
    with h5py.File(out, "w", **options) as file:
        build(file)
    return out.getvalue()


def trace(file, attention_options=None, n=2, dtype=np.float32):
    file.attrs["format"] = np.bytes_(b"attention-trace")
    file.attrs["format_version"] = np.int64(1)
    file.attrs["run_name"] = np.bytes_(b"run")
    file.attrs["context_length"] = np.int64(4)
    file.create_dataset("step", data=np.arange(n, dtype="i8") * 10, maxshape=(None,), chunks=(8,))
    for layer in range(2):
        file.create_dataset(f"layers/{layer}/attention", data=attention(n, 1, 2, 4, 4, dtype=dtype),
                            **(attention_options or {}))


def per_step(file):
    for step in (0, 10):
        for layer in range(2):
            file[f"steps/{step}/layer_{layer}/attn"] = attention(1, 2, 4, 4)


def stacked(file):
    file["attention"] = attention(2, 2, 1, 2, 4, 4)
    file["steps"] = np.array([0, 10])


def layers(file):
    file["step"] = np.array([0, 10])
    for layer in range(2):
        file[f"attentions/{layer}"] = attention(2, 1, 2, 4, 4)


def links(file):
    trace(file)
    file["layers/2"] = h5py.SoftLink("/layers/0")
    file["layers/3"] = h5py.ExternalLink("other.h5", "/x")
    file["layers/4"] = file["layers/1"]


def holes(file):
    file.attrs["format"] = np.bytes_(b"attention-trace")
    file["step"] = np.array([0, 10, 20])
    data = file.create_dataset("layers/0/attention", (3, 1, 2, 4, 4), "f4", chunks=(1, 1, 1, 4, 4))
    data[1, 0, 0] = attention(4, 4)


def hdf5_seeds():
    packed = {"chunks": (1, 1, 2, 4, 4), "shuffle": True, "compression": "gzip", "fletcher32": True}
    lzf = {"chunks": (1, 1, 2, 4, 4), "compression": "lzf", "shuffle": True}
    odd = {"chunks": (2, 1, 1, 2, 3), "compression": "gzip"}
    files = {
        "contiguous": h5(trace),
        "chunked-latest": h5(lambda f: trace(f, packed), libver="latest"),
        "chunked-earliest": h5(lambda f: trace(f, packed), libver="earliest"),
        "lzf": h5(lambda f: trace(f, lzf)),
        "split-rows-f16": h5(lambda f: trace(f, odd, dtype=np.float16), libver="latest"),
        "f64": h5(lambda f: trace(f, dtype=np.float64), libver="latest"),
        "per-step": h5(per_step),
        "stacked": h5(stacked, libver="latest"),
        "layers": h5(layers, libver="latest"),
        "links": h5(links),
        "holes": h5(holes, libver="latest"),
        "empty": h5(lambda f: None),
    }
    for i, (name, data) in enumerate(files.items()):
        put("hdf5", name, bytes([128 if i % 2 else 0]) + data)
    for name in ("one-token", "uneven", "masked", "learned", "restarted"):
        with open(os.path.join(FIXTURES, name + ".h5"), "rb") as file:
            data = file.read()
        if len(data) < 30000:
            put("hdf5", "ours-" + name, b"\0" + data)


# ---- NumPy and safetensors


def npy(array):
    out = io.BytesIO()
    np.lib.format.write_array(out, array)
    return out.getvalue()


def npz(compression, **arrays):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(name + ".npy", (1980, 1, 1, 0, 0, 0))
            info.compress_type = compression
            archive.writestr(info, npy(array))
    return out.getvalue()


def npz_with_empty_blocks(array, n):
    """A deflated array of n bytes more than it needs, as no writer has them: checksums are right."""
    data, name = npy(array), b"layer_0.npy"
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"\0\0\0\xff\xff" * (n // 5) + squeeze.compress(data) + squeeze.flush()
    known = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, zlib.crc32(data), len(packed), len(data), len(name), 0)
    local = b"PK\3\4" + known + name + packed
    entry = b"PK\1\2\x14\0" + known + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(local), 0)
    return local + entry + end


def safetensors(**arrays):
    names = {np.dtype("f4"): "F32", np.dtype("f2"): "F16", np.dtype("i8"): "I64"}
    header, body = {"__metadata__": {"model": "x"}}, b""
    for name, array in arrays.items():
        end = len(body) + array.nbytes
        header[name] = {"dtype": names[array.dtype], "shape": list(array.shape),
                        "data_offsets": [len(body), end]}
        body += array.tobytes()
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def container_seeds():
    weights, half = attention(2, 1, 2, 4, 4), attention(2, 2, 4, 4, dtype=np.float16)
    steps = np.array([0, 10])
    files = {
        "array.npy": npy(weights),
        "fortran.npy": npy(np.asfortranarray(half)),
        "big-endian.npy": npy(weights.astype(">f4")),
        "record.npy": npy(np.zeros(3, [("a", "f4"), ("b", "i2")])),
        "stored.npz": npz(zipfile.ZIP_STORED, layer_0=weights, layer_1=weights, steps=steps),
        "deflated.npz": npz(zipfile.ZIP_DEFLATED, layer_0=weights, layer_1=half, steps=steps),
        "stacked.npz": npz(zipfile.ZIP_DEFLATED, attention=attention(2, 2, 1, 2, 4, 4), steps=steps),
        "blocks.npz": npz_with_empty_blocks(weights, 40),
        "many-blocks.npz": npz_with_empty_blocks(weights, 10000),
        "layers.safetensors": safetensors(**{"attn.0": weights, "attn.1": weights, "steps": steps}),
        "half.safetensors": safetensors(**{"step_0.layer_0": half, "step_10.layer_0": half}),
    }
    for name, data in files.items():
        put("containers", name, b"\0" + data)


# Names and types by their places in the tables of fuzz-archive.c; how: 0 stored, 1 deflated, 2 behind
# empty blocks, 3 the deflated stream itself; 4: as it is; 8: Fortran's order; 16 and more: how many blocks.
LAYER_0, LAYER_1, ATTENTION, STEPS, STEP_0, OF_STEP_0 = 0, 1, 2, 3, 4, 6
F4, F2, BITS, I8, U1, U8 = 0, 1, 4, 6, 9, 12


def archived(how, name, fill, type_=None, dims=()):
    shape = b"" if type_ is None else bytes([type_, len(dims), *dims])
    return bytes([how, name]) + shape + struct.pack("<H", len(fill)) + fill


def archive_seeds():
    weights, steps = attention(1, 1, 2, 4, 4).tobytes(), np.array([0, 10]).tobytes()
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = raw.compress(npy(attention(2, 4, 4))) + raw.flush()
    for how in (0, 1, 2 + 32, 2 + 240, 8, 9):
        layers = archived(how, LAYER_0, weights, F4, (2, 1, 2, 4, 4)) + archived(how, LAYER_1, weights, F4, (2, 1, 2, 4, 4))
        put("archive", f"layers-{how:03}", b"\0" + layers + archived(how, STEPS, steps, I8, (2,)))
    put("archive", "half", b"\0" + archived(1, OF_STEP_0, weights[::2], F2, (2, 4, 4)))
    put("archive", "bits", b"\0" + archived(1, ATTENTION, weights, BITS, (2, 2, 4, 4)))
    put("archive", "stream", b"\0" + archived(7, LAYER_0, stream) + archived(4, LAYER_1, npy(attention(2, 4, 4))))
    one = archived(1, LAYER_0, weights, F4, (2, 4, 4))
    put("archive", "folder", bytes([16 * 3]) + one * 3)
    put("archive", "folder-of-others", bytes([16 * 2]) + one + archived(8, LAYER_0, weights, F4, (2, 4, 4)))
    put("archive", "twins", b"\0" + archived(0, STEPS, steps, I8, (2,)) * 2 + archived(1, STEP_0, steps, U8))
    put("archive", "no-elements", b"\0" + archived(1, STEPS, b"", U1, (0,)) + archived(0, LAYER_0, b"", F4, (0, 2, 4, 4)))


# ---- text

NAMES = [
    b"healthy", b"\x1b[31mred\x1b[0m\nrun; DROP TABLE runs;--\t'\"\x7f", b"=cmd|' /C calc'!A0",
    "a\u202egnp.\u202c\u2066b\u009b31m\u2028c".encode(), b"caf\xe9 \xff\xfe", b"../../etc/passwd", b"#1",
    b"<b>&amp;</b> %s%n {{x}} \\u001b", b"</script><!--", b"]]>", b"", b"\r\r=1", b" \xc2\xa0@x\n-1",
    b"-0.5", b"1e5", b"x" * 500, "\u200f\u05d0\u05d1 abc".encode(), b"a,b\"c\r\n=d", b"\xef\xbf\xbf",
    "\u0646\u0635 \u0639\u0631\u0628\u064a".encode(), "\U0001f600 \u0301".encode(), b"\xed\xa0\x80",
]

RECIPES = [
    b"[figure]\ntitle = Cost\ncolumns = 2\nletters = yes\n\n[panel a]\nview = cost\narch = SM\n\n"
    b"[panel b]\nview = cost\narch = all\npart = latency\n",
    b"[figure]\ndb = runs.db\nshare-y = yes\n[panel maps]\nview = headwise-entropy\nrun = a; b\nspan = 2\n",
    b"\xef\xbb\xbf# comment\n[panel x]\nview=scalars\nscalar=loss\nlog-y=on\n",
    b"[figure]\npreset=neurips\npalette=cividis\nlines=bright\nfont=DejaVu Sans, serif\nfont-size=1e1\n"
    b"[panel p]\nview=cost\narch=SM;SM+LN\nlayers=3\nheads=2\ndim=64\ncontext=16\nvocab=100\n"
    b"ffn-layers=0\nmeasured=1/2\nbandwidth=100\n",
    b"[figure]\n[figure]\n", b"[panel a\nx=1\n", b"view=cost\n", b"[panel a]\nview = nothing\n",
    b"step=last\nstep=-5\nhead=3.*\nhead=*\nband-max=lnT\nlevel=0.9\ndecimals=7\nsample=1e9\nby=lr\n"
    b"width=0.1\nmax-pixels=1e9\ndpi=nan\ntitle=\nvalues=yes\n",
]

PATTERNS = [
    b"l.{layer}\nBHQK\nl.0\nl.1\n", b"trace-v1\nSBHQK\n", b"layer\nSBHQK\nlayers/0/attention\n",
    b"steps/{step}/layer_{layer}/attn\nHQK\nsteps/10/layer_3/attn\nsteps/007/layer_03/attn\nsteps//layer_/attn\n",
    b"{layer}{head}\nQK\n12\n", b"x{head}.npz/{layer}\nBQK\nx1.npz/2\nx18446744073709551616.npz/2\n",
    b"\nHQQK\n", b"{\nSLBHQK\n", b"}\n\n", b"*\nLBHQK\na1b22c333\na1b22c334\na01b2c\n",
]

SQL = [
    b"UPDATE runs SET name = x'ff00', n_layers = -1, n_heads = 1e300, attempt = 'x'",
    b"DELETE FROM layer_stats; UPDATE captures SET step = 9223372036854775807 WHERE step = 20",
    b"INSERT INTO runs SELECT * FROM runs",
    b"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'REAL', 'TEXT')",
    b"DROP TABLE head_stats; CREATE VIEW head_stats AS SELECT * FROM runs",
    b"CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM runs; END",
    b"PRAGMA user_version = 99", b"PRAGMA user_version = 1", b"PRAGMA application_id = 0", b"",
    b"UPDATE head_stats SET entropy_mean = 9e999, n_rows = -5, layer = 1e18, head = -1",
    b"UPDATE findings SET rule = 'x', from_step = NULL; UPDATE rules SET enabled = 'no'",
    b"UPDATE rule_parameters SET value = -1e308",
    b"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 500) "
    b"INSERT OR IGNORE INTO head_stats (run_id, step, layer, head, n_rows, n_nan, n_masked, n_off_sum) "
    b"SELECT 1, i, i % 7, i, 1, 0, 0, 0 FROM n",
    b"INSERT INTO scalars SELECT 1, 'a' || char(27), 1, 2; UPDATE run_config SET value = zeroblob(900)",
    b"CREATE VIRTUAL TABLE metric2 USING fts5(x); ALTER TABLE runs RENAME TO r; CREATE TABLE runs (id)",
]


def text_seeds():
    for target, texts in (("names", NAMES), ("recipe", RECIPES), ("patterns", PATTERNS),
                          ("database", SQL)):
        for i, text in enumerate(texts):
            put(target, f"seed-{i:02}", text)


# ---- rows


def float_bits(value):
    return struct.unpack("<I", struct.pack("<f", value))[0]


ODD = [0x7fc00000, 0x7f800000, 0xff800000, 0x80000000, 1, 0x00800000, 0x7f7fffff, 0xff7fffff,
       float_bits(-1e-5), float_bits(0.5), float_bits(1), float_bits(1.0001)]


def stats_seed(keys, queries, heads, flags, window=3, tolerance=0, how=16, temperature=1.0, bits=b"",
               patches=(), rest=b"\1\7\2"):
    head = bytes([keys - 1, queries - 1 + 12 * (heads - 1), flags, window, tolerance, how])
    return (head + struct.pack("<f", temperature) + bits + bytes([len(patches)]) +
            b"".join(struct.pack("<HI", place, value) for place, value in patches) + rest)


def stats_seeds():
    """Flags: causal, mask, documents, window, positions, logits, a file; how & 128: nothing forbidden."""
    seeds = {f"flags-{flags:02}": stats_seed(17, 5, 2, flags, how=128 + 16, bits=b"\xfd\xf7\1" if
                                             flags & 6 else b"") for flags in range(0, 128, 3)}
    for i, value in enumerate(ODD):
        seeds[f"odd-{i:02}"] = stats_seed(33, 4, 2, 96, patches=[(5, value), (40, value)])
    for i in range(7):
        seeds[f"tolerance-{i}"] = stats_seed(64, 3, 3, 97, tolerance=i, how=1, rest=bytes(range(50)))
    for i, temperature in enumerate([0.0, -1.0, 1e-30, 1e30, float("inf"), float("nan")]):
        seeds[f"temperature-{i}"] = stats_seed(8, 2, 1, 32, temperature=temperature)
    seeds["uniform"] = stats_seed(256, 12, 3, 64, how=1, rest=b"\1")
    seeds["one-key"] = stats_seed(1, 3, 2, 96, how=1)
    seeds["more-queries-than-keys"] = stats_seed(3, 9, 2, 1, how=128 + 1)
    seeds["bits"] = stats_seed(40, 3, 2, 64, how=0, rest=bytes(range(256)))
    for name, data in seeds.items():
        put("stats", name, data)


FIXTURES, CORPUS = sys.argv[1:]
decode_seeds()
hdf5_seeds()
container_seeds()
archive_seeds()
text_seeds()
stats_seeds()
