#!/usr/bin/env python3
"""bench-train.py: `entroscope train` against the same model in PyTorch, on the CPU, in one run.

    bench-train.py ENTROSCOPE [--rounds 5] [--steps 20] [--threads 2] [--arch SM+LN+G --arch SM]

Same model, AdamW, clipping and drawing of batches, attention weights computed and returned.  First
they must agree: on a checkpoint's loss and attention, and on the losses of a few steps of training.
Then rounds in which they take turns; only steps are timed, without start, corpus or compilation.
PyTorch counts with the faster of eager mode and torch.compile.  One line "name value unit".  The
ratio means something on an idle machine only: threads that wait for each other, PyTorch's most of
all, suffer from other processes more than in proportion.
ENTRO_TORCH_PYTHON is a Python that has torch, numpy and h5py, where this one has not; exit 77
without them."""
import argparse
import ctypes
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

# Each library runs the kernels that it chooses itself, whatever somebody pinned for other purposes.
PINS = [name for name in ('OPENBLAS_CORETYPE', 'OPENBLAS_L2_SIZE', 'MKL_ENABLE_INSTRUCTIONS',
                          'MKL_CBWR', 'ATEN_CPU_CAPABILITY', 'ONEDNN_MAX_CPU_ISA')
        if name in os.environ]
PYTHON = os.environ.pop('ENTRO_TORCH_PYTHON', None)
if PYTHON or PINS:  # they are read when a library is loaded
    for name in PINS:
        del os.environ[name]
    os.execv(PYTHON or sys.executable, [PYTHON or sys.executable, *sys.argv])
try:
    import h5py
    import numpy as np
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as missing:
    print(f'skipped: {missing}')
    sys.exit(77)

SOURCES = pathlib.Path(__file__).resolve().parents[2]
CORPUS = [str(SOURCES / folder) for folder in ('loaders', 'analyzer', 'trainer', 'cli')]
SHAPE = {'layers': 12, 'heads': 12, 'dim': 192, 'context': 128, 'batch': 8}
ACTIVATIONS = {'G': F.gelu, 'R': F.relu}  # the exact GELU; neither letter: none
TOLERANCE = 1e-4
# So low that a model without LayerNorm stays in the range where float says the same twice: later
# its scores grow until rounding alone moves single weights by more than the tolerance.
LR_OF_CHECKS = '2e-4'
WARM_UP = 3  # steps


def say(name, value, unit):
    print(f'{name} {value:.4g} {unit}', flush=True)


# ---- the model in PyTorch -------------------------------------------------------------------------

class Attention(nn.Module):
    """Eager, as GPT-2's: scores, softmax and their product with v, and the weights returned.  The
    scale and the mask ride along in the product."""
    def __init__(self, dim, heads, context):
        super().__init__()
        self.heads = heads
        self.qk = nn.Linear(dim, 2 * dim)
        self.v = nn.Linear(dim, dim, bias=False)
        self.o = nn.Linear(dim, dim, bias=False)
        closed = torch.full((context, context), -torch.inf).triu(1)
        self.register_buffer('mask', closed, persistent=False)

    def split(self, x):
        batch, context, dim = x.shape
        x = x.view(batch, context, self.heads, dim // self.heads).transpose(1, 2)
        return x.reshape(batch * self.heads, context, dim // self.heads)

    def forward(self, x):
        batch, context, dim = x.shape
        q, k = self.qk(x).split(dim, -1)
        q, k, v = self.split(q), self.split(k), self.split(self.v(x))
        scores = torch.baddbmm(self.mask, q, k.transpose(1, 2), alpha=q.shape[-1] ** -0.5)
        weights = scores.softmax(-1)
        mixed = torch.bmm(weights, v).view(batch, self.heads, context, -1).transpose(1, 2)
        weights = weights.view(batch, self.heads, context, context)
        return self.o(mixed.reshape(batch, context, dim)), weights


class Block(nn.Module):
    def __init__(self, arch, dim, heads, context):
        super().__init__()
        norm = (lambda: nn.LayerNorm(dim)) if '+LN' in arch else nn.Identity
        self.norm1, self.attn, self.norm2 = norm(), Attention(dim, heads, context), norm()
        self.inner = nn.Linear(dim, 4 * dim, bias=False)
        self.outer = nn.Linear(4 * dim, dim, bias=False)
        self.activation = ACTIVATIONS.get(arch[-1], lambda x: x)

    def forward(self, x):
        mixed, weights = self.attn(self.norm1(x))
        x = x + mixed
        return x + self.outer(self.activation(self.inner(self.norm2(x)))), weights


class Gpt(nn.Module):
    def __init__(self, arch, layers, heads, dim, context, **_):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(256, dim), nn.Embedding(context, dim)
        self.blocks = nn.ModuleList(Block(arch, dim, heads, context) for _ in range(layers))
        self.norm = nn.LayerNorm(dim)

    def forward(self, tokens, targets):
        x = self.wte(tokens) + self.wpe.weight
        attention = []
        for block in self.blocks:
            x, weights = block(x)
            attention.append(weights)
        logits = F.linear(self.norm(x), self.wte.weight)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten()), attention

    def load(self, file):
        """The weights of an open checkpoint."""
        def fill(parameter, name):
            parameter.data.copy_(torch.from_numpy(file[name][...]))

        def fill_norm(norm, name):
            if isinstance(norm, nn.LayerNorm):
                fill(norm.weight, f'{name}/gain')
                fill(norm.bias, f'{name}/bias')

        fill(self.wte.weight, 'wte')
        fill(self.wpe.weight, 'wpe')
        fill_norm(self.norm, 'final_norm')
        for i, block in enumerate(self.blocks):
            at = f'blocks/{i}'
            fill_norm(block.norm1, f'{at}/norm1')
            fill_norm(block.norm2, f'{at}/norm2')
            for linear, name in ((block.attn.qk, 'attn/w_qk'), (block.attn.v, 'attn/w_v'),
                                 (block.attn.o, 'attn/w_o'), (block.inner, 'ffn/w_in'),
                                 (block.outer, 'ffn/w_out')):
                fill(linear.weight.T, f'{at}/{name}')  # nn.Linear stores (out, in)
            fill(block.attn.qk.bias, f'{at}/attn/b_qk')


def optimizer_of(model):
    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() < 2]
    return torch.optim.AdamW([{'params': matrices, 'weight_decay': 0.1},
                              {'params': others, 'weight_decay': 0}],
                             lr=1e-3, betas=(0.9, 0.999), eps=1e-8, fused=True)


