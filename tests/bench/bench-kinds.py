#!/usr/bin/env python3
"""bench-kinds.py: `entroscope analyze` of each kind of input against numpy: "same" computes the same
statistics of the heads, "few" the lines that a person would begin with, mean and largest entropy and mean
largest weight.

    bench-kinds.py ENTROSCOPE [--mb 500] [--repeat 3] [--only NAME] [--keys 512]

All read the same files, warm in the page cache, in turn; the best of the repeats counts, "spread" is the
slowest over the best.  "cpu" compares the processor time of all threads: what is left of the ratio where
other programs keep the machine busy.  numpy's import and start are not timed, the program's are.  Sizes
are those of the decoded arrays.  A bar, of "same": no kind slower than numpy, 16 bits at least 6 times,
compressed at least 4.5 times as fast; --bar makes a miss exit 1.  Files go to TMPDIR and are removed.  Exit 77 without h5py."""
import argparse
import json
import os
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f'skipped: {missing}')
    sys.exit(77)

LAYERS, HEADS, DIM = 4, 8, 64


def say(name, value, unit):
    print(f'{name} {value:.4g} {unit}', flush=True)


# ---- arrays ---------------------------------------------------------------------------------------

def attention(keys, dtype):
    """[1, HEADS, keys, keys], causal, heads from nearly uniform to sharp."""
    rng = np.random.default_rng(2385)
    p = np.zeros((1, HEADS, keys, keys), np.float32)
    below = np.tril(np.ones((keys, keys), bool))
    for head in range(HEADS):
        logits = np.where(below, rng.standard_normal((keys, keys)) * (0.5 + head % 5), -np.inf)
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        p[0, head] = weights / weights.sum(-1, keepdims=True)
    if dtype == 'bf16':  # rounded: sums of truncated weights are far from 1
        bits = p.view(np.uint32)
        return ((bits + 0x7fff + (bits >> 16 & 1)) >> 16).astype(np.uint16)
    return p.astype(dtype)


# ---- files: make(folder, case, p, steps) returns what is to be analyzed --------------------------------

def start_file(path, steps, keys):
    file = h5py.File(path, 'w')
    file.attrs.update({'format': 'attention-trace', 'format_version': 1, 'run_name': 'bench',
                       'causal': 1, 'context_length': keys})
    file['step'] = np.arange(steps, dtype=np.int64)
    return file


def fill(dataset, p, steps):
    """The chunks of the first capture again for all others: compressed once."""
    dataset[0] = p
    first = [dataset.id.get_chunk_info(i).chunk_offset
             for i in range(dataset.id.get_num_chunks())]
    for at in first:
        mask, chunk = dataset.id.read_direct_chunk(at)
        for step in range(1, steps):
            dataset.id.write_direct_chunk((step, *at[1:]), chunk, mask)


def native(folder, p, steps, **storage):
    with start_file(folder / 'a.h5', steps, p.shape[-1]) as file:
        for layer in range(LAYERS):
            dataset = file.create_dataset(f'layers/{layer}/attention', (steps, *p.shape), p.dtype,
                                          chunks=(1, 1, 1, *p.shape[-2:]), **storage)
            if p.dtype == np.uint16:
                dataset.attrs['encoding'] = 'bf16'
            fill(dataset, p, steps)
    return folder / 'a.h5'


def heads(folder, p, steps):
    with h5py.File(folder / 'a.h5', 'w') as file:
        for step in range(steps):
            for layer in range(LAYERS):
                for head in range(HEADS):
                    file[f'step_{step}/layer_{layer}/head_{head}'] = p[:, head]
    return folder / 'a.h5'


def steps_of_all_layers(folder, p, steps):
    with h5py.File(folder / 'a.h5', 'w') as file:
        for step in range(steps):
            file[f'step_{step}/attention'] = np.stack([p] * LAYERS)
    return folder / 'a.h5'


def stacked(folder, p, steps):
    with h5py.File(folder / 'a.h5', 'w') as file:
        file['step'] = np.arange(steps)
        dataset = file.create_dataset('attention', (steps, LAYERS, *p.shape), p.dtype)
        for step in range(steps):
            dataset[step] = np.stack([p] * LAYERS)
    return folder / 'a.h5'


def npy(folder, p, steps):
    for step in range(steps):
        (folder / f'step_{step}').mkdir()
        for layer in range(LAYERS):
            np.save(folder / f'step_{step}' / f'layer_{layer}.npy', p)
    return folder


def npz(folder, p, steps):
    for step in range(steps):
        np.savez(folder / f'step_{step}.npz', **{f'layer_{layer}': p for layer in range(LAYERS)})
    return folder


