// Group md5all: MD5 of every file of a tree, three ways (the shapes of the Go blog's "Pipelines and cancellation"):
// serial, parallel (a goroutine per file), bounded (20 digesters). Files come from the page cache after the first run.
//
//	go run md5all.go harness.go
//
// Env: GOB_TREE (directory, default $TMPDIR/gob_tree; made if absent: 2000 files in 40 directories, about 129 MiB).
// Twin: ../c/md5all.c. Rules: ../README.md.
package main

import (
	"crypto/md5"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"sync"
	"time"
)

func makeTree(root string) (files int, bytes int64) { // deterministic content: xorshift32 from one seed, little-endian words
	x := uint32(2463534242)
	next := func() uint32 {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		return x
	}
	for d := 0; d < 40; d++ {
		dir := filepath.Join(root, fmt.Sprintf("d%02d", d))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			panic(err)
		}
		for f := 0; f < 50; f++ {
			words := 256 + int(next()%32768) // 1 KiB .. 129 KiB
			b := make([]byte, 4*words)
			for i := 0; i < words; i++ {
				v := next()
				b[4*i], b[4*i+1], b[4*i+2], b[4*i+3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
			}
			p := filepath.Join(dir, fmt.Sprintf("f%02d", f))
			if st, err := os.Stat(p); err != nil || st.Size() != int64(len(b)) {
				if err := os.WriteFile(p, b, 0o644); err != nil {
					panic(err)
				}
			}
			files++
			bytes += int64(len(b))
		}
	}
	return
}

func serial(root string) (map[string][16]byte, error) {
	m := make(map[string][16]byte)
	err := filepath.Walk(root, func(p string, st os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if !st.Mode().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		m[p] = md5.Sum(b)
		return nil
	})
	return m, err
}

type result struct {
	path string
	sum  [16]byte
	err  error
}

var errDone = errors.New("cancelled")

func parallel(root string) (map[string][16]byte, error) { // one goroutine per file, cancellable by closing done
	done := make(chan struct{})
	defer close(done)
	c := make(chan result)
	errc := make(chan error, 1)
	go func() {
		var wg sync.WaitGroup
		err := filepath.Walk(root, func(p string, st os.FileInfo, err error) error {
			if err != nil {
				return err
			}
			if !st.Mode().IsRegular() {
				return nil
			}
			wg.Add(1)
			go func() {
				b, err := os.ReadFile(p)
				select {
				case c <- result{p, md5.Sum(b), err}:
				case <-done:
				}
				wg.Done()
			}()
			select {
			case <-done:
				return errDone
			default:
				return nil
			}
		})
		go func() {
			wg.Wait()
			close(c)
		}()
		errc <- err
	}()
	m := make(map[string][16]byte)
	for r := range c {
		if r.err != nil {
			return nil, r.err
		}
		m[r.path] = r.sum
	}
	return m, <-errc
}

func bounded(root string, k int) (map[string][16]byte, error) { // k digesters fed by one walker, unbuffered channels
	done := make(chan struct{})
	defer close(done)
	paths := make(chan string)
	errc := make(chan error, 1)
	go func() {
		defer close(paths)
		errc <- filepath.Walk(root, func(p string, st os.FileInfo, err error) error {
			if err != nil {
				return err
			}
			if !st.Mode().IsRegular() {
				return nil
			}
			select {
			case paths <- p:
			case <-done:
				return errDone
			}
			return nil
		})
	}()
	c := make(chan result)
	var wg sync.WaitGroup
	wg.Add(k)
	for i := 0; i < k; i++ {
		go func() {
			defer wg.Done()
			for p := range paths {
				b, err := os.ReadFile(p)
				select {
				case c <- result{p, md5.Sum(b), err}:
				case <-done:
					return
				}
			}
		}()
	}
	go func() {
		wg.Wait()
		close(c)
	}()
	m := make(map[string][16]byte)
	for r := range c {
		if r.err != nil {
			return nil, r.err
		}
		m[r.path] = r.sum
	}
	return m, <-errc
}

func digest(m map[string][16]byte, root string) string { // order-independent proof of the same work
	var ps []string
	for p := range m {
		ps = append(ps, p)
	}
	sort.Strings(ps)
	h := md5.New()
	for _, p := range ps {
		rel, _ := filepath.Rel(root, p)
		s := m[p]
		fmt.Fprintf(h, "%x  %s\n", s, filepath.ToSlash(rel))
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

func main() {
	gobHead("md5all")
	root := os.Getenv("GOB_TREE")
	if root == "" {
		root = filepath.Join(os.TempDir(), "gob_tree")
	}
	files, bytes := makeTree(root)
	m, err := serial(root)
	if err != nil || len(m) != files {
		panic(err)
	}
	want := digest(m, root)
	fmt.Printf("# tree files=%d bytes=%d digest=%s\n", files, bytes, want)
	buf := make([]byte, 1<<20)
	bench1("md5all.raw_md5", "MB/s", func() float64 {
		t := time.Now()
		for i := 0; i < 100; i++ {
			md5.Sum(buf)
		}
		return 100 * float64(len(buf)) / 1e6 / time.Since(t).Seconds()
	})
	for _, c := range []struct {
		name string
		f    func() (map[string][16]byte, error)
	}{
		{"serial", func() (map[string][16]byte, error) { return serial(root) }},
		{"parallel", func() (map[string][16]byte, error) { return parallel(root) }},
		{"bounded20", func() (map[string][16]byte, error) { return bounded(root, 20) }},
		{"boundedP", func() (map[string][16]byte, error) { return bounded(root, runtime.GOMAXPROCS(0)) }},
	} {
		c := c
		bench1("md5all."+c.name, "ms", func() float64 {
			t := time.Now()
			m, err := c.f()
			r := float64(time.Since(t).Nanoseconds()) / 1e6
			if err != nil || digest(m, root) != want {
				panic(fmt.Sprint("wrong digest ", err))
			}
			return r
		})
	}
}
