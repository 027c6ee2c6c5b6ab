# Figures: options and files.  What is drawn is tested in tests/figures.  Format: see run-table.py.
P views             entroscope plot
S -                 entroscope analyze -q $FIX/healthy.h5 $FIX/collapsing.h5 $FIX/all-nan.h5 $FIX/one-token.h5 $FIX/restarted.h5 --db a.db
P .                 for v in $(entroscope plot | sed '/^$/,$d; s/ .*//' | grep -v -e '^attention-map' -e '^row-' -e '^query-' -e '^cost'); do for s in pdf svg png; do \
                    entroscope plot $v --db a.db --run healthy --run collapsing -o $v.$s && \
                    test -s $v.$s || echo "$v $s"; done; done
P .                 for v in $(entroscope plot | sed '/^$/,$d; s/ .*//' | grep -v -e '^attention-map' -e '^row-' -e '^query-' -e '^cost'); do for s in pdf svg png; do \
                    entroscope plot $v --db a.db --run healthy --run collapsing -o again.$s && \
                    cmp $v.$s again.$s; done; done
P .                 head -c 5 scalars.pdf | grep -q '%PDF-' && grep -q '<svg' scalars.svg && \
                    head -c 4 scalars.png | grep -q PNG
P .                 entroscope plot headwise-entropy --db a.db --run healthy -o UP.PNG && test -s UP.PNG
P .                 LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8 entroscope plot headwise-entropy --db a.db --run healthy --run collapsing -o de.svg && \
                    cmp de.svg headwise-entropy.svg
P .                 entroscope plot headwise-entropy --db a.db --run '#1' --step 20 --values --shared-scale --palette magma --title '' -o o.svg
P .                 entroscope plot layerwise-entropy --db a.db --column entropy_norm --run restarted -o o.svg
P .                 entroscope plot scalars --db a.db --scalar loss --log-y --width 4 --height 3 --font-size 8 -o o.svg
P .                 entroscope plot entropy-bands --db a.db --run healthy --band-max 2.5 -o o.svg
P .                 entroscope plot headwise-entropy --db a.db --run all-nan --run one-token -o o.svg
P .                 for p in $(entroscope plot | sed -n 's/^Presets.*: //p' | tr -d ,); do \
                    entroscope plot -q scalars --db a.db --preset $p --font 'DejaVu Sans' -o $p.svg && \
                    grep -q '<svg' $p.svg || echo "$p"; done
P .                 for l in $(entroscope plot | sed -n 's/^Lines.*: //p' | tr -d ,); do \
                    entroscope plot scalars --db a.db --lines $l -o lines-$l.svg && grep -q "<svg" lines-$l.svg || echo "$l"; done
P .                 for p in $(entroscope plot | sed -n 's/^Palettes.*: //p' | tr -d ,); do \
                    entroscope plot headwise-entropy --db a.db --run healthy --palette $p -o $p.svg && grep -q '<svg' $p.svg || echo "$p"; done
P .                 grep -q 'width="396pt"' neurips.svg && grep -q 'width="252pt"' ieee.svg
P .                 entroscope plot scalars --db a.db --preset neurips --width 4 --font 'DejaVu Sans' -o o.svg && grep -q 'width="288pt"' o.svg
P preset-font       entroscope plot scalars --db a.db --preset icml --font 'No Such Venue Font,DejaVu Sans' -o o.svg
P redraw            entroscope plot headwise-entropy --db a.db --run "#1" --title "it's 'so' <x>" --output=o.svg && grep -E 'dc:(source|description)' o.svg
P .                 entroscope plot scalars --db a.db -qo one.svg && for o in '-qo two.svg' '-oq two.svg' '-q -o two.svg' '-o two.svg -q' \
                    '-q --output two.svg' '--output=two.svg -q'; do entroscope plot scalars --db a.db $o && cmp one.svg two.svg; rm two.svg; done
P redraw-words      entroscope plot --title -o scalars -qo o.svg --db a.db --scalar=loss -- && grep dc:source o.svg
P .                 for s in pdf svg png; do SOURCE_DATE_EPOCH=86399 entroscope plot scalars --db a.db -o one.$s && \
                    sleep 1.1 && SOURCE_DATE_EPOCH=86399 entroscope plot scalars --db a.db -o other.$s && \
                    cmp one.$s other.$s && ! cmp -s one.$s scalars.$s && grep -aqE '19700101235959|1970-01-01T23:59:59Z' one.$s || echo "$s"; done