def deflated_npz(path, name, parts):
    """A zip archive of one member, or the same member under several names; deflated once."""
    packer, packed, crc, size = zlib.compressobj(6, zlib.DEFLATED, -15), [], 0, 0
    for part in parts:
        packed.append(packer.compress(part))
        crc, size = zlib.crc32(part, crc), size + len(part)
    packed = b''.join(packed) + packer.flush()
    with open(path, 'wb') as file:
        central, names = b'', [name] if isinstance(name, str) else name
        for member in (f'{name}.npy'.encode() for name in names):
            facts = struct.pack('<HHHHHIIIHH', 20, 0, 8, 0, 33, crc, len(packed), size,
                                len(member), 0)
            central += (b'PK\1\2' + struct.pack('<H', 20) + facts +
                        struct.pack('<HHHII', 0, 0, 0, 0, file.tell()) + member)
            file.write(b'PK\3\4' + facts + member + packed)
        at = file.tell()
        file.write(central + b'PK\5\6' + struct.pack('<HHHHIIH', 0, 0, len(names), len(names),
                                                     len(central), at, 0))


def npy_head(shape, dtype):
    text = repr({'descr': np.dtype(dtype).str, 'fortran_order': False, 'shape': shape})
    text += ' ' * (-(len(text) + 11) % 64) + '\n'
    return b'\x93NUMPY\1\0' + struct.pack('<H', len(text)) + text.encode()


def npz_deflated(folder, p, steps):
    names = [f'layer_{layer}' for layer in range(LAYERS)]
    deflated_npz(folder / 'step_0.npz', names, [npy_head(p.shape, p.dtype), p.tobytes()])
    for step in range(1, steps):
        (folder / f'step_{step}.npz').write_bytes((folder / 'step_0.npz').read_bytes())
    return folder


def npz_one_member(folder, p, steps):
    shape = (steps, LAYERS, *p.shape)
    deflated_npz(folder / 'a.npz', 'attention',
                 [npy_head(shape, p.dtype)] + [p.tobytes()] * (steps * LAYERS))
    return folder / 'a.npz'


def safetensors(folder, p, steps):
    kind, size = {'f': 'F16' if p.itemsize == 2 else 'F32', 'u': 'BF16'}[p.dtype.kind], p.nbytes
    head = json.dumps({f'model.layers.{layer}.attn': {
        'dtype': kind, 'shape': p.shape, 'data_offsets': [layer * size, (layer + 1) * size]}
        for layer in range(LAYERS)}).encode()
    for step in range(steps):
        with open(folder / f'step-{step}.safetensors', 'wb') as file:
            file.write(struct.pack('<Q', len(head)) + head)
            for _ in range(LAYERS):
                file.write(p.tobytes())
    return folder


def queries(folder, p, steps):
    rng = np.random.default_rng(2385)
    shape = (1, HEADS, p.shape[-1], DIM)
    with start_file(folder / 'a.h5', steps, p.shape[-1]) as file:
        for layer in range(LAYERS):
            for name in 'queries', 'keys':
                fill(file.create_dataset(f'layers/{layer}/{name}', (steps, *shape), 'f4',
                                         chunks=(1, 1, 1, *shape[-2:])),
                     rng.standard_normal(shape, np.float32), steps)
    return folder / 'a.h5'


def row_entropy(folder, p, steps):
    with start_file(folder / 'a.h5', steps, p.shape[-1]) as file:
        for layer in range(LAYERS):
            fill(file.create_dataset(f'layers/{layer}/row_entropy', (steps, *p.shape[:-1]), 'f4',
                                     chunks=(1, 1, 1, p.shape[-1])), entropies(p), steps)
    return folder / 'a.h5'


# ---- the Python way: yields [..., heads, queries, keys] -----------------------------------------------

def from_native(path):
    with h5py.File(path) as file:
        for layer in file['layers'].values():
            for step in range(layer['attention'].shape[0]):
                yield layer['attention'][step]


def from_groups(path):
    with h5py.File(path) as file:
        for step in file.values():
            for layer in step.values():
                if isinstance(layer, h5py.Group):
                    for head in layer.values():
                        yield head[...][:, None]
                else:
                    yield layer[...]


def from_stack(path):
    with h5py.File(path) as file:
        for step in range(file['attention'].shape[0]):
            yield file['attention'][step]


def from_npy(path):
    for file in path.glob('*/*.npy'):
        yield np.load(file)


def from_npz(path):
    for file in path.glob('*.npz') if path.is_dir() else [path]:
        with np.load(file) as arrays:
            for name in arrays.files:
                array = arrays[name]
                yield from (array,) if array.ndim == 4 else array


