# SPDX-License-Identifier: GPL-2.0
# Draws table.png from table.tsv: gnuplot -e "directory='...'" chart.gnuplot
set terminal pngcairo noenhanced size 1100,1400 font "sans,10"
set output directory."/table.png"
set datafile separator "\t"
set datafile missing "-"
set title "dma-buf: instructions a call, stock = 1"
set key bottom right
set logscale x
set xtics (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)
set xrange [0.02:2]
set grid x
set style fill solid 0.7
set boxwidth 0.7
set ytics nomirror
set lmargin 36
file = "< grep insns ".directory."/table.tsv"
plot file using (0.02):(-$0):(0.02):5:(-$0-0.35):(-$0+0.35):ytic(1) \
	with boxxyerror lc rgb "#3070b0" title "ours", \
     file using ($6/$3):(-$0) with points pt 7 ps 0.9 lc rgb "#d06020" title "floor", \
     1 with lines lc rgb "black" notitle
