#!/usr/bin/env python3
"""bench-analyze.py: `entroscope analyze`, with everything it computes, against the few lines of
h5py and numpy that a person would write for the mean entropy alone.

    bench-analyze.py ENTROSCOPE MAKE-TRACE [--mb 2000] [--repeat 3] [--only NAME] [--keys 512]

Both read the same file, warm in the page cache, in turn; the best of the repeats counts.  numpy's
import and start are not timed, the program's are.  One line "name value unit"; ENTRO_BENCH_MB is
the size where --mb is not given; files go to TMPDIR and are removed.  Exit 77 without h5py."""
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

LAYERS, HEADS = 4, 8

# name, who writes it, element, how it is stored
CASES = [
    ('f32-contiguous', 'h5py', 'f32', {}),
    ('f32-chunked', 'h5py', 'f32', {'chunks': True}),
    ('f32-writer', 'writer', 'f32', {'deflate': 0}),
    ('f32-deflate', 'h5py', 'f32', {'chunks': True, 'shuffle': True, 'compression': 'gzip'}),
    ('f32-deflate-writer', 'writer', 'f32', {'deflate': 4}),
    ('f16-chunked', 'h5py', 'f16', {'chunks': True}),
    ('f16-writer', 'writer', 'f16', {'deflate': 0}),
]


def say(name, value, unit):
    print(f'{name} {value:.4g} {unit}', flush=True)


# ---- files ----------------------------------------------------------------------------------------

def attention(keys, element):
    """[1, HEADS, keys, keys], causal, heads from nearly uniform to sharp."""
    rng = np.random.default_rng(2385)
    p = np.zeros((1, HEADS, keys, keys), np.float32)
    below = np.tril(np.ones((keys, keys), bool))
    for head in range(HEADS):
        logits = np.where(below, rng.standard_normal((keys, keys)) * (0.5 + head % 5), -np.inf)
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        p[0, head] = weights / weights.sum(-1, keepdims=True)
    return p.astype({'f32': np.float32, 'f16': np.float16}[element])


def copy_chunks(dataset, n):
    """The chunks of the first capture again for all others: compressed once."""
    for head in range(HEADS):
        mask, chunk = dataset.id.read_direct_chunk((0, 0, head, 0, 0))
        for capture in range(1, n):
            dataset.id.write_direct_chunk((capture, 0, head, 0, 0), chunk, mask)


def make_by_h5py(path, element, storage, captures, keys):
    p = attention(keys, element)
    storage = dict(storage)
    if storage.get('chunks'):
        storage['chunks'] = (1, 1, 1, keys, keys)
    with h5py.File(path, 'w') as file:
        file.attrs.update({'format': 'attention-trace', 'format_version': 1, 'run_name': 'bench',
                           'causal': 1, 'context_length': keys})
        file['step'] = np.arange(captures, dtype=np.int64)
        for layer in range(LAYERS):
            dataset = file.create_dataset(f'layers/{layer}/attention', (captures, *p.shape),
                                          p.dtype, **storage)
            dataset[0] = p
            if 'chunks' in storage:
                copy_chunks(dataset, captures)
            else:
                for capture in range(1, captures):
                    dataset[capture] = p


def captures_for(mb, element, keys):
    size = LAYERS * HEADS * keys * keys * {'f32': 4, 'f16': 2}[element]
    return max(2, round(mb * 1e6 / size)), size


def make(args, case, path, mb):
    """Writes the file; returns captures and decoded bytes."""
    _, producer, element, storage = case
    captures, size = captures_for(mb, element, args.keys)
    if producer == 'h5py':
        make_by_h5py(path, element, storage, captures, args.keys)
    else:
        numbers = [LAYERS, HEADS, captures, args.keys, storage['deflate']]
        subprocess.run([args.make_trace, path, element, *map(str, numbers)], check=True)
    with open(path, 'rb') as file:  # warm, and no writing behind our back
        os.fsync(file.fileno())
        while file.read(1 << 24):
            pass
    return captures, captures * size


# ---- the ways -------------------------------------------------------------------------------------

def entropy(a):
    return -(a * np.log(a)).sum(-1).mean()


def numpy_slices(path):
    with h5py.File(path) as file:
        for layer in file['layers'].values():
            for capture in range(layer['attention'].shape[0]):
                entropy(layer['attention'][capture])


def numpy_whole(path):
    with h5py.File(path) as file:
        for layer in file['layers'].values():
            entropy(layer['attention'][...])


def numpy_slices_as_f32(path):
    with h5py.File(path) as file:
        for layer in file['layers'].values():
            for capture in range(layer['attention'].shape[0]):
                entropy(layer['attention'][capture].astype(np.float32))


