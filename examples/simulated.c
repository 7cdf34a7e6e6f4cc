/* simulated: a server and its client, run on the system's network, and then, the very same code, in a network inside a test that is cut at
   the worst moment.

   The client tries again when it has had no answer for a second. Nothing is wrong with that on a good day. But no answer does not mean
   that nothing was done: an answer that is lost in a partition leads to a second deposit. The test finds it in milliseconds, without a
   network, without sleeping, and again whenever asked to; the mended client, whose requests have numbers, passes. */
#define CONC_TEST
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <stdio.h>
#include <string.h>

struct request { int id, amount; };
struct bank { conc_mutex mu; int balance, last; conc_wg serving; };

static bool get(int fd, void *buf, size_t n, int64_t deadline) {
    for (size_t got = 0; got < n;) {
        ssize_t k = conc_read_until(fd, (char *)buf + got, n - got, deadline);
        if (k <= 0) return false;
        got += (size_t)k;
    }
    return true;
}
static bool put(int fd, const void *buf, size_t n) { return conc_write(fd, buf, n) == (ssize_t)n; }

/* ---- the server ---- */
static int deposit(struct bank *b, struct request r) {
    conc_mutex_lock(&b->mu);
    if (r.id == 0 || r.id > b->last) b->balance += r.amount; /* a number that was seen is answered, and does nothing */
    if (r.id > b->last) b->last = r.id;
    int balance = b->balance;
    conc_mutex_unlock(&b->mu);
    return balance;
}
static void serve(struct bank *b, int fd) {
    struct request r;
    while (get(fd, &r, sizeof r, CONC_FOREVER)) {
        int balance = deposit(b, r);
        if (!put(fd, &balance, sizeof balance)) break;
    }
    conc_close(fd);
}
static void accept_all(struct bank *b, int listener) {
    for (int fd; (fd = conc_accept(listener, NULL, NULL)) >= 0;) conc_wg_go(&b->serving, serve, b, fd);
}

/* ---- the client: until there is an answer ---- */
static int deposit_at(const char *address, struct request r) {
    for (int balance;; conc_sleep(100 * CONC_MS)) {
        int fd = conc_dial_tcp_until(address, conc_now() + CONC_SEC);
        if (fd < 0) continue;
        bool answered = put(fd, &r, sizeof r) && get(fd, &balance, sizeof balance, conc_now() + CONC_SEC);
        conc_close(fd);
        if (answered) return balance;
    }
}
static int one_deposit(const char *address, int port, int id) {
    struct bank b = { CONC_MUTEX_INIT, 0, 0, CONC_WG_INIT };
    char at[64];
    int listener = conc_listen_tcp(address);
    if (listener < 0) return -1;
    snprintf(at, sizeof at, "localhost:%d", port ? port : conc_local_port(listener));
    conc_wg_go(&b.serving, accept_all, &b, listener);
    int balance = deposit_at(at, (struct request){ id, 100 });
    conc_close(listener);
    conc_wg_wait(&b.serving);
    return balance;
}

/* ---- the test ---- */
static void cut_for_a_while(void) {
    conc_sleep(conc_choose(10) * 10 * CONC_MS); /* any moment of the exchange */
    if (conc_net_partition(NULL) == CONC_OK) conc_sleep(3 * CONC_SEC);
    conc_net_heal(NULL);
}
static void with_a_partition(void *id) {
    go(cut_for_a_while);
    conc_assert(one_deposit(":7000", 7000, id ? *(int *)id : 0) == 100);
}

int main(void) {
    int id = 1;
    printf("on the system's network: %d\n", one_deposit("127.0.0.1:0", 0, 0));
    conc_report r = conc_test(with_a_partition, NULL, .name = "requests without numbers", .time = CONC_TIME_IDLE, .net = { .latency = 20 * CONC_MS });
    printf("%.*s\n", (int)strcspn(r.text, "\n"), r.text);
    r = conc_test(with_a_partition, &id, .name = "requests with numbers", .schedules = 1000, .net = { .latency = 20 * CONC_MS });
    printf("%s", r.text);
    return !r.ok;
}
