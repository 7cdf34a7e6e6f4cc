// Group sync: mutexes, atomics, WaitGroup, Once, Cond.
//
// Twin: ../c/gosync.c. Rules: ../README.md.
package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// par runs body(id, iterations) on g goroutines, total iterations in all; ns of wall time per iteration.
func par(g, total int, body func(id, n int)) float64 {
	var start, done sync.WaitGroup
	start.Add(1)
	done.Add(g)
	for j := 0; j < g; j++ {
		j := j
		go func() {
			start.Wait()
			body(j, total/g)
			done.Done()
		}()
	}
	t := time.Now()
	start.Done()
	done.Wait()
	return nsPer(t, total/g*g)
}

var shared int64

func mutexPlain(n int) float64 {
	var mu sync.Mutex
	t := time.Now()
	for i := 0; i < n; i++ {
		mu.Lock()
		shared++
		mu.Unlock()
	}
	return nsPer(t, n)
}

func mutexG(g, n int) float64 { // empty critical section but for one increment
	var mu sync.Mutex
	x := 0
	r := par(g, n, func(_, k int) {
		for i := 0; i < k; i++ {
			mu.Lock()
			x++
			mu.Unlock()
		}
	})
	if x != n/g*g {
		panic("mutex")
	}
	return r
}

func work(k int) int { // about k multiply-adds of local work
	x := 1
	for i := 0; i < k; i++ {
		x = x*1664525 + 1013904223
	}
	return x
}

var sinkI int64

func mutexWork(g, n int) float64 { // 100 steps outside and 20 inside the lock
	var mu sync.Mutex
	x := 0
	return par(g, n, func(_, k int) {
		s := 0
		for i := 0; i < k; i++ {
			s += work(100)
			mu.Lock()
			x += work(20)
			mu.Unlock()
		}
		atomic.AddInt64(&sinkI, int64(s))
	})
}

func rwRead(g, n int) float64 { // read lock only
	var mu sync.RWMutex
	return par(g, n, func(_, k int) {
		for i := 0; i < k; i++ {
			mu.RLock()
			mu.RUnlock()
		}
	})
}

func rwMostly(g, n, oneIn int) float64 { // one write lock per oneIn operations
	var mu sync.RWMutex
	x := 0
	return par(g, n, func(_, k int) {
		s := 0
		for i := 0; i < k; i++ {
			if i%oneIn == 0 {
				mu.Lock()
				x++
				mu.Unlock()
			} else {
				mu.RLock()
				s += x
				mu.RUnlock()
			}
		}
		atomic.AddInt64(&sinkI, int64(s))
	})
}

func atomicAdd(g, n int) float64 {
	var x int64
	r := par(g, n, func(_, k int) {
		for i := 0; i < k; i++ {
			atomic.AddInt64(&x, 1)
		}
	})
	if int(x) != n/g*g {
		panic("atomic")
	}
	return r
}

func atomicCASLoop(g, n int) float64 {
	var x int64
	return par(g, n, func(_, k int) {
		for i := 0; i < k; i++ {
			for {
				o := atomic.LoadInt64(&x)
				if atomic.CompareAndSwapInt64(&x, o, o+1) {
					break
				}
			}
		}
	})
}

func wgAddDone(g, n int) float64 { // Add(1)+Done() on one WaitGroup
	var wg sync.WaitGroup
	r := par(g, n, func(_, k int) {
		for i := 0; i < k; i++ {
			wg.Add(1)
			wg.Done()
		}
	})
	wg.Wait()
	return r
}

func wgRound(n, b int) float64 { // Add(b), b goroutines Done, Wait: per round
	var wg sync.WaitGroup
	t := time.Now()
	for i := 0; i < n; i++ {
		wg.Add(b)
		for j := 0; j < b; j++ {
			go wg.Done()
		}
		wg.Wait()
	}
	return nsPer(t, n)
}

func once(g, n int) float64 {
	var o sync.Once
	return par(g, n, func(_, k int) {
		for i := 0; i < k; i++ {
			o.Do(func() {})
		}
	})
}

func condPingPong(n int) float64 { // two goroutines alternate under one Mutex and one Cond each
	var mu sync.Mutex
	c0, c1 := sync.NewCond(&mu), sync.NewCond(&mu)
	turn := 0
	done := make(chan bool)
	t := time.Now()
	go func() {
		mu.Lock()
		for i := 0; i < n; i++ {
			for turn != 1 {
				c1.Wait()
			}
			turn = 0
			c0.Signal()
		}
		mu.Unlock()
		done <- true
	}()
	mu.Lock()
	for i := 0; i < n; i++ {
		turn = 1
		c1.Signal()
		for turn != 0 {
			c0.Wait()
		}
	}
	mu.Unlock()
	<-done
	return nsPer(t, n)
}

