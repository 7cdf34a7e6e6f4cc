// Group netecho: TCP echo over loopback, 64-byte messages, one goroutine per connection on each side.
//
//	go run netecho.go harness.go                                   everything (server in this process, and in a child process)
//	GOB_MODE=server GOB_ADDR=127.0.0.1:7777 go run netecho.go harness.go          only the echo server
//	GOB_MODE=client GOB_ADDR=127.0.0.1:7777 go run netecho.go harness.go          only the load, against any echo server (a C one too)
//
// Env: GOB_SECS (seconds per run, default 2).
package main

import (
	"bufio"
	"fmt"
	"io"
	"math/bits"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const msg = 64

func serve(l net.Listener, deadline bool) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			buf := make([]byte, 4096)
			for {
				if deadline {
					c.SetReadDeadline(time.Now().Add(10 * time.Second))
				}
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				if _, err := c.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
	}
}

// hist counts nanosecond latencies in 32 steps per octave (3% wide), so that recording costs no allocation.
type hist [64 * 32]uint32

func (h *hist) add(ns int64) {
	if ns < 32 {
		h[0]++
		return
	}
	o := bits.Len64(uint64(ns)) - 6 // >= 0
	h[(o+1)*32+int(ns>>uint(o))-32]++
}

func (h *hist) at(q float64) float64 { // the q-quantile in us (lower edge of its bucket)
	n := 0
	for _, c := range h {
		n += int(c)
	}
	k := int(q * float64(n))
	for i, c := range h {
		if k -= int(c); k < 0 {
			if i < 32 {
				return 0
			}
			return float64(int64(32+i%32)<<uint(i/32-1)) / 1e3
		}
	}
	return 0
}

func cpu() float64 { // user+system seconds of this process
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return float64(r.Utime.Sec+r.Stime.Sec) + float64(r.Utime.Usec+r.Stime.Usec)/1e6
}

// load: k connections, each writes 64 bytes and reads 64 bytes back, over and over. Round trips/s, p50/p99 us, this process's CPU us per round trip.
func load(addr string, k int, deadline bool) []float64 {
	d := time.Duration(float64(gobInt("GOB_SECS", 2)) * float64(time.Second))
	conns := make([]net.Conn, k)
	for i := range conns {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			panic(err)
		}
		conns[i] = c
	}
	var stop int32
	var wg sync.WaitGroup
	lats := make([]hist, k)
	wg.Add(k)
	t0, c0 := time.Now(), cpu()
	for i := range conns {
		go func(i int) {
			defer wg.Done()
			c := conns[i]
			out, in := make([]byte, msg), make([]byte, msg)
			l := &lats[i]
			for n := 0; atomic.LoadInt32(&stop) == 0; n++ {
				out[0], out[msg-1] = byte(n), byte(i)
				if deadline {
					c.SetDeadline(time.Now().Add(10 * time.Second))
				}
				t := time.Now()
				if _, err := c.Write(out); err != nil {
					panic(err)
				}
				if _, err := io.ReadFull(c, in); err != nil {
					panic(err)
				}
				l.add(time.Since(t).Nanoseconds())
				if in[0] != byte(n) || in[msg-1] != byte(i) {
					panic("echo mismatch")
				}
			}
		}(i)
	}
	time.Sleep(d)
	atomic.StoreInt32(&stop, 1)
	wg.Wait()
	el, cp := time.Since(t0).Seconds(), cpu()-c0
	var all hist
	n := 0.0
	for i := range lats {
		for j, c := range lats[i] {
			all[j] += c
			n += float64(c)
		}
		conns[i].Close()
	}
	return []float64{n / el, all.at(.5), all.at(.99), all.at(.999), cp * 1e6 / n}
}