S -                 entroscope analyze -q $FIX/learned.h5 $FIX/healthy.h5 --db l.db
P .                 for c in threshold temperature_mean; do for v in headwise-entropy layerwise-entropy entropy-bands; do \
                    entroscope plot $v --db l.db --run learned --column $c -o $v-$c.svg && \
                    grep -q '<svg' $v-$c.svg || echo $v $c; done; done
P .                 entroscope plot layerwise-entropy --db l.db --column alpha -o o.svg
P .                 entroscope plot headwise-entropy --db l.db --column threshold -o o.svg
4 /no.heads.to.draw/ entroscope plot headwise-entropy --db l.db --run healthy --column threshold -o none.svg
2 /no.statistic..alpha/ entroscope plot headwise-entropy --db l.db --run learned --column alpha -o none.svg
P .                 test ! -e none.svg
P font              entroscope plot scalars --db a.db --font 'No Such Font' -o o.svg
P .                 entroscope plot -q scalars --db a.db --font 'No Such Font' -o o.svg

# ---- words and values
S -                 cp scalars.png x.png
2 no-view           entroscope plot nosuch --db a.db -o x.png
2 no-output         entroscope plot scalars --db a.db
2 no-run            entroscope plot scalars --db a.db --run nosuch -o x.png
2 no-run-id         entroscope plot scalars --db a.db --run '#99' -o x.png
2 -                 entroscope plot scalars --db a.db --run '' -o x.png
2 -                 entroscope plot scalars --db a.db --run "$(printf 'a\033]0;x\007')" -o x.png
2 no-step           entroscope plot headwise-entropy --db a.db --run healthy --step 11 -o x.png
2 -                 entroscope plot headwise-entropy --db a.db --run healthy --step -3 -o x.png
2 bad-step          entroscope plot headwise-entropy --db a.db --run healthy --step x -o x.png
2 -                 entroscope plot headwise-entropy --db a.db --run healthy --step 1.5 -o x.png
2 -                 entroscope plot headwise-entropy --db a.db --run healthy --step 99999999999999999999 -o x.png
2 -                 entroscope plot headwise-entropy --db a.db --run healthy --step '' -o x.png
2 no-column         entroscope plot headwise-entropy --db a.db --column nosuch -o x.png
2 -                 entroscope plot headwise-entropy --db a.db --column 'run_id' -o x.png
2 -                 entroscope plot headwise-entropy --db a.db --column 'step; DROP TABLE runs' -o x.png
2 -                 entroscope plot layerwise-entropy --db a.db --column nosuch -o x.png
2 no-palette        entroscope plot headwise-entropy --db a.db --palette nosuch -o x.png
2 no-preset         entroscope plot headwise-entropy --db a.db --preset nosuch -o x.png
2 no-lines          entroscope plot headwise-entropy --db a.db --lines nosuch -o x.png
2 no-scalar         entroscope plot scalars --db a.db --scalar nosuch --run healthy -o x.png
2 no-suffix         entroscope plot scalars --db a.db -o x.gif
2 -                 entroscope plot scalars --db a.db -o png
2 bad-band          entroscope plot entropy-bands --db a.db --band-max most -o x.png
2 -                 entroscope plot entropy-bands --db a.db --band-max 0 -o x.png
2 -                 entroscope plot entropy-bands --db a.db --band-max -1 -o x.png
2 -                 entroscope plot entropy-bands --db a.db --band-max nan -o x.png
2 /--dpi.must/      entroscope plot scalars --db a.db --dpi 0 -o x.png
2 /--dpi.must/      entroscope plot scalars --db a.db --dpi 1e9 -o x.png
2 /--width.must/    entroscope plot scalars --db a.db --width 0 -o x.png
2 /--width.must/    entroscope plot scalars --db a.db --width 1e300 -o x.pdf
2 /not.a.number/    entroscope plot scalars --db a.db --width nan -o x.png
2 /not.a.number/    entroscope plot scalars --db a.db --width 1e999 -o x.png
2 /not.a.number/    entroscope plot scalars --db a.db --height 5cm -o x.png
2 /--height.must/   entroscope plot scalars --db a.db --height -1 -o x.png
2 /leaves.no.room/  entroscope plot scalars --db a.db --width 0.2 -o x.png
2 /--font-size/     entroscope plot scalars --db a.db --font-size 1e9 -o x.png
2 /--font-size/     entroscope plot scalars --db a.db --font-size 0 -o x.png
2 /--max-pixels/    entroscope plot scalars --db a.db --max-pixels 0 -o x.png
5 /over.the.limit/  entroscope plot scalars --db a.db --max-pixels 100 -o x.png
5 /over.the.limit/  entroscope plot scalars --db a.db --dpi 9999 -o x.png
P .                 entroscope plot entropy-bands --db a.db --run all-nan -o o.svg
P .                 cmp x.png scalars.png

