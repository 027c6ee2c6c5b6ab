# Traces into a database, and the database's runs.  Format: see run-table.py.
P healthy           entroscope analyze $FIX/healthy.h5 --db a.db
P healthy-again     entroscope analyze $FIX/healthy.h5 --db a.db
P healthy-no-effect entroscope analyze $FIX/healthy.h5 --db a.db --with pairs
2 no-statistic      entroscope analyze $FIX/healthy.h5 --db a.db --with pears
P collapsing        entroscope analyze $FIX/collapsing.h5 --db a.db
P overloaded        entroscope analyze $FIX/overloaded.h5 --db a.db
P diverged          entroscope analyze $FIX/diverged.h5 --db a.db
P all-nan           entroscope analyze $FIX/all-nan.h5 --db a.db
P masked            entroscope analyze $FIX/masked.h5 --db a.db
P uneven            entroscope analyze $FIX/uneven.h5 --db a.db
P hybrid            entroscope analyze $FIX/hybrid.h5 --db a.db
P one-token         entroscope analyze $FIX/one-token.h5 --db a.db
P restarted         entroscope analyze $FIX/restarted.h5 --db a.db
P restarted-again   entroscope analyze $FIX/restarted.h5 --db a.db
P restarted-quiet   entroscope analyze -q $FIX/restarted.h5 --db a.db
P square            entroscope analyze $FIX/square.h5 --db a.db
P json              entroscope analyze $FIX/diverged.h5 --db json.db --json
P json-again        entroscope analyze $FIX/diverged.h5 --db json.db --json
P grown-3           entroscope analyze $FIX/grown-3.h5 --db a.db
P grown-6           entroscope analyze $FIX/grown-6.h5 --db a.db
P grown-3-later     entroscope analyze $FIX/grown-3.h5 --db a.db
P runs              entroscope runs --db a.db
P runs              entroscope runs -q --db a.db

# ---- what cannot be read: the rest is stored, the bad is listed
3 missing           entroscope analyze $FIX/missing.h5 --db b.db
3 missing-again     entroscope analyze $FIX/missing.h5 --db b.db
3 damaged           entroscope analyze $FIX/damaged.h5 --db b.db
3 damaged-again     entroscope analyze $FIX/damaged.h5 --db b.db
3 -                 entroscope analyze $FIX/damaged.h5 --db b.db --json
3 many-problems     entroscope analyze $FIX/holes.h5 --db holes.db
P problems-counted  entroscope analyze $FIX/holes.h5 --db holes.db --json 2>/dev/null | \
                    $PYTHON -c 'import json, sys; print(len(json.load(sys.stdin)["runs"][0]["problems"]))'
4 empty             entroscope analyze $FIX/empty.h5 --db b.db
3 some-bad          entroscope analyze $FIX/hybrid.h5 nosuch.h5 $FIX/empty.h5 $FIX/masked.h5 --db c.db
4 all-bad           entroscope analyze nosuch.h5 $FIX/empty.h5 --db c.db
P runs-some-bad     entroscope runs --db c.db
3 -                 entroscope analyze nosuch.h5 $FIX/hybrid.h5 --db c.db --json

P -                 entroscope analyze $FIX/learned.h5 --db learned.db
3 learned-damaged   entroscope analyze $FIX/learned-damaged.h5 --db learned.db
3 learned-again     entroscope analyze $FIX/learned-damaged.h5 --db learned.db

# ---- names, conflicts, replacement
P named             entroscope analyze $FIX/healthy.h5 --db d.db --run 'my run'
P -                 entroscope analyze $FIX/healthy.h5 --db d.db
2 conflict          entroscope analyze $FIX/impostor.h5 --db d.db
3 conflict-of-two   entroscope analyze $FIX/impostor.h5 $FIX/hybrid.h5 --db d.db
2 conflict-named    entroscope analyze $FIX/impostor.h5 --db d.db --run 'my run'
P impostor-named    entroscope analyze $FIX/impostor.h5 --db d.db --run other
P impostor-replaces entroscope analyze $FIX/impostor.h5 --db d.db --replace
P runs-replaced     entroscope runs --db d.db
4 -                 entroscope analyze $FIX/empty.h5 --db d.db --run 'my run' --replace
P runs-replaced     entroscope runs --db d.db

