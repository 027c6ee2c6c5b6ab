# Private-inference cost.  Format: see run-table.py.
# ---- the tables of the paper: 3, 7, 8 and 4
P table-3           entroscope cost --arch SM+LN+G --arch SM+LN+R --arch SM+ScFuFFN --arch 'EReg(SM(t)+ScFuFFN)' \
                    --layers 12 --heads 12 --dim 768 --context 128 --vocab 50257
P table-7           entroscope cost --arch SM+LN+G --arch SM+LN+R --arch SM+ScFuFFN --context 256
P table-8           entroscope cost --arch SM+LN+G --arch SM+LN+R --arch SM+ScFuFFN --layers 18
P table-4           entroscope cost --arch SM+LN+G --arch SM+LN+R --arch SM+ScFuFFN --context 512 --vocab 16384
P ffn-layers        entroscope cost --arch SM+ScFuFFN --arch SM+LN+G --ffn-layers 6
P .                 test "$(entroscope cost --arch SM --ffn-layers 0 | sed -n 's/^SM *//p')" = \
                    "$(entroscope cost --arch SM+ScFuFFN --ffn-layers 0 | sed -n 's/^SM+ScFuFFN *//p')" || echo differ

# ---- what is estimated, of which sizes, at which network
P all               entroscope cost --arch all
P width             entroscope cost --arch SM --arch SM+LN+G --dim 1024 --heads 16 --layers 24 --context 1024
P tiny              entroscope cost --arch SM+ScFuFFN --layers 1 --heads 1 --dim 1 --context 1 --vocab 1
P large             entroscope cost --arch SM+LN+G --layers 100000 --heads 100000 --dim 10000000 --context 100000000 --vocab 100000000
P baseline          entroscope cost --arch SM --arch SM+LN --baseline SM+R
P bandwidth         entroscope cost --arch SM+LN+G --arch SM+ScFuFFN --bandwidth 100
P combination       entroscope cost --arch 'SM(t)+LN+G+WN(QK)' --arch SM+LN+ScFuFFN
P json              entroscope cost --arch SM+LN --json --bandwidth 100
P .                 entroscope cost --arch all --json | $PYTHON -m json.tool >/dev/null

# ---- words
2 unknown           entroscope cost --arch sm+ln+g
2 unknown-far       entroscope cost --arch "$(printf 'GPT\033[31m\n\302\233')"
2 unknown-empty     entroscope cost --arch ''
2 unknown-baseline  entroscope cost --arch SM --baseline SM+LN+GELU
2 /no.architecture/ entroscope cost --arch SM+G+ScFuFFN
2 nothing           entroscope cost
2 extra             entroscope cost SM
2 both              entroscope cost --arch SM --run healthy --db a.db
2 run-alone         entroscope cost --run healthy
2 db-alone          entroscope cost --arch SM --db a.db
P .                 test ! -e a.db

# ---- sizes
2 /--layers.must.be.1.to.100000/  entroscope cost --arch SM --layers 0
2 /--layers.must.be.1.to.100000/  entroscope cost --arch SM --layers -12
2 /--layers.must.be.1.to.100000/  entroscope cost --arch SM --layers 1000000000
2 /--layers.must.be.1.to.100000/  entroscope cost --arch SM --layers -9223372036854775808
2 /out.of.range/    entroscope cost --arch SM --layers 99999999999999999999
2 /integer/         entroscope cost --arch SM --layers 1e9
2 /integer/         entroscope cost --arch SM --layers ''
2 /--heads.must/    entroscope cost --arch SM --heads 0
2 /--dim.must/      entroscope cost --arch SM --dim 10000001
2 /--context.must/  entroscope cost --arch SM --context -1
2 /--vocab.must/    entroscope cost --arch SM --vocab 0
2 /--ffn-layers.must/ entroscope cost --arch SM --ffn-layers -1
2 ffn-layers-most   entroscope cost --arch SM --ffn-layers 13
2 heads             entroscope cost --arch SM --dim 100
2 /--bandwidth.must/ entroscope cost --arch SM --bandwidth 0
2 /--bandwidth.must/ entroscope cost --arch SM --bandwidth -100
2 /not.a.number/    entroscope cost --arch SM --bandwidth nan
2 /not.a.number/    entroscope cost --arch SM --bandwidth 1gbit
6 /standard.output/ entroscope cost --arch SM >/dev/full

# ---- runs of a database
S -                 entroscope analyze -q $FIX/healthy.h5 $FIX/diverged.h5 --db r.db
2 run-no-width      entroscope cost --run healthy --db r.db
P run-width         entroscope cost --run healthy --run '#2' --db r.db --dim 32
2 run-heads         entroscope cost --run healthy --db r.db --dim 33
2 run-no-run        entroscope cost --run nosuch --db r.db
6 run-no-db         entroscope cost --run healthy --db nosuch.db
P .                 test ! -e nosuch.db
