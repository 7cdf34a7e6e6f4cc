// Group timer: timers, sleeps, tickers.
//
// Twin: ../c/timer.c. Rules: ../README.md.
package main

import (
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

func xs(x *uint32) uint32 {
	*x ^= *x << 13
	*x ^= *x >> 17
	*x ^= *x << 5
	return *x
}

var fired int64

func createStop(n int) []float64 { // n AfterFunc timers (1..2 h, pseudo-random), all alive at once, then all stopped in creation order
	ts := make([]*time.Timer, n)
	x := uint32(12345)
	f := func() { atomic.AddInt64(&fired, 1) }
	t := time.Now()
	for i := range ts {
		ts[i] = time.AfterFunc(time.Hour+time.Duration(xs(&x)%3600000)*time.Millisecond, f)
	}
	c := nsPer(t, n)
	t = time.Now()
	for i := range ts {
		if !ts[i].Stop() {
			panic("stop")
		}
	}
	s := nsPer(t, n)
	return []float64{c, s, c + s}
}

func createStopLoop(n, alive int) float64 { // timeout idiom: create then stop at once, with alive other timers pending
	ts := make([]*time.Timer, alive)
	x := uint32(777)
	f := func() { atomic.AddInt64(&fired, 1) }
	for i := range ts {
		ts[i] = time.AfterFunc(time.Hour+time.Duration(xs(&x)%3600000)*time.Millisecond, f)
	}
	t := time.Now()
	for i := 0; i < n; i++ {
		time.AfterFunc(30*time.Second, f).Stop()
	}
	r := nsPer(t, n)
	for i := range ts {
		ts[i].Stop()
	}
	return r
}

func createStopPar(g, n int) float64 {
	var wg sync.WaitGroup
	f := func() { atomic.AddInt64(&fired, 1) }
	wg.Add(g)
	t := time.Now()
	for j := 0; j < g; j++ {
		go func() {
			for i := 0; i < n/g; i++ {
				time.AfterFunc(30*time.Second, f).Stop()
			}
			wg.Done()
		}()
	}
	wg.Wait()
	return nsPer(t, n/g*g)
}

func reset(n int) float64 {
	tm := time.AfterFunc(time.Hour, func() {})
	t := time.Now()
	for i := 0; i < n; i++ {
		tm.Reset(time.Hour + time.Duration(i&1023)*time.Millisecond)
	}
	r := nsPer(t, n)
	tm.Stop()
	return r
}

func afterSelect(n int) float64 { // select {ready channel, time.After(1 min)}: the per-message timeout idiom
	c := make(chan int, 1)
	t := time.Now()
	for i := 0; i < n; i++ {
		c <- i
		select {
		case <-c:
		case <-time.After(time.Minute):
			panic("timeout")
		}
	}
	return nsPer(t, n)
}

func fire(n int) float64 { // n AfterFunc(0..1 ms) created, until all callbacks ran: ns each
	var wg sync.WaitGroup
	wg.Add(n)
	x := uint32(99)
	f := func() { wg.Done() }
	t := time.Now()
	for i := 0; i < n; i++ {
		time.AfterFunc(time.Duration(xs(&x)%1000)*time.Microsecond, f)
	}
	wg.Wait()
	return nsPer(t, n)
}

func sleepers(n int) []float64 { // n goroutines each sleep 1..10 ms once; wall of all; lateness against each one's own deadline
	late := make([]float64, n)
	var wg sync.WaitGroup
	wg.Add(n)
	x := uint32(4242)
	t := time.Now()
	for i := 0; i < n; i++ {
		d := time.Duration(1000+xs(&x)%9001) * time.Microsecond
		go func(i int, d time.Duration) {
			t1 := time.Now()
			time.Sleep(d)
			late[i] = float64((time.Since(t1) - d).Nanoseconds()) / 1e3
			wg.Done()
		}(i, d)
	}
	wg.Wait()
	wall := float64(time.Since(t).Nanoseconds()) / 1e6
	sort.Float64s(late)
	return []float64{wall, pct(late, .5), pct(late, .99), late[n-1], late[0]}
}

func sleepLat(d time.Duration, n int) []float64 { // lateness of time.Sleep(d) in us: p50, p99, max
	l := make([]float64, n)
	for i := range l {
		t := time.Now()
		time.Sleep(d)
		l[i] = float64((time.Since(t) - d).Nanoseconds()) / 1e3
	}
	sort.Float64s(l)
	return []float64{pct(l, .5), pct(l, .99), l[n-1]}
}

func withHogs(h int, f func() []float64) []float64 { // h goroutines in pure loops while f runs
	var stop int32
	var wg sync.WaitGroup
	for i := 0; i < h; i++ {
		wg.Add(1)
		go func() {
			for atomic.LoadInt32(&stop) == 0 {
			}
			wg.Done()
		}()
	}
	time.Sleep(20 * time.Millisecond)
	r := f()
	atomic.StoreInt32(&stop, 1)
	wg.Wait()
	return r
}

func ticker(d time.Duration, n int) []float64 { // n ticks of a d ticker: p50/p99 |interval-d|, total drift in us
	tk := time.NewTicker(d)
	defer tk.Stop()
	l := make([]float64, n)
	<-tk.C
	t0 := time.Now()
	last := t0
	for i := range l {
		<-tk.C
		now := time.Now()
		e := float64((now.Sub(last) - d).Nanoseconds()) / 1e3
		if e < 0 {
			e = -e
		}
		l[i] = e
		last = now
	}
	drift := float64((last.Sub(t0) - time.Duration(n)*d).Nanoseconds()) / 1e3
	sort.Float64s(l)
	return []float64{pct(l, .5), pct(l, .99), drift}
}

func lat(name string) []metric {
	return []metric{{name + "_late_p50", "us"}, {name + "_late_p99", "us"}, {name + "_late_max", "us"}}
}

func main() {
	gobHead("timer")
	P := runtime.GOMAXPROCS(0)
	bench([]metric{{"timer.afterfunc_create_1e6", "ns/op"}, {"timer.afterfunc_stop_1e6", "ns/op"}, {"timer.afterfunc_create_stop_1e6_sum", "ns/op"}},
		func() []float64 { return createStop(gobN(1000000)) })
	bench1("timer.create_stop_loop", "ns/op", func() float64 { return createStopLoop(gobN(2000000), 0) })
	bench1("timer.create_stop_loop_100k_alive", "ns/op", func() float64 { return createStopLoop(gobN(2000000), 100000) })
	bench1("timer.create_stop_loop_Pg", "ns/op", func() float64 { return createStopPar(P, gobN(2000000)) })
	bench1("timer.reset", "ns/op", func() float64 { return reset(gobN(2000000)) })
	bench1("timer.select_time_After", "ns/op", func() float64 { return afterSelect(gobN(500000)) })
	bench1("timer.fire_3e5", "ns/op", func() float64 { return fire(gobN(300000)) })
	bench([]metric{{"timer.sleepers_100k_wall", "ms"}, {"timer.sleepers_100k_late_p50", "us"}, {"timer.sleepers_100k_late_p99", "us"},
		{"timer.sleepers_100k_late_max", "us"}, {"timer.sleepers_100k_late_min", "us"}},
		func() []float64 { return sleepers(gobN(100000)) })
	bench(lat("timer.sleep1ms_idle"), func() []float64 { return sleepLat(time.Millisecond, gobN(1000)) })
	bench(lat("timer.sleep50us_idle"), func() []float64 { return sleepLat(50*time.Microsecond, gobN(1000)) })
	bench(lat("timer.sleep1ms_hogs_P"), func() []float64 {
		return withHogs(P, func() []float64 { return sleepLat(time.Millisecond, gobN(200)) })
	})
	bench(lat("timer.sleep1ms_hogs_1"), func() []float64 {
		return withHogs(1, func() []float64 { return sleepLat(time.Millisecond, gobN(200)) })
	})
	bench([]metric{{"timer.ticker1ms_jitter_p50", "us"}, {"timer.ticker1ms_jitter_p99", "us"}, {"timer.ticker1ms_drift", "us"}},
		func() []float64 { return ticker(time.Millisecond, gobN(1000)) })
}
