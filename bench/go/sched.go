// Group sched: switch costs, wake-up latency, syscalls.
//
// Twin: ../c/sched.c. Rules: ../README.md.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func gosched(g, total int) float64 { // g goroutines share total yields; ns per yield (= per switch when P=1 and g>1)
	var wg sync.WaitGroup
	per := total / g
	start := make(chan struct{})
	wg.Add(g)
	for i := 0; i < g; i++ {
		go func() {
			<-start
			for k := 0; k < per; k++ {
				runtime.Gosched()
			}
			wg.Done()
		}()
	}
	t := time.Now()
	close(start)
	wg.Wait()
	return nsPer(t, per*g)
}

func ring(g, hops int) float64 { // g goroutines in a ring of unbuffered channels, one token
	first := make(chan int)
	in := first
	done := make(chan struct{})
	for i := 0; i < g; i++ {
		out := make(chan int)
		if i == g-1 {
			out = first
		}
		go func(in, out chan int) {
			for v := range in {
				if v == 0 {
					close(done)
					return
				}
				out <- v - 1
			}
		}(in, out)
		in = out
	}
	t := time.Now()
	first <- hops
	<-done
	return nsPer(t, hops)
}

// wakeIdle: receiver blocked >= 1 ms on an unbuffered channel; from just before the send to the receiver's first statement.
func wakeIdle(n int) []float64 {
	c := make(chan time.Time)
	lat := make([]float64, 0, n)
	done := make(chan struct{})
	go func() {
		for t := range c {
			lat = append(lat, float64(time.Since(t).Nanoseconds())/1e3)
		}
		close(done)
	}()
	for i := 0; i < n; i++ {
		time.Sleep(time.Millisecond)
		c <- time.Now()
	}
	close(c)
	<-done
	sort.Float64s(lat)
	return []float64{pct(lat, .5), pct(lat, .99), lat[len(lat)-1]}
}

// wakeOther: as wakeIdle, but the sender then computes for 1 ms without yielding: another, idle P has to pick the receiver up
// (at P=1 the result is the 1 ms). A tail near 1000 us at P > 1 means the wake-up was missed and the receiver ran only after the sender.
func wakeOther(n int) []float64 {
	c := make(chan time.Time)
	lat := make([]float64, 0, n)
	done := make(chan struct{})
	go func() {
		for t := range c {
			lat = append(lat, float64(time.Since(t).Nanoseconds())/1e3)
		}
		close(done)
	}()
	for i := 0; i < n; i++ {
		time.Sleep(time.Millisecond)
		t := time.Now()
		c <- t
		for time.Since(t) < time.Millisecond {
		}
	}
	close(c)
	<-done
	sort.Float64s(lat)
	return []float64{pct(lat, .5), pct(lat, .9), pct(lat, .99)}
}

func sysRaw(n int) float64 {
	t := time.Now()
	for i := 0; i < n; i++ {
		syscall.RawSyscall(syscall.SYS_GETPPID, 0, 0, 0)
	}
	return nsPer(t, n)
}

func sysEnter(n int) float64 {
	t := time.Now()
	for i := 0; i < n; i++ {
		syscall.Syscall(syscall.SYS_GETPPID, 0, 0, 0)
	}
	return nsPer(t, n)
}

// blocking: g goroutines each make one blocking nanosleep syscall (kernel-blocking, not time.Sleep); wall time until all return.
func blocking(g int, d time.Duration) float64 {
	var wg sync.WaitGroup
	wg.Add(g)
	t := time.Now()
	for i := 0; i < g; i++ {
		go func() {
			ts := syscall.NsecToTimespec(int64(d))
			syscall.Nanosleep(&ts, nil)
			wg.Done()
		}()
	}
	wg.Wait()
	return float64(time.Since(t).Nanoseconds()) / 1e6
}

func pingPong(n int) float64 {
	a, b := make(chan int), make(chan int)
	go func() {
		for v := range a {
			b <- v
		}
	}()
	t := time.Now()
	for i := 0; i < n; i++ {
		a <- i
		<-b
	}
	r := nsPer(t, n)
	close(a)
	return r
}

