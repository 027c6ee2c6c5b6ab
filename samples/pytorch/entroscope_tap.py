"""entroscope_tap.py: writes the attention of a PyTorch model, while it trains, to a trace that
entroscope reads.  Copy this file beside your training script; it needs torch, numpy and h5py.

    from entroscope_tap import tap

    with tap(model, "run.h5", every=100) as t:
        for step, batch in enumerate(batches):
            loss = model(**batch).loss
            loss.backward(); optimizer.step(); optimizer.zero_grad()
            t.step(step, loss=loss)

    $ entroscope analyze run.h5 --db runs.db          # also while it trains

What is found by itself: the attention of Hugging Face models (eager, sdpa, flash_attention_*) and
nn.MultiheadAttention.  Anything else you name (then nothing is searched), by patterns of module names:

    modules=["blocks.*.attn"]            # calls F.scaled_dot_product_attention inside
    modules={"blocks.*.attn": getter}    # getter(module, args, kwargs, output) gives a dict:
                                         # attention=, or query=, key= and the arguments of see()

or your attention calls `entroscope_tap.see(self, q, k, causal=True)`, which does nothing unless a tap
listens.  t.layers says which modules became which layers.

    mode           stored of every layer                           size, all heads
    "row_entropy"  entropy and largest logit of every row,         8 bytes a row
                   computed on the device in blocks, no T x T
    "queries_keys" queries and keys as they enter the product      2 dh elements a row (fewer: GQA)
                   (after rotary embedding and QK-norm)
    "attention"    the weights after softmax, before dropout       T elements a row

`layers`, `heads`, `samples` and `query_rows` (positions of queries) choose; `dtype` is "f16", "bf16" or
"f32" (default: f16 for attention, the model's own for queries and keys; row entropies are f32).
Scores are computed in f32 from the model's queries and keys, as fused kernels do; where you allow TF32,
those of f32 models in TF32.

Results of the model stay what they were, bit by bit: nothing is recorded for autograd, no random
number is drawn, no code path of PyTorch is changed.  A background thread writes; `memory` bytes may
wait for it, then training waits.  What is captured is the first forward pass of a step: recomputation
by gradient checkpointing and further micro-batches are passed over.  Wrap evaluation in
`with t.paused():`.  When writing fails (a full disk), you are told once and training goes on; every
capture committed before stays readable.

Padding is taken from the model's argument `attention_mask` ([B, T]) or key_padding_mask; else give it,
before t.step(), with t.note(key_mask=...), document numbers with t.note(segment=...).  Batches of
another length or size than the first are padded up to `length` and marked as padding.

A layer that a capture lacks (it was skipped in that forward pass) is missing in it, the others are not;
one that the first capture lacks is never stored.

What cannot be seen: compiled code (capture with the model that was not compiled), CUDA graphs, the
replicas of nn.DataParallel, the fused path of nn.TransformerEncoderLayer in eval mode
(torch.backends.mha.set_fastpath_enabled(False)), flex_attention, and sequences that flash attention gets
packed.  What can be stored but not as queries and keys is said: ALiBi, position bias, softcap,
sinks, masks that are not causal, window, padding or documents.

Cost, by measure.py as it stands (GPT-2 of 4 x 6 heads, width 384, T = 256, batch 4, all of it captured,
f32 on two idle CPU cores; a step took 385 ms; never measured on a GPU).  A captured step took longer, the
writer's work included and not hidden behind the next step:

    mode           clock    processor time   a capture every 100 steps   bytes a capture
    attention      + 8 %    + 8 %            +0.08 %                     12.58 MB (f16)
    queries_keys   + 3 %    + 4 %            +0.03 %                      6.29 MB (f16)
    row_entropy    +11 %    +11 %            +0.11 %                      0.20 MB (f32)
"""
import contextlib
import ctypes
import fnmatch
import functools
import inspect
import math
import os
import pathlib
import queue
import re
import shutil
import sys
import threading
import time
import uuid
import warnings
from dataclasses import dataclass

import h5py
import numpy as np
import torch
from torch import nn

__all__ = ["tap", "see", "Tap", "TapError"]

BLOCK_BYTES = 8 << 20             # scores that are in memory at once
PIECE_BYTES = 16 << 20            # what is handed to the writer at once, if one sample is no larger
CHUNK_BYTES = 64 << 10, 1 << 20   # of the file: what readers like
SERIES_CHUNK = 128                # entries of a chunk of /step and the scalars
SPARE_BYTES = 256 << 10           # must be free on the disk beside what is written
MODES = {"attention": ("attention",), "queries_keys": ("queries", "keys"),
         "row_entropy": ("row_entropy", "row_max_logit")}
PARAMETERS = ("temperature", "threshold", "alpha", "beta")
DTYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32}
# bf16 is stored as uint16 with the attribute encoding="bf16": HDF5 has no such type of its own
STORED = {torch.float16: "<f2", torch.bfloat16: "<u2", torch.float32: "<f4"}


class TapError(RuntimeError):
    """The tap cannot capture what it was asked for; raised before or in the first capture only."""


# ---- one product of queries and keys ---------------------------------------------------------------

@dataclass
class Product:
    """What enters a softmax: p = softmax(scale q.k / temperature + mask)."""
    query: torch.Tensor                   # [B, H, Tq, dh]
    key: torch.Tensor                     # [B, Hkv, Tk, dh]
    scale: float
    mask: torch.Tensor | None = None      # bool, True: allowed; or added to the scores; [B|1, H|1, Tq, Tk]
    causal: bool = False                  # row q sees keys <= q + Tk - Tq
    window: int | None = None             # ... of these the last so many, itself included
    temperature: torch.Tensor | None = None   # divides the scores, [H|1, Tq|1]
    softcap: float | None = None
    bias: torch.Tensor | None = None      # added to the scores beside the mask
    sink: torch.Tensor | None = None      # [H], a score without a key

    def cropped(self, length):
        """The first so many queries and keys: the same attention if it is causal."""
        def cut(x):
            return None if x is None else x[..., :length, :length]
        return Product(self.query[:, :, :length], self.key[:, :, :length], self.scale, cut(self.mask),
                       self.causal, self.window, self.temperature, self.softcap, cut(self.bias), self.sink)

    def forbidden(self, sample, heads, rows):
        """[H|1, R, Tk], True where a row must not look, or None."""
        n_queries, n_keys = self.query.shape[2], self.key.shape[2]
        closed = None
        if self.causal or self.window:
            ahead = (torch.arange(n_keys, device=rows.device)[None, :] -
                     (rows[:, None] + n_keys - n_queries))
            closed = ahead > 0 if self.causal else torch.zeros_like(ahead, dtype=torch.bool)
            if self.window:
                closed = closed | (ahead <= -self.window)
            closed = closed[None]
        if self.mask is not None:
            mask = pick(self.mask, sample, heads, rows)
            shut = ~mask if mask.dtype == torch.bool else mask <= torch.finfo(mask.dtype).min / 2
            closed = shut if closed is None else closed | shut
        return closed

    def scores(self, sample, heads, rows):
        """[H, R, Tk] in f32 (f64 models: f64), -inf where a row must not look."""
        exact = torch.promote_types(self.query.dtype, torch.float32)
        q = self.query[sample][heads][:, rows].to(exact)
        k = self.key[sample][key_heads(self, heads)].to(exact)
        s = torch.matmul(q, k.transpose(-1, -2)).mul_(self.scale)
        if self.softcap:
            s = self.softcap * torch.tanh(s / self.softcap)
        if self.temperature is not None:
            t = self.temperature[heads] if self.temperature.shape[0] > 1 else self.temperature
            s = s / (t[:, rows] if t.shape[1] > 1 else t)[..., None]
        if self.bias is not None:
            s = s + pick(self.bias, sample, heads, rows)
        if self.mask is not None and self.mask.dtype != torch.bool:
            s = s + pick(self.mask, sample, heads, rows)
        closed = self.forbidden(sample, heads, rows)
        return s if closed is None else s.masked_fill_(closed, -math.inf)

    def only_queries_and_keys(self):
        """Why queries and keys do not say everything, or None."""
        for what, name in ((self.softcap, "a softcap"), (self.bias, "a position bias"),
                           (self.sink, "attention sinks")):
            if what is not None:
                return f"it has {name}"
        return None


