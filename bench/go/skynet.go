// Group skynet: the 1e6-leaf skynet tree (each node spawns 10 children, leaves send their ordinal, parents sum).
//
// Twin: ../c/skynet.c. Rules: ../README.md.
package main

import "time"

func skynet(c chan int, num, size, div int) {
	if size == 1 {
		c <- num
		return
	}
	rc := make(chan int)
	sum := 0
	for i := 0; i < div; i++ {
		go skynet(rc, num+i*(size/div), size/div, div)
	}
	for i := 0; i < div; i++ {
		sum += <-rc
	}
	c <- sum
}

func skynetBuf(c chan int, num, size, div int) { // as above with channels of capacity 10: leaves never park
	if size == 1 {
		c <- num
		return
	}
	rc := make(chan int, div)
	sum := 0
	for i := 0; i < div; i++ {
		go skynetBuf(rc, num+i*(size/div), size/div, div)
	}
	for i := 0; i < div; i++ {
		sum += <-rc
	}
	c <- sum
}

func run(f func(chan int, int, int, int)) float64 {
	c := make(chan int)
	t := time.Now()
	go f(c, 0, 1000000, 10)
	if s := <-c; s != 499999500000 {
		panic(s)
	}
	return float64(time.Since(t).Nanoseconds()) / 1e6
}

func main() {
	gobHead("skynet")
	bench1("skynet.unbuf_1e6", "ms", func() float64 { return run(skynet) })
	bench1("skynet.buf10_1e6", "ms", func() float64 { return run(skynetBuf) })
}
