// Group sieve: concurrent prime sieve (the shape of test/chan/sieve1.go): one goroutine and one unbuffered channel per prime.
//
// Twin: ../c/sieve.c. Rules: ../README.md.
package main

import (
	"fmt"
	"time"
)

func generatePlain(ch chan<- int) {
	for i := 2; ; i++ {
		ch <- i
	}
}

func filter(in <-chan int, out chan<- int, prime int) {
	for i := range in {
		if i%prime != 0 {
			out <- i
		}
	}
}

// sieve: the first k primes; the goroutines of a finished run stay parked (as in sieve1), so each run is one sieve of k+1 goroutines.
func sieve(k int) (int, float64) {
	t := time.Now()
	ch := make(chan int)
	go generatePlain(ch)
	last := 0
	for i := 0; i < k; i++ {
		p := <-ch
		last = p
		ch1 := make(chan int)
		go filter(ch, ch1, p)
		ch = ch1
	}
	return last, float64(time.Since(t).Nanoseconds()) / 1e6
}

func main() {
	gobHead("sieve")
	for _, c := range []struct{ k, last int }{{1000, 7919}, {2500, 22307}, {5000, 48611}} {
		c := c
		bench1(fmt.Sprintf("sieve.first_%d_primes", c.k), "ms", func() float64 {
			l, ms := sieve(c.k)
			if l != c.last {
				panic(l)
			}
			return ms
		})
	}
}
