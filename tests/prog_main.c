/* Programs with CONC_MAIN, for test_crash.c: main is goroutine 1. One file with everything static. */
#define CONC_MAIN
#define CONC_STATIC
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef chan(int) ints;

static void asleep_too(ints c) { (void)chan_recv(c); }
static void quick(void) {}
static void later(ints c, int64_t ns) {
    conc_sleep(ns);
    chan_send(c, 1);
}
static void spin(void) {
    static conc_atomic(int) never;
    while (!atomic_load(&never)) {}
}
static void block(void) {
    for (;;) sleep(100);
}
static void exit_3(void) { exit(3); }
static void exit_4(void) {
    conc_sleep(20 * CONC_MS);
    exit(4);
}
static void *thread_later(void *c) {
    usleep(50000);
    chan_send((ints)c, 1);
    return NULL;
}
static void write_later(int fd) {
    conc_sleep(30 * CONC_MS);
    if (write(fd, "x", 1) != 1) abort();
}
static void relay(ints in, ints out, int n) {
    for (int i = 0; i < n; i++) chan_send(out, chan_recv(in));
}

static int deadlocks(const char *name, ints c) {
    ints nil = NULL;
    conc_mutex m = CONC_MUTEX_INIT;
    conc_wg wg = CONC_WG_INIT;
    conc_cond cond = CONC_COND_INIT;
    conc_sem sem = CONC_SEM_INIT(1);
    if (!strcmp(name, "send_alone")) chan_send(c, 1);
    if (!strcmp(name, "recv_alone")) (void)chan_recv(c);
    if (!strcmp(name, "recv_nil")) (void)chan_recv(nil);
    if (!strcmp(name, "send_nil")) chan_send(nil, 1);
    if (!strcmp(name, "select_nothing")) {
        chan_select {}
    }
    if (!strcmp(name, "select_two")) {
        chan_select {
            on_recv(v, c) { (void)v; }
            on_send(nil, 1) {}
        }
    }
    if (!strcmp(name, "lock_twice")) conc_mutex_lock(&m), conc_mutex_lock(&m);
    if (!strcmp(name, "wait_group")) conc_wg_add(&wg, 1), conc_wg_wait(&wg);
    if (!strcmp(name, "cond_wait")) conc_mutex_lock(&m), conc_cond_wait(&cond, &m);
    if (!strcmp(name, "sem_acquire")) conc_sem_acquire(&sem, 2);
    if (!strcmp(name, "after_timer")) conc_sleep(20 * CONC_MS), (void)chan_recv(c);
    if (!strcmp(name, "others_asleep")) {
        for (int i = 0; i < 5; i++) go(asleep_too, c);
        conc_wg_add(&wg, 1);
        conc_wg_wait(&wg);
    }
    return 1;
}

int conc_main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    ints c = chan_make(int);
    if (!strcmp(name, "returns_7")) return 7;
    if (!strcmp(name, "is_goroutine_1"))
        return !(conc_id() == 1 && argc == 3 && !strcmp(argv[2], "second") && argv[3] == NULL);
    if (!strcmp(name, "panics")) conc_panic("in main");

    if (!strcmp(name, "goexit_alone")) conc_exit();
    if (!strcmp(name, "goexit_then_others")) {
        for (int i = 0; i < 5; i++) go(quick);
        conc_exit();
    }
    if (!strcmp(name, "goexit_others_asleep")) {
        go(asleep_too, c);
        conc_exit();
    }
    if (!strcmp(name, "goexit_then_exit")) {
        go(exit_4);
        conc_exit();
    }

    if (!strcmp(name, "others_sleep")) return go(asleep_too, c), conc_yield(), 0;
    if (!strcmp(name, "others_spin")) return go(spin), go(spin), go(spin), conc_sleep(5 * CONC_MS), 0;
    if (!strcmp(name, "others_block")) return go(block), go(block), go(block), conc_sleep(5 * CONC_MS), 0;
    if (!strcmp(name, "exit_in_other")) return go(exit_3), (void)chan_recv(c), 1;

    if (!strcmp(name, "sleeps")) return conc_sleep(100 * CONC_MS), 0;
    if (!strcmp(name, "timer_wakes")) {
        go(later, c, 50 * CONC_MS);
        for (int i = 0; i < 20; i++) go(asleep_too, chan_make(int));
        (void)chan_recv(c);
        recv_chan(int64_t) t = conc_after(50 * CONC_MS);
        return chan_recv(t) > 0 ? 0 : 1;
    }
    if (!strcmp(name, "thread_wakes")) {
        pthread_t t;
        if (pthread_create(&t, NULL, thread_later, (void *)c) != 0) return 1;
        int v = chan_recv(c);
        pthread_join(t, NULL);
        return v - 1;
    }
    if (!strcmp(name, "read_blocks")) {
        int fd[2];
        char x;
        if (pipe(fd) != 0) return 1;
        go(write_later, fd[1]);
        return read(fd[0], &x, 1) == 1 ? 0 : 1;
    }
    if (!strcmp(name, "busy_then_quiet")) {
        ints ring[10];
        for (int round = 0; round < 20; round++) {
            for (int i = 0; i < 10; i++) ring[i] = chan_make(int);
            for (int i = 0; i < 9; i++) go(relay, ring[i], ring[i + 1], 200);
            go(relay, ring[9], c, 200);
            for (int i = 0; i < 200; i++) chan_send(ring[0], i), (void)chan_recv(c);
            conc_sleep(2 * CONC_MS);
        }
        return 0;
    }
    return deadlocks(name, c);
}