def start(args, path, database, options=()):
    for suffix in ('', '-wal', '-shm'):
        if os.path.exists(database + suffix):
            os.remove(database + suffix)
    return subprocess.Popen([args.program, 'analyze', path, '--db', database, *options],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def finish(child):
    messages = child.communicate()[1]
    if child.returncode != 0:
        sys.exit(f'analyze failed: {messages.decode()}')


def analyze(args, path, database, options=()):
    finish(start(args, path, database, options))


def peak_of_analyze(args, path, database):
    """MiB, looked at while it runs: what wait4() says would count this process's own pages too,
    as they were before exec."""
    child = start(args, path, database)
    peak = 0
    while child.poll() is None:
        with open(f'/proc/{child.pid}/status') as status:
            for line in status:
                if line.startswith('VmHWM:'):
                    peak = int(line.split()[1])
        time.sleep(0.001)
    finish(child)
    return peak / 1024


def check(path, database, captures):
    """It must have done the work: all captures are there, with numpy's numbers."""
    with h5py.File(path) as file:
        a = file['layers/0/attention'][0].astype(np.float64)
    expected = -np.where(a > 0, a * np.log(np.where(a > 0, a, 1)), 0).sum(-1).mean((0, 2))
    with sqlite3.connect(database) as db:
        stored = [row[0] for row in db.execute(
            'SELECT entropy_mean FROM head_stats WHERE layer = 0 AND step = 0 ORDER BY head')]
        n = db.execute('SELECT count(*) FROM captures').fetchone()[0]
    if n != captures or np.abs(np.array(stored) - expected).max() > 1e-6:
        sys.exit(f'{path}: {n} of {captures} captures, entropies {stored}, numpy: {expected}')


def best_times(ways, repeat):
    best = {name: float('inf') for name in ways}
    for _ in range(repeat):
        for name, way in ways.items():  # in turn: a slow moment of the machine meets all
            begin = time.perf_counter()
            way()
            best[name] = min(best[name], time.perf_counter() - begin)
    return best


def bench_case(args, case, folder):
    name, path, database = case[0], os.path.join(folder, 'trace.h5'), os.path.join(folder, 'a.db')
    captures, size = make(args, case, path, args.mb)
    ways = {'numpy-slices': lambda: numpy_slices(path), 'numpy-whole': lambda: numpy_whole(path)}
    if case[2] == 'f16':
        ways['numpy-slices-as-f32'] = lambda: numpy_slices_as_f32(path)
    ways['entroscope'] = lambda: analyze(args, path, database)
    best = best_times(ways, args.repeat)
    check(path, database, captures)
    for way, seconds in best.items():
        say(f'{name}-{way}', size / seconds / 1e9, 'GB/s')
    for way, seconds in best.items():
        if way != 'entroscope':
            say(f'{name}-ratio-to-{way}', seconds / best['entroscope'], 'x')
    os.remove(path)


def bench_memory(args, folder):
    """The same shape, twenty times as many captures."""
    path, database = os.path.join(folder, 'trace.h5'), os.path.join(folder, 'a.db')
    for case in CASES[1], CASES[4]:
        for mb in args.mb / 20, args.mb:
            make(args, case, path, mb)
            say(f'memory-{case[0]}-{mb:.0f}MB', peak_of_analyze(args, path, database), 'MiB')
            os.remove(path)


STATISTICS = {
    'entropy-alone': ['--without', 'quantiles', '--without', 'diversity'],
    'quantiles': ['--without', 'diversity'],
    'diversity': ['--without', 'quantiles'],
    'default': [],
    'default-and-logits': ['--with', 'logits'],
    'default-and-pairs': ['--with', 'pairs'],
}


def bench_statistics(args, folder):
    """What each statistic costs beside the entropy alone (and what falls off with it)."""
    path, database = os.path.join(folder, 'trace.h5'), os.path.join(folder, 'a.db')
    for case in CASES[2], CASES[6]:
        for keys in 128, 512, 1024:
            of_keys = argparse.Namespace(**{**vars(args), 'keys': keys})
            make(of_keys, case, path, args.mb)
            ways = {name: lambda options=options: analyze(args, path, database, options)
                    for name, options in STATISTICS.items()}
            best = best_times(ways, 2 * args.repeat)
            for name, seconds in best.items():
                say(f'statistics-{case[2]}-{keys}-{name}', seconds / best['entropy-alone'], 'x')
            os.remove(path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('make_trace')
    parser.add_argument('--mb', type=float, default=float(os.environ.get('ENTRO_BENCH_MB', 2000)))
    parser.add_argument('--repeat', type=int, default=3)
    parser.add_argument('--keys', type=int, default=512)
    parser.add_argument('--only', help='names that contain this; "memory" or "statistics" for '
                                       'these alone')
    args = parser.parse_args()
    np.seterr(all='ignore')  # 0 log 0 is NaN there: as fast as any other number
    with tempfile.TemporaryDirectory(prefix='entroscope-bench-') as folder:
        for case in CASES:
            if not args.only or args.only in case[0]:
                bench_case(args, case, folder)
        if not args.only or args.only == 'memory':
            bench_memory(args, folder)
        if not args.only or args.only == 'statistics':
            bench_statistics(args, folder)


if __name__ == '__main__':
    main()
