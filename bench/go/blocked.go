// Group blocked: memory, creation and teardown of many parked goroutines. Every configuration runs in a fresh child process
// (this program re-executes itself with GOB_CHILD set), so that RSS starts cold.
//
// Twin: ../c/blocked.c. Rules: ../README.md.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func rss() float64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	v, _ := strconv.ParseFloat(f[1], 64)
	return v * float64(os.Getpagesize())
}

//go:noinline
func useStack(k int, f func()) byte { // touches about 4 KiB of stack below the caller, then calls f
	var b [4096]byte
	for i := 0; i < len(b); i += 256 {
		b[i] = byte(i + k)
	}
	f()
	return b[k&4095]
}

var sinkB int64

func child(kind string, n int) { // prints: bytes/goroutine, create ms, teardown ms, RSS after teardown MiB
	debug.FreeOSMemory()
	var ready, done sync.WaitGroup
	ready.Add(n)
	done.Add(n)
	stop := make(chan struct{})
	other := make(chan struct{})
	var mu sync.Mutex
	mu.Lock()
	var body func()
	release := func() { close(stop) }
	switch kind {
	case "chan": // parked in one receive from a shared channel
		body = func() { ready.Done(); <-stop; done.Done() }
	case "own": // parked in a receive from a channel of its own (96-byte hchan each)
		chans := make([]chan struct{}, n)
		for i := range chans {
			chans[i] = make(chan struct{})
		}
		var next int64 = -1
		body = func() {
			i := atomic.AddInt64(&next, 1)
			ready.Done()
			<-chans[i]
			done.Done()
		}
		release = func() {
			for _, c := range chans {
				close(c)
			}
		}
	case "select": // parked in a select of two receives
		body = func() {
			ready.Done()
			select {
			case <-stop:
			case <-other:
			}
			done.Done()
		}
	case "deep": // touched 4 KiB of stack, parked while that frame is live
		body = func() {
			b := useStack(1, func() { ready.Done(); <-stop })
			atomic.AddInt64(&sinkB, int64(b))
			done.Done()
		}
	case "mutex": // parked in Mutex.Lock
		body = func() { ready.Done(); mu.Lock(); mu.Unlock(); done.Done() }
		release = func() { mu.Unlock() }
	case "sleep": // parked in time.Sleep (1 hour); no teardown
		body = func() { ready.Done(); time.Sleep(time.Hour); done.Done() }
		release = func() { done.Add(-n) }
	}
	r0 := rss()
	t := time.Now()
	for i := 0; i < n; i++ {
		go body()
	}
	ready.Wait()
	create := float64(time.Since(t).Nanoseconds()) / 1e6
	time.Sleep(50 * time.Millisecond)
	r1 := rss()
	t = time.Now()
	release()
	done.Wait()
	tear := float64(time.Since(t).Nanoseconds()) / 1e6
	fmt.Println((r1-r0)/float64(n), create, tear, rss()/(1<<20))
}

func run(kind string, n int) []float64 {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "GOB_CHILD="+kind+","+strconv.Itoa(n))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		panic(err)
	}
	v := make([]float64, 4)
	if _, err := fmt.Sscan(string(out), &v[0], &v[1], &v[2], &v[3]); err != nil {
		panic(err)
	}
	return v
}

func main() {
	if c := os.Getenv("GOB_CHILD"); c != "" {
		f := strings.Split(c, ",")
		n, _ := strconv.Atoi(f[1])
		child(f[0], n)
		return
	}
	gobHead("blocked")
	os.Setenv("GOB_WARM", "0")
	for _, n := range []int{100000, 1000000} {
		for _, kind := range []string{"chan", "own", "select", "deep", "mutex", "sleep"} {
			if n == 1000000 && (kind == "mutex" || kind == "own") {
				continue
			}
			kind, n, p := kind, gobN(n), fmt.Sprintf("blocked.%s_%dk_", kind, n/1000)
			ms := []metric{{p + "rss_each", "B"}, {p + "create", "ms"}, {p + "teardown", "ms"}, {p + "rss_after", "MiB"}}
			bench(ms, func() []float64 { return run(kind, n) })
		}
	}
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
