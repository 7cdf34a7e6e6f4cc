/* GoKer, blocking, communication deadlocks: channels, channels and contexts, condition variables. */
#include "bugs.h"

/* ---- channels ---- */
struct raft_2448 { chan(int) events, callbacks; conc_wg wg; bool mended; };
static void raft_loop(struct raft_2448 *r) {
    int sent = 0, called = 0;
    while (sent < 2) {
        if (!r->mended) {
            if (chan_try_recv(r->callbacks, &called) == CONC_OK) continue;
            chan_send(r->events, sent++);
        } else chan_select {
            on_recv_into(&called, r->callbacks) {}
            on_send(r->events, sent) sent++;
        }
    }
    chan_close(r->events);
    while (chan_recv(r->callbacks, &called)) continue;
}
static void raft_store(struct raft_2448 *r) {
    chan_range(event, r->events) chan_send(r->callbacks, event);
    chan_close(r->callbacks);
}
BLOCKING(cockroach_2448, "channel", DEADLOCK, "two loops, each sending what the other takes only between its own sends") {
    FRESH(struct raft_2448, r);
    r.mended = mended;
    r.events = chan_make(int);
    r.callbacks = chan_make(int);
    conc_wg_go(&r.wg, raft_loop, &r);
    conc_wg_go(&r.wg, raft_store, &r);
    conc_wg_wait(&r.wg);
}

static void compactor_run(chan(int) suggestions) {
    chan_range(s, suggestions) {}
}
BLOCKING(cockroach_24808, "channel", DEADLOCK, "a starting compactor suggests to itself, but its channel is full already") {
    chan(int) suggestions = chan_make(int, 1);
    conc_wg wg = CONC_WG_INIT;
    chan_send(suggestions, 1); /* came before it was started */
    if (mended) (void)chan_try_send(suggestions, 2);
    else chan_send(suggestions, 2);
    conc_wg_go(&wg, compactor_run, suggestions);
    chan_close(suggestions);
    conc_wg_wait(&wg);
}

BLOCKING(cockroach_25456, "channel", DEADLOCK, "is the store draining? asked by a receive that waits until it is") {
    chan(int) draining = chan_make(int);
    int none;
    if (mended) (void)chan_try_recv(draining, &none);
    else chan_recv(draining);
}

struct rows { chan(int) rows; conc_wg wg; bool mended; };
static void rows_push(struct rows *r) {
    for (int i = 0; i < 3; i++) chan_send(r->rows, i);
    chan_close(r->rows);
}
static void rows_outbox(struct rows *r) {
    bool connected = conc_choose(2);
    if (!connected && !r->mended) return;
    chan_range(row, r->rows) (void)row; /* sends them on, or throws them away */
}
BLOCKING(cockroach_35073, "channel", DEADLOCK, "an outbox that fails to start leaves who pushes rows to it waiting") {
    FRESH(struct rows, r);
    r.mended = mended;
    r.rows = chan_make(int, 1);
    conc_wg_go(&r.wg, rows_push, &r);
    conc_wg_go(&r.wg, rows_outbox, &r);
    conc_wg_wait(&r.wg);
}

/* A processor reads its second input first; the first is full. A flow that is cancelled tells each input. */
static void flow_tell(chan(int) input) { chan_send(input, -1); }
static void flow_cancel(chan(int) first, chan(int) second, bool mended) {
    if (mended) go(flow_tell, first);
    else flow_tell(first);
    flow_tell(second);
}
static void flow_read(chan(int) first, chan(int) second) {
    while (chan_recv(second) >= 0) continue;
    while (chan_recv(first) >= 0) continue;
}
BLOCKING(cockroach_35931, "channel", DEADLOCK, "a cancel is written to a full input before the one that is being read") {
    chan(int) first = chan_make(int, 1), second = chan_make(int, 1);
    conc_wg wg = CONC_WG_INIT;
    chan_send(first, 1);
    conc_wg_go(&wg, flow_read, first, second);
    conc_wg_go(&wg, flow_cancel, first, second, mended);
    conc_wg_wait(&wg);
}

