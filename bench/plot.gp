# gnuplot -c bench/plot.gp build/bench/plot.tsv docs/benchmarks.svg
# One row for each headline metric, one bar for each number of processors: Go's cost by conc.h's.
data = ARG1
set datafile separator "\t"
set datafile missing "NaN"
rows = system(sprintf("wc -l < '%s'", data)) - 1
procs = system(sprintf("head -1 '%s' | wc -w", data)) - 1
heading(p) = system(sprintf("head -1 '%s' | cut -f%d", data, p + 1))
top(p) = $0 - 0.4 + (p - 1) * 0.8 / procs
bottom(p) = top(p) + 0.8 / procs

set terminal svg size 900, 130 + 22 * rows dynamic noenhanced background "white" font "sans-serif,12"
set output ARG2
set title "What Go needs for each nanosecond (or byte) that conc.h needs"
set logscale x 2
set xrange [0.25:*]
set yrange [rows - 0.4:-0.6]
set xlabel "right of 1: conc.h is ahead"
set grid xtics lc rgb "#dddddd"
set arrow from 1, graph 0 to 1, graph 1 nohead lw 2 lc rgb "#444444" front
set key outside bottom right horizontal
set style fill solid
array colour[2] = ["#4477aa", "#ee6677"]
plot data skip 1 using (1):0:ytic(1) with dots lc rgb "white" notitle, \
    for [p = 1:procs] data skip 1 \
    using (1):(top(p)):(1):p + 1:(top(p)):(bottom(p)) \
    with boxxyerror lc rgb colour[1 + (p - 1) % 2] title heading(p)
