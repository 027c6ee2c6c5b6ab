# Recipes: several views in one figure.  Format: see run-table.py.
S -                 entroscope analyze -q $FIX/healthy.h5 $FIX/collapsing.h5 $FIX/all-nan.h5 --db a.db
S -                 printf '%s\n' '[figure]' 'db = a.db' 'title = Two runs' 'columns = 2' 'letters = yes' 'run = healthy; collapsing' 'values = no' \
                    '[panel maps]' 'view = headwise-entropy' 'values = yes' '[panel loss]' 'view = scalars' 'scalar = loss' 'title = Loss' 'span = 2' > two.ini
P .                 for s in pdf svg png; do entroscope plot --recipe two.ini -o a.$s && entroscope plot --recipe two.ini -o b.$s && cmp a.$s b.$s || echo $s; done
P .                 mkdir -p elsewhere && cd elsewhere && entroscope plot --recipe ../two.ini -o a.svg && test -s a.svg
P .                 grep -q 'Two runs' a.svg && grep -q '(a) healthy' a.svg && grep -q '(b) collapsing' a.svg && grep -q '(c) Loss' a.svg

# ---- what the command line gives goes before [figure], what a panel says before that
S -                 printf '[panel a]\nview = headwise-entropy\n[panel b]\nview = entropy-bands\nrun = healthy\n' > open.ini
P .                 entroscope plot --recipe open.ini --db a.db --run collapsing --title Given -o o.svg && \
                    grep -q '>collapsing, step 50<' o.svg && grep -q 'Given' o.svg && ! grep -q '>all-nan' o.svg
P .                 entroscope plot --recipe open.ini --db a.db -o all.svg && grep -q '>all-nan, step' all.svg
P .                 entroscope plot --recipe two.ini --width 5 --title '' -o w.svg && ! grep -q '>Two runs<' w.svg
2 no-db             sed '/^db/d' two.ini > nodb.ini; entroscope plot --recipe nodb.ini -o x.svg
2 view-and-recipe   entroscope plot scalars --recipe two.ini -o x.svg
2 no-output         entroscope plot --recipe two.ini
2 is-recipe         cp two.ini two.svg; entroscope plot --recipe two.svg -o two.svg

# ---- what is wrong in it is named with its line
2 no-view           printf '[panel a]\nview = nosuch\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 says-no-view      printf '[panel a]\nstep = last\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 no-key            printf '[figure]\ncolumns = 2\n\n[panel a]\nview = scalars\ncolour = red\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 wrong-place       printf '[panel a]\nview = scalars\nwidth = 3\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 no-run            printf '[panel a]\nview = scalars\n# who\nrun = healthy; nosuch\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 no-step           printf '[panel a]\nview = headwise-entropy\nrun = healthy\nstep = 11\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 bad-step          printf '[panel a]\nview = headwise-entropy\nstep = soon\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 bad-width         printf '[figure]\nwidth = wide\n[panel a]\nview = scalars\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 bad-flag          printf '[figure]\nletters = maybe\n[panel a]\nview = scalars\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 bad-columns       printf '[figure]\ncolumns = 0\n[panel a]\nview = scalars\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 bad-span          printf '[panel a]\nview = scalars\nspan = -1\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 bad-preset        printf '[figure]\npreset = newspaper\n[panel a]\nview = scalars\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 title-of-many     printf '[panel a]\nview = headwise-entropy\ntitle = Both\nrun = healthy; collapsing\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 labels-and-runs   printf '[panel a]\nview = headwise-entropy\nlabel = A; B; C\nrun = healthy; collapsing\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 key-twice         printf '[panel a]\nview = scalars\nview = scalars\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 panel-twice       printf '[panel a]\nview = scalars\n[panel a]\nview = scalars\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 no-group          printf '[panels]\nview = scalars\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 no-panel          printf '[figure]\ntitle = x\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 empty             : > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 no-ini            printf 'hello\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 no-utf8           printf '[panel a]\nview = \377\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 hostile           printf '[panel \033[31m]\nview = \033]0;x\007\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
4 no-file           entroscope plot --recipe nosuch.ini --db a.db -o x.svg
4 folder            entroscope plot --recipe elsewhere --db a.db -o x.svg
5 too-large         head -c 2000000 /dev/zero | tr '\0' '#' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
P .                 test ! -e x.svg

# ---- what means nothing to a view is refused in its panel, and passed over where it is for all panels
2 no-use            printf '[panel a]\nview = headwise-entropy\nscalar = loss\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
P .                 printf '[figure]\nscalar = loss\nrun = healthy\n[panel a]\nview = headwise-entropy\n[panel b]\nview = scalars\n' > r.ini; entroscope plot --recipe r.ini --db a.db --values -o y.svg

# ---- what GKeyFile would let pass
2 bad-escape        printf '[panel a]\nview = headwise-entropy\nrun = hea\\qlthy\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 bad-title         printf '[figure]\ntitle = a\\qb\n[panel a]\nview = headwise-entropy\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 empty-run         printf '[panel a]\nview = headwise-entropy\nrun =\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 run-of-traces     printf '[panel a]\nview = attention-map\nrun = healthy\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 preset-line       printf '[figure]\ncolumns = 1\npreset = foo\n[panel a]\nview = scalars\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o x.svg
2 preset-given      printf '[panel a]\nview = scalars\n' > r.ini; entroscope plot --recipe r.ini --preset foo --db a.db -o x.svg
P .                 printf '\357\273\277[panel a]\r\nview = scalars\r\nrun = healthy\r\n' > r.ini; entroscope plot --recipe r.ini --db a.db -o y.svg

# ---- sharing, and one colour for a run
P .                 printf '[figure]\nshare-colour = yes\n[panel a]\nview = headwise-entropy\nrun = healthy\n[panel b]\nview = headwise-entropy\nrun = collapsing\n' > r.ini; \
                    entroscope plot --recipe r.ini --db a.db -o one.svg && test "$(grep -o 'fill="url' one.svg | wc -l)" = 1 && \
                    sed /^share/d r.ini > s.ini && entroscope plot --recipe s.ini --db a.db -o two.svg && test "$(grep -o 'fill="url' two.svg | wc -l)" = 2
P .                 printf '[panel a]\nview = scalars\nscalar = loss\nrun = healthy\n[panel b]\nview = scalars\nscalar = loss\nrun = collapsing\n' > r.ini; \
                    entroscope plot --recipe r.ini --db a.db -o c.svg && grep -q 4477aa c.svg && grep -qi ee6677 c.svg