struct node_6857 { chan(int) status, reply, stop, done; conc_wg wg; bool mended; };
static void node_run(struct node_6857 *n) {
    for (bool on = true; on;) chan_select {
        on_recv(v, n->status) chan_send(n->reply, v);
        on_recv(v, n->stop) on = false;
    }
    chan_close(n->done);
}
static void node_status(struct node_6857 *n) {
    bool asked = true;
    if (!n->mended) chan_send(n->status, 1);
    else chan_select {
        on_send(n->status, 1) {}
        on_recv_ok(v, ok, n->done) asked = ok;
    }
    if (asked) chan_recv(n->reply);
}
static void node_stop(struct node_6857 *n) {
    chan_send(n->stop, 1);
    chan_recv(n->done);
}
BLOCKING(etcd_6857, "channel", DEADLOCK, "a node that has stopped is asked for its status") {
    FRESH(struct node_6857, n);
    n.mended = mended;
    n.status = chan_make(int);
    n.reply = chan_make(int);
    n.stop = chan_make(int);
    n.done = chan_make(int);
    conc_wg_go(&n.wg, node_run, &n);
    conc_wg_go(&n.wg, node_status, &n);
    conc_wg_go(&n.wg, node_stop, &n);
    conc_wg_wait(&n.wg);
}

static void stream_read(chan(int) received, chan(int) done) {
    chan_recv(received);
    chan_close(done);
}
BLOCKING(grpc_1275, "channel", DEADLOCK, "a stream is closed, but its reader is not told") {
    chan(int) received = chan_make(int, 1), done = chan_make(int);
    go(stream_read, received, done);
    if (mended) chan_send(received, -1);
    chan_recv(done);
}

static void balancer_watch(chan(int) addresses, chan(int) connected, bool mended) {
    bool told = false;
    chan_range(a, addresses) {
        if (!told) chan_close(connected);
        told = true;
    }
    if (mended && !told) chan_close(connected);
}
static void dial_wait(chan(int) connected) { chan_recv(connected); }
BLOCKING(grpc_1424, "channel", LEAK, "a watcher without addresses ends, and does not tell who waits for the first connection") {
    chan(int) addresses = chan_make(int), connected = chan_make(int);
    go(dial_wait, connected);
    go(balancer_watch, addresses, connected, mended);
    chan_close(addresses);
}

static void call_loop(chan(int) done) { chan_send(done, 1); }
static void bench_stop(chan(int) stop) { chan_close(stop); }
BLOCKING(grpc_660, "channel", LEAK, "a client stops without taking the result of the call under way") {
    chan(int) stop = chan_make(int), done = mended ? chan_make(int, 1) : chan_make(int);
    go(call_loop, done);
    go(bench_stop, stop);
    chan_select {
        on_recv(v, stop) {}
        on_recv(v, done) {}
    }
}

static void agent_wait(chan(int) status, chan(int) done, bool mended) {
    if (!mended) chan_send(status, 1);
    else chan_select {
        on_send(status, 1) {}
        on_recv(v, done) {}
    }
}
static void agent_run(chan(int) status, chan(int) done) {
    for (bool on = true; on;) chan_select {
        on_recv(v, status) {}
        on_recv(v, done) on = false;
    }
}
BLOCKING(istio_17860, "channel", LEAK, "an agent that is stopped no longer takes the exit statuses of its processes") {
    chan(int) status = chan_make(int), done = chan_make(int);
    go(agent_run, status, done);
    for (int i = 0; i < 2; i++) go(agent_wait, status, done, mended);
    chan_close(done);
}

static void watcher_process(chan(int) result, chan(int) done, bool mended) {
    for (int event = 0; event < 3; event++)
        if (!mended) chan_send(result, event);
        else chan_select {
            on_send(result, event) {}
            on_recv(v, done) {}
        }
}
BLOCKING(kubernetes_38669, "channel", LEAK, "a watcher with more first events than room is stopped before anybody reads") {
    chan(int) result = chan_make(int, 1), done = chan_make(int);
    go(watcher_process, result, done, mended);
    chan_close(done);
}

static void request_run(chan(int) result, chan(int) error) {
    if (conc_choose(2)) chan_send(result, 1);
    else chan_send(error, 1);
}
BLOCKING(kubernetes_5316, "channel", LEAK, "a request that times out leaves its goroutine with a result that nobody takes") {
    int room = mended ? 1 : 0;
    chan(int) result = chan_make(int, room), error = chan_make(int, room);
    go(request_run, result, error);
    chan_select {
        on_recv(v, result) {}
        on_recv(v, error) {}
        on_timeout(CONC_SEC) {}
    }
}

static void poll_tick(chan(int) out, chan(int) done) {
    conc_ticker *ticker = conc_ticker_new(CONC_SEC);
    for (bool on = true; on;) chan_select {
        on_recv(t, conc_ticker_chan(ticker)) (void)chan_try_send(out, (int)(t / CONC_SEC));
        on_recv(v, done) on = false;
    }
    conc_ticker_free(ticker);
}
BLOCKING(kubernetes_70277, "channel", LEAK, "a poller ticks until a channel is closed that nobody closes") {
    chan(int) out = chan_make(int), done = chan_make(int);
    go(poll_tick, out, done);
    chan_recv(out);
    if (mended) chan_close(done);
}

