# Runs of other databases into one.  Format: see run-table.py.
S -                 entroscope analyze -q $FIX/healthy.h5 $FIX/grown-3.h5 --db one.db; \
                    entroscope analyze -q $FIX/grown-6.h5 $FIX/restarted.h5 $FIX/learned.h5 --db two.db; \
                    entroscope analyze -q $FIX/impostor.h5 --db impostor.db; \
                    cp one.db one.copy; cp two.db two.copy
P dry               entroscope merge one.db two.db --db all.db --dry-run
P .                 test ! -e all.db
P merged            entroscope merge one.db two.db --db all.db
P again             entroscope merge one.db two.db --db all.db
P again             entroscope merge one.db two.db --db all.db -n
P json              entroscope merge two.db --db all.db --json
P .                 cmp one.db one.copy; cmp two.db two.copy; ls | grep -v '^all' | grep -e -wal -e -shm; true
P runs              entroscope runs --db all.db
P .                 entroscope analyze -q $FIX/healthy.h5 $FIX/grown-6.h5 $FIX/restarted.h5 $FIX/learned.h5 --db direct.db >/dev/null; \
                    for t in head_stats layer_stats head_params layer_params captures scalars run_config; do \
                    entroscope export $t --db all.db > a.csv; entroscope export $t --db direct.db | cmp - a.csv || echo $t; done
P .                 cp all.db before.db; entroscope analyze -q $FIX/grown-6.h5 $FIX/restarted.h5 --db all.db >/dev/null; \
                    entroscope runs --db all.db > a.txt; entroscope runs --db before.db | cmp - a.txt

# ---- names and values that are others'
3 name-taken        entroscope merge impostor.db --db all.db
3 name-taken        entroscope merge impostor.db --db all.db --replace
3 name-json         entroscope merge impostor.db two.db --db all.db --json 2>/dev/null
P suffix            entroscope merge impostor.db --db all.db --rename -lab2
P suffix-again      entroscope merge impostor.db --db all.db
S -                 $PYTHON -c 'import sqlite3; d = sqlite3.connect("two.db"); \
                    d.execute("UPDATE captures SET digest = 0 WHERE step = 10"); d.commit()'
3 differs-dry       entroscope merge two.db --db all.db --dry-run
3 differs           entroscope merge two.db --db all.db
P replaced          entroscope merge two.db --db all.db --replace
P replaced-again    entroscope merge two.db --db all.db

# ---- sources that are none
S -                 printf 'hello\n' > text.db; : > empty.db; mkfifo pipe; mkdir folder; ln -s all.db link.db; \
                    $PYTHON -c 'import sqlite3; d = sqlite3.connect("other.db"); d.execute("CREATE TABLE runs (x)"); d.commit()'; \
                    cp one.db newer.db; $PYTHON -c 'import sqlite3; d = sqlite3.connect("newer.db"); d.execute("PRAGMA user_version = 9999"); d.commit()'; \
                    head -c 30000 one.db > cut.db
4 missing           entroscope merge nosuch.db --db new.db
4 text              entroscope merge text.db --db new.db
4 empty             entroscope merge empty.db --db new.db
4 other             entroscope merge other.db --db new.db
4 newer             entroscope merge newer.db --db new.db
4 -                 entroscope merge pipe --db new.db
4 -                 entroscope merge folder --db new.db
4 -                 entroscope merge $FIX/healthy.h5 --db new.db
4 all-bad           entroscope merge text.db nosuch.db --db new.db
P .                 test ! -e new.db
4 -                 entroscope merge cut.db --db cut-target.db
3 some-bad          entroscope merge text.db one.db --db new.db
2 itself            entroscope merge one.db all.db --db all.db
2 itself-linked     entroscope merge link.db --db all.db
2 /at.least.one/    entroscope merge --db all.db
2 /needs.--db/      entroscope merge one.db
2 /--rename.must/   entroscope merge one.db --db all.db --rename ''
6 /not.an.SQLite/   entroscope merge one.db --db text.db
6 /not.an.SQLite/   entroscope merge one.db --db text.db --dry-run
P /hello/           cat text.db
P .                 chmod 755 .; mkdir locked; cp one.copy locked/one.db; chmod 555 locked; chmod 444 locked/one.db; \
                    $NOBODY entroscope merge locked/one.db --db from-locked.db -q >/dev/null; test $(ls locked) = one.db; chmod 755 locked
