/* embed: a pthread program that takes in conc.h one piece at a time. It has its own main and its own threads; they use channels,
   select and locks exactly as goroutines do, and goroutines do the work on the other side.

       pthread 1..4 ---- requests ---> goroutine (a cache) ---- replies ---> the same pthread
                    `--- events -----> pthread (the logger: selects on events and quit)                          */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include <pthread.h>
#include <stdio.h>

enum { CLIENTS = 4, QUESTIONS = 240, KEYS = 50 };

struct request { int key; chan(long) reply; }; /* the request carries the channel for its answer */
struct event { int client; long total; };

static chan(struct request) requests;
static chan(struct event) events;
static chan(char) quit;

/* A goroutine owns the table: it needs no lock, whoever asks. */
static void cache(recv_chan(struct request) in, int *misses) {
    long table[KEYS] = { 0 };
    chan_range(r, in) {
        if (table[r.key] == 0) {
            ++*misses;
            conc_sleep(10 * CONC_US); /* parks this goroutine, not a thread */
            table[r.key] = (long)r.key * r.key + 1;
        }
        chan_send(r.reply, table[r.key]);
    }
}

/* What the program had before: plain threads. */
static void *client(void *arg) {
    int id = *(int *)arg;
    long total = 0;
    chan(long) reply = chan_make(long, 1);
    for (int i = 0; i < QUESTIONS; i++) {
        chan_send(requests, (struct request){ (id + i) % KEYS, reply });
        total += chan_recv(reply);
    }
    chan_free(reply);
    chan_send(events, (struct event){ id, total });
    return NULL;
}

static void *logger(void *arg) {
    long *totals = arg;
    for (bool on = true; on;) {
        chan_select {
            on_recv(e, events) totals[e.client] = e.total;
            on_recv(none, quit) on = false;
        }
    }
    return NULL;
}

int main(void) {
    pthread_t threads[CLIENTS], log_thread;
    int ids[CLIENTS], misses = 0;
    long totals[CLIENTS] = { 0 };
    requests = chan_make(struct request);
    events = chan_make(struct event);
    quit = chan_make(char);

    conc_wg server = CONC_WG_INIT;
    conc_wg_go(&server, cache, requests, &misses); /* the runtime starts here, by itself */
    pthread_create(&log_thread, NULL, logger, totals);
    for (int i = 0; i < CLIENTS; i++) ids[i] = i, pthread_create(&threads[i], NULL, client, &ids[i]);

    for (int i = 0; i < CLIENTS; i++) pthread_join(threads[i], NULL);
    chan_close(quit);
    pthread_join(log_thread, NULL);
    chan_close(requests); /* ends the cache */
    conc_wg_wait(&server);

    for (int i = 0; i < CLIENTS; i++) printf("client %d: %ld\n", i, totals[i]);
    printf("%d questions, %d misses\n", CLIENTS * QUESTIONS, misses);
    chan_free(requests), chan_free(events), chan_free(quit);
    printf("%lld goroutines left\n", (long long)conc_shutdown()); /* joins the runtime's threads: nothing remains */
}
