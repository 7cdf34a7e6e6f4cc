// The harness of all programs of this directory; ../c/bench.h is its twin. A program is built with it: go build chan.go harness.go
//
// Env: GOB_RUNS (timed runs per metric, default 5), GOB_WARM (discarded runs, default 1),
// GOB_SCALE (float, scales the work, default 1), GOB_MATCH (regexp on metric names), GOB_RAW=1 (every run on stderr).
// Output line:  name median unit min=<min> max=<max> n=<runs>      Lines that begin with '#' are comments;
// '# cpu name wall= user= sys=' is the cost of an average timed run in ms, with the set-up that the metric leaves out.
package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"syscall"
	"time"
)

type metric struct{ name, unit string }

func gobInt(k string, d int) int {
	if v, err := strconv.Atoi(os.Getenv(k)); err == nil {
		return v
	}
	return d
}

func gobN(n int) int { // scaled work size
	s := 1.0
	if v, err := strconv.ParseFloat(os.Getenv("GOB_SCALE"), 64); err == nil {
		s = v
	}
	if m := int(float64(n) * s); m >= 1 {
		return m
	}
	return 1
}

func gobHead(group string) {
	fmt.Printf("# group=%s %s GOMAXPROCS=%d NumCPU=%d GOGC=%q runs=%d\n",
		group, runtime.Version(), runtime.GOMAXPROCS(0), runtime.NumCPU(), os.Getenv("GOGC"), gobInt("GOB_RUNS", 5))
}

func gobFmt(v float64) string {
	a := v
	if a < 0 {
		a = -a
	}
	switch {
	case a >= 1000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a >= 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case a >= 10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case a > 0 && a < 0.01:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

func cpuMs() (user, sys float64) { // of this process and the children it has waited for
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var r syscall.Rusage
		if syscall.Getrusage(who, &r) == nil {
			user += float64(r.Utime.Nano()) / 1e6
			sys += float64(r.Stime.Nano()) / 1e6
		}
	}
	return
}

func bench(ms []metric, f func() []float64) {
	re := regexp.MustCompile(os.Getenv("GOB_MATCH"))
	hit := false
	for _, m := range ms {
		hit = hit || re.MatchString(m.name)
	}
	if !hit {
		return
	}
	runs, warm := gobInt("GOB_RUNS", 5), gobInt("GOB_WARM", 1)
	vals := make([][]float64, len(ms))
	var start time.Time
	var user, sys float64
	for r := -warm; r < runs; r++ {
		runtime.GC()
		if r == 0 {
			start = time.Now()
			user, sys = cpuMs()
		}
		vs := f()
		if r < 0 {
			continue
		}
		for i, v := range vs {
			vals[i] = append(vals[i], v)
			if os.Getenv("GOB_RAW") != "" {
				fmt.Fprintf(os.Stderr, "raw %s run=%d %s %s\n", ms[i].name, r, gobFmt(v), ms[i].unit)
			}
		}
	}
	u, y := cpuMs()
	k := float64(runs)
	fmt.Printf("# cpu %s wall=%.3f user=%.3f sys=%.3f\n", ms[0].name, time.Since(start).Seconds()*1e3/k, (u-user)/k, (y-sys)/k)
	for i, m := range ms {
		v := vals[i]
		sort.Float64s(v)
		med := (v[(len(v)-1)/2] + v[len(v)/2]) / 2
		fmt.Printf("%s %s %s min=%s max=%s n=%d\n", m.name, gobFmt(med), m.unit, gobFmt(v[0]), gobFmt(v[len(v)-1]), len(v))
	}
}

func bench1(name, unit string, f func() float64) {
	bench([]metric{{name, unit}}, func() []float64 { return []float64{f()} })
}

func nsPer(t time.Time, n int) float64 { return float64(time.Since(t).Nanoseconds()) / float64(n) }

func pct(sorted []float64, p float64) float64 {
	i := int(p * float64(len(sorted)))
	if i >= len(sorted) {
		i = len(sorted) - 1
	}
	return sorted[i]
}