func condBroadcast(k, rounds int) float64 { // k waiters, broadcast, all pass a counter: per waiter
	var mu sync.Mutex
	c := sync.NewCond(&mu)
	gen, in := 0, 0
	all := make(chan bool, 1)
	var done sync.WaitGroup
	done.Add(k)
	for j := 0; j < k; j++ {
		go func() {
			for r := 0; r < rounds; r++ {
				mu.Lock()
				g := gen
				in++
				if in == k {
					all <- true
				}
				for g == gen {
					c.Wait()
				}
				mu.Unlock()
			}
			done.Done()
		}()
	}
	t := time.Now()
	for r := 0; r < rounds; r++ {
		<-all
		mu.Lock()
		in = 0
		gen++
		c.Broadcast()
		mu.Unlock()
	}
	done.Wait()
	return nsPer(t, k*rounds)
}

func xs(x *uint32) uint32 {
	*x ^= *x << 13
	*x ^= *x >> 17
	*x ^= *x << 5
	return *x
}

const keys = 65536

func rwMap(g, n, writePct int) float64 { // the same on map[int]int under one RWMutex
	var mu sync.RWMutex
	m := map[int]int{}
	for i := 0; i < keys; i++ {
		m[i] = i
	}
	return par(g, n, func(id, k int) {
		x := uint32(id*2654435761 + 12345)
		s := 0
		for i := 0; i < k; i++ {
			r := xs(&x)
			key := int(r % keys)
			if int((r>>16)%100) < writePct {
				mu.Lock()
				m[key] = i
				mu.Unlock()
			} else {
				mu.RLock()
				s += m[key]
				mu.RUnlock()
			}
		}
		atomic.AddInt64(&sinkI, int64(s))
	})
}

func main() {
	gobHead("sync")
	bench1("sync.mutex_uncontended", "ns/op", func() float64 { return mutexPlain(gobN(50000000)) })
	for _, g := range []int{2, 8, 1000} {
		g := g
		bench1(fmt.Sprintf("sync.mutex_%dg", g), "ns/op", func() float64 { return mutexG(g, gobN(4000000)) })
	}
	for _, g := range []int{8, 1000} {
		g := g
		bench1(fmt.Sprintf("sync.mutex_work_%dg", g), "ns/op", func() float64 { return mutexWork(g, gobN(2000000)) })
	}
	bench1("sync.rwmutex_rlock_1g", "ns/op", func() float64 { return rwRead(1, gobN(20000000)) })
	bench1("sync.rwmutex_rlock_8g", "ns/op", func() float64 { return rwRead(8, gobN(8000000)) })
	bench1("sync.rwmutex_mostly_1in100_8g", "ns/op", func() float64 { return rwMostly(8, gobN(4000000), 100) })
	bench1("sync.rwmutex_mostly_1in10_8g", "ns/op", func() float64 { return rwMostly(8, gobN(4000000), 10) })
	bench1("sync.atomic_add_1g", "ns/op", func() float64 { return atomicAdd(1, gobN(20000000)) })
	bench1("sync.atomic_add_8g", "ns/op", func() float64 { return atomicAdd(8, gobN(20000000)) })
	bench1("sync.atomic_cas_loop_8g", "ns/op", func() float64 { return atomicCASLoop(8, gobN(10000000)) })
	bench1("sync.waitgroup_add_done_1g", "ns/op", func() float64 { return wgAddDone(1, gobN(10000000)) })
	bench1("sync.waitgroup_add_done_8g", "ns/op", func() float64 { return wgAddDone(8, gobN(10000000)) })
	bench1("sync.waitgroup_round_16g", "ns/round", func() float64 { return wgRound(gobN(50000), 16) })
	bench1("sync.once_8g", "ns/op", func() float64 { return once(8, gobN(20000000)) })
	bench1("sync.cond_pingpong", "ns/roundtrip", func() float64 { return condPingPong(gobN(300000)) })
	bench1("sync.cond_broadcast_1000", "ns/waiter", func() float64 { return condBroadcast(1000, gobN(200)) })
	bench1("sync.rwmutex_map_90_10_8g", "ns/op", func() float64 { return rwMap(8, gobN(3000000), 10) })
}