func churn(addr string, k int) float64 { // k clients in a loop: dial, one echo, close. connections/s
	d := time.Duration(float64(gobInt("GOB_SECS", 2)) * float64(time.Second))
	var stop int32
	var n int64
	var wg sync.WaitGroup
	wg.Add(k)
	t0 := time.Now()
	for i := 0; i < k; i++ {
		go func() {
			defer wg.Done()
			b := make([]byte, msg)
			for atomic.LoadInt32(&stop) == 0 {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					panic(err)
				}
				c.(*net.TCPConn).SetLinger(0) // no TIME_WAIT: keeps the port range free
				c.Write(b)
				if _, err := io.ReadFull(c, b); err != nil {
					panic(err)
				}
				c.Close()
				atomic.AddInt64(&n, 1)
			}
		}()
	}
	time.Sleep(d)
	atomic.StoreInt32(&stop, 1)
	wg.Wait()
	return float64(n) / time.Since(t0).Seconds()
}

func rssOf(pid int) float64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0
	}
	v, _ := strconv.ParseFloat(strings.Fields(string(b))[1], 64)
	return v * float64(os.Getpagesize())
}

func idle(addr string, pid, k int) []float64 { // server-process RSS per idle connection (goroutine parked in Read); and after one echo each
	r0 := rssOf(pid)
	cs := make([]net.Conn, k)
	for i := range cs {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			panic(err)
		}
		cs[i] = c
	}
	time.Sleep(200 * time.Millisecond)
	r1 := rssOf(pid)
	b := make([]byte, msg)
	for _, c := range cs {
		c.Write(b)
		if _, err := io.ReadFull(c, b); err != nil {
			panic(err)
		}
	}
	r2 := rssOf(pid)
	for _, c := range cs {
		c.Close()
	}
	return []float64{(r1 - r0) / float64(k), (r2 - r0) / float64(k)}
}

func ms(p string) []metric {
	return []metric{{p + "_rt", "1/s"}, {p + "_p50", "us"}, {p + "_p99", "us"}, {p + "_p999", "us"}, {p + "_cpu_per_rt", "us"}}
}

func child() (addr string, pid int, end func()) { // the echo server in a process of its own
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "GOB_MODE=server", "GOB_ADDR=127.0.0.1:0")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		panic(err)
	}
	return strings.Fields(line)[1], cmd.Process.Pid, func() { in.Close(); cmd.Wait() }
}

func main() {
	switch os.Getenv("GOB_MODE") {
	case "server":
		l, err := net.Listen("tcp", os.Getenv("GOB_ADDR"))
		if err != nil {
			panic(err)
		}
		fmt.Println("listening", l.Addr())
		go serve(l, false)
		io.Copy(io.Discard, os.Stdin) // ends with its parent's pipe
		return
	case "client":
		gobHead("netecho-client")
		a := os.Getenv("GOB_ADDR")
		for _, k := range []int{1, 64, 1000} {
			k := k
			bench(ms(fmt.Sprintf("netecho.ext_%dc", k)), func() []float64 { return load(a, k, false) })
		}
		bench1("netecho.ext_churn_16c", "conn/s", func() float64 { return churn(a, 16) })
		return
	}
	gobHead("netecho")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go serve(l, false)
	a := l.Addr().String()
	for _, k := range []int{1, 64, 1000} {
		k := k
		bench(ms(fmt.Sprintf("netecho.inproc_%dc", k)), func() []float64 { return load(a, k, false) })
	}
	ld, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go serve(ld, true)
	bench(ms("netecho.inproc_64c_deadlines"), func() []float64 { return load(ld.Addr().String(), 64, true) })
	bench1("netecho.inproc_churn_16c", "conn/s", func() float64 { return churn(a, 16) })
	ca, pid, end := child()
	for _, k := range []int{1, 64, 1000} {
		k := k
		bench(ms(fmt.Sprintf("netecho.twoproc_%dc", k)), func() []float64 { return load(ca, k, false) })
	}
	end()
	os.Setenv("GOB_WARM", "0")
	bench([]metric{{"netecho.idle_conn_rss_5000c", "B/conn"}, {"netecho.idle_conn_rss_after_echo_5000c", "B/conn"}}, func() []float64 {
		ca, pid, end = child()
		defer end()
		return idle(ca, pid, gobN(5000))
	})
}
