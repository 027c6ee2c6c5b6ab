# Tables as CSV and JSON.  Format: see run-table.py.
S -                 entroscope analyze -q $FIX/diverged.h5 $FIX/hybrid.h5 --db a.db
P tables            entroscope export --db a.db
P run_config        entroscope export run_config --db a.db
P run_config-json   entroscope export run_config --db a.db --format json
P scalars           entroscope export scalars --db a.db --run diverged
P captures          entroscope export captures --db a.db --run '#2'
P metric            entroscope export metric --db a.db
S -                 entroscope analyze -q $FIX/healthy.h5 --db l.db; ! entroscope analyze -q $FIX/learned-damaged.h5 --db l.db
P head_params       entroscope export head_params --db l.db
P layer_params      entroscope export layer_params --db l.db --format json
P .                 for t in $(entroscope export --db a.db); do \
                    entroscope export $t --db a.db > $t.csv || echo $t; \
                    entroscope export $t --db a.db --format json | $PYTHON -m json.tool >/dev/null || echo $t; \
                    entroscope export $t --db a.db --run hybrid --run diverged -o again.csv; \
                    cmp again.csv $t.csv; done
P .                 LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8 entroscope export head_stats --db a.db | cmp - head_stats.csv
P .                 entroscope export runs --db a.db -o /dev/stdout | cmp - runs.csv; test -c /dev/stdout || test -L /dev/stdout
P .                 mkfifo pipe; cat pipe > read.csv & entroscope export runs --db a.db -o pipe; wait; cmp read.csv runs.csv; test -p pipe

# ---- cells that a spreadsheet would run
S -                 entroscope analyze -q $FIX/name-formula.h5 $FIX/name-escapes.h5 $FIX/name-bidi.h5 $FIX/name-bytes.h5 $FIX/name-markup.h5 --db n.db
P names             entroscope export run_config --db n.db
P names-raw         entroscope export run_config --db n.db --csv-raw
P names-json        entroscope export run_config --db n.db --format json

# ---- words
2 no-table          entroscope export nosuch --db a.db
2 -                 entroscope export 'runs; DROP TABLE runs' --db a.db
2 -                 entroscope export sqlite_schema --db a.db
2 -                 entroscope export '' --db a.db
2 no-format         entroscope export runs --db a.db --format xml
2 no-run            entroscope export runs --db a.db --run nosuch

# ---- outputs that cannot be written leave the old one and nothing else
S -                 mkdir locked folder && cp runs.csv locked/ && chmod 755 . && chmod 555 locked && cp a.db b.db
6 no-folder         entroscope export runs --db a.db -o nosuch/x.csv
6 folder            entroscope export runs --db a.db -o folder
6 locked            $NOBODY entroscope export metric --db a.db -o locked/runs.csv
6 /full/            entroscope export runs --db a.db -o /dev/full
S -                 entroscope analyze -q $FIX/healthy.h5 $FIX/collapsing.h5 --db big.db; cp runs.csv old.csv
6 too-large         ulimit -f 70; entroscope export head_stats --db big.db -o old.csv
2 is-database       entroscope export runs --db b.db -o b.db
2 no-name           entroscope export runs --db a.db -o ''
6 -                 entroscope export head_stats --db a.db >/dev/full
6 -                 entroscope export head_stats --db a.db >&-
P .                 cmp old.csv runs.csv && cmp a.db b.db && cmp locked/runs.csv runs.csv && test "$(ls -A locked)" = runs.csv && \
                    ls -A | grep '^[.]'; ls folder
2 -                 entroscope export nosuch --db a.db -o keep.csv
P .                 test ! -e keep.csv
S -                 chmod 755 locked