def from_safetensors(path):
    for file in path.glob('*.safetensors'):
        data = file.read_bytes()
        length, = struct.unpack_from('<Q', data)
        for facts in json.loads(data[8:8 + length]).values():
            begin, end = facts['data_offsets']
            kind = {'F16': np.float16, 'F32': np.float32, 'BF16': np.uint16}[facts['dtype']]
            yield np.frombuffer(data, kind, (end - begin) // np.dtype(kind).itemsize,
                                8 + length + begin).reshape(facts['shape'])


def from_queries(path):
    with h5py.File(path) as file:
        for layer in file['layers'].values():
            for step in range(layer['queries'].shape[0]):
                q, k = layer['queries'][step], layer['keys'][step]
                x = q @ k.swapaxes(-1, -2) / np.float32(np.sqrt(DIM))
                x[..., ~np.tril(np.ones(x.shape[-2:], bool))] = -np.inf
                x = np.exp(x - x.max(-1, keepdims=True))
                yield x / x.sum(-1, keepdims=True)


def from_row_entropy(path):
    with h5py.File(path) as file:
        for layer in file['layers'].values():
            for step in range(layer['row_entropy'].shape[0]):
                yield layer['row_entropy'][step]


def entropies(p):
    if p.dtype == np.uint16:
        p = (p.astype(np.uint32) << 16).view(np.float32)
    p = p.astype(np.float32)
    return -(p * np.log(p, where=p > 0, out=np.zeros_like(p))).sum(-1)


def as_float(p):
    if p.dtype == np.uint16:
        p = (p.astype(np.uint32) << 16).view(np.float32)
    return p.astype(np.float32, copy=False)


def few(read):
    """Of all heads; the sum of their mean entropies."""
    def way(path):
        total = 0.
        for p in read(path):
            p = as_float(p)
            h = p if read is from_row_entropy else -(p * np.log(p + np.float32(1e-12))).sum(-1)
            h.max(-1), p.max(-1).mean(-1)
            total += float(h.mean(-1).sum())
        return total
    return way


def of_rows(h):
    """What is stored of the entropies of a head's rows, all valid, causal."""
    ceiling = np.log(np.arange(1, h.shape[-1] + 1, dtype=np.float32))
    norm = h[..., 1:] / ceiling[1:]
    return (h.std(-1, ddof=1), h.min(-1), np.quantile(h, (0.05, 0.5, 0.95), axis=-1), h.max(-1),
            norm.mean(-1), np.exp(h).mean(-1), (norm < 0.05).mean(-1), (norm >= 0.75).mean(-1))


def of_weights(p, h):
    """What is stored of the weights beside; of a layer's heads together, how they differ."""
    q = np.arange(p.shape[-2])
    distance = np.abs(q[:, None] - np.arange(p.shape[-1])).astype(np.float32)
    bad = ~(np.abs(p.sum(-1) - 1) < 1e-2) | (p.min(-1) < 0)
    mixture = p.mean(-3)
    return (bad.sum(-1), p.max(-1).mean(-1), p[..., 0].mean(-1), (p * distance).sum(-1).mean(-1),
            p[..., q, q].mean(-1), p[..., q[1:], q[:-1]].mean(-1),
            (-(mixture * np.log(mixture + np.float32(1e-12))).sum(-1) - h.mean(-2)).mean(-1))


def same(read):
    def way(path):
        total = 0.
        for p in read(path):
            p = as_float(p)
            h = p if read is from_row_entropy else -(p * np.log(p + np.float32(1e-12))).sum(-1)
            of_rows(h)
            if read is not from_row_entropy:
                of_weights(p, h)
            total += float(h.mean(-1).sum())
        return total
    return way


