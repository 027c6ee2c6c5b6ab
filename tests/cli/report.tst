# Findings in words and as JSON.  Format: see run-table.py.
S -                 entroscope analyze -q $FIX/healthy.h5 $FIX/collapsing.h5 $FIX/overloaded.h5 $FIX/diverged.h5 $FIX/all-nan.h5 $FIX/masked.h5 \
                    $FIX/learned.h5 $FIX/one-token.h5 $FIX/restarted.h5 --db r.db
P healthy           entroscope report healthy --db r.db
P collapsing        entroscope report collapsing --db r.db
P all               entroscope report collapsing --db r.db --all
P overloaded        entroscope report overloaded --db r.db
P several           entroscope report diverged all-nan masked one-token '#9' restarted --db r.db
P json              entroscope report collapsing all-nan '#8' --db r.db --json
P .                 entroscope report healthy --db r.db --json | $PYTHON -m json.tool > /dev/null
P .                 entroscope report healthy --db r.db > a && entroscope report healthy --db r.db > b && cmp a b

# ---- other rules: computed, not stored
P other-rules       entroscope report healthy --db r.db --rule layer-overload.fraction=0.5 --rule head-overload.fraction=0.9
P /"stored"\s:\sfalse/ entroscope report healthy --db r.db --json --rule layer-overload.fraction=0.5
P /^Healthy/        entroscope report healthy --db r.db | tail -n +2
2 no-rule           entroscope report healthy --db r.db --rule layer-overlaod.fraction=0.5
2 no-parameter      entroscope report healthy --db r.db --rule layer-overload.share=0.5
2 out-of-range      entroscope report healthy --db r.db --rule layer-overload.fraction=1.5
2 no-value          entroscope report healthy --db r.db --rule layer-overload.fraction
2 -                 entroscope report healthy --db r.db --rule layer-overload.fraction=nan
2 -                 entroscope report healthy --db r.db --rule ''
2 -                 entroscope report healthy --db r.db --rule 'a=b.c'

# ---- as a gate
1 -                 entroscope report collapsing --db r.db --fail-on collapse
1 -                 entroscope report collapsing --db r.db --fail-on nan,collapse
1 -                 entroscope report collapsing --db r.db --fail-on nan --fail-on overload
1 -                 entroscope report collapsing --db r.db --fail-on any --json
1 -                 entroscope report healthy diverged --db r.db --fail-on nan
0 -                 entroscope report collapsing --db r.db --fail-on nan,dead,redundant,runaway,spike
0 -                 entroscope report healthy --db r.db --fail-on any
0 -                 entroscope report collapsing --db r.db
4 one-key-gate      entroscope report one-token --db r.db --fail-on any
0 -                 entroscope report all-nan --db r.db --fail-on collapse
0 -                 entroscope report collapsing --db r.db --rule layer-collapse.fraction=0.01 --fail-on collapse
2 no-kind           entroscope report collapsing --db r.db --fail-on colapse
2 -                 entroscope report collapsing --db r.db --fail-on ''
2 -                 entroscope report collapsing --db r.db --fail-on collapse,
2 -                 entroscope report nosuch --db r.db --fail-on any

# ---- the regularizer
P penalty           entroscope report learned --db r.db --penalty
P penalty-learned   entroscope report learned --db r.db --penalty --theta learned --gamma 0 --step 20 --json
P penalty-none      entroscope report learned --db r.db --penalty --theta 0.2 --gamma 1
P penalty-nan       entroscope report all-nan --db r.db --penalty
2 not-learned       entroscope report healthy --db r.db --penalty --theta learned
2 no-step           entroscope report learned --db r.db --penalty --step 21
2 one-key           entroscope report one-token --db r.db --penalty
2 -                 entroscope report learned --db r.db --penalty --step soon
2 -                 entroscope report learned --db r.db --penalty --theta 2
2 -                 entroscope report learned --db r.db --theta 0.5

# ---- words
2 no-run            entroscope report nosuch --db r.db
2 no-arguments      entroscope report --db r.db
2 no-database       entroscope report healthy
6 -                 entroscope report healthy --db nosuch.db
P .                 test ! -e nosuch.db
6 -                 entroscope report healthy --db r.db > /dev/full

# ---- a finding that this program does not know is not passed over
S -                 cp r.db unknown.db; $PYTHON -c 'import sqlite3; d = sqlite3.connect("unknown.db"); \
                    d.execute("UPDATE findings SET kind = ? WHERE number = 1", ("drift\x1b[31m",)); d.commit()'
6 unknown-kind      entroscope report collapsing --db unknown.db --fail-on any
P .                 entroscope analyze -q $FIX/collapsing.h5 --db unknown.db > /dev/null
P .                 entroscope report collapsing --db unknown.db > again && entroscope report collapsing --db r.db | cmp again
