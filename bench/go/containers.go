// Group containers: Pool, Map, RWMutex read by many, barrier.
//
// Twin: ../c/containers.c. Rules: ../README.md.
package main

import (
	"runtime"
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

type obj struct{ b [256]byte }

func pool(g, n int) float64 { // Get, touch, Put of a 256-byte object
	p := sync.Pool{New: func() interface{} { return new(obj) }}
	return par(g, n, func(_, k int) {
		for i := 0; i < k; i++ {
			o := p.Get().(*obj)
			o.b[0]++
			p.Put(o)
		}
	})
}

func poolBurst(g, n int) float64 { // Get 16, then Put 16
	p := sync.Pool{New: func() interface{} { return new(obj) }}
	return par(g, n, func(_, k int) {
		var a [16]*obj
		for i := 0; i < k; i += 16 {
			for j := range a {
				a[j] = p.Get().(*obj)
				a[j].b[0]++
			}
			for j := range a {
				p.Put(a[j])
			}
		}
	})
}

var sinkI int64

func xs(x *uint32) uint32 {
	*x ^= *x << 13
	*x ^= *x >> 17
	*x ^= *x << 5
	return *x
}

const keys = 65536

func syncMap(g, n, writePct int) float64 { // int keys 0..65535 preloaded; writePct% Store of an existing key, else Load
	var m sync.Map
	for i := 0; i < keys; i++ {
		m.Store(i, i)
	}
	return par(g, n, func(id, k int) {
		x := uint32(id*2654435761 + 12345)
		s := 0
		for i := 0; i < k; i++ {
			r := xs(&x)
			key := int(r % keys)
			if int((r>>16)%100) < writePct {
				m.Store(key, i)
			} else if v, ok := m.Load(key); ok {
				s += v.(int)
			}
		}
		atomic.AddInt64(&sinkI, int64(s))
	})
}

func syncMapChurn(g, n int) float64 { // Store new key, Load it, Delete it (disjoint key ranges per goroutine)
	var m sync.Map
	return par(g, n, func(id, k int) {
		for i := 0; i < k; i++ {
			key := id<<32 | i
			m.Store(key, i)
			m.Load(key)
			m.Delete(key)
		}
	})
}

// Go has no barrier: this is the usual one, of a Mutex and a Cond.
type barrier struct {
	mu    sync.Mutex
	cond  *sync.Cond
	n, in int
	round int
}

func (b *barrier) wait() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.in++; b.in == b.n {
		b.in = 0
		b.round++
		b.cond.Broadcast()
		return
	}
	for round := b.round; round == b.round; {
		b.cond.Wait()
	}
}

func barrierWait(g, rounds int) float64 { // per round
	b := barrier{n: g}
	b.cond = sync.NewCond(&b.mu)
	return par(g, g*rounds, func(_, k int) {
		for i := 0; i < k; i++ {
			b.wait()
		}
	}) * float64(g)
}

func main() {
	gobHead("containers")
	P := runtime.GOMAXPROCS(0)
	bench1("containers.pool_1g", "ns/op", func() float64 { return pool(1, gobN(10000000)) })
	bench1("containers.pool_Pg", "ns/op", func() float64 { return pool(P, gobN(10000000)) })
	bench1("containers.pool_burst16_8g", "ns/op", func() float64 { return poolBurst(8, gobN(10000000)) })
	bench1("containers.map_90_10_1g", "ns/op", func() float64 { return syncMap(1, gobN(3000000), 10) })
	bench1("containers.map_90_10_8g", "ns/op", func() float64 { return syncMap(8, gobN(3000000), 10) })
	bench1("containers.map_100_0_8g", "ns/op", func() float64 { return syncMap(8, gobN(5000000), 0) })
	bench1("containers.map_50_50_8g", "ns/op", func() float64 { return syncMap(8, gobN(2000000), 50) })
	bench1("containers.map_churn_8g", "ns/op", func() float64 { return syncMapChurn(8, gobN(1000000)) })
	bench1("containers.rwmutex_big_rlock_1g", "ns/op", func() float64 { return rwRead(1, gobN(20000000)) })
	bench1("containers.rwmutex_big_rlock_8g", "ns/op", func() float64 { return rwRead(8, gobN(20000000)) })
	bench1("containers.rwmutex_big_1in1000_8g", "ns/op", func() float64 { return rwMostly(8, gobN(4000000), 1000) })
	bench1("containers.barrier_8g", "ns/round", func() float64 { return barrierWait(8, gobN(100000)) })
	bench1("containers.barrier_100g", "ns/round", func() float64 { return barrierWait(100, gobN(10000)) })
}