def train_step(model, forward, optimizer, tokens, targets, lr):
    loss, attention = forward(tokens, targets)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for group in optimizer.param_groups:
        group['lr'] = lr
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return loss.item(), attention


# ---- entroscope -----------------------------------------------------------------------------------

def command(args, arch, steps, folder, data, *options):
    shape = [word for name, value in SHAPE.items() for word in (f'--{name}', str(value))]
    return [args.program, 'train', '--arch', arch, *shape, '--threads', str(args.threads),
            '--steps', str(steps), '--eval-every', str(steps), '--eval-batches', '1',
            '--checkpoint', f'{folder}/model.h5',
            *(word for path in data for word in ('--data', path)), *options]


def train(*arguments):
    child = subprocess.run(command(*arguments), capture_output=True, text=True)
    if child.returncode != 0:
        sys.exit(f'entroscope train failed: {child.stderr}')


def step_seconds(args, arch, folder):
    """Of each step from WARM_UP to the last but one, which also evaluates: by the clock of this
    process, which does nothing but read the reports."""
    steps = args.steps + WARM_UP + 1
    times = {}
    with subprocess.Popen(command(args, arch, steps, folder, CORPUS), stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as child:
        for line in child.stderr:
            report = re.search(r': step (\d+) of ', line)
            if report:
                times[int(report[1])] = time.perf_counter()
    if child.returncode != 0:
        sys.exit('entroscope train failed')
    first, last = min(step for step in times if step >= WARM_UP), max(s for s in times if s < steps)
    return (times[last] - times[first]) / (last - first)


# ---- are they the same? ---------------------------------------------------------------------------

def differ(what, ours, theirs):
    worst = np.abs(np.asarray(ours, np.float64) - np.asarray(theirs, np.float64)).max()
    say(what, worst, '')
    if not worst <= TOLERANCE:
        sys.exit(f'{what}: the models are not the same (allowed {TOLERANCE})')


def check_forward(args, arch, folder):
    """Loss and attention of a checkpoint's own captures."""
    train(args, arch, 8, folder, CORPUS, '--trace', f'{folder}/t.h5', '--element', 'f32',
          '--lr', LR_OF_CHECKS)
    model = Gpt(arch, **SHAPE)
    with h5py.File(f'{folder}/model.h5') as file:
        model.load(file)
        tokens = torch.from_numpy(file['capture/tokens'][...].astype(np.int64))
        with torch.no_grad():
            loss, attention = model(tokens[:, :-1], tokens[:, 1:])
        differ(f'{arch}-difference-loss', file.attrs['capture_loss'], loss)
    with h5py.File(f'{folder}/t.h5') as trace:
        stored = [trace[f'layers/{layer}/attention'][-1] for layer in range(SHAPE['layers'])]
    differ(f'{arch}-difference-attention', stored, torch.stack(attention))


def check_training(args, arch, folder):
    """Losses of the first steps from that checkpoint, on a text where all windows are alike, so
    that the draws do not matter."""
    text = pathlib.Path(folder, 'a.txt')
    text.write_bytes(b'a' * 4096)
    start = f'{folder}/start.h5'
    os.rename(f'{folder}/model.h5', start)
    train(args, arch, 4, folder, [str(text)], '--init', start, '--trace', f'{folder}/t.h5',
          '--lr', LR_OF_CHECKS)
    model = Gpt(arch, **SHAPE)
    with h5py.File(start) as file:
        model.load(file)
    with h5py.File(f'{folder}/t.h5') as trace:
        losses, lrs = (trace[f'scalars/{name}/value'][...] for name in ('loss', 'lr'))
    optimizer = optimizer_of(model)
    tokens = torch.full((SHAPE['batch'], SHAPE['context']), ord('a'))
    differ(f'{arch}-difference-training', losses,
           [train_step(model, model, optimizer, tokens, tokens, lr)[0] for lr in lrs])


# ---- timing ---------------------------------------------------------------------------------------

class Torch:
    """Training in this process, kept between the rounds."""
    def __init__(self, arch, compiled):
        torch.manual_seed(1)
        self.model = Gpt(arch, **SHAPE)
        for parameter in self.model.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.04)
        self.forward = torch.compile(self.model) if compiled else self.model
        self.optimizer = optimizer_of(self.model)
        text = b''.join(path.read_bytes() for folder in CORPUS
                        for path in sorted(pathlib.Path(folder).rglob('*.[ch]')))
        self.text = torch.frombuffer(bytearray(text), dtype=torch.uint8)
        self.window = torch.arange(SHAPE['context'] + 1)

    def step(self):
        first = torch.randint(len(self.text) - SHAPE['context'], (SHAPE['batch'], 1))
        windows = self.text[first + self.window].long()
        train_step(self.model, self.forward, self.optimizer, windows[:, :-1], windows[:, 1:], 1e-4)

    def step_seconds(self, steps):
        for _ in range(WARM_UP):
            self.step()
        begin = time.perf_counter()
        for _ in range(steps):
            self.step()
        return (time.perf_counter() - begin) / steps


