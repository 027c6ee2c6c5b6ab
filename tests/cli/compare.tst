# Runs and groups of runs side by side.  Format: see run-table.py.  The numbers: test_compare_numbers.py.
S -                 entroscope analyze -q $FIX/healthy.h5 $FIX/collapsing.h5 $FIX/all-nan.h5 $FIX/hybrid.h5 $FIX/one-token.h5 $FIX/diverged.h5 --db a.db; \
                    $PYTHON -c "import sqlite3; c = sqlite3.connect('a.db'); c.executescript('UPDATE runs SET findings_at = NULL; DELETE FROM findings')"
# groups: four seeds of each of two runs, their heads a little apart
S -                 cp a.db g.db; $PYTHON -c "import sqlite3; c = sqlite3.connect('g.db'); c.executescript('''\
                    CREATE TEMP TABLE seed AS WITH RECURSIVE s(s) AS (SELECT 1 UNION ALL SELECT s + 1 FROM s WHERE s < 4) SELECT s FROM s; \
                    CREATE TEMP TABLE old AS SELECT * FROM runs WHERE name IN ('healthy', 'collapsing'); \
                    INSERT INTO runs (id, name, attempt, fingerprint, created_at, arch, n_layers, n_heads, context_length, findings_at) \
                    SELECT 100 * id + s, name || ' s' || s, 1, name || s, created_at, name, n_layers, n_heads, context_length, 'now' FROM old, seed; \
                    INSERT INTO run_config SELECT 100 * id + s, 'seed', s FROM old, seed; \
                    INSERT INTO run_config SELECT 100 * id + s, 'arch', name FROM old, seed; \
                    INSERT INTO run_config SELECT 100 * id + s, 'lr', iif(s = 4 AND name = 'healthy', '0.002', '0.001') FROM old, seed; \
                    INSERT INTO captures SELECT 100 * old.id + s, step, position, n_rows, digest, status, detail FROM captures, old, seed WHERE run_id = old.id; \
                    INSERT INTO scalars SELECT 100 * old.id + s, 'eval_loss', 40, 2 + s / 8.0 + (old.name = 'collapsing') * (1 + s / 16.0), 'finite' FROM old, seed; \
                    INSERT INTO findings (run_id, number, kind, severity, layer, onset_step, n_captures, rule, sentence, evidence) \
                    SELECT 100 * id + s, 1, 'collapse', 'critical', 3, 10, 2, 'rule', 'Layer 3 collapses.', '{}' FROM old, seed WHERE name = 'collapsing' AND s < 3; \
                    INSERT INTO head_stats (run_id, step, layer, head, n_rows, n_nan, entropy_mean, entropy_ceiling) \
                    SELECT 100 * old.id + s, step, layer, head, h.n_rows, h.n_nan, entropy_mean * (1 + ((7 * s + 3 * head + layer) % 5) / 64.0), entropy_ceiling \
                    FROM head_stats AS h, old, seed WHERE run_id = old.id''')"

# ---- runs
P two               entroscope compare healthy collapsing --db a.db
P two-json          entroscope compare healthy collapsing --db a.db --json --step 0
P two-all           entroscope compare '#2' '#1' --db a.db --all-heads --band-max ceiling --step 0
P nan               entroscope compare healthy all-nan --db a.db
P shapes            entroscope compare healthy hybrid one-token --db a.db
P diverged          entroscope compare healthy diverged --db a.db
S -                 entroscope analyze -q $FIX/restarted.h5 --db s.db
P attempts          entroscope compare '#1' '#2' --db s.db | head -12

# ---- groups
P groups            entroscope compare --group 'healthy s*' --group 'collapsing s*' --db g.db --allow-differences
P by                entroscope compare --by arch --where lr=1e-3 --db g.db
P by-welch          entroscope compare --by arch --ignore lr --test welch --baseline healthy --db g.db
P by-json           entroscope compare --by arch --ignore lr --baseline healthy --db g.db --json | head -c 9000
5 mixed             entroscope compare --by arch --db g.db
5 mixed-group       entroscope compare --group 'healthy s*' --group 'collapsing s?' --db g.db
P left-out          entroscope compare --by arch --db g.db 'healthy s1' 'healthy s4' 'collapsing s1' healthy
P same              test "$(entroscope compare --by arch --ignore lr --db g.db --json)" = "$(entroscope compare --by arch --ignore lr --db g.db --json)"
P .                 LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8 entroscope compare healthy collapsing --db a.db > de; entroscope compare healthy collapsing --db a.db | cmp - de

# ---- words
2 -                 entroscope compare healthy collapsing
2 one               entroscope compare healthy --db a.db
2 none              entroscope compare --db a.db
2 twice             entroscope compare healthy healthy --db a.db
2 no-run            entroscope compare healthy heathly --db a.db
2 no-group          entroscope compare --group 'h*' --group 'x*' --db a.db
2 overlap           entroscope compare --group 'h*' --group '*y' --db a.db
2 both              entroscope compare --by arch --group 'h*' --db a.db
2 no-key            entroscope compare --by nosuch --db a.db
2 no-value          entroscope compare --by arch --where lr=7 --db g.db
2 no-condition      entroscope compare --by arch --where lr --db g.db
2 one-group         entroscope compare --by arch --where arch=healthy --ignore lr --db g.db
2 no-baseline       entroscope compare --by arch --where lr=0.001 --baseline x --db g.db
2 no-step           entroscope compare healthy collapsing --step 7 --db a.db
2 bad-step          entroscope compare healthy collapsing --step x --db a.db
2 bad-test          entroscope compare healthy collapsing --test t --db a.db
2 bad-alpha         entroscope compare healthy collapsing --alpha 0 --db a.db
2 bad-band          entroscope compare healthy collapsing --band-max 2 --db a.db
6 -                 entroscope compare healthy collapsing --db nosuch.db
P .                 test ! -e nosuch.db
6 -                 entroscope compare healthy collapsing --db a.db > /dev/full
P .                 cp a.db r.db && chmod 444 r.db && $NOBODY entroscope compare healthy collapsing --db r.db > /dev/null
