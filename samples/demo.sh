#!/bin/sh
# samples/demo.sh [FOLDER]: from a training run to figures, in under three minutes on two cores.
#
# Trains a healthy model (SM+LN+G: softmax, LayerNorm, GELU) and one without nonlinearities (SM:
# softmax alone) under one and the same recipe on the source code of Python's standard library,
# analyses the attention of both into one database, and draws what happened.  Everything goes to
# FOLDER (default: demo in the project's folder); an earlier demo there is replaced.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$root/demo}

"$root/install-packages.sh" build
export PATH="/usr/bin:$PATH" # Debian's meson and python3, whatever else is installed
[ -f "$root/build/build.ninja" ] || meson setup "$root/build" "$root" -Dtests=false
ninja -C "$root/build" cli/entroscope
entroscope=$root/build/cli/entroscope

mkdir -p "$out"
cd "$out"
rm -f healthy.h5 broken.h5 runs.db runs.db-wal runs.db-shm
data=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')

# One recipe for both.  The learning rate is what the healthy model bears and the other does not.
recipe="--layers 8 --heads 8 --dim 64 --context 64 --batch 16 --steps 600 --lr 2e-2 --warmup 0.5
  --seed 2 --capture-every 10 --capture-samples 4 --eval-every 50 --deflate 1"
echo
echo "== Training twice on $data, by the same recipe"
# shellcheck disable=SC2086  # a list of words
"$entroscope" train --arch SM+LN+G --run healthy --data "$data" --trace healthy.h5 $recipe
# shellcheck disable=SC2086
"$entroscope" train --arch SM --run broken --data "$data" --trace broken.h5 $recipe

echo
echo "== Analysing both traces into one database"
"$entroscope" analyze healthy.h5 broken.h5 --db runs.db
"$entroscope" runs --db runs.db

echo
echo "== What was found"
"$entroscope" report healthy broken --db runs.db
"$entroscope" report healthy broken --db runs.db --html report.html

# The step at which the broken model shows both failures best: the largest k such that k of its heads
# are overloaded and k are collapsed.
step=$("$entroscope" export head_stats --db runs.db --run broken --format json | python3 -c '
import collections, json, sys
counts = collections.defaultdict(lambda: [0, 0])
for head in json.load(sys.stdin):
    if head["entropy_mean"] is not None:
        counts[head["step"]][0] += head["entropy_mean"] >= 0.75 * head["entropy_ceiling"]
        counts[head["step"]][1] += head["entropy_mean"] < 0.05 * head["entropy_ceiling"]
print(max(counts, key=lambda step: (min(counts[step]), step)))')

echo
echo "== Drawing"
for format in pdf png; do
  "$entroscope" plot layerwise-entropy --db runs.db --run healthy --run broken --shared-scale \
    -o "layerwise-entropy.$format"
  "$entroscope" plot headwise-entropy --db runs.db --run healthy --run broken --shared-scale \
    --step last --step "$step" --values -o "headwise-entropy.$format"
  "$entroscope" plot entropy-bands --db runs.db --run healthy --run broken --step last \
    --step "$step" -o "entropy-bands.$format"
  "$entroscope" plot scalars --db runs.db --run healthy --run broken --scalar loss \
    --scalar grad_norm --log-y -o "loss.$format"
done

cat <<END

Done.  In $out:
  report.html                  start here: everything about both in one page, to be opened in a browser
  layerwise-entropy.pdf .png   the figure: the entropy of every layer while training.  In the healthy
                               model all layers settle between the extremes; in the broken one the
                               first stay at the ceiling (overload), the deep ones fall to 0
                               (collapse), and then everything is NaN
  headwise-entropy.pdf .png    the same for every single head: the healthy model at its end, the
                               broken one at step $step, when overload and collapse are seen best
  entropy-bands.pdf .png       how many heads attend to everything, to one key, or in between
  loss.pdf .png                training loss and gradient norm of both
  runs.db                      all numbers (sqlite3, pandas, or: entroscope export)
  healthy.h5 broken.h5         the traces: attention of each capture (h5dump, h5py)
END
