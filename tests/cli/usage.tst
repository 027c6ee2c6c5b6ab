# Words and values that the program knows, and those it does not.  Format: see run-table.py.
P overview          entroscope --help
P overview          entroscope -h
P overview          entroscope help
P version           entroscope --version
2 no-arguments      entroscope
2 unknown-near      entroscope analyse
2 unknown-far       entroscope frobnicate
2 unknown-empty     entroscope ''
2 unknown-far       entroscope help frobnicate
2 unknown-escapes   entroscope "$(printf 'a\033[31m\n\302\233')"
P -                 entroscope help plot
# every command of the overview has a help of the regular form
P .                 entroscope --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' > commands; \
                    test "$(wc -l < commands)" -ge 6; for c in $(cat commands); do \
                    entroscope $c --help > help; grep -q '^Usage:' help && grep -q '\-\-quiet' help && \
                    grep -q "^  entroscope $c \[OPTION" help && grep -q '\-\-help' help || echo $c; done

# ---- stdout that takes nothing
6 /stdout|standard.output/ entroscope --version >/dev/full
6 /standard.output/ entroscope --help >/dev/full
6 /standard.output/ entroscope plot --help >/dev/full
6 /standard.output/ entroscope plot >/dev/full
6 /standard.output/ entroscope --version >&-
6 /standard.output/ entroscope inspect $FIX/healthy.h5 >/dev/full
6 /standard.output/ entroscope inspect $FIX/healthy.h5 >&-
P -                 entroscope --version 2>&-

# ---- unknown options, missing values
2 /Unknown.option/  entroscope inspect --nosuch $FIX/healthy.h5
2 /Unknown.option/  entroscope analyze --step 3 $FIX/healthy.h5 --db a.db
2 /Missing.argument/ entroscope analyze $FIX/healthy.h5 --db
2 /needs.--db/      entroscope analyze $FIX/healthy.h5
2 /needs.--db/      entroscope watch $FIX/healthy.h5
2 /needs.--db/      entroscope runs
2 /needs.--db/      entroscope export runs
2 /needs.--db/      entroscope plot scalars -o x.png
2 /trace.FILE/      entroscope analyze --db a.db
2 /one.trace.FILE/  entroscope watch --db a.db
2 /one.trace.FILE/  entroscope watch $FIX/healthy.h5 $FIX/hybrid.h5 --db a.db
2 /one.trace.FILE/  entroscope inspect
2 /one.trace.FILE/  entroscope inspect $FIX/healthy.h5 $FIX/hybrid.h5
2 /no.verb."extra"/ entroscope runs extra --db a.db
2 /one.TABLE/       entroscope export runs captures --db a.db
2 /one.VIEW/        entroscope plot scalars headwise-entropy --db a.db -o x.png
2 /takes.no.argument/ entroscope train --data x --trace y extra

# ---- values of analyze: a sentence each, and no database made
2 /1.to.1024/       entroscope analyze $FIX/healthy.h5 --db a.db --threads -1
2 /1.to.1024/       entroscope analyze $FIX/healthy.h5 --db a.db --threads 0
2 /1.to.1024/       entroscope analyze $FIX/healthy.h5 --db a.db -j 99999
2 /integer/         entroscope analyze $FIX/healthy.h5 --db a.db --threads x
2 /out.of.range/    entroscope analyze $FIX/healthy.h5 --db a.db --threads 99999999999999
2 /--memory.must/   entroscope analyze $FIX/healthy.h5 --db a.db --memory 0
2 /--memory.must/   entroscope analyze $FIX/healthy.h5 --db a.db --memory -5
2 /--memory.must/   entroscope analyze $FIX/healthy.h5 --db a.db --memory 2147483647
2 /not.be.negative/ entroscope analyze $FIX/healthy.h5 --db a.db --tolerance -1
2 /not.a.number/    entroscope analyze $FIX/healthy.h5 --db a.db --tolerance nan
2 /not.a.number/    entroscope analyze $FIX/healthy.h5 --db a.db --tolerance inf
2 /not.a.number/    entroscope analyze $FIX/healthy.h5 --db a.db --tolerance 1e-4x
2 /not.a.number/    entroscope analyze $FIX/healthy.h5 --db a.db --tolerance ''
2 /--interval.must/ entroscope watch $FIX/healthy.h5 --db a.db --interval 0
2 /--interval/      entroscope watch $FIX/healthy.h5 --db a.db --interval nan
2 /--idle.must/     entroscope watch $FIX/healthy.h5 --db a.db --idle -1
2 /not.a.number/    entroscope watch $FIX/healthy.h5 --db a.db --idle x
2 /there.is.no.kind/ entroscope watch $FIX/healthy.h5 --db a.db --fail-on nosuch
2 /1.to.1024/       entroscope watch $FIX/healthy.h5 --db a.db --threads 0
2 /--max-seq.must/  entroscope analyze $FIX/healthy.h5 --db a.db --max-seq 0
2 /--max-seq.must/  entroscope analyze $FIX/healthy.h5 --db a.db --max-seq -3
2 /--max-chunk.must/ entroscope inspect $FIX/healthy.h5 --max-chunk 9999999999999
2 /no.layout/       entroscope analyze $FIX/healthy.h5 --db nolayout.db --layout nosuch
2 /begin.with/      entroscope analyze $FIX/healthy.h5 --db a.db --run ''
2 /begin.with/      entroscope analyze $FIX/healthy.h5 --db a.db --run '#3'
4 /--wait/          entroscope watch nosuch.h5 --db a.db
2 /one.run/         entroscope analyze $FIX/healthy.h5 $FIX/hybrid.h5 --db a.db --run x
P .                 test ! -e a.db

# ---- limits: refused, the option named
5 /--max-seq/       entroscope inspect $FIX/healthy.h5 --max-seq 11
5 /--max-layers/    entroscope inspect $FIX/healthy.h5 --max-layers 3
5 /--max-heads/     entroscope inspect $FIX/healthy.h5 --max-heads 3
5 /--max-samples/   entroscope inspect $FIX/healthy.h5 --max-samples 1
5 /--max-steps/     entroscope inspect $FIX/healthy.h5 --max-steps 4
P -                 entroscope inspect $FIX/healthy.h5 --max-seq 12 --max-layers 4 --max-heads 4 --max-samples 2 --max-steps 5

# ---- dashes
S -                 cp $FIX/healthy.h5 ./-dash.h5
P /healthy/         entroscope inspect -- -dash.h5
P /5.new.captures/  entroscope analyze --db dash.db -- -dash.h5
P /1/               entroscope inspect --json -- -dash.h5 | grep -c '"run" : "healthy"'