/* Progress: whoever is slow sees the latest, not all. */
struct progress { conc_mutex mu; int latest; chan(int) news, out; };
static void progress_write(struct progress *p) {
    for (int i = 1; i <= 3; i++) {
        conc_mutex_lock(&p->mu);
        p->latest = i;
        conc_mutex_unlock(&p->mu);
        (void)chan_try_send(p->news, 1);
    }
    chan_close(p->news);
}
static void progress_watch(struct progress *p) {
    chan_range(n, p->news) {
        conc_mutex_lock(&p->mu);
        int v = p->latest;
        conc_mutex_unlock(&p->mu);
        chan_send(p->out, v);
    }
    chan_close(p->out);
}
BLOCKING(moby_21233, "channel", LEAK, "a reader that wants every update gives up at the first that was skipped") {
    FRESH(struct progress, p);
    int want = 0;
    p.news = chan_make(int, 1);
    p.out = chan_make(int);
    go(progress_write, &p);
    go(progress_watch, &p);
    chan_range(v, p.out)
        if (v != ++want && !mended) break;
}

static void promise_run(chan(int) error) { chan_send(error, 0); }
BLOCKING(moby_4395, "channel", LEAK, "a function is run in a goroutine whose result not everybody wants") {
    chan(int) error = mended ? chan_make(int, 1) : chan_make(int);
    go(promise_run, error);
}

static chan(int) container_wait(bool mended) { /* it fails at once */
    chan(int) error = mended ? chan_make(int, 1) : chan_make(int);
    chan_send(error, 1);
    return error;
}
BLOCKING(moby_33293, "channel", DEADLOCK, "an error is sent to a channel that is only then returned to who reads it") {
    chan_recv(container_wait(mended));
}

struct connection { chan(int) inbox, closed, stopped; bool mended; conc_once once; };
static void connection_mark(void *arg) { chan_close(((struct connection *)arg)->closed); }
static void connection_close(struct connection *c) {
    conc_once_do(&c->once, connection_mark, c);
    chan_recv(c->stopped);
}
static void connection_dispatch(struct connection *c) {
    for (bool on = true; on;) chan_select {
        on_recv(v, c->inbox) {
            if (c->mended) go(connection_close, c); /* what a message asks for may not wait for this loop */
            else connection_close(c);
        }
        on_recv(v, c->closed) on = false;
    }
    chan_close(c->stopped);
}
BLOCKING(syncthing_5795, "channel", DEADLOCK, "a connection is closed by its own dispatcher, and close waits for the dispatcher") {
    FRESH(struct connection, c);
    c.mended = mended;
    c.inbox = chan_make(int);
    c.closed = chan_make(int);
    c.stopped = chan_make(int);
    go(connection_dispatch, &c);
    chan_send(c.inbox, 1);
    chan_recv(c.stopped);
}

/* ---- channels and contexts ---- */
enum { COMMANDS = 2 };
struct replica { chan(int) chans[COMMANDS]; conc_ctx *ctx; bool mended; };
static void replica_send(struct replica *r) {
    for (int i = 0; i < COMMANDS; i++) chan_select {
        on_send(r->chans[i], 1) {}
        on_done(r->ctx) {}
    }
}
static void replica_drain(struct replica *r) {
    for (int i = 0, v; i < COMMANDS; i++)
        if (r->mended) (void)chan_recv_ctx(r->chans[i], &v, r->ctx);
        else chan_recv(r->chans[i]);
}
static void replica_begin(struct replica *r) {
    bool done = false;
    for (int i = 0; i < COMMANDS && !done; i++) chan_select {
        on_recv(v, r->chans[i]) {}
        on_done(r->ctx) {
            go(replica_drain, r);
            done = true;
        }
    }
}
BLOCKING(cockroach_10790, "channel and context", LEAK, "a command that is cancelled drains channels that nobody sends to any more") {
    FRESH(struct replica, r);
    r.mended = mended;
    r.ctx = conc_ctx_with_cancel(conc_ctx_background());
    for (int i = 0; i < COMMANDS; i++) r.chans[i] = chan_make(int);
    go(replica_send, &r);
    go(replica_begin, &r);
    conc_ctx_cancel(r.ctx);
}