def keep_memory():
    """Large blocks of memory go back to the kernel at each free, and come back as page faults:
    glibc can be told not to, which makes PyTorch faster.  The numbers are those of malloc.h."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, 'mallopt'):
        for option in (-1, -3):  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
            libc.mallopt(option, 1 << 30)


def compiled_or_none(arch):
    """torch.compile needs a C++ compiler."""
    try:
        way = Torch(arch, True)
        way.step()
        return way
    except Exception as reason:  # whatever it is, there are many
        print(f'no torch.compile: {str(reason).splitlines()[0]}', flush=True)
        return None


def bench(args, arch, folder):
    check_forward(args, arch, folder)
    check_training(args, arch, folder)
    ways = {'entroscope': lambda: step_seconds(args, arch, folder)}
    torches = {'torch-eager': Torch(arch, False), 'torch-compile': compiled_or_none(arch)}
    for name, way in torches.items():
        if way is not None:
            ways[name] = lambda way=way: way.step_seconds(args.steps)
    seconds = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, way in ways.items():  # in turn: a slow moment of the machine meets all
            seconds[name].append(way())
    tokens = SHAPE['batch'] * SHAPE['context']
    for name, times in seconds.items():
        say(f'{arch}-{name}', tokens / min(times), 'tokens/s')
        say(f'{arch}-{name}-median', tokens / statistics.median(times), 'tokens/s')
    best = {name: min(times) for name, times in seconds.items()}
    torch_best = min((name for name in best if name != 'entroscope'), key=best.get)
    ratios = [theirs / ours for theirs, ours in zip(seconds[torch_best], seconds['entroscope'])]
    say(f'{arch}-ratio-to-{torch_best}', best[torch_best] / best['entroscope'], 'x')
    say(f'{arch}-ratio-to-{torch_best}-median', statistics.median(ratios), 'x')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('program')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--steps', type=int, default=20)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--arch', action='append')
    args = parser.parse_args()
    keep_memory()
    torch.set_num_threads(args.threads)
    say('load-before', os.getloadavg()[0], 'processes')
    with tempfile.TemporaryDirectory(prefix='entroscope-bench-') as folder:
        for arch in args.arch or ['SM+LN+G', 'SM']:
            bench(args, arch, folder)


if __name__ == '__main__':
    main()