# name, element, how it is made, how numpy reads it, what it must reach, options
CASES = [
    ('f32-chunked', 'f4', native, from_native, 1, ()),
    ('f16-chunked', 'f2', native, from_native, 6, ()),
    ('bf16-chunked', 'bf16', native, from_native, 6, ()),
    ('f32-gzip', 'f4', lambda *of: native(*of, compression='gzip', shuffle=True),
     from_native, 4.5, ()),
    ('f16-gzip', 'f2', lambda *of: native(*of, compression='gzip', shuffle=True),
     from_native, 4.5, ()),
    ('f32-lzf', 'f4', lambda *of: native(*of, compression='lzf', shuffle=True),
     from_native, 4.5, ()),
    ('f32-heads', 'f4', heads, from_groups, 1, ()),
    ('f32-steps', 'f4', steps_of_all_layers, from_groups, 1, ()),
    ('f32-stacked', 'f4', stacked, from_stack, 1, ()),
    ('f16-stacked', 'f2', stacked, from_stack, 6, ()),
    ('f32-npy', 'f4', npy, from_npy, 1, ()),
    ('f32-npz', 'f4', npz, from_npz, 1, ()),
    ('f32-npz-deflated', 'f4', npz_deflated, from_npz, 4.5, ()),
    ('f32-npz-one-member', 'f4', npz_one_member, from_npz, 1,
     ('--axes', 'SLBHQK', '--max-chunk', '4096')),
    ('f16-safetensors', 'f2', safetensors, from_safetensors, 6, ()),
    ('bf16-safetensors', 'bf16', safetensors, from_safetensors, 6, ()),
    ('queries', 'f4', queries, from_queries, 1, ()),
    ('row-entropy', 'f4', row_entropy, from_row_entropy, 1, ()),
]


# ---- timing ---------------------------------------------------------------------------------------

def warm(path):
    for file in path.rglob('*') if path.is_dir() else [path]:
        if file.is_file():
            with open(file, 'rb') as data:
                os.fsync(data.fileno())
                while data.read(1 << 24):
                    pass


def by_program(args, path, database, options):
    for suffix in ('', '-wal', '-shm'):
        Path(str(database) + suffix).unlink(missing_ok=True)
    done = subprocess.run([args.program, 'analyze', path, '--db', database, '-q', *options],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f'analyze failed: {done.stderr.decode()}')
    with sqlite3.connect(database) as db:
        return db.execute('SELECT sum(entropy_mean) FROM head_stats').fetchone()[0]


def cpu_seconds():
    return sum(os.times()[:4])


def size_of(case, keys):
    """Bytes of one step."""
    rows = LAYERS * HEADS * keys
    if case[0] == 'queries':
        return rows * 2 * DIM * 4
    return rows * 4 if case[0] == 'row-entropy' else rows * keys * (4 if case[1] == 'f4' else 2)


def bench_case(args, case, folder):
    """Whether the bar is reached."""
    name, element, make, read, bar, options = case
    size = size_of(case, args.keys)
    steps = max(2, round(args.mb * 1e6 * {'queries': 0.2, 'row-entropy': 0.1}.get(name, 1) / size))
    database, inside = folder / 'a.db', folder / 'in'
    inside.mkdir()
    path = make(inside, attention(args.keys, element), steps)
    warm(path)
    ways = {'same': lambda: same(read)(path), 'few': lambda: few(read)(path),
            'entroscope': lambda: by_program(args, path, database, options)}
    seconds, cpu, found = {way: [] for way in ways}, {way: [] for way in ways}, {}
    for _ in range(args.repeat):
        for way, call in ways.items():  # in turn: a slow moment of the machine meets all
            begin, spent = time.perf_counter(), cpu_seconds()
            found[way] = call()
            seconds[way].append(time.perf_counter() - begin)
            cpu[way].append(cpu_seconds() - spent)
    if any(abs(one / found['entroscope'] - 1) > 2e-3 for one in found.values()):
        sys.exit(f'{name}: entropies differ: {found}')
    for way, all_ in seconds.items():
        say(f'{name}-{way}', size * steps / min(all_) / 1e9, 'GB/s')
        say(f'{name}-{way}-spread', max(all_) / min(all_), 'x')
    for way in 'same', 'few':
        say(f'{name}-{way}-cpu-ratio', min(cpu[way]) / min(cpu['entroscope']), 'x')
    ratio = min(seconds['same']) / min(seconds['entroscope'])
    say(f'{name}-few-ratio', min(seconds['few']) / min(seconds['entroscope']), 'x')
    say(f'{name}-ratio', ratio, f'x (bar {bar})')
    subprocess.run(['rm', '-r', inside], check=True)
    return ratio >= bar


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('--mb', type=float, default=float(os.environ.get('ENTRO_BENCH_MB', 500)))
    parser.add_argument('--repeat', type=int, default=3)
    parser.add_argument('--keys', type=int, default=512)
    parser.add_argument('--only', help='names that contain this')
    parser.add_argument('--bar', action='store_true')
    args = parser.parse_args()
    np.seterr(all='ignore')
    with tempfile.TemporaryDirectory(prefix='entroscope-bench-') as folder:
        chosen = [case for case in CASES if not args.only or args.only in case[0]]
        missed = [case[0] for case in chosen if not bench_case(args, case, Path(folder))]
    if missed:
        print('below the bar:', ', '.join(missed))
    sys.exit(1 if missed and args.bar else 0)


if __name__ == '__main__':
    main()
