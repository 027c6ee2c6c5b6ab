# The database as a file: checked and copied.  Format: see run-table.py.
S -                 entroscope analyze -q $FIX/healthy.h5 $FIX/restarted.h5 --db a.db
P check             entroscope db check a.db
P check-json        entroscope db check a.db --json
P backup            entroscope db backup a.db b.db
P backup            entroscope db backup a.db b.db
P .                 entroscope db backup -q a.db b.db
P check-backup      entroscope db check b.db
P help              entroscope db --help

# ---- what is wrong
S -                 cp a.db heads.db; $PYTHON -c 'import sqlite3; d = sqlite3.connect("heads.db"); \
                    d.execute("DELETE FROM head_stats WHERE step = 10 AND head = 1"); d.commit()'
6 check-heads       entroscope db check heads.db
6 check-heads-json  entroscope db check heads.db --json
S -                 cp a.db text.db; printf 'hello, this is no database\n' > text.db; mkfifo pipe
6 check-text        entroscope db check text.db
6 check-missing     entroscope db check nosuch.db
6 -                 entroscope db check pipe
6 -                 entroscope db check $FIX/healthy.h5
6 backup-text       entroscope db backup text.db c.db
6 backup-onto-text  entroscope db backup a.db text.db
2 backup-itself     entroscope db backup a.db ./a.db
6 backup-nowhere    entroscope db backup a.db nosuch/b.db
6 -                 entroscope db backup a.db pipe
6 -                 entroscope db backup a.db .
P .                 test ! -e c.db && test "$(ls -A | grep entroscope-)" = ""

# ---- usage
2 no-verb           entroscope db
2 unknown-verb      entroscope db frobnicate a.db
2 check-two         entroscope db check a.db b.db
2 backup-one        entroscope db backup a.db
2 backup-json       entroscope db backup a.db b.db --json
6 /standard.output/ entroscope db check a.db >/dev/full
