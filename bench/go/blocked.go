// Group blocked: memory, creation and teardown of many parked goroutines. Every configuration runs in a fresh child process
// (this program re-executes itself with GOB_CHILD set), so that RSS starts cold.
//
// Twin: ../c/blocked.c. Rules: ../README.md.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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