# ---- outputs that cannot be written leave the old one and nothing else
S -                 mkdir locked && cp x.png locked/ && cp a.db b.png && mkdir dir.png && chmod 755 . && chmod 555 locked
6 no-folder         entroscope plot scalars --db a.db -o nosuch/x.png
6 folder            entroscope plot scalars --db a.db -o dir.png
6 locked            $NOBODY entroscope plot scalars --db a.db -o locked/x.png
6 -                 entroscope plot scalars --db a.db -o /proc/x.png
6 -                 (ulimit -f 70; entroscope plot scalars --db a.db --dpi 600 -o x.png)
2 is-database       entroscope plot scalars --db b.png -o b.png
P .                 cmp x.png scalars.png && cmp locked/x.png scalars.png && cmp a.db b.png && \
                    test "$(ls -A locked)" = x.png && ls -A | grep '^[.]'; ls dir.png
S -                 chmod 755 locked

# ---- private-inference cost: architectures, or runs with what they do not say
P .                 entroscope plot cost --arch SM+LN+G --arch SM --measured 25.32/8.21 --measured -/- -o o.svg && \
                    grep -q 'Latency (minutes)' o.svg && grep -q measured o.svg || echo no cost
P .                 entroscope plot cost --arch all --layers 2 --heads 2 --dim 64 --context 32 --vocab 256 --ffn-layers 1 \
                    --bandwidth 100 --part latency -o o.svg
P .                 entroscope plot cost --db a.db --run healthy --dim 32 -o o.svg && grep -q 'healthy: SM' o.svg || echo no run
2 /needs.--arch/    entroscope plot cost -o x.png
2 /closest.first/   entroscope plot cost --arch GPT -o x.png
2 /no.part/         entroscope plot cost --arch SM --part energy -o x.png
2 /--layers.must/   entroscope plot cost --arch SM --layers 0 -o x.png
2 /no.multiple/     entroscope plot cost --arch SM --heads 5 -o x.png
2 /give.--dim/      entroscope plot cost --db a.db --run healthy -o x.png
2 /not.GB/          entroscope plot cost --arch SM --measured 5 -o x.png
P .                 entroscope plot layer-spread --db a.db --part variance -o o.svg

# ---- findings beside the loss
P .                 entroscope plot findings --db a.db --run collapsing -o o.svg && grep -q 'layer collapse 3' o.svg || echo no findings
P .                 entroscope plot findings --db a.db --run healthy --run all-nan --part findings -o o.svg && \
                    grep -q 'no findings' o.svg && grep -q 'attention NaN' o.svg || echo no timeline
2 /the.scalar/      entroscope plot findings --db a.db --run healthy --scalar nosuch -o x.png

# ---- mean over seeds
P .                 entroscope plot seeds --db a.db --run healthy --run collapsing --scalar loss --column entropy_mean --head '1.*' --level 0.9 \
                    -o o.svg && grep -q 'all runs (n = 2)' o.svg && grep -q '90 % confidence' o.svg || echo no band
P .                 entroscope plot seeds --db a.db --by arch -o o.svg
2 /no.run.has/      entroscope plot seeds --db a.db --by nosuch -o x.png
2 /there.twice/     entroscope plot seeds --db a.db --run healthy --run healthy -o x.png
2 /has.the.scalar/  entroscope plot seeds --db a.db --scalar nosuch -o x.png
2 /level.must/      entroscope plot seeds --db a.db --level 1 -o x.png

# ---- parts of views as panels
S -                 printf '%s\n' '[figure]' 'columns = 2' '[panel a]' 'view = cost' 'arch = SM+LN+G; SM' 'measured = 25.32/8.21; -/-' 'part = latency' \
                    'title = Minutes' '[panel b]' 'view = layer-spread' 'part = mean' 'title = Mean' '[panel c]' 'view = findings' 'part = findings' \
                    'span = 2' '[panel d]' 'view = seeds' 'scalar = loss' 'span = 2' > parts.ini
