# Runs listed, filtered, renamed, tagged, deleted.  Format: see run-table.py.
S -                 entroscope analyze -q $FIX/healthy.h5 $FIX/grown-3.h5 $FIX/restarted.h5 $FIX/diverged.h5 $FIX/name-markup.h5 --db a.db; \
                    cp a.db whole.db; $PYTHON -c 'import sqlite3; d = sqlite3.connect("a.db"); \
                    d.execute("DELETE FROM findings"); \
                    [d.execute("INSERT INTO findings (run_id, number, kind, severity, onset_step, n_captures, rule, sentence, evidence) \
                    VALUES (1, ?, ?, ?, 0, 1, ?, ?, ?)", (n, "nan", s, "r", "s", "{}")) for n, s in enumerate(("info", "critical", "info", "warning"))]; \
                    d.execute("UPDATE runs SET findings_at = iif(id IN (1, 3), ?, NULL)", ("2025-01-01T00:00:00Z",)); d.commit()'
P .                 entroscope runs tag restarted slow 'two words' --db a.db
P .                 entroscope runs tag '#1' slow --db a.db
P list              entroscope runs --db a.db
P json              entroscope runs --db a.db --arch SM+LN+G --name 'healthy*' --json

# ---- filters
P slow              entroscope runs --db a.db --tag slow
P slow-two          entroscope runs --db a.db --tag slow --tag 'two words'
P glob              entroscope runs --db a.db --name 'g*' --name '*n'
P where             entroscope runs --db a.db --where lr=1e-3 --where seed=7 --name '[hg]*'
P nothing           entroscope runs --db a.db --arch "SM' OR 1=1 --"
P nothing           entroscope runs --db a.db --where 'seed=7x'
2 no-value          entroscope runs --db a.db --where seed
2 -                 entroscope runs --db a.db --where =7
P .                 for o in '--name h*' '--tag slow' '--arch SM+LN+G' '--where seed=7'; do \
                    entroscope runs --db a.db $o --json | $PYTHON -m json.tool >/dev/null || echo $o; done

# ---- verbs
2 no-verb           entroscope runs remove healthy --db a.db
2 /delete.takes/    entroscope runs delete --db a.db
2 /rename.takes/    entroscope runs rename a --db a.db
2 /rename.takes/    entroscope runs rename a b c --db a.db
2 /tag.takes/       entroscope runs tag healthy --db a.db
2 /for.listing/     entroscope runs delete healthy --tag slow --yes --db a.db
6 /no.such.database/ entroscope runs delete healthy --yes --db nosuch.db
6 /no.such.database/ entroscope runs tag healthy x --db nosuch.db
P .                 test ! -e nosuch.db

# ---- renaming: analyze goes on under the new name
P .                 entroscope runs rename grown 'my "run"' --db a.db
P .                 entroscope runs rename '#4' again --db a.db
P renamed           entroscope runs --db a.db --name '*[gn]*'
P grown-on          entroscope analyze $FIX/grown-6.h5 --db a.db
P known             entroscope analyze $FIX/restarted.h5 --db a.db
P -                 entroscope analyze $FIX/grown-6.h5 --db a.db --run copy
P after             entroscope runs --db a.db
2 taken             entroscope runs rename again healthy --db a.db
2 taken-own         entroscope runs rename again again --db a.db
2 no-name           entroscope runs rename again '' --db a.db
2 /begin.with/      entroscope runs rename again '#1' --db a.db
2 no-run            entroscope runs rename nosuch x --db a.db
2 no-tag            entroscope runs untag again slow nosuch --db a.db
2 /not.be.empty/    entroscope runs tag again '' --db a.db
P after             entroscope runs --db a.db
P .                 entroscope runs untag again slow 'two words' --db a.db
P untagged          entroscope runs --db a.db --name again

# ---- deleting
2 not-asked         entroscope runs delete again --db a.db
2 no-run-to-delete  entroscope runs delete again nosuch --yes --db a.db
2 -                 entroscope runs delete '#99' --yes --db a.db
P deleted           entroscope runs delete again '#3' copy --yes --db a.db
P .                 entroscope runs delete '#1' --yes -q --db a.db
P left              entroscope runs --db a.db
P .                 for t in captures head_stats layer_stats scalars run_config findings run_tags; do \
                    $PYTHON -c 'import sqlite3, sys; \
                    [print(sys.argv[1], r) for r in sqlite3.connect("a.db").execute( \
                    "SELECT run_id FROM " + sys.argv[1] + " WHERE run_id NOT IN (SELECT id FROM runs)")]' $t; done
6 -                 chmod 755 .; mkdir locked; cp whole.db locked/a.db; chmod 555 locked; $NOBODY entroscope runs delete healthy --yes --db locked/a.db
S -                 chmod 755 locked
