// Group forkjoin: fork-join and data-parallel compute.
//
// Twin: ../c/forkjoin.c. Rules: ../README.md.
package main

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

func ms(t time.Time) float64 { return float64(time.Since(t).Nanoseconds()) / 1e6 }

//go:noinline
func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

func pfib(n, cut int) int { // spawns fib(n-1), computes fib(n-2) itself, joins through a WaitGroup
	if n < 2 || n <= cut {
		return fib(n)
	}
	var wg sync.WaitGroup
	var a int
	wg.Add(1)
	go func() {
		a = pfib(n-1, cut)
		wg.Done()
	}()
	b := pfib(n-2, cut)
	wg.Wait()
	return a + b
}

func cfib(n, cut int) int { // the same, joined through a channel of capacity 1
	if n < 2 || n <= cut {
		return fib(n)
	}
	c := make(chan int, 1)
	go func() { c <- cfib(n-1, cut) }()
	b := cfib(n-2, cut)
	return <-c + b
}

func insertion(a []int64) {
	for i := 1; i < len(a); i++ {
		v := a[i]
		j := i - 1
		for j >= 0 && a[j] > v {
			a[j+1] = a[j]
			j--
		}
		a[j+1] = v
	}
}

func part(a []int64) int { // Hoare, median of three; returns j: [0,j] and [j+1,n)
	m, n := len(a)/2, len(a)-1
	if a[m] < a[0] {
		a[m], a[0] = a[0], a[m]
	}
	if a[n] < a[0] {
		a[n], a[0] = a[0], a[n]
	}
	if a[n] < a[m] {
		a[n], a[m] = a[m], a[n]
	}
	p := a[m]
	i, j := -1, len(a)
	for {
		for i++; a[i] < p; i++ {
		}
		for j--; a[j] > p; j-- {
		}
		if i >= j {
			return j
		}
		a[i], a[j] = a[j], a[i]
	}
}

func qs(a []int64) {
	for len(a) > 16 {
		j := part(a)
		if j+1 < len(a)-j-1 {
			qs(a[:j+1])
			a = a[j+1:]
		} else {
			qs(a[j+1:])
			a = a[:j+1]
		}
	}
	insertion(a)
}

func pqs(a []int64, cut int, wg *sync.WaitGroup) { // a goroutine for the left part while the length is above cut
	for len(a) > cut {
		j := part(a)
		wg.Add(1)
		go pqs(a[:j+1], cut, wg)
		a = a[j+1:]
	}
	qs(a)
	wg.Done()
}

func input(n int) []int64 {
	a := make([]int64, n)
	x := uint64(88172645463325252)
	for i := range a {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		a[i] = int64(x >> 1)
	}
	return a
}

func sorted(a []int64) {
	for i := 1; i < len(a); i++ {
		if a[i-1] > a[i] {
			panic("not sorted")
		}
	}
}

func mandelRow(y, n int) int { // iterations in row y of an n x n picture of [-2,1]x[-1.5,1.5], limit 200
	sum := 0
	ci := -1.5 + 3*float64(y)/float64(n)
	for x := 0; x < n; x++ {
		cr := -2 + 3*float64(x)/float64(n)
		zr, zi := 0.0, 0.0
		k := 0
		for ; k < 200 && zr*zr+zi*zi <= 4; k++ {
			zr, zi = zr*zr-zi*zi+cr, 2*zr*zi+ci
		}
		sum += k
	}
	return sum
}

func mandelSerial(n int) int {
	s := 0
	for y := 0; y < n; y++ {
		s += mandelRow(y, n)
	}
	return s
}

func mandelPool(n, w int) int { // w workers take row numbers from an unbuffered channel, results come back on another
	rows, res := make(chan int), make(chan int)
	for i := 0; i < w; i++ {
		go func() {
			for y := range rows {
				res <- mandelRow(y, n)
			}
		}()
	}
	go func() {
		for y := 0; y < n; y++ {
			rows <- y
		}
		close(rows)
	}()
	s := 0
	for y := 0; y < n; y++ {
		s += <-res
	}
	return s
}

func mandelGo(n int) int { // one goroutine per row
	res := make(chan int, n)
	for y := 0; y < n; y++ {
		go func(y int) { res <- mandelRow(y, n) }(y)
	}
	s := 0
	for y := 0; y < n; y++ {
		s += <-res
	}
	return s
}

func timed(f func() int, want int) func() float64 {
	return func() float64 {
		t := time.Now()
		if g := f(); g != want {
			panic(g)
		}
		return ms(t)
	}
}

func main() {
	gobHead("forkjoin")
	P := runtime.GOMAXPROCS(0)
	bench1("forkjoin.fib35_serial", "ms", timed(func() int { return fib(35) }, 9227465))
	bench1("forkjoin.fib35_cut20_wg", "ms", timed(func() int { return pfib(35, 20) }, 9227465))
	bench1("forkjoin.fib35_cut20_chan", "ms", timed(func() int { return cfib(35, 20) }, 9227465))
	bench1("forkjoin.fib35_cut10_wg", "ms", timed(func() int { return pfib(35, 10) }, 9227465))
	bench1("forkjoin.fib27_nocut_wg", "ms", timed(func() int { return pfib(27, 1) }, 196418))
	n := gobN(10000000)
	src := input(n)
	a := make([]int64, n)
	bench1("forkjoin.qsort_1e7_serial", "ms", func() float64 {
		copy(a, src)
		t := time.Now()
		qs(a)
		r := ms(t)
		sorted(a)
		return r
	})
	for _, cut := range []int{2048, 64} {
		cut := cut
		bench1(fmt.Sprintf("forkjoin.qsort_1e7_cut%d", cut), "ms", func() float64 {
			copy(a, src)
			var wg sync.WaitGroup
			t := time.Now()
			wg.Add(1)
			go pqs(a, cut, &wg)
			wg.Wait()
			r := ms(t)
			sorted(a)
			return r
		})
	}
	want := mandelSerial(1024)
	fmt.Printf("# mandel1024 iteration sum %d\n", want)
	bench1("forkjoin.mandel1024_serial", "ms", timed(func() int { return mandelSerial(1024) }, want))
	bench1("forkjoin.mandel1024_pool_P", "ms", timed(func() int { return mandelPool(1024, P) }, want))
	bench1("forkjoin.mandel1024_pool_64", "ms", timed(func() int { return mandelPool(1024, 64) }, want))
	bench1("forkjoin.mandel1024_go_per_row", "ms", timed(func() int { return mandelGo(1024) }, want))
}
