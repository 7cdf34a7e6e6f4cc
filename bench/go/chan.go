// Group chan: channels and select.
//
// Twin: ../c/chan.c. Rules: ../README.md.
package main

import (
	"runtime"
	"strconv"
	"sync"
	"time"
)

func pingPong(n int) float64 { // two goroutines, two unbuffered channels; ns per round trip (2 sends, 2 receives)
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

func pingPongPairs(k, n int) float64 { // k independent pairs at once; ns of wall time per round trip
	var wg sync.WaitGroup
	wg.Add(k)
	t := time.Now()
	for j := 0; j < k; j++ {
		go func() {
			a, b := make(chan int), make(chan int)
			go func() {
				for v := range a {
					b <- v
				}
			}()
			for i := 0; i < n/k; i++ {
				a <- i
				<-b
			}
			close(a)
			wg.Done()
		}()
	}
	wg.Wait()
	return nsPer(t, n/k*k)
}

func pingPongLocked(n int) float64 { // both sides wired to their own OS thread: every hop crosses threads
	a, b := make(chan int), make(chan int)
	go func() {
		runtime.LockOSThread()
		for v := range a {
			b <- v
		}
	}()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	t := time.Now()
	for i := 0; i < n; i++ {
		a <- i
		<-b
	}
	r := nsPer(t, n)
	close(a)
	return r
}

func spsc(cap, n int) float64 {
	c := make(chan int, cap)
	done := make(chan int)
	t := time.Now()
	go func() {
		for i := 0; i < n; i++ {
			c <- i
		}
		close(c)
	}()
	go func() {
		s := 0
		for v := range c {
			s += v
		}
		done <- s
	}()
	s := <-done
	r := nsPer(t, n)
	if s != n*(n-1)/2 {
		panic("spsc sum")
	}
	return r
}

type fat [64]byte

func spscFat(cap, n int) float64 {
	c := make(chan fat, cap)
	done := make(chan int)
	t := time.Now()
	go func() {
		var f fat
		for i := 0; i < n; i++ {
			f[0] = byte(i)
			c <- f
		}
		close(c)
	}()
	go func() {
		s := 0
		for v := range c {
			s += int(v[0])
		}
		done <- s
	}()
	<-done
	return nsPer(t, n)
}

func mpmc(p, q, cap, n int) float64 {
	c := make(chan int, cap)
	var pw, cw sync.WaitGroup
	var mu sync.Mutex
	total := 0
	pw.Add(p)
	cw.Add(q)
	t := time.Now()
	for j := 0; j < p; j++ {
		go func() {
			for i := 0; i < n/p; i++ {
				c <- 1
			}
			pw.Done()
		}()
	}
	for j := 0; j < q; j++ {
		go func() {
			s := 0
			for v := range c {
				s += v
			}
			mu.Lock()
			total += s
			mu.Unlock()
			cw.Done()
		}()
	}
	pw.Wait()
	close(c)
	cw.Wait()
	r := nsPer(t, n/p*p)
	if total != n/p*p {
		panic("mpmc sum")
	}
	return r
}

func uncontended(n int) float64 { // cap 1, same goroutine: send then receive; ns per pair
	c := make(chan int, 1)
	s := 0
	t := time.Now()
	for i := 0; i < n; i++ {
		c <- i
		s += <-c
	}
	r := nsPer(t, n)
	sink = s
	return r
}

var sink int

func selReady2(n int) float64 { // 2 receive cases, exactly one ready; includes the send that made it ready
	a, b := make(chan int, 1), make(chan int, 1)
	t := time.Now()
	for i := 0; i < n; i++ {
		a <- i
		select {
		case v := <-a:
			sink = v
		case v := <-b:
			sink = v
		}
	}
	return nsPer(t, n)
}

func selAll2(n int) float64 { // 2 receive cases, both always ready (closed channels)
	a, b := make(chan int), make(chan int)
	close(a)
	close(b)
	t := time.Now()
	for i := 0; i < n; i++ {
		select {
		case v := <-a:
			sink = v
		case v := <-b:
			sink = v
		}
	}
	return nsPer(t, n)
}

func ten(cap int) (c [10]chan int) {
	for i := range c {
		c[i] = make(chan int, cap)
	}
	return
}

func sel10(c *[10]chan int) {
	select {
	case sink = <-c[0]:
	case sink = <-c[1]:
	case sink = <-c[2]:
	case sink = <-c[3]:
	case sink = <-c[4]:
	case sink = <-c[5]:
	case sink = <-c[6]:
	case sink = <-c[7]:
	case sink = <-c[8]:
	case sink = <-c[9]:
	}
}

func selReady10(n int) float64 {
	c := ten(1)
	t := time.Now()
	for i := 0; i < n; i++ {
		c[i%10] <- i
		sel10(&c)
	}
	return nsPer(t, n)
}

func selAll10(n int) float64 {
	c := ten(0)
	for i := range c {
		close(c[i])
	}
	t := time.Now()
	for i := 0; i < n; i++ {
		sel10(&c)
	}
	return nsPer(t, n)
}

func selBlock2(n int) float64 { // never ready on entry: the selector parks on 2 channels, the producer sends alternately; plus one ack send
	a, b := make(chan int), make(chan int)
	ack := make(chan int)
	go func() {
		for i := 0; i < n; i++ {
			if i&1 == 0 {
				a <- i
			} else {
				b <- i
			}
			<-ack
		}
	}()
	t := time.Now()
	for i := 0; i < n; i++ {
		select {
		case sink = <-a:
		case sink = <-b:
		}
		ack <- 1
	}
	return nsPer(t, n)
}

func selBlock10(n int) float64 {
	c := ten(0)
	ack := make(chan int)
	go func() {
		for i := 0; i < n; i++ {
			c[i%10] <- i
			<-ack
		}
	}()
	t := time.Now()
	for i := 0; i < n; i++ {
		sel10(&c)
		ack <- 1
	}
	return nsPer(t, n)
}

func selDefault1(n int) float64 { // one case, not ready, default taken
	a := make(chan int)
	t := time.Now()
	m := 0
	for i := 0; i < n; i++ {
		select {
		case sink = <-a:
		default:
			m++
		}
	}
	r := nsPer(t, n)
	if m != n {
		panic("default")
	}
	return r
}

func selDefault2(n int) float64 {
	a, b := make(chan int), make(chan int)
	t := time.Now()
	m := 0
	for i := 0; i < n; i++ {
		select {
		case sink = <-a:
		case sink = <-b:
		default:
			m++
		}
	}
	r := nsPer(t, n)
	if m != n {
		panic("default")
	}
	return r
}

func selDefault10(n int) float64 {
	c := ten(1)
	m := 0
	t := time.Now()
	for i := 0; i < n; i++ {
		select {
		case sink = <-c[0]:
		case sink = <-c[1]:
		case sink = <-c[2]:
		case sink = <-c[3]:
		case sink = <-c[4]:
		case sink = <-c[5]:
		case sink = <-c[6]:
		case sink = <-c[7]:
		case sink = <-c[8]:
		case sink = <-c[9]:
		default:
			m++
		}
	}
	r := nsPer(t, n)
	if m != n {
		panic("default")
	}
	return r
}

func selPingPong(n int) float64 { // both sides select on {send/recv, quit}: the usual "with ctx.Done()" shape
	a, b, quit := make(chan int), make(chan int), make(chan struct{})
	go func() {
		for {
			var v int
			select {
			case v = <-a:
			case <-quit:
				return
			}
			select {
			case b <- v:
			case <-quit:
				return
			}
		}
	}()
	t := time.Now()
	for i := 0; i < n; i++ {
		select {
		case a <- i:
		case <-quit:
		}
		select {
		case <-b:
		case <-quit:
		}
	}
	r := nsPer(t, n)
	close(quit)
	return r
}

func selShared(g, n int) float64 { // g goroutines park in select{work, quit} on the SAME quit channel: contention on quit's lock
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(g)
	for j := 0; j < g; j++ {
		go func() {
			a, b := make(chan int), make(chan int)
			go func() {
				for {
					select {
					case v := <-a:
						b <- v
					case <-quit:
						return
					}
				}
			}()
			for i := 0; i < n/g; i++ {
				a <- i
				select {
				case <-b:
				case <-quit:
				}
			}
			wg.Done()
		}()
	}
	t := time.Now()
	wg.Wait()
	r := nsPer(t, n/g*g)
	close(quit)
	return r
}

var keep chan int

func mkchan(cap, n int) float64 {
	t := time.Now()
	for i := 0; i < n; i++ {
		keep = make(chan int, cap)
	}
	return nsPer(t, n)
}

func closeBroadcast(k int) float64 { // k goroutines parked on one channel; close; until the last has run
	c := make(chan struct{})
	var ready, done sync.WaitGroup
	ready.Add(k)
	done.Add(k)
	for i := 0; i < k; i++ {
		go func() {
			ready.Done()
			<-c
			done.Done()
		}()
	}
	ready.Wait()
	time.Sleep(20 * time.Millisecond)
	t := time.Now()
	close(c)
	done.Wait()
	return nsPer(t, k)
}

func pipeline3(n int) float64 { // gen -> 3 stages (x+1) -> sum, all unbuffered; ns per item end to end
	stage := func(in chan int) chan int {
		out := make(chan int)
		go func() {
			for v := range in {
				out <- v + 1
			}
			close(out)
		}()
		return out
	}
	src := make(chan int)
	t := time.Now()
	go func() {
		for i := 0; i < n; i++ {
			src <- i
		}
		close(src)
	}()
	s := 0
	for v := range stage(stage(stage(src))) {
		s += v
	}
	r := nsPer(t, n)
	if s != n*(n-1)/2+3*n {
		panic("pipeline sum")
	}
	return r
}

func main() {
	gobHead("chan")
	bench1("chan.pingpong_unbuf", "ns/roundtrip", func() float64 { return pingPong(gobN(1000000)) })
	bench1("chan.pingpong_unbuf_8pairs", "ns/roundtrip", func() float64 { return pingPongPairs(8, gobN(1000000)) })
	bench1("chan.pingpong_locked_threads", "ns/roundtrip", func() float64 { return pingPongLocked(gobN(30000)) })
	for _, c := range []int{0, 1, 16, 128, 1024} {
		c := c
		bench1("chan.spsc_cap"+strconv.Itoa(c), "ns/item", func() float64 { return spsc(c, gobN(3000000)) })
	}
	bench1("chan.spsc_64B_cap128", "ns/item", func() float64 { return spscFat(128, gobN(3000000)) })
	bench1("chan.mpmc_4x4_cap128", "ns/item", func() float64 { return mpmc(4, 4, 128, gobN(3000000)) })
	bench1("chan.mpmc_4x4_cap0", "ns/item", func() float64 { return mpmc(4, 4, 0, gobN(2000000)) })
	bench1("chan.mpmc_1x4_cap128", "ns/item", func() float64 { return mpmc(1, 4, 128, gobN(2000000)) })
	bench1("chan.mpmc_4x1_cap128", "ns/item", func() float64 { return mpmc(4, 1, 128, gobN(2000000)) })
	bench1("chan.fanin_1000x1_cap0", "ns/item", func() float64 { return mpmc(1000, 1, 0, gobN(1000000)) })
	bench1("chan.uncontended_sendrecv_cap1", "ns/pair", func() float64 { return uncontended(gobN(10000000)) })
	bench1("chan.select2_one_ready", "ns/op", func() float64 { return selReady2(gobN(3000000)) })
	bench1("chan.select2_all_ready", "ns/op", func() float64 { return selAll2(gobN(3000000)) })
	bench1("chan.select10_one_ready", "ns/op", func() float64 { return selReady10(gobN(2000000)) })
	bench1("chan.select10_all_ready", "ns/op", func() float64 { return selAll10(gobN(2000000)) })
	bench1("chan.select2_blocking", "ns/op", func() float64 { return selBlock2(gobN(500000)) })
	bench1("chan.select10_blocking", "ns/op", func() float64 { return selBlock10(gobN(500000)) })
	bench1("chan.select1_default_miss", "ns/op", func() float64 { return selDefault1(gobN(20000000)) })
	bench1("chan.select2_default_miss", "ns/op", func() float64 { return selDefault2(gobN(5000000)) })
	bench1("chan.select10_default_miss", "ns/op", func() float64 { return selDefault10(gobN(2000000)) })
	bench1("chan.pingpong_select_quit", "ns/roundtrip", func() float64 { return selPingPong(gobN(500000)) })
	bench1("chan.pingpong_select_shared_quit_1000g", "ns/roundtrip", func() float64 { return selShared(1000, gobN(500000)) })
	bench1("chan.make_unbuf", "ns/op", func() float64 { return mkchan(0, gobN(3000000)) })
	bench1("chan.make_cap128", "ns/op", func() float64 { return mkchan(128, gobN(1000000)) })
	bench1("chan.close_wakes_10000", "ns/waiter", func() float64 { return closeBroadcast(gobN(10000)) })
	bench1("chan.pipeline3_unbuf", "ns/item", func() float64 { return pipeline3(gobN(500000)) })
}
