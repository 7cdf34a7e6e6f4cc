// Group ctx: context.Context.
//
// Twin: ../c/ctx.c. Rules: ../README.md.
package main

import (
	"context"
	"runtime"
	"sort"
	"sync"
	"time"
)

func us(t time.Time) float64 { return float64(time.Since(t).Nanoseconds()) / 1e3 }

func createCancel(n int) float64 {
	bg := context.Background()
	t := time.Now()
	for i := 0; i < n; i++ {
		_, c := context.WithCancel(bg)
		c()
	}
	return nsPer(t, n)
}

func childCreateCancel(n int) float64 { // the parent is a live cancel context with a Done channel already made
	p, pc := context.WithCancel(context.Background())
	defer pc()
	_ = p.Done()
	t := time.Now()
	for i := 0; i < n; i++ {
		_, c := context.WithCancel(p)
		c()
	}
	return nsPer(t, n)
}

func timeoutCreateCancel(n int) float64 {
	bg := context.Background()
	t := time.Now()
	for i := 0; i < n; i++ {
		_, c := context.WithTimeout(bg, time.Hour)
		c()
	}
	return nsPer(t, n)
}

func depth(d, n int) []float64 { // chain of d: create ns per chain, cancel of the root ns per chain (leaf cancelled when it returns)
	var cr, ca time.Duration
	for i := 0; i < n; i++ {
		t := time.Now()
		root, cancel := context.WithCancel(context.Background())
		c := root
		for k := 1; k < d; k++ {
			c, _ = context.WithCancel(c)
		}
		_ = c.Done()
		t2 := time.Now()
		cancel()
		ca += time.Since(t2)
		cr += t2.Sub(t)
		if c.Err() == nil {
			panic("leaf not cancelled")
		}
	}
	return []float64{float64(cr.Nanoseconds()) / float64(n), float64(ca.Nanoseconds()) / float64(n)}
}

func depthWake(d, n int) float64 { // a goroutine is parked on the leaf's Done: root cancel until it runs, median us
	l := make([]float64, n)
	for i := range l {
		root, cancel := context.WithCancel(context.Background())
		c := root
		for k := 1; k < d; k++ {
			c, _ = context.WithCancel(c)
		}
		ready, got := make(chan bool), make(chan time.Time)
		go func() {
			ready <- true
			<-c.Done()
			got <- time.Now()
		}()
		<-ready
		time.Sleep(100 * time.Microsecond)
		t := time.Now()
		cancel()
		l[i] = float64((<-got).Sub(t).Nanoseconds()) / 1e3
	}
	sort.Float64s(l)
	return pct(l, .5)
}

func fanout(k int) []float64 { // k children of one context: create ns each, bytes each, root cancel us
	var m0, m1 runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m0)
	cs := make([]context.Context, k)
	t := time.Now()
	root, cancel := context.WithCancel(context.Background())
	for i := range cs {
		cs[i], _ = context.WithCancel(root)
	}
	cr := nsPer(t, k)
	runtime.GC()
	runtime.ReadMemStats(&m1)
	t = time.Now()
	cancel()
	ca := us(t)
	for i := range cs {
		if cs[i].Err() == nil {
			panic("child not cancelled")
		}
	}
	return []float64{cr, (float64(m1.HeapAlloc) - float64(m0.HeapAlloc)) / float64(k), ca}
}

func fanoutWake(k int) float64 { // k goroutines, each parked on its own child's Done; root cancel until the last has run, us
	root, cancel := context.WithCancel(context.Background())
	var ready, done sync.WaitGroup
	ready.Add(k)
	done.Add(k)
	for i := 0; i < k; i++ {
		go func() {
			c, cc := context.WithCancel(root)
			defer cc()
			d := c.Done()
			ready.Done()
			<-d
			done.Done()
		}()
	}
	ready.Wait()
	time.Sleep(20 * time.Millisecond)
	t := time.Now()
	cancel()
	done.Wait()
	return us(t)
}