def pick(mask, sample, heads, rows):
    """Of [B|1, H|1, Tq|1, Tk]: one sample, some heads, some rows."""
    mask = mask[sample if mask.shape[0] > 1 else 0]
    mask = mask[heads] if mask.shape[0] > 1 else mask
    return mask[:, rows] if mask.shape[1] > 1 else mask


def key_heads(product, heads):
    """Head h uses key head floor(h Hkv / H)."""
    n_heads, n_key_heads = product.query.shape[1], product.key.shape[1]
    return torch.div(heads * n_key_heads, n_heads, rounding_mode="floor")


def weights_of(product, sample, heads, rows):
    """softmax; a row that may look nowhere is 0, not NaN."""
    s = product.scores(sample, heads, rows)
    empty = (s == -math.inf).all(-1, keepdim=True)
    if product.sink is not None:
        sink = product.sink[heads].to(s.dtype)[:, None, None].expand(-1, s.shape[1], 1)
        s = torch.cat([s, sink], -1)
    p = torch.softmax(s, -1)[..., :product.key.shape[2]]
    return p.masked_fill_(empty, 0)


def row_entropy(product, sample, heads, rows):
    """H = ln Z - sum e (s - m) / Z with e = exp(s - m), Z = sum e; and m, the largest logit."""
    s = product.scores(sample, heads, rows)
    m = s.amax(-1, keepdim=True)
    empty = m == -math.inf
    d = (s - m.masked_fill(empty, 0)).clamp_(min=-1e4)    # 0 * -inf would be NaN
    e = torch.exp(d)
    z = held = e.sum(-1)
    if product.sink is not None:     # Z has it, the sum over keys has not
        z = z + torch.exp(product.sink[heads].to(s.dtype)[:, None] - m[..., 0])
    h = torch.log(z) * (held / z) - (e * d).sum(-1) / z
    return h.clamp_(min=0).masked_fill_(empty[..., 0], 0), m[..., 0]


# ---- where products come from ------------------------------------------------------------------------

def of_hugging_face(kind, module, query, key, mask, kwargs):
    """The arguments of transformers' attention functions, as each of them understands its own."""
    if mask is not None and not isinstance(mask, torch.Tensor):
        raise TapError(f"the mask is a {type(mask).__name__} (flex_attention), which the tap does not "
                       "read: load the model with attn_implementation='sdpa'")
    scale = kwargs.get("scaling")
    product = Product(query, key, query.shape[-1] ** -0.5 if scale is None else float(scale), mask,
                      softcap=kwargs.get("softcap"), bias=kwargs.get("position_bias"),
                      sink=kwargs.get("s_aux"))
    flag = kwargs.get("is_causal")
    flag = getattr(module, "is_causal", True) if flag is None else flag
    if "flash" in kind and kwargs.get("cu_seq_lens_q") is not None:
        raise TapError("its sequences are packed (cu_seq_lens_q), which the tap does not read: load the "
                       "model with attn_implementation='sdpa'")
    if "flash" in kind:
        product.causal, product.window = bool(flag), kwargs.get("sliding_window")
        product.mask = None if mask is None else mask.bool()[:, None, None, :]
    elif kind != "eager" and mask is None and flag and query.shape[2] > 1:
        product.causal = True
        product.key = key[:, :, :query.shape[2]]      # an empty static cache
    if mask is not None and "flash" not in kind:
        product.mask = mask[..., :key.shape[2]]
    return product


def of_sdpa(query, key, value=None, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None,
            enable_gqa=False):
    """The arguments of F.scaled_dot_product_attention."""
    if query.dim() == 3:
        query, key = query[:, None], key[:, None]
    if attn_mask is not None:
        attn_mask = attn_mask[(None,) * (4 - attn_mask.dim())]
    return Product(query, key, query.shape[-1] ** -0.5 if scale is None else scale, attn_mask,
                   causal=is_causal)


