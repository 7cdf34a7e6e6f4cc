// Group spawn: cost of starting, running and joining goroutines that do nothing.
//
// Twin: ../c/spawn.c. Rules: ../README.md.
package main

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func spawnWG(n int) float64 { // one spawner, all n joined once through one WaitGroup
	var wg sync.WaitGroup
	wg.Add(n)
	t := time.Now()
	for i := 0; i < n; i++ {
		go func() { wg.Done() }()
	}
	wg.Wait()
	return nsPer(t, n)
}

func spawnBatch(n, b int) float64 { // batches of b, joined per batch: at most b alive
	var wg sync.WaitGroup
	t := time.Now()
	for i := 0; i < n; i += b {
		wg.Add(b)
		for j := 0; j < b; j++ {
			go func() { wg.Done() }()
		}
		wg.Wait()
	}
	return nsPer(t, n)
}

func spawnSeqJoin(n int) float64 { // spawn one, wait for it over an unbuffered channel, next
	c := make(chan struct{})
	t := time.Now()
	for i := 0; i < n; i++ {
		go func() { c <- struct{}{} }()
		<-c
	}
	return nsPer(t, n)
}

func spawnPar(n, k int) float64 { // k spawner goroutines, n/k each
	var wg sync.WaitGroup
	wg.Add(n / k * k)
	t := time.Now()
	for j := 0; j < k; j++ {
		go func() {
			for i := 0; i < n/k; i++ {
				go func() { wg.Done() }()
			}
		}()
	}
	wg.Wait()
	return nsPer(t, n/k*k)
}

func spawnTree(depth int) float64 { // binary tree: every goroutine spawns 2 and waits for them
	var rec func(d int, up *sync.WaitGroup)
	rec = func(d int, up *sync.WaitGroup) {
		if d > 0 {
			var wg sync.WaitGroup
			wg.Add(2)
			go rec(d-1, &wg)
			go rec(d-1, &wg)
			wg.Wait()
		}
		up.Done()
	}
	n := 1<<uint(depth+1) - 1
	var wg sync.WaitGroup
	wg.Add(1)
	t := time.Now()
	go rec(depth, &wg)
	wg.Wait()
	return nsPer(t, n)
}

func spawnChain(n int) float64 { // each goroutine starts the next and exits; the last one signals
	done := make(chan struct{})
	var rec func(k int)
	rec = func(k int) {
		if k == 0 {
			close(done)
			return
		}
		go rec(k - 1)
	}
	t := time.Now()
	go rec(n)
	<-done
	return nsPer(t, n)
}

func spawnStack(n int) float64 { // batches of 100; each body touches 4 KiB of its stack (past the 2 KiB first stack)
	var wg sync.WaitGroup
	t := time.Now()
	for i := 0; i < n; i += 100 {
		wg.Add(100)
		for j := 0; j < 100; j++ {
			go func() { sinkByte(touch4k(3)); wg.Done() }()
		}
		wg.Wait()
	}
	return nsPer(t, n)
}

//go:noinline
func touch4k(x int) byte {
	var b [4096]byte
	for i := 0; i < len(b); i += 512 {
		b[i] = byte(i + x)
	}
	return b[x&4095]
}

var sinkB byte

//go:noinline
func sinkByte(b byte) {
	if b == 255 {
		sinkB = b
	}
}

func main() {
	gobHead("spawn")
	bench1("spawn.wg_1e6", "ns/goroutine", func() float64 { return spawnWG(gobN(1000000)) })
	bench1("spawn.batch100", "ns/goroutine", func() float64 { return spawnBatch(gobN(1000000), 100) })
	bench1("spawn.seq_join", "ns/goroutine", func() float64 { return spawnSeqJoin(gobN(300000)) })
	bench1("spawn.par_spawners_P", "ns/goroutine", func() float64 { return spawnPar(gobN(1000000), runtime.GOMAXPROCS(0)) })
	bench1("spawn.tree_depth18", "ns/goroutine", func() float64 { return spawnTree(18) })
	bench1("spawn.chain_3e5", "ns/goroutine", func() float64 { return spawnChain(gobN(300000)) })
	bench1("spawn.batch100_touch4k", "ns/goroutine", func() float64 { return spawnStack(gobN(300000)) })
}

// ---- harness: identical in every program of this directory; ../c/bench.h is its twin ----
// Env: GOB_RUNS (timed runs per metric, default 5), GOB_WARM (discarded runs, default 1),
// GOB_SCALE (float, scales the work, default 1), GOB_MATCH (regexp on metric names), GOB_RAW=1 (every run on stderr).
// Output line:  name median unit min=<min> max=<max> n=<runs>      Lines that begin with '#' are comments;
// '# cpu name wall= user= sys=' is the cost of an average timed run in ms, with the set-up that the metric leaves out.

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

// ---- end of harness ----
