// Group spawn: cost of starting, running and joining goroutines that do nothing.
//
// Twin: ../c/spawn.c. Rules: ../README.md.
package main

import (
	"runtime"
	"sync"
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