static void await_done(conc_ctx *ctx) {
    chan_select { on_done(ctx) {} }
}
BLOCKING(cockroach_13197, "channel and context", LEAK, "a transaction that is begun and never ended") {
    conc_ctx *tx = conc_ctx_with_cancel(conc_ctx_background());
    go(await_done, tx);
    if (mended) conc_ctx_cancel(tx);
}
static void rows_close(conc_ctx *rows) { conc_ctx_cancel(rows); }
BLOCKING(cockroach_13755, "channel and context", LEAK, "the rows of a query are not closed") {
    conc_ctx *tx = conc_ctx_with_cancel(conc_ctx_background()), *rows = conc_ctx_with_cancel(tx);
    go(await_done, rows);
    if (mended) rows_close(rows);
}

struct restore { chan(int) ready; conc_ctx *ctx; bool mended; };
static void restore_scatter(struct restore *r) {
    for (int i = 0; i < 3; i++)
        if (!r->mended) chan_send(r->ready, i);
        else if (chan_send_ctx(r->ready, i, r->ctx) != CONC_OK) return;
}
static void restore_import(struct restore *r) {
    for (int i = 0, v; i < 3; i++)
        if (chan_recv_ctx(r->ready, &v, r->ctx) != CONC_OK) return;
}
BLOCKING(cockroach_18101, "channel and context", LEAK, "a cancel ends who reads, but not who sends") {
    FRESH(struct restore, r);
    r.mended = mended;
    r.ctx = conc_ctx_with_cancel(conc_ctx_background());
    r.ready = chan_make(int);
    go(restore_scatter, &r);
    go(restore_import, &r);
    conc_ctx_cancel(r.ctx);
}

BLOCKING(grpc_862, "channel and context", LEAK, "a dial that times out does not close the connection that it made") {
    conc_ctx *dial = conc_ctx_with_timeout(conc_ctx_background(), CONC_SEC), *conn = conc_ctx_with_cancel(conc_ctx_background());
    go(await_done, conn); /* connects again and again, until the connection is closed */
    chan_select { on_done(dial) {} }
    if (mended) conc_ctx_cancel(conn);
}

/* Events put off the work by starting the timer again; `if it cannot be stopped, take its value` waits for one that was taken. */
struct debounce { conc_timer *timer; chan(int) done; conc_wg wg; bool mended; };
static void debounce_worker(struct debounce *d) {
    for (bool on = true; on;) chan_select {
        on_recv(t, conc_timer_chan(d->timer)) {}
        on_recv(v, d->done) on = false;
    }
}
static void debounce_event(struct debounce *d) {
    int64_t t;
    if (!conc_timer_stop(d->timer)) {
        if (d->mended) (void)chan_try_recv(conc_timer_chan(d->timer), &t);
        else chan_recv(conc_timer_chan(d->timer));
    }
    conc_timer_reset(d->timer, CONC_SEC);
}
BLOCKING(istio_18454, "channel and context", DEADLOCK, "a timer's value is waited for, after stop, that another goroutine has taken") {
    FRESH(struct debounce, d);
    d.mended = mended;
    d.timer = conc_timer_new(CONC_SEC);
    d.done = chan_make(int);
    conc_wg_go(&d.wg, debounce_worker, &d);
    debounce_event(&d);
    chan_close(d.done);
    conc_wg_wait(&d.wg);
}

struct watch_25331 { chan(int) error, result; conc_ctx *ctx; bool mended; };
static void watch_run(struct watch_25331 *w) {
    int e;
    if (chan_recv_ctx(w->error, &e, w->ctx) != CONC_OK) return;
    if (w->mended) (void)chan_send_ctx(w->result, e, w->ctx);
    else chan_send(w->result, e);
}
BLOCKING(kubernetes_25331, "channel and context", LEAK, "a watch that is stopped by an error sends it to nobody") {
    FRESH(struct watch_25331, w);
    w.mended = mended;
    w.ctx = conc_ctx_with_cancel(conc_ctx_background());
    w.error = chan_make(int, 1);
    w.result = chan_make(int);
    go(watch_run, &w);
    chan_send(w.error, 1);
    conc_ctx_cancel(w.ctx);
}

static void health_probe(chan(int) result) { chan_send(result, 1); }
static void health_monitor(chan(int) stop, bool mended) {
    for (;;) {
        bool stopped = false;
        chan_select {
            on_recv(v, stop) stopped = true;
            on_timeout(CONC_SEC) {}
        }
        if (stopped) return;
        chan(int) result = mended ? chan_make(int, 1) : chan_make(int);
        go(health_probe, result);
        chan_select {
            on_recv(v, stop) stopped = true;
            on_recv(v, result) {}
        }
        if (stopped) return;
    }
}
BLOCKING(moby_33781, "channel and context", LEAK, "a monitor is stopped while a probe runs, whose result nobody takes") {
    chan(int) stop = chan_make(int);
    go(health_monitor, stop, mended);
    chan_send(stop, 1);
}