// pingPongBlocked: a ping-pong pair while 8 goroutines loop on blocking 1 ms nanosleep syscalls.
func pingPongBlocked(n int) float64 {
	var stop int32
	var wg sync.WaitGroup
	for i := 0; i < 8; i++ {
		wg.Add(1)
		go func() {
			for atomic.LoadInt32(&stop) == 0 {
				ts := syscall.NsecToTimespec(1000000)
				syscall.Nanosleep(&ts, nil)
			}
			wg.Done()
		}()
	}
	time.Sleep(5 * time.Millisecond)
	r := pingPong(n)
	atomic.StoreInt32(&stop, 1)
	wg.Wait()
	return r
}

// hogYield: 2*P goroutines in pure loops (no calls, no yields) and one goroutine calling Gosched for d. Every Gosched then waits
// for hogs to be preempted: mean and worst wait show the preemption quantum and the queue discipline.
func hogYield(d time.Duration) []float64 {
	var stop int32
	var wg sync.WaitGroup
	var sink int64
	for i := 0; i < 2*runtime.GOMAXPROCS(0); i++ {
		wg.Add(1)
		go func() {
			var x int64
			for atomic.LoadInt32(&stop) == 0 {
				x++
			}
			atomic.AddInt64(&sink, x)
			wg.Done()
		}()
	}
	t := time.Now()
	rounds := 0
	var worst time.Duration
	for time.Since(t) < d {
		t1 := time.Now()
		runtime.Gosched()
		if e := time.Since(t1); e > worst {
			worst = e
		}
		rounds++
	}
	el := time.Since(t)
	atomic.StoreInt32(&stop, 1)
	wg.Wait()
	return []float64{el.Seconds() * 1e3 / float64(rounds), float64(worst.Nanoseconds()) / 1e6}
}

// cold runs blocking in a fresh process, where no spare threads exist yet.
func cold(g int) float64 {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "GOB_CHILD="+strconv.Itoa(g))
	out, err := cmd.Output()
	if err != nil {
		panic(err)
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		panic(err)
	}
	return v
}

func main() {
	if g := gobInt("GOB_CHILD", 0); g > 0 {
		fmt.Println(blocking(g, 10*time.Millisecond))
		return
	}
	gobHead("sched")
	bench1("sched.gosched_1g", "ns/yield", func() float64 { return gosched(1, gobN(2000000)) })
	bench1("sched.gosched_2g", "ns/yield", func() float64 { return gosched(2, gobN(2000000)) })
	bench1("sched.gosched_1000g", "ns/yield", func() float64 { return gosched(1000, gobN(2000000)) })
	bench1("sched.ring503", "ns/hop", func() float64 { return ring(503, gobN(1000000)) })
	bench([]metric{{"sched.wake_idle_p50", "us"}, {"sched.wake_idle_p99", "us"}, {"sched.wake_idle_max", "us"}},
		func() []float64 { return wakeIdle(gobN(1000)) })
	bench([]metric{{"sched.wake_other_p50", "us"}, {"sched.wake_other_p90", "us"}, {"sched.wake_other_p99", "us"}},
		func() []float64 { return wakeOther(gobN(1000)) })
	bench1("sched.syscall_raw_getppid", "ns/call", func() float64 { return sysRaw(gobN(2000000)) })
	bench1("sched.syscall_entersyscall_getppid", "ns/call", func() float64 { return sysEnter(gobN(2000000)) })
	bench1("sched.blocking100x10ms_cold", "ms", func() float64 { return cold(100) })
	bench1("sched.blocking1000x10ms_cold", "ms", func() float64 { return cold(1000) })
	bench1("sched.blocking100x10ms", "ms", func() float64 { return blocking(100, 10*time.Millisecond) })
	bench1("sched.blocking1000x10ms", "ms", func() float64 { return blocking(1000, 10*time.Millisecond) })
	// conc.h also works on calls that nobody has marked; Go marks every call, so here the two are one
	bench1("sched.blocking1000x10ms_unannotated_cold", "ms", func() float64 { return cold(1000) })
	bench1("sched.blocking1000x10ms_unannotated", "ms", func() float64 { return blocking(1000, 10*time.Millisecond) })
	bench1("sched.pingpong_with_8_blocking_syscalls", "ns/roundtrip", func() float64 { return pingPongBlocked(gobN(300000)) })
	bench([]metric{{"sched.hogs_2P_yield_mean", "ms"}, {"sched.hogs_2P_yield_worst", "ms"}},
		func() []float64 { return hogYield(time.Second) })
}