P .                 entroscope plot --recipe parts.ini --db a.db --run collapsing -o o.svg && grep -q '>Minutes<' o.svg && \
                    grep -q '>Mean<' o.svg && grep -q 'layer collapse 3' o.svg && grep -q 'n = 1' o.svg || echo no parts

# ---- a step for each run
P .                 entroscope plot headwise-entropy --db a.db --run healthy --step 0 --run healthy --step last -o o.svg
2 steps-and-runs    entroscope plot headwise-entropy --db a.db --run healthy --step 0 --step 10 --step 20 -o x.png

# ---- heads over steps, differences, rows of traces
P .                 entroscope plot headwise-steps --db a.db --run healthy --run restarted --head '1.*' --head 0.3 --shared-scale --values -o o.svg && \
                    grep -q 'restarted has no such head: layer 0, head 3' o.svg
2 /none.of.the.heads/ entroscope plot headwise-steps --db a.db --run healthy --head 99.0 -o none.svg
2 /no.statistic..nosuch/ entroscope plot headwise-steps --db a.db --run healthy --column nosuch -o none.svg
2 /is.not.LAYER/    entroscope plot headwise-steps --db a.db --run healthy --head 1.2.3 -o none.svg
P .                 entroscope plot headwise-difference --db a.db --run healthy --step 0 --run healthy --step 40 --values --width 6 -o o.svg && \
                    grep -q 'step 40 − step 0' o.svg
P .                 entroscope plot headwise-difference --db a.db --run healthy --run one-token --run all-nan -o o.svg && \
                    grep -q 'blank where only' o.svg
P /does.not.diverge/ entroscope plot headwise-difference --db a.db --run healthy --run collapsing --palette magma -o o.svg
2 /needs.at.least.2.runs/ entroscope plot headwise-difference --db a.db --run healthy -o none.svg
P .                 for v in attention-map row-entropy query-entropy; do for s in pdf svg png; do \
                    entroscope plot $v --trace $FIX/healthy.h5 --trace $FIX/diverged.h5 --step 40 -o $v.$s && \
                    entroscope plot $v --trace $FIX/healthy.h5 --trace $FIX/diverged.h5 --step 40 -o again.$s && \
                    test -s $v.$s && cmp $v.$s again.$s || echo "$v $s"; \
                    entroscope plot $v --trace $FIX/masked.h5 --head 1.0 --head '0.*' --sample 0 -o o.$s || echo "$v $s"; done; done
P .                 for f in all-nan one-token uneven hybrid square damaged; do for v in attention-map row-entropy query-entropy; do \
                    entroscope plot -q $v --trace $FIX/$f.h5 -o o.svg || echo "$v $f"; done; done
2 /--trace.FILE/    entroscope plot attention-map -o none.svg
2 /--trace.FILE/    entroscope plot row-entropy --db a.db -o none.svg
4 /No.such.file/    entroscope plot query-entropy --trace nosuch.h5 -o none.svg
4 /no.capture/      entroscope plot query-entropy --trace $FIX/empty.h5 -o none.svg
2 /no.capture.at.step.11/ entroscope plot attention-map --trace $FIX/healthy.h5 --step 11 -o none.svg
2 /no.layer.77/     entroscope plot attention-map --trace $FIX/healthy.h5 --head 77.0 -o none.svg
2 /no.sample.99/    entroscope plot row-entropy --trace $FIX/healthy.h5 --sample 99 -o none.svg
P .                 test ! -e none.svg

# ---- what means nothing to a view
2 no-use            entroscope plot headwise-entropy --db a.db --scalar loss -o x.png
2 no-use-of-trace   entroscope plot scalars --db a.db --trace x.h5 -o x.png
2 no-view-given     entroscope plot --db a.db --run healthy -o x.pdf
2 run-and-trace     entroscope plot attention-map --trace $FIX/healthy.h5 --db a.db --run healthy -o x.png
2 run-and-arch      entroscope plot cost --arch SM --db a.db --run healthy -o x.png
2 no-font-name      entroscope plot scalars --db a.db --font '' -o x.png
P .                 entroscope plot entropy-bands --db a.db --run healthy --band-max 3 --band-max pooled -o a.svg && ! grep -q 'as given' a.svg