/* ---- condition variables ---- */
struct notifier { conc_mutex mu; conc_cond cond; int pending; bool mended; conc_wg wg; };
static void notifier_loop(struct notifier *n) {
    for (int round = 0; round < 2; round++) {
        conc_mutex_lock(&n->mu);
        if (!n->mended) conc_cond_wait(&n->cond, &n->mu);
        else while (n->pending == 0) conc_cond_wait(&n->cond, &n->mu);
        n->pending--;
        conc_mutex_unlock(&n->mu);
    }
}
static void notifier_notify(struct notifier *n) {
    conc_mutex_lock(&n->mu);
    n->pending++;
    conc_cond_signal(&n->cond);
    conc_mutex_unlock(&n->mu);
}
BLOCKING(kubernetes_11298, "channel and cond", DEADLOCK, "a loop waits for a signal that came while it was busy with the one before") {
    FRESH(struct notifier, n);
    n.mended = mended;
    conc_wg_go(&n.wg, notifier_loop, &n);
    conc_sleep(CONC_SEC); /* the loop is there by then, on a fast machine */
    for (int i = 0; i < 2; i++) {
        notifier_notify(&n);
        conc_sleep(CONC_SEC);
    }
    conc_wg_wait(&n.wg);
}

/* A file's watcher: taking the watch away waits until the reader of events has seen that it is gone. */
struct follow { conc_mutex mu; conc_cond gone; bool removed, mended; chan(int) events, closed, closing; conc_wg wg; };
static void follow_read(struct follow *f) {
    if (!f->mended) chan_send(f->events, 1);
    else chan_select {
        on_send(f->events, 1) {}
        on_recv(v, f->closing) {}
    }
    conc_mutex_lock(&f->mu);
    f->removed = true;
    conc_cond_broadcast(&f->gone);
    conc_mutex_unlock(&f->mu);
}
static void follow_logs(struct follow *f) {
    bool ended = false;
    while (!ended) chan_select {
        on_recv(v, f->events) {}
        on_recv(v, f->closed) ended = true;
    }
    chan_close(f->closing);
    conc_mutex_lock(&f->mu);
    while (!f->removed) conc_cond_wait(&f->gone, &f->mu);
    conc_mutex_unlock(&f->mu);
}
BLOCKING(moby_27782, "channel and cond", DEADLOCK, "the end of a watch is waited for; its reader has an event that nobody takes any more") {
    FRESH(struct follow, f);
    f.mended = mended;
    f.events = chan_make(int);
    f.closed = chan_make(int);
    f.closing = chan_make(int);
    conc_wg_go(&f.wg, follow_logs, &f);
    conc_wg_go(&f.wg, follow_read, &f);
    chan_close(f.closed);
    conc_wg_wait(&f.wg);
}

struct plugin { conc_mutex mu; conc_cond change; bool active, handlers_run, failed; };
static void plugin_set(struct plugin *p, bool *flag) {
    conc_mutex_lock(&p->mu);
    *flag = true;
    conc_cond_broadcast(&p->change);
    conc_mutex_unlock(&p->mu);
}
static void plugin_wait(struct plugin *p) {
    conc_mutex_lock(&p->mu);
    while (!p->active && !p->failed) conc_cond_wait(&p->change, &p->mu);
    conc_mutex_unlock(&p->mu);
}
BLOCKING(moby_29733, "cond", DEADLOCK, "a new handler makes an active plugin inactive, and nobody activates it again") {
    FRESH(struct plugin, p);
    plugin_set(&p, &p.active);
    conc_mutex_lock(&p.mu);
    if (mended) p.handlers_run = false;
    else p.active = false;
    conc_mutex_unlock(&p.mu);
    plugin_wait(&p);
}
static void plugin_activate(struct plugin *p, bool mended) { /* it fails */
    if (mended) plugin_set(p, &p->failed);
}
BLOCKING(moby_30408, "cond", DEADLOCK, "an activation that fails does not wake those who wait for it") {
    FRESH(struct plugin, p);
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, plugin_wait, &p);
    conc_wg_go(&wg, plugin_activate, &p, mended);
    conc_wg_wait(&wg);
}