def of_multihead(module, query, key, value, key_padding_mask=None, need_weights=True, attn_mask=None,
                 average_attn_weights=True, is_causal=False):
    """The arguments of nn.MultiheadAttention.forward; the projections are computed again."""
    if module.bias_k is not None or module.add_zero_attn:
        raise TapError("nn.MultiheadAttention with add_bias_kv or add_zero_attn has keys that are no "
                       "positions: the tap does not store them")
    if query.dim() == 2:
        query, key = query[None], key[None]
        key_padding_mask = None if key_padding_mask is None else key_padding_mask[None]
    elif not module.batch_first:
        query, key = query.transpose(0, 1), key.transpose(0, 1)
    n_embed, n_heads = module.embed_dim, module.num_heads
    w_q, w_k = module.q_proj_weight, module.k_proj_weight
    if module.in_proj_weight is not None:
        w_q, w_k = module.in_proj_weight[:n_embed], module.in_proj_weight[n_embed:2 * n_embed]
    b = module.in_proj_bias
    q = nn.functional.linear(query, w_q, None if b is None else b[:n_embed])
    k = nn.functional.linear(key, w_k, None if b is None else b[n_embed:2 * n_embed])
    q, k = (x.unflatten(-1, (n_heads, -1)).transpose(1, 2) for x in (q, k))

    mask = None
    if attn_mask is not None:
        mask = attn_mask.unflatten(0, (-1, n_heads)) if attn_mask.dim() == 3 else attn_mask[None, None]
    if key_padding_mask is not None:
        mask = united(mask, key_padding_mask[:, None, None, :])
    if mask is not None and mask.dtype == torch.bool:
        mask = ~mask                                          # here True says: look not
    return Product(q, k, (n_embed // n_heads) ** -0.5, mask)


def united(a, b):
    """Two masks of nn.MultiheadAttention, each bool or added."""
    if a is None:
        return b
    if a.dtype == b.dtype == torch.bool:
        return a | b
    as_float = [torch.zeros(x.shape, device=x.device).masked_fill_(x, -math.inf)
                if x.dtype == torch.bool else x for x in (a, b)]
    return as_float[0] + as_float[1]


def uses_attention_interface(module):
    code = getattr(inspect.unwrap(type(module).forward), "__code__", None)
    return code is not None and "ALL_ATTENTION_FUNCTIONS" in code.co_names


def plain(model):
    """The model inside DistributedDataParallel and torch.compile."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and type(model).__name__ in ("DistributedDataParallel", "DataParallel"):
            inner = model.module
        if inner is None:
            return model
        model = inner


# ---- the file ----------------------------------------------------------------------------------------

def text(value):
    """Strings of fixed length: they need no heap, which readers of a growing file might miss."""
    data = str(value).encode()
    return np.array(data, dtype=h5py.string_dtype("utf-8", max(len(data), 1)))


def chunk_of(shape, size):
    """Of [B, H, rows, columns] elements of so many bytes: as many heads of one sample as 1 MiB holds,
    preferably a divisor of H; where one head is larger, rows are divided, never a row."""
    _, heads, rows, columns = shape
    row = columns * size
    fit = max(1, min(heads, CHUNK_BYTES[1] // (rows * row)))
    fit = next((n for n in range(fit, 0, -1) if heads % n == 0 and n * rows * row >= CHUNK_BYTES[0]), fit)
    parts = -(-rows // max(1, min(rows, CHUNK_BYTES[1] // row)))
    return 1, 1, fit, -(-rows // parts), columns


class NoRoom(OSError):
    """Found before anything was written: the file can be closed as usual."""


class Writer(threading.Thread):
    """The file's only owner.  Jobs are calls of its methods; after the first failure they are dropped,
    so that training never waits for a file that is dead."""

    def __init__(self, path, memory):
        super().__init__(name="entroscope tap", daemon=True)
        self.path, self.memory = path, memory
        self.jobs, self.room, self.held = queue.SimpleQueue(), threading.Condition(), 0
        self.file, self.problem = None, None
        self.steps = self.complete = None
        self.parts, self.series = {}, {}
        self.captures = self.bytes = 0
        self.fresh = set()       # parts that the coming capture has
        self.waited = 0.0

    def put(self, method, *arguments, size=0, ready=None):
        """Waits until there is room; something larger than all of it may pass alone."""
        begin = time.perf_counter()
        with self.room:
            self.room.wait_for(lambda: self.held == 0 or self.held + size <= self.memory)
            self.held += size
        self.waited += time.perf_counter() - begin
        self.jobs.put((method, arguments, size, ready))

    def run(self):
        while True:
            method, arguments, size, ready = self.jobs.get()
            try:
                if ready is not None:
                    ready.synchronize()
                if self.problem is None or method is Writer.close and self.file:
                    method(self, *arguments)
            except Exception as error:      # whatever it is: training goes on
                self.problem = f"{self.path}: {plainly(error)}"
                if not isinstance(error, NoRoom):
                    self.abandon()
            del arguments
            with self.room:
                self.held -= size
                self.room.notify()
            if method is Writer.close:
                return

    def abandon(self):
        """After a failure.  What was committed is on the disk, as after a kill -9.  HDF5 cannot close the
        file any more: it reads again, practically for ever and with Python's lock, what was not written,
        or crashes.  So its handles stay open, and the process ends without asking HDF5."""
        with contextlib.suppress(Exception):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.file.id.get_vfd_handle())
            os.close(nowhere)
        series = [dataset for pair in self.series.values() for dataset in pair]
        for each in (self.file, self.steps, self.complete, *series, *self.parts.values()):
            if each is not None:
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(each.id))
        with contextlib.suppress(AttributeError):      # of glibc; it gets the exit status
            libc = ctypes.CDLL(None)
            libc.on_exit(libc._exit, None)
        self.file = None

    def check_room(self, size):
        free = shutil.disk_usage(self.path.parent).free
        if free < size + SPARE_BYTES:
            raise NoRoom(f"no space left on the disk ({free} bytes are free, {size} are needed)")

    # jobs

    def create(self):
        self.file = h5py.File(self.path, "x", libver=("v110", "v110"), locking="best-effort")

    def add_layer(self, number, parts, attributes, rows):
        """parts: {name: (shape of a capture, dtype, encoding, deflate)}"""
        group = self.file.create_group(f"layers/{number}")
        for name, value in attributes.items():
            group.attrs[name] = value
        if rows is not None:
            group.create_dataset("query_rows", data=np.asarray(rows, "<i4"), chunks=(len(rows),),
                                 fletcher32=True)
        for name, (shape, dtype, encoding, deflate) in parts.items():
            if name in PARAMETERS:
                chunk = (1,) + shape
            elif len(shape) == 3:      # a row is one number
                chunk = chunk_of(shape[:2] + (1, shape[2]), np.dtype(dtype).itemsize)[:3] + shape[2:]
            else:
                chunk = chunk_of(shape, np.dtype(dtype).itemsize)
            packing = {"shuffle": True, "compression": "gzip", "compression_opts": deflate} if deflate else {}
            dataset = group.create_dataset(name, (0,) + shape, dtype, maxshape=(None,) + shape,
                                           chunks=chunk, fletcher32=True, **packing)
            if encoding:
                dataset.attrs["encoding"] = text(encoding)
            self.parts[number, name] = dataset

    def write(self, number, name, start, values):
        """Some samples of one part of a layer of the coming capture."""
        self.check_room(values.nbytes)
        dataset = self.parts[number, name]
        if len(dataset) <= self.captures:
            dataset.resize(self.captures + 1, 0)
        if start is None:
            dataset[self.captures] = values
        else:
            dataset[self.captures, start:start + len(values)] = values
        self.bytes += values.nbytes
        self.fresh.add((number, name))

    def open_to_readers(self, attributes, config, scalars, masks):
        """Everything else that the file will ever hold; from here on it may be read (SWMR)."""
        for name, value in attributes.items():
            self.file.attrs[name] = value
        group = self.file.create_group("config")
        for name, value in config.items():
            group.attrs[name] = value if isinstance(value, (bool, int, float)) else text(value)
        for name, (shape, dtype) in masks.items():
            self.parts[None, name] = self.file.create_dataset(
                name, (0,) + shape, dtype, maxshape=(None,) + shape, chunks=(1,) + shape, fletcher32=True)
        for name in scalars:
            self.series[name] = [self.add_series(f"scalars/{name}/{part}", dtype)
                                 for part, dtype in (("step", "<i8"), ("value", "<f8"))]
        self.steps = self.add_series("step", "<i8")
        self.complete = self.file.create_dataset("complete", data=np.zeros(1, "u1"), chunks=(1,),
                                                 fletcher32=True)
        self.file.swmr_mode = True

    def add_series(self, name, dtype):
        return self.file.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(SERIES_CHUNK,),
                                        fletcher32=True)

    def commit(self, step):
        """The capture exists from the moment on that /step has it."""
        self.check_room(0)
        for key, dataset in self.parts.items():
            if key not in self.fresh and len(dataset) > self.captures:     # of a capture given up
                dataset[self.captures] = 0x7fc0 if dataset.dtype == "<u2" else np.nan
            dataset.flush()
        self.fresh = set()
        self.steps.resize(self.captures + 1, 0)
        self.steps[self.captures] = step
        self.steps.flush()
        self.captures += 1

    def give_up(self):
        """What was written of the coming capture does not count."""
        self.fresh = set()

    def scalars(self, entries):
        """entries: (name, step, number or tensor of the host, what to wait for before it is read)"""
        for _, _, _, ready in entries:
            if ready is not None:
                ready.synchronize()
        for name in {entry[0] for entry in entries} & self.series.keys():
            chosen = [(step, float(value)) for n, step, value, _ in entries if n == name]
            for dataset, values in zip(self.series[name], zip(*chosen)):
                n = len(dataset)
                dataset.resize(n + len(values), 0)
                dataset[n:] = values
                dataset.flush()

    def close(self, complete):
        if complete and self.captures > 0 and self.problem is None:
            self.complete[0] = 1
            self.complete.flush()
        self.file.close()
        self.file = None


# ---- the tap -----------------------------------------------------------------------------------------

@dataclass
class Layer:
    number: int
    name: str
    getter: object = None        # of a module that the user named: None, or a function
    shape: tuple = None          # (B, H, R, Tk, dh) of the first capture
    heads: list = None
    dtype: torch.dtype = None
    key_heads: list = None       # those that are stored, of queries_keys
    causal: bool = None


_taps = []     # open ones
_inside = threading.local()


def see(module, query, key, *, mask=None, causal=False, scale=None, temperature=None, window=None):
    """For attention that is written by hand: call it where the scores are computed.  query
    [B, H, Tq, dh], key [B, Hkv, Tk, dh]; p = softmax(scale q.k / temperature + mask)."""
    if _taps and not is_recorded():
        for each in list(_taps):
            each._see(module, lambda: own_product(query, key, mask, causal, scale, temperature, window))


def own_product(query, key, mask=None, causal=False, scale=None, temperature=None, window=None):
    product = of_sdpa(query, key, None, mask, 0.0, causal, scale)
    product.window = window
    if temperature is not None:
        product.temperature = by_head_and_row(torch.as_tensor(temperature, device=query.device), product)
    return product


class Tap:
    """See the head of this file; use tap()."""

    def __init__(self, model, path, *, every=100, mode="row_entropy", layers=None, heads=None, samples=8,
                 query_rows=None, dtype=None, modules=None, parameters=None, scalars=(), config=None,
                 run_name=None, length=None, deflate=0, memory=256 << 20):
        if mode not in MODES:
            raise TapError(f"mode {mode!r} is not known: expected one of {', '.join(MODES)}")
        if dtype is not None and dtype not in DTYPES:
            raise TapError(f"dtype {dtype!r} is not known: expected one of {', '.join(DTYPES)}")
        if query_rows is not None and list(query_rows) != sorted(set(map(int, query_rows))):
            raise TapError("query_rows must ascend")
        self.model, self.mode, self.every, self.deflate = plain(model), mode, int(every), deflate
        self.heads, self.dtype, self.length = heads, dtype, length
        self.samples = list(range(samples)) if isinstance(samples, int) else samples
        self.query_rows = None if query_rows is None else [int(row) for row in query_rows]
        self.config, self.scalar_names = dict(config or {}), list(scalars)
        self._layers = self._find(layers, modules)
        self.layers = {layer.number: layer.name for layer in self._layers.values()}
        self._values = self._find_parameters(parameters or {})
        self.path, attempt, trace_uuid = choose_path(pathlib.Path(path))
        self.attributes = {
            "format": text("attention-trace"), "format_version": 1, "producer": text("entroscope_tap"),
            "run_name": text(run_name or pathlib.Path(path).stem), "trace_uuid": text(trace_uuid),
            "attempt": attempt}
        self.writer = Writer(self.path, memory)
        self._patches, self._told = [], set()
        self._calls, self._armed, self._first = 0, True, True
        self._seen, self._dropped, self._notes, self._entries = set(), None, {}, []
        self.seconds = 0.0        # that captures took of the training thread, waiting included

    # finding

    def _find(self, chosen, named):
        """{id of a module: Layer}, numbered in the order of the model."""
        patterns = named if isinstance(named, dict) else dict.fromkeys(named or ())
        found = []
        for name, module in self.model.named_modules():
            pattern = next((p for p in patterns if is_named(name, p)), None)
            if pattern is not None:
                found.append((module, name, patterns[pattern]))
            elif not patterns and (isinstance(module, nn.MultiheadAttention) or
                                   uses_attention_interface(module) and
                                   not getattr(module, "is_cross_attention", False) and
                                   "Cross" not in type(module).__name__):
                found.append((module, name, None))
        if not found:
            raise TapError(
                f"{type(self.model).__name__} has no module {' or '.join(map(repr, patterns))}" if patterns
                else f"no attention was found in {type(self.model).__name__}: name its modules, "
                     'modules=["blocks.*.attn"], or call entroscope_tap.see() in them')
        numbers = range(len(found)) if chosen is None else chosen
        wrong = [n for n in numbers if not 0 <= n < len(found)]
        if wrong:
            raise TapError(f"there is no layer {wrong[0]}: the model has {len(found)}")
        self._modules = [found[n][0] for n in numbers]     # alive while their ids are in use
        return {id(found[n][0]): Layer(n, found[n][1], found[n][2]) for n in numbers}

    def _find_parameters(self, parameters):
        """{(kind, layer number): (tensor, function or None)}"""
        tensors = dict(self.model.named_parameters()) | dict(self.model.named_buffers())
        values = {}
        for kind, pattern in parameters.items():
            if kind not in PARAMETERS:
                raise TapError(f"parameter {kind!r} is not known: expected one of {', '.join(PARAMETERS)}")
            pattern, function = pattern if isinstance(pattern, tuple) else (pattern, None)
            for number in self.layers:
                name = pattern.format(layer=number)
                if name not in tensors:
                    raise TapError(f"{type(self.model).__name__} has no parameter {name!r} ({kind} of "
                                   f"layer {number})")
                values[kind, number] = tensors[name], function
        return values

    # listening

    def _replace(self, owner, name, make):
        """owner.name becomes make(original), for as long as the tap is open."""
        mapping = isinstance(owner, dict)
        original = owner[name] if mapping else getattr(owner, name)
        put = owner.__setitem__ if mapping else functools.partial(setattr, owner)
        inherited = not mapping and name not in vars(owner)
        put(name, functools.wraps(original)(make(original)))
        self._patches.append(functools.partial(delattr, owner, name) if inherited
                             else functools.partial(put, name, original))

    def _listen(self):
        """On classes and functions, never on modules: copies of the model stay what they are, and
        PyTorch leaves its fast paths where a module has hooks."""
        self._replace(type(self.model), "forward", self._root)
        kinds = [(module, self._layers[id(module)]) for module in self._modules]
        if any(isinstance(m, nn.MultiheadAttention) and layer.getter is None for m, layer in kinds):
            self._replace(nn.MultiheadAttention, "forward", self._multihead)
        hugging = [m for m, layer in kinds if layer.getter is None and uses_attention_interface(m)]
        if hugging:
            from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS as functions
            for table in (getattr(functions, "_global_mapping", functions),
                          getattr(functions, "_local_mapping", {})):
                for key in list(table):
                    self._replace(table, key, functools.partial(self._interface, key))
            for source in {sys.modules[base.__module__] for m in hugging for base in type(m).__mro__
                           if hasattr(sys.modules[base.__module__], "eager_attention_forward")}:
                self._replace(source, "eager_attention_forward", functools.partial(self._interface, "eager"))
        others = [(m, layer) for m, layer in kinds if layer.getter is not None or
                  m not in hugging and not isinstance(m, nn.MultiheadAttention)]
        for kind in {type(m) for m, _ in others} - {type(self.model)}:
            self._replace(kind, "forward", self._named)
        if any(layer.getter is None for _, layer in others):
            self._replace(nn.functional, "scaled_dot_product_attention", self._fused)

    def _hears(self, module):
        return self._armed and id(module) in self._layers and not is_recorded()

    def _root(self, original):
        """The model's own forward: the 2-D attention_mask says which tokens are padding."""
        def forward(module, *args, **kwargs):
            if module is self.model and self._armed and not is_recorded():
                mask = kwargs.get("attention_mask")
                if mask is None:
                    with contextlib.suppress(TypeError, ValueError):
                        bound = inspect.signature(original).bind_partial(module, *args, **kwargs)
                        mask = bound.arguments.get("attention_mask")
                if isinstance(mask, torch.Tensor) and mask.dim() == 2:
                    self._notes.setdefault("key_mask", mask != 0)
            return original(module, *args, **kwargs)
        return forward

    def _interface(self, kind, original):
        def attention(module, query, key, value, attention_mask=None, *args, **kwargs):
            out = original(module, query, key, value, attention_mask, *args, **kwargs)
            if self._hears(module):
                given = dict(kwargs)
                if args:     # older versions: some arguments by position
                    bound = inspect.signature(original).bind_partial(module, query, key, value,
                                                                     attention_mask, *args, **kwargs)
                    given = {**bound.arguments, **bound.arguments.get("kwargs", {})}
                self._see(module, lambda: of_hugging_face(kind, module, query, key, attention_mask, given))
            return out
        return attention

    def _multihead(self, original):
        def forward(module, *args, **kwargs):
            if not self._hears(module):
                return original(module, *args, **kwargs)
            with torch.no_grad():      # where autocast is what it is for the model
                padding = inspect.signature(original).bind(module, *args, **kwargs).arguments.get(
                    "key_padding_mask")
                if padding is not None and padding.dim() == 2:
                    self._notes.setdefault("key_mask", ~padding if padding.dtype == torch.bool
                                           else padding == 0)
            self._see(module, lambda: of_multihead(module, *args, **kwargs))
            return original(module, *args, **kwargs)
        return forward

    def _named(self, original):
        def forward(module, *args, **kwargs):
            if not self._hears(module):
                return original(module, *args, **kwargs)
            stack = _inside.__dict__.setdefault("stack", [])
            stack.append(module)
            try:
                out = original(module, *args, **kwargs)
            finally:
                stack.pop()
            getter = self._layers[id(module)].getter
            if getter is not None:
                self._see(module, lambda: getter(module, args, kwargs, out))
            return out
        return forward

    def _fused(self, original):
        def scaled_dot_product_attention(*args, **kwargs):
            out = original(*args, **kwargs)
            stack = getattr(_inside, "stack", None)
            if stack and self._hears(stack[-1]):
                self._see(stack[-1], lambda: of_sdpa(*args, **kwargs))
            return out
        return scaled_dot_product_attention

    # capturing

    def _see(self, module, get):
        """The first time in an armed step that a layer computes attention."""
        if not self._hears(module) or self._dropped or self.writer.problem:
            return
        layer = self._layers[id(module)]
        if layer.number in self._seen:
            return
        if layer.shape is None and not self._first:      # the file takes nothing new any more
            return self._tell(layer.number, f"layer {layer.number} ({layer.name}) was not seen in the first "
                                            "capture and is not stored")
        begin = time.perf_counter()
        try:
            with torch.no_grad():
                given = get()      # as the model computes it, under its autocast
                first = given.query if isinstance(given, Product) else \
                    next(value for value in given.values() if isinstance(value, torch.Tensor))
                with torch.autocast(first.device.type, enabled=False):
                    self._take(layer, given)
            self._seen.add(layer.number)
        except Exception as error:
            where = f"layer {layer.number} ({layer.name}): {error}"
            if self._first:
                raise TapError(where) from error
            self._dropped = where
        finally:
            self.seconds += time.perf_counter() - begin

    def _take(self, layer, given):
        if isinstance(given, dict):
            if "attention" in given:
                return self._take_weights(layer, given["attention"])
            given = own_product(**given)
        product = given
        self._batch, self._length = len(product.query), product.key.shape[2]
        if product.query.shape[2] > product.key.shape[2]:
            raise TapError(f"{product.query.shape[2]} queries look at {product.key.shape[2]} keys")
        if layer.shape is None:
            self._measure(layer, product)
        n_keys = layer.shape[3]
        if product.key.shape[2] > n_keys:
            if not layer.causal or product.query.shape[2] != product.key.shape[2]:
                raise TapError(f"{product.key.shape[2]} tokens do not fit into a trace of {n_keys}: give "
                               "length=")
            product = product.cropped(n_keys)
        self._expect(layer, product)
        self._take_parameters(layer, product)
        if self.mode == "queries_keys":
            return self._put_queries_keys(layer, product)
        self._put_reduced(layer, product)

    def _measure(self, layer, product, dtype=None):
        """What the first capture settles: shapes, element types and rules of the layer."""
        n_heads, (n_queries, n_keys) = product.query.shape[1], (product.query.shape[2], product.key.shape[2])
        layer.heads = list(range(n_heads)) if self.heads is None else list(self.heads)
        if not all(0 <= head < n_heads for head in layer.heads):
            raise TapError(f"heads {layer.heads} are not all among its {n_heads}")
        more = max(0, (self.length or n_keys) - n_keys)
        rows = n_queries + more if self.query_rows is None else len(self.query_rows)
        if self.query_rows and self.query_rows[-1] >= n_queries + more:
            raise TapError(f"query row {self.query_rows[-1]} is not among its {n_queries}")
        samples = len(product.query) if self.samples is None else \
            sum(sample < len(product.query) for sample in self.samples)
        layer.shape = samples, len(layer.heads), rows, n_keys + more, product.query.shape[3]
        own = product.query.dtype if product.query.dtype in STORED else torch.float32
        layer.dtype = DTYPES.get(self.dtype) or (own if self.mode == "queries_keys" else torch.float16)
        if dtype:
            layer.dtype = dtype
        layer.causal = product.causal or self._looks_causal(product)
        layer.key_heads = stored_key_heads(product, layer.heads)
        if self.mode == "queries_keys":
            self._check_queries_keys(product)
        self._create_layer(layer, product)

    def _looks_causal(self, product):
        """No row of the mask is open ahead."""
        if product.mask is None:
            return False
        n_queries, n_keys = product.query.shape[2], product.key.shape[2]
        every_head = torch.arange(product.query.shape[1], device=product.query.device)
        for rows in blocks(n_queries, n_keys, product.query.device):
            ahead = torch.arange(n_keys, device=rows.device) > (rows + n_keys - n_queries)[:, None]
            for sample in range(len(product.mask)):
                if (~product.forbidden(sample, every_head, rows) & ahead).any():
                    return False
        return True

    def _check_queries_keys(self, product):
        """The file knows causal, window, padding and documents; the mask must say no more."""
        why = product.only_queries_and_keys()
        key_mask, segment = (self._note(name) for name in ("key_mask", "segment"))
        n_queries, n_keys = product.query.shape[2], product.key.shape[2]
        ruled = Product(product.query, product.key, 1.0, None, product.causal or self._looks_causal(product))
        heads = torch.arange(product.query.shape[1], device=product.query.device)
        if product.mask is not None and not why:
            window = product.window or self._look_window(product)
            ruled.window = product.window = window
            for rows in blocks(n_queries, n_keys, product.query.device):
                for sample in range(len(product.query)):
                    closed = product.forbidden(sample, heads, rows).expand(-1, len(rows), -1)
                    rule = ruled.forbidden(sample, heads, rows)
                    rule = torch.zeros_like(closed) if rule is None else rule
                    real = torch.ones(len(rows), dtype=torch.bool, device=rows.device)
                    for note, other in ((key_mask, 0), (segment, None)):
                        if note is None or note.shape[1] != n_keys or sample >= len(note):
                            continue
                        at = note[sample].to(rows.device)
                        mine = at[rows + n_keys - n_queries]
                        rule = rule | (~at.bool()[None] if other == 0 else at[None] != mine[:, None])
                        real &= mine.bool() if other == 0 else True
                    if (closed != rule)[..., real, :].any():
                        why = "its mask is not the causal rule, a window, padding (attention_mask) or " \
                              "documents (t.note(segment=...))"
                    mask = pick(product.mask, sample, heads, rows)
                    if mask.dtype != torch.bool and (mask.masked_fill(closed, 0) != 0).any():
                        why = "its mask adds to the scores"
        if why:
            raise TapError(f"queries and keys do not say what it attends to: {why}.  Use "
                           'mode="row_entropy" or "attention"')

    def _look_window(self, product):
        """The keys back that the last row of the first sample sees, if they are fewer than all."""
        n_queries, n_keys = product.query.shape[2], product.key.shape[2]
        head = torch.zeros(1, dtype=torch.long, device=product.query.device)
        row = head + n_queries - 1
        seen = (~product.forbidden(0, head, row)).flatten().nonzero()
        key_mask = self._note("key_mask")
        first = 0 if key_mask is None or key_mask.shape[1] != n_keys else int(key_mask[0].long().argmax())
        if len(seen) == 0 or int(seen[0]) <= first or self._note("segment") is not None:
            return None
        return n_keys - int(seen[0])

    def _create_layer(self, layer, product):
        samples, heads, rows, keys, dim = layer.shape
        shapes = {"attention": (samples, heads, rows, keys), "queries": (samples, heads, rows, dim),
                  "keys": (samples, len(layer.key_heads), keys, dim), "row_entropy": (samples, heads, rows),
                  "row_max_logit": (samples, heads, rows), "temperature": (heads, rows),
                  "threshold": (heads,), "alpha": (), "beta": ()}
        parts = {name: (shapes[name], STORED[layer.dtype], "bf16" if layer.dtype == torch.bfloat16 else None,
                        self.deflate) for name in MODES[self.mode]}
        if self.mode == "row_entropy":
            parts = {name: (shapes[name], "<f4", None, self.deflate) for name in parts}
        for kind in PARAMETERS:
            if (kind, layer.number) in self._values or kind == "temperature" and \
                    product.temperature is not None:
                # deflate tells zeros from a lost page of the disk, which passes a checksum
                parts[kind] = shapes[kind], "<f4", None, 1
        attributes = {"causal": int(layer.causal), "module": text(layer.name)}
        if self.mode == "queries_keys":
            attributes["scale"] = product.scale
        if product.window and product.window < keys:
            attributes["window"] = int(product.window)
        self.writer.put(Writer.add_layer, layer.number, parts, attributes, self.query_rows)

    def _expect(self, layer, product):
        if product.query.shape[1] <= max(layer.heads) or product.query.shape[3] != layer.shape[4]:
            raise TapError(f"its heads changed to {tuple(product.query.shape)}")

    def _take_parameters(self, layer, product):
        """The learnable ones as they are now, before the optimizer's step."""
        for (kind, number), (tensor, function) in self._values.items():
            if number == layer.number:
                value = tensor.detach() if function is None else function(tensor.detach())
                self._put_parameter(layer, kind, value.float(), product)
        if product.temperature is not None and ("temperature", layer.number) not in self._values:
            self._put_parameter(layer, "temperature", product.temperature.float(), product)

    def _put_parameter(self, layer, kind, value, product):
        n_heads, rows = layer.shape[1], layer.shape[2]
        if kind in ("alpha", "beta"):
            value = value.reshape(())
        else:
            value = by_head_and_row(value, product)
            if value.shape[0] > 1:
                value = value[layer.heads]
            if value.shape[1] > 1:
                value = value[:, self._rows(layer, product)]
            value = value.expand(n_heads, rows if kind == "temperature" else 1)
            value = value if kind == "temperature" else value[:, 0]
        host, ready = to_host(value, torch.float32)
        self.writer.put(Writer.write, layer.number, kind, None, host.numpy(), size=nbytes(host), ready=ready)

    def _chosen_samples(self, layer, product):
        every = range(len(product.query)) if self.samples is None else \
            [s for s in self.samples if s < len(product.query)]
        return list(every)[:layer.shape[0]]

    def _rows(self, layer, product):
        """(positions of the queries that are here, how many are stored)"""
        n = min(product.query.shape[2], layer.shape[3])
        here = range(min(n, layer.shape[2])) if self.query_rows is None else \
            [row for row in self.query_rows if row < n]
        return torch.tensor(list(here), dtype=torch.long, device=product.query.device)

    def _put_queries_keys(self, layer, product):
        rows, device = self._rows(layer, product), product.query.device
        heads = torch.tensor(layer.heads, device=device)
        key_at = torch.tensor(layer.key_heads, device=device)
        for at, sample in enumerate(self._chosen_samples(layer, product)):
            q = product.query[sample][heads][:, rows]
            folded = self._values.get(("temperature", layer.number))
            if folded is not None and product.temperature is None:
                q = unfolded(q, folded, product, heads, rows)
            self._put_part(layer, "queries", at, q, layer.shape[2])
            self._put_part(layer, "keys", at, product.key[sample][key_at], layer.shape[3])
        self._pad(layer, ("queries", "keys"), len(self._chosen_samples(layer, product)))

    def _put_reduced(self, layer, product):
        """Weights or entropies of each sample, in blocks of rows."""
        rows = self._rows(layer, product)
        heads = torch.tensor(layer.heads, device=product.query.device)
        chosen = self._chosen_samples(layer, product)
        n_keys = product.key.shape[2]
        step = max(1, BLOCK_BYTES // (4 * len(heads) * n_keys))
        for at, sample in enumerate(chosen):
            done = []
            for block in rows.split(step):
                if self.mode == "attention":
                    done.append((weights_of(product, sample, heads, block).to(layer.dtype),))
                else:
                    done.append(row_entropy(product, sample, heads, block))
            for name, values in zip(MODES[self.mode], zip(*done)):
                self._put_part(layer, name, at, torch.cat(values, 1), layer.shape[2])
        self._pad(layer, MODES[self.mode], len(chosen))

    def _put_part(self, layer, name, at, values, rows):
        """One sample of a part, [H, rows, ...], filled up with 0."""
        dtype = torch.float32 if self.mode == "row_entropy" else layer.dtype
        if values.shape[1] < rows or name == "attention" and values.shape[2] < layer.shape[3]:
            full = values.new_zeros((values.shape[0], rows) + values.shape[2:][:-1] +
                                    ((layer.shape[3],) if name == "attention" else values.shape[2:][-1:]))
            full[tuple(slice(0, n) for n in values.shape)] = values
            values = full
        host, ready = to_host(values[None], dtype)
        array = host.view(torch.int16).numpy().view("<u2") if dtype == torch.bfloat16 else host.numpy()
        self.writer.put(Writer.write, layer.number, name, at, array, size=array.nbytes, ready=ready)

    def _pad(self, layer, names, n):
        """Samples that a smaller batch has not: zeros, marked as padding by the key mask."""
        for name in names:
            last = {"attention": (layer.shape[3],), "queries": (layer.shape[4],),
                    "keys": (layer.shape[4],)}.get(name, ())
            heads = len(layer.key_heads) if name == "keys" else layer.shape[1]
            rows = layer.shape[3] if name == "keys" else layer.shape[2]
            for at in range(n, layer.shape[0]):
                zeros = np.zeros((1, heads, rows) + last, "<f4" if self.mode == "row_entropy"
                                 else STORED[layer.dtype])
                self.writer.put(Writer.write, layer.number, name, at, zeros, size=zeros.nbytes)

    def _take_weights(self, layer, p):
        """Weights that the user's code has: [B, H, Tq, Tk]."""
        if self.mode != "attention":
            raise TapError('its getter gives weights, which only mode="attention" stores')
        self._batch, self._length = len(p), p.shape[3]
        fake = Product(p.new_zeros(p.shape[:3] + (1,)), p.new_zeros((p.shape[0], p.shape[1], p.shape[3], 1)), 1.0)
        if layer.shape is None:
            fake.causal = bool((p.triu(1 + p.shape[3] - p.shape[2]) == 0).all())
            self._measure(layer, fake)
        rows = self._rows(layer, fake)
        chosen = self._chosen_samples(layer, fake)
        for at, sample in enumerate(chosen):
            self._put_part(layer, "attention", at, p[sample][layer.heads][:, rows], layer.shape[2])
        self._take_parameters(layer, fake)
        self._pad(layer, ("attention",), len(chosen))

    # steps

    def note(self, **notes):
        """key_mask= [B, T] (1: a token, 0: padding) and segment= [B, T] (document numbers) of the batch
        that is about to go, or went, through the model."""
        wrong = notes.keys() - {"key_mask", "segment"}
        if wrong:
            raise TapError(f"{wrong.pop()} is not known: expected key_mask or segment")
        if self._armed:
            self._notes.update(notes)

    def _note(self, name):
        value = self._notes.get(name)
        return None if value is None else torch.as_tensor(value)

    def arm(self):
        """Captures the coming step, whatever `every` says."""
        self._armed = True

    @contextlib.contextmanager
    def paused(self):
        """Within, nothing is captured: for evaluation."""
        was, self._armed = self._armed, False
        try:
            yield self
        finally:
            self._armed = was

    def step(self, step, **scalars):
        """Ends a training step.  Scalars are numbers or tensors of one element."""
        for name, value in scalars.items():
            ready = None
            if isinstance(value, torch.Tensor):      # read by the writer: no waiting for the device here
                value, ready = to_host(value.detach(), value.dtype)
            if value is not None:
                self._entries.append((name, int(step), value, ready))
        if self.writer.problem:
            self._entries = []
            return self._tell("problem", "nothing is written any more, training goes on.  " +
                              self.writer.problem)
        if self._armed:
            self._commit(int(step))
        self._calls += 1
        self._armed = self._armed or self._calls % self.every == 0
        if not self._first and (self._calls % self.every == 0 or len(self._entries) >= 256):
            self._send_scalars()

    def _commit(self, step):
        begin = time.perf_counter()
        unseen = [number for number in self.layers if number not in self._seen]
        if self._dropped:
            self.writer.put(Writer.give_up)
            self._tell("dropped", f"step {step} was not captured.  {self._dropped}")
        elif not self._seen:
            self._tell("unseen", f"no attention was seen up to step {step}: is the model compiled, or does "
                                 "it take a fused path (see the head of entroscope_tap.py)?")
        else:
            if unseen:
                self._tell("some", f"layers {', '.join(map(str, unseen))} were not seen at step {step}")
            self._put_capture(step)
        # a step that could not be captured: the next one instead
        self._armed = not self._seen or self._dropped is not None
        self._seen, self._dropped, self._notes = set(), None, {}
        self.seconds += time.perf_counter() - begin

    def _put_capture(self, step):
        shape = next(layer.shape for layer in self._layers.values() if layer.number in self._seen)
        if self._first:
            self._open_to_readers(shape)
        for name in ("key_mask", "segment"):
            if name in self._masks:
                values = self._mask(name, shape)
                self.writer.put(Writer.write, None, name, None, values, size=values.nbytes)
        self.writer.put(Writer.commit, step)
        self._first = False
        self._send_scalars()

    def _mask(self, name, shape):
        """[B, T] of the chosen samples; what a shorter or smaller batch has not is padding."""
        samples, n_keys = shape[0], shape[3]
        real = min(n_keys, self._length)
        out = np.zeros((samples, n_keys), "u1" if name == "key_mask" else "<i4")
        given = self._note(name)
        chosen = [s for s in (self.samples or range(self._batch)) if s < self._batch][:samples]
        if given is None or given.shape[1] != self._length:
            out[:len(chosen), :real] = 1 if name == "key_mask" else 0
        else:
            values = given.detach().cpu().numpy()[chosen, :real]
            out[:len(chosen), :real] = values != 0 if name == "key_mask" else values
        return out

    def _open_to_readers(self, shape):
        layers = [layer for layer in self._layers.values() if layer.shape]
        masks = {"key_mask": ((shape[0], shape[3]), "u1")}
        if "segment" in self._notes:
            masks["segment"] = (shape[0], shape[3]), "<i4"
        self._masks = masks
        attributes = {**self.attributes, "causal": int(all(layer.causal for layer in layers)),
                      "context_length": shape[3]}
        given = getattr(self.model, "config", None)
        config = {ours: value for ours, theirs in
                  (("arch", "model_type"), ("n_layers", "num_hidden_layers"), ("d_model", "hidden_size"),
                   ("n_heads", "num_attention_heads")) if (value := getattr(given, theirs, None)) is not None}
        if self.heads is not None:
            config["tap_heads"] = ",".join(map(str, self.heads))
        config["tap_samples"] = "all" if self.samples is None else ",".join(map(str, self.samples))
        names = dict.fromkeys([*self.scalar_names, *(entry[0] for entry in self._entries)])
        self.scalar_names = list(names)
        self.writer.put(Writer.open_to_readers, attributes, {**config, **self.config}, self.scalar_names, masks)

    def _send_scalars(self):
        unknown = {entry[0] for entry in self._entries} - set(self.scalar_names)
        for name in sorted(unknown):
            self._tell(name, f"the scalar {name!r} came after the first capture and is not stored: name it "
                             f"in tap(..., scalars=[{name!r}])")
        if self._entries:
            self.writer.put(Writer.scalars, self._entries)
        self._entries = []

    def _tell(self, kind, sentence):
        if kind not in self._told:
            self._told.add(kind)
            warnings.warn(f"entroscope_tap: {sentence}", RuntimeWarning, stacklevel=4)

    # with

    def __enter__(self):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.writer.create()      # here, so that a path that cannot be written is an error at once
        self.writer.start()
        self._listen()
        _taps.append(self)
        return self

    def __exit__(self, kind, error, trace):
        self.close(complete=kind is None)

    def close(self, complete=True):
        if self not in _taps:
            return
        _taps.remove(self)
        self._armed = False
        for undo in reversed(self._patches):
            undo()
        if not self._first:
            self._send_scalars()
        self.writer.put(Writer.close, complete)
        self.writer.join()
        if self.writer.captures == 0:
            self.path.unlink(missing_ok=True)      # no trace: the next run may have the name
        if self.writer.problem:
            self._tell("problem", f"the trace ends early.  {self.writer.problem}")


class Nothing:
    """A tap that does nothing: every process of a distributed run but one."""
    layers, seconds = {}, 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def step(self, step, **scalars):
        pass

    note = arm = close = lambda self, *_, **__: None

    @contextlib.contextmanager
    def paused(self):
        yield self


def tap(model, path, **options):
    """Opens a tap on a model; see the head of this file.  path None: one that does nothing, for the
    ranks of a distributed run that do not write."""
    return Nothing() if path is None else Tap(model, path, **options)


# ---- small things ------------------------------------------------------------------------------------

def choose_path(path):
    """(path, attempt, trace_uuid).  A trace that is there is never overwritten: the run was started
    again, and its next attempt goes to a file beside it."""
    attempt, name, first = 1, path, path
    while name.exists():
        attempt += 1
        name = path.with_name(f"{path.stem}.{attempt}{path.suffix}")
    if attempt == 1:
        return path, 1, str(uuid.uuid4())
    for options in ({}, {"swmr": True}):       # the other one may be open still, or was killed
        with contextlib.suppress(Exception), h5py.File(first, "r", locking=False, **options) as file:
            stored = file.attrs["trace_uuid"]
            print(f"entroscope_tap: {path} exists: attempt {attempt} is written to {name}", file=sys.stderr)
            return name, attempt, stored.decode() if isinstance(stored, bytes) else str(stored)
    raise TapError(f"{path} exists and is no trace of an earlier attempt: choose another path")


def plainly(error):
    """Of the sentences of HDF5, what the system said."""
    said = re.search(r"error message = '([^']*)'", str(error))
    return f"it cannot be written ({said[1]})" if said else str(error)


def is_named(name, pattern):
    """A star does not go beyond a dot."""
    parts, patterns = name.split("."), pattern.split(".")
    return len(parts) == len(patterns) and all(map(fnmatch.fnmatchcase, parts, patterns))


def nbytes(tensor):
    return tensor.numel() * tensor.element_size()


def is_recorded():
    """What runs now is not computed but recorded, by torch.compile or into a CUDA graph: numbers cannot be
    looked at, and to try breaks the recording."""
    return torch.compiler.is_compiling() or \
        torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()


def to_host(tensor, dtype):
    """A copy in memory of the host, and what must be waited for before it is read (or None)."""
    if tensor.device.type != "cuda":
        return torch.empty(tensor.shape, dtype=dtype).copy_(tensor), None
    with torch.cuda.device(tensor.device):     # whose stream it is: the current one may be of another
        host = torch.empty(tensor.shape, dtype=dtype, pin_memory=True)
        host.copy_(tensor.to(dtype), non_blocking=True)     # of one type: a conversion would not wait
        return host, torch.cuda.current_stream().record_event()


def blocks(n_queries, n_keys, device):
    return torch.arange(n_queries, device=device).split(max(1, BLOCK_BYTES // (4 * n_keys)))


def stored_key_heads(product, heads):
    """Key heads of the chosen heads, such that floor(h Hkv / H) still finds them: once each if the
    choice keeps the groups whole, else one for each head."""
    n_heads, n_key_heads = product.query.shape[1], product.key.shape[1]
    used = [head * n_key_heads // n_heads for head in heads]
    once = sorted(set(used))
    if len(heads) % len(once) == 0 and \
            [once[i * len(once) // len(heads)] for i in range(len(heads))] == used:
        return once
    return used


def by_head_and_row(value, product):
    """[H|1, Tq|1] of a parameter of one number, one a head, one a row, or both."""
    n_heads, n_rows = product.query.shape[1:3]
    value = value.squeeze()
    if value.dim() == 1:
        value = value[:, None] if len(value) == n_heads else value[None]
    value = value.reshape(1, 1) if value.dim() == 0 else value
    if value.dim() != 2 or value.shape[0] not in (1, n_heads) or 1 < value.shape[1] < n_rows:
        raise TapError(f"a parameter of shape {tuple(value.shape)} is none of one number, one a head "
                       f"({n_heads}), one a row ({n_rows})")
    return value


def unfolded(q, folded, product, heads, rows):
    """Fused attention knows no temperature: a model that has one divided its queries by it."""
    tensor, function = folded
    t = by_head_and_row(tensor.detach() if function is None else function(tensor.detach()), product).to(q)
    t = t[heads] if t.shape[0] > 1 else t
    t = t[:, rows] if t.shape[1] > 1 else t
    return q * t[..., None]