func fanoutSelect(k int) float64 { // k goroutines that select between one context's Done and a channel; cancel until the last has run, us
	root, cancel := context.WithCancel(context.Background())
	var ready, done sync.WaitGroup
	never := make(chan int)
	ready.Add(k)
	done.Add(k)
	for i := 0; i < k; i++ {
		go func() {
			ready.Done()
			select {
			case <-root.Done():
			case <-never:
				panic("never")
			}
			done.Done()
		}()
	}
	ready.Wait()
	time.Sleep(20 * time.Millisecond)
	t := time.Now()
	cancel()
	done.Wait()
	return us(t)
}

func recvReady(n int) float64 { // send to a buffered channel, receive by a select with a context's Done
	c, cc := context.WithCancel(context.Background())
	defer cc()
	ch := make(chan int, 1)
	t := time.Now()
	for i := 0; i < n; i++ {
		ch <- i
		select {
		case v := <-ch:
			if v != i {
				panic("value")
			}
		case <-c.Done():
			panic("done")
		}
	}
	return nsPer(t, n)
}

func recvPingpong(n int) float64 { // round trips where every receive is a select with a context's Done
	c, cc := context.WithCancel(context.Background())
	defer cc()
	a, b := make(chan int), make(chan int)
	go func() {
		for {
			select {
			case v := <-a:
				b <- v
			case <-c.Done():
				return
			}
		}
	}()
	t := time.Now()
	for i := 0; i < n; i++ {
		a <- i
		select {
		case <-b:
		case <-c.Done():
			panic("done")
		}
	}
	return nsPer(t, n)
}

func doneCheck(n int) float64 {
	c, cc := context.WithCancel(context.Background())
	defer cc()
	m := 0
	t := time.Now()
	for i := 0; i < n; i++ {
		select {
		case <-c.Done():
		default:
			m++
		}
	}
	r := nsPer(t, n)
	if m != n {
		panic("done")
	}
	return r
}

func errCheck(n int) float64 {
	c, cc := context.WithCancel(context.Background())
	defer cc()
	t := time.Now()
	for i := 0; i < n; i++ {
		if c.Err() != nil {
			panic("err")
		}
	}
	return nsPer(t, n)
}

type key int

func value(depth, n int) float64 { // look up the key at the bottom of a chain of depth WithValue contexts
	c := context.Background()
	for i := 0; i < depth; i++ {
		c = context.WithValue(c, key(i), i)
	}
	t := time.Now()
	for i := 0; i < n; i++ {
		if c.Value(key(0)) == nil {
			panic("value")
		}
	}
	return nsPer(t, n)
}

func main() {
	gobHead("ctx")
	bench1("ctx.withcancel_create_cancel", "ns/op", func() float64 { return createCancel(gobN(2000000)) })
	bench1("ctx.withcancel_child_create_cancel", "ns/op", func() float64 { return childCreateCancel(gobN(1000000)) })
	bench1("ctx.withtimeout_create_cancel", "ns/op", func() float64 { return timeoutCreateCancel(gobN(1000000)) })
	bench([]metric{{"ctx.depth10_create", "ns/chain"}, {"ctx.depth10_cancel", "ns/chain"}}, func() []float64 { return depth(10, gobN(100000)) })
	bench1("ctx.depth10_cancel_wake_p50", "us", func() float64 { return depthWake(10, gobN(300)) })
	bench([]metric{{"ctx.fanout10000_create", "ns/child"}, {"ctx.fanout10000_heap", "B/child"}, {"ctx.fanout10000_cancel", "us"}},
		func() []float64 { return fanout(10000) })
	bench1("ctx.fanout10000_cancel_wake_all", "us", func() float64 { return fanoutWake(10000) })
	bench1("ctx.fanout10000_select_wake_all", "us", func() float64 { return fanoutSelect(10000) })
	bench1("ctx.recv_ready", "ns/op", func() float64 { return recvReady(gobN(3000000)) })
	bench1("ctx.recv_pingpong", "ns/op", func() float64 { return recvPingpong(gobN(500000)) })
	bench1("ctx.select_done_default", "ns/op", func() float64 { return doneCheck(gobN(10000000)) })
	bench1("ctx.err_check", "ns/op", func() float64 { return errCheck(gobN(10000000)) })
	bench1("ctx.value_depth10", "ns/op", func() float64 { return value(10, gobN(3000000)) })
}
