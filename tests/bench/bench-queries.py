#!/usr/bin/env python3
"""bench-queries.py: `entroscope analyze` of queries and keys, with everything it computes, against numpy
that makes the weights densely for the mean entropy alone.

    bench-queries.py ENTROSCOPE [--repeat 3] [--keys 4096] [--heads 8] [--dim 64]

Every way is a process of its own that reads the same file, warm in the page cache, in turn; the best of
the repeats counts, and the peak of its memory.  numpy's import is not timed, the program's start is.  The
rate of sgemm is that of numpy's BLAS on this machine, all processors, in the same run.  One line "name
value unit"; files go to TMPDIR and are removed.  Exit 77 without h5py."""
import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f'skipped: {missing}')
    sys.exit(77)


def say(name, value, unit):
    print(f'{name} {value:.4g} {unit}', flush=True)


def make(path, heads, keys, dim):
    rng = np.random.default_rng(2385)
    with h5py.File(path, 'w') as file:
        file.attrs.update({'format': 'attention-trace', 'format_version': 1, 'run_name': 'bench',
                           'causal': 1, 'context_length': keys})
        file['step'] = np.zeros(1, np.int64)
        for name, sharpness in ('queries', 2), ('keys', 1):
            data = file.create_dataset(f'layers/0/{name}', (1, 1, heads, keys, dim), 'f4',
                                       chunks=(1, 1, 1, min(keys, 4096), dim))
            for head in range(heads):
                data[0, 0, head] = sharpness * rng.standard_normal((keys, dim), np.float32)


# ---- numpy, in a process of its own --------------------------------------------------------------------

def entropy_of(q, k):
    """[..., T, dim] -> [...]: the mean over the rows of a causal softmax, in f32."""
    keys = q.shape[-2]
    x = q @ k.swapaxes(-1, -2) / np.float32(np.sqrt(q.shape[-1]))
    x[..., ~np.tril(np.ones((keys, keys), bool))] = -np.inf
    x = np.exp(x - x.max(-1, keepdims=True))
    p = x / x.sum(-1, keepdims=True)
    return -np.where(p > 0, p * np.log(p), 0).sum(-1).mean(-1)


def numpy_heads(layer):
    return [entropy_of(layer['queries'][0, 0, head], layer['keys'][0, 0, head])
            for head in range(layer['queries'].shape[2])]


def numpy_layer(layer):
    return entropy_of(layer['queries'][0, 0], layer['keys'][0, 0])


CHILDREN = {'numpy-heads': numpy_heads, 'numpy-layer': numpy_layer}


def peak_memory(pid):
    with open(f'/proc/{pid}/status') as status:
        for line in status:
            if line.startswith('VmHWM:'):
                return int(line.split()[1]) / 1024
    return 0


def be_child(way, path):
    np.seterr(all='ignore')
    with h5py.File(path) as file:
        begin = time.perf_counter()
        entropies = CHILDREN[way](file['layers/0'])
        seconds = time.perf_counter() - begin
    print(seconds, peak_memory('self'), *entropies)


# ---- the ways --------------------------------------------------------------------------------------------

def run_numpy(way, path):
    out = subprocess.run([sys.executable, __file__, '--child', way, path], check=True,
                         capture_output=True, text=True).stdout.split()
    return float(out[0]), float(out[1]), [float(value) for value in out[2:]]


def run_program(program, path, database, options):
    for suffix in ('', '-wal', '-shm'):
        if os.path.exists(database + suffix):
            os.remove(database + suffix)
    begin, peak = time.perf_counter(), 0
    child = subprocess.Popen([program, 'analyze', path, '--db', database, *options],
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while child.poll() is None:
        peak = max(peak, peak_memory(child.pid))
        time.sleep(0.001)
    seconds = time.perf_counter() - begin
    if child.returncode != 0:
        sys.exit(f'analyze failed: {child.stderr.read().decode()}')
    with sqlite3.connect(database) as db:
        stored = [row[0] for row in db.execute('SELECT entropy_mean FROM head_stats ORDER BY head')]
    return seconds, peak, stored


def sgemm_rate(repeat):
    """Flop a second of one large product."""
    n = 3072
    a, b = (np.random.default_rng(i).standard_normal((n, n), np.float32) for i in (1, 2))
    best = float('inf')
    for _ in range(repeat + 1):
        begin = time.perf_counter()
        a @ b
        best = min(best, time.perf_counter() - begin)
    return 2 * n ** 3 / best


def bench(args, folder):
    path, database = os.path.join(folder, 'q.h5'), os.path.join(folder, 'q.db')
    make(path, args.heads, args.keys, args.dim)
    alone = ('--without', 'diversity')
    ways = {'numpy-heads': lambda: run_numpy('numpy-heads', path),
            'numpy-layer': lambda: run_numpy('numpy-layer', path),
            'entroscope': lambda: run_program(args.program, path, database, ()),
            'entroscope-without-diversity': lambda: run_program(args.program, path, database, alone)}
    best, peak, found = dict.fromkeys(ways, float('inf')), dict.fromkeys(ways, 0), {}
    for _ in range(args.repeat):
        for name, way in ways.items():  # in turn: a slow moment of the machine meets all
            seconds, memory, found[name] = way()
            best[name], peak[name] = min(best[name], seconds), max(peak[name], memory)
    for name in ways:
        off = np.abs(np.array(found[name]) - np.array(found['entroscope'])).max()
        if len(found[name]) != args.heads or off > 1e-4:
            sys.exit(f'{name}: {found[name]}, entroscope: {found["entroscope"]}')
        say(f'{args.keys}-{name}', best[name], 's')
        say(f'{args.keys}-{name}-memory', peak[name], 'MiB')
    for name in 'numpy-heads', 'numpy-layer':
        say(f'{args.keys}-ratio-to-{name}', best[name] / best['entroscope'], 'x')
        say(f'{args.keys}-memory-of-{name}', peak['entroscope'] / peak[name], 'of it')


def bench_rate(args, folder):
    """A long one, where the start of the program is nothing: pairs that are allowed alone count."""
    path, database, keys = os.path.join(folder, 'r.h5'), os.path.join(folder, 'r.db'), 4 * args.keys
    make(path, 4, keys, args.dim)
    runs = [run_program(args.program, path, database, ()) for _ in range(args.repeat)]
    rate = 4 * args.dim * keys * (keys + 1) / min(run[0] for run in runs)
    machine = sgemm_rate(args.repeat)
    say('sgemm-rate', machine / 1e9, 'Gflop/s')
    say(f'{keys}-rate', rate / 1e9, 'Gflop/s')
    say(f'{keys}-share-of-sgemm', rate / machine, 'of it')
    say(f'{keys}-memory', max(run[1] for run in runs), 'MiB')


def main():
    if len(sys.argv) == 4 and sys.argv[1] == '--child':
        be_child(sys.argv[2], sys.argv[3])
        return
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('--repeat', type=int, default=3)
    parser.add_argument('--keys', type=int, default=4096)
    parser.add_argument('--heads', type=int, default=8)
    parser.add_argument('--dim', type=int, default=64)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix='entroscope-bench-') as folder:
        bench(args, folder)
        bench_rate(args, folder)


if __name__ == '__main__':
    main()