# ---- databases that are none
S -                 printf 'hello\n' > text.db; : > nothing.db; mkfifo pipe; mkdir folder; \
                    cp a.db newer.db; $PYTHON -c 'import sqlite3; d = sqlite3.connect("newer.db"); \
                    d.execute("PRAGMA user_version = 9999"); d.commit()'; \
                    $PYTHON -c 'import sqlite3; d = sqlite3.connect("other.db"); \
                    d.execute("CREATE TABLE t (x)"); d.commit()'
6 db-missing        entroscope runs --db nosuch.db
6 db-missing-plot   entroscope plot scalars --db nosuch.db -o x.png
6 db-missing-export entroscope export runs --db nosuch.db
P .                 test ! -e nosuch.db
6 db-text           entroscope runs --db text.db
6 db-text-analyze   entroscope analyze $FIX/healthy.h5 --db text.db
P .                 test "$(cat text.db)" = hello
6 db-newer          entroscope runs --db newer.db
6 db-newer-analyze  entroscope analyze $FIX/healthy.h5 --db newer.db
6 db-other          entroscope runs --db other.db
6 db-other-analyze  entroscope analyze $FIX/healthy.h5 --db other.db
6 db-nothing        entroscope runs --db nothing.db
P -                 entroscope analyze $FIX/healthy.h5 --db nothing.db
6 db-trace          entroscope runs --db $FIX/healthy.h5
6 db-pipe           entroscope analyze $FIX/healthy.h5 --db pipe
6 db-folder         entroscope analyze $FIX/healthy.h5 --db folder
6 db-no-folder      entroscope analyze $FIX/healthy.h5 --db nosuch/x.db
6 db-unnamed        entroscope analyze $FIX/healthy.h5 --db ''
6 -                 entroscope analyze $FIX/healthy.h5 --db /dev/null
2 db-itself         entroscope analyze a.db --db a.db
3 db-itself-of-two  entroscope analyze a.db $FIX/healthy.h5 --db a.db
2 /database..--db..itself/ ln -s a.db link.h5; entroscope analyze link.h5 --db a.db
2 /database..--db..itself/ ln a.db hard.h5; entroscope analyze hard.h5 --db a.db
2 /database..--db..itself/ cp $FIX/healthy.h5 own.h5; entroscope analyze own.h5 --db ./own.h5
P .                 cmp $FIX/healthy.h5 own.h5
P runs              entroscope runs --db a.db
4 -                 entroscope analyze pipe --db a.db
4 -                 entroscope analyze folder --db a.db
4 -                 entroscope analyze text.db --db a.db

# ---- what may be read and not written
S -                 mkdir locked && cp a.db locked/ && chmod 755 . && chmod 444 locked/a.db && chmod 555 locked
P runs              $NOBODY entroscope runs --db locked/a.db
P -                 $NOBODY entroscope export captures --db locked/a.db
6 db-locked         $NOBODY entroscope analyze $FIX/impostor.h5 --db locked/a.db --run new
6 -                 $NOBODY entroscope analyze $FIX/healthy.h5 --db locked/new.db
P .                 test "$(ls -A locked)" = a.db
S -                 chmod 755 locked
6 -                 (ulimit -f 40; entroscope analyze $FIX/healthy.h5 --db full.db)
P -                 entroscope analyze $FIX/healthy.h5 --db full.db

# ---- output of a command that stored
6 /standard.output/ entroscope analyze $FIX/healthy.h5 --db e.db >/dev/full
P healthy-again     entroscope analyze $FIX/healthy.h5 --db e.db
P healthy-again     LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8 entroscope analyze $FIX/healthy.h5 --db e.db
