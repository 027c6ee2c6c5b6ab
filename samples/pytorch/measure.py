#!/usr/bin/env python3
"""measure.py [--context 256] [--layers 4] [--heads 6] [--width 384] [--batch 4] [--samples 4]
[--pairs 4] [--rounds 3] [--threads 0] [--device cpu]: what the tap costs.

Trains a GPT-2 from scratch on random tokens.  Every second step is captured and compared with the one
before it, modes in turn, so that other work on the machine hits both; the median of all pairs is
printed for each mode: what a captured step takes more, by the clock and by processor time (of
all threads, the writer's too; it says more where the machine has other work), the same spread over a
capture every 100 steps, the share of a step that the training thread spends in the tap, and the bytes
that a capture takes.  Needs transformers."""
import argparse
import pathlib
import statistics
import sys
import tempfile
import time

import torch
import transformers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import entroscope_tap

transformers.logging.set_verbosity_error()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name, value in (("context", 256), ("layers", 4), ("heads", 6), ("width", 384), ("batch", 4),
                        ("pairs", 4), ("samples", 4), ("threads", 0), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args()


def make(options):
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=1024, n_positions=options.context, n_embd=options.width, n_layer=options.layers,
        n_head=options.heads, attn_pdrop=0.0, bos_token_id=0, eos_token_id=0, attn_implementation="sdpa")
    model = transformers.GPT2LMHeadModel(config).to(options.device)
    return model, torch.optim.AdamW(model.parameters(), 1e-4)


def steps(model, optimizer, options, listener):
    """Seconds of each step, by the clock and by the processor, waiting for device and writer included."""
    spent = []
    for step in range(2 * options.pairs + 1):
        x = torch.randint(0, 1024, (options.batch, options.context), device=options.device)
        begin = time.perf_counter(), time.process_time()
        loss = model(input_ids=x, labels=x).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        listener.step(step, loss=loss)
        if options.device != "cpu":
            torch.cuda.synchronize()
        while getattr(listener, "writer", None) and listener.writer.held > 0:
            time.sleep(0.0005)      # at worst: no step to hide it behind
        spent.append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
    return spent


def tapped(model, optimizer, options, mode, folder, number):
    """([(clock, processor) of a step without and with a capture, ...], seconds and bytes a capture)"""
    path = pathlib.Path(folder) / f"{mode}-{number}.h5"
    with entroscope_tap.tap(model, path, every=2, mode=mode, samples=options.samples, dtype="f16",
                            memory=1 << 30) as listener:
        spent = steps(model, optimizer, options, listener)
    path.unlink()
    captures = listener.writer.captures
    return list(zip(spent[1::2], spent[2::2])), listener.seconds / captures, listener.writer.bytes / captures


def main():
    options = arguments()
    if options.threads:
        torch.set_num_threads(options.threads)
    model, optimizer = make(options)
    steps(model, optimizer, options, entroscope_tap.Nothing())     # warm
    seen = {mode: ([], [], []) for mode in entroscope_tap.MODES}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.rounds):
            for mode, results in seen.items():
                pairs, own, size = tapped(model, optimizer, options, mode, folder, number)
                results[0].extend(pairs)
                results[1].append(own)
                results[2].append(size)
    step = statistics.median(plain[0] for pairs, _, _ in seen.values() for plain, _ in pairs)
    print(f"step {step * 1e3:.0f} ms")
    for mode, (pairs, own, size) in seen.items():
        clock, processor = (statistics.median(captured[i] / plain[i] for plain, captured in pairs) - 1
                            for i in (0, 1))
        print(f"{mode}: captured_step {clock:+.1%}  processor {processor:+.1%}  every_100 {clock / 100:+.2%}  "
              f"training_thread {statistics.median(own) / step:.1%}  "
              f"{statistics.median(size) / 1e6:.2f} MB", flush=True)


if __name__ == "__main__":
    main()
