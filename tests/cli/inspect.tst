# What a trace holds, and files that are none.  Format: see run-table.py.
P healthy           entroscope inspect $FIX/healthy.h5
P collapsing        entroscope inspect $FIX/collapsing.h5
P uneven            entroscope inspect $FIX/uneven.h5
P hybrid            entroscope inspect $FIX/hybrid.h5
P masked            entroscope inspect $FIX/masked.h5
P one-token         entroscope inspect $FIX/one-token.h5
P restarted         entroscope inspect $FIX/restarted.h5
P unfinished        entroscope inspect $FIX/grown-3.h5
P quiet-healthy     entroscope inspect -q $FIX/healthy.h5
3 missing           entroscope inspect $FIX/missing.h5
3 missing           entroscope inspect -q $FIX/missing.h5
3 -                 entroscope inspect --json $FIX/missing.h5
P json              entroscope inspect --json $FIX/uneven.h5
P learned           entroscope inspect $FIX/learned.h5
P learned-json      entroscope inspect --json $FIX/learned.h5
3 learned-damaged   entroscope inspect $FIX/learned-damaged.h5
4 empty             entroscope inspect $FIX/empty.h5

# ---- names that no terminal should meet
P name-escapes      entroscope inspect $FIX/name-escapes.h5
P name-bidi         entroscope inspect $FIX/name-bidi.h5
P name-bytes        entroscope inspect $FIX/name-bytes.h5
P name-empty        entroscope inspect $FIX/name-empty.h5
P name-markup       entroscope inspect $FIX/name-markup.h5
P -                 entroscope inspect $FIX/name-long.h5
P name-bidi-json    entroscope inspect --json $FIX/name-bidi.h5

# ---- files that are no trace
S -                 mkdir folder; mkfifo pipe; : > nothing; printf 'step,loss\n1,2\n' > text.csv; \
                    head -c 3000 $FIX/healthy.h5 > short.h5; head -c 60000 $FIX/healthy.h5 > half.h5; \
                    (printf '\211HDF\r\n\032\n'; head -c 4096 /dev/zero) > header.h5; \
                    ln -s nosuch dangling; ln -s loop loop; ln -s $FIX/healthy.h5 linked.h5
4 not-there         entroscope inspect nosuch.h5
4 not-there-strange entroscope inspect "$(printf 'no\033[31m\nsuch\377')"
4 is-folder         entroscope inspect folder
4 is-pipe           entroscope inspect pipe
4 is-device         entroscope inspect /dev/zero
4 is-nothing        entroscope inspect nothing
4 is-text           entroscope inspect text.csv
4 -                 entroscope inspect short.h5
N -                 entroscope inspect half.h5
4 -                 entroscope inspect header.h5
4 -                 entroscope inspect dangling
4 -                 entroscope inspect loop
4 -                 entroscope inspect ''
P -                 entroscope inspect linked.h5
4 is-folder         entroscope inspect -q folder
