/* GoKer, blocking, mixed deadlocks: a channel on one side, a lock or a wait group on the other. */
#include "bugs.h"

/* ---- a channel and a lock ---- */
struct broadcasts { conc_mutex mu; chan(int) updates, done; conc_wg wg; bool mended; };
static void broadcasts_coalesce(struct broadcasts *b) {
    chan_range(u, b->updates) pass(&b->mu);
    chan_close(b->done);
}
static void broadcasts_stop(struct broadcasts *b) {
    conc_mutex_lock(&b->mu);
    chan_close(b->updates);
    if (b->mended) conc_mutex_unlock(&b->mu);
    chan_recv(b->done);
    if (!b->mended) conc_mutex_unlock(&b->mu);
}
BLOCKING(etcd_6873, "channel and lock", DEADLOCK, "stop waits, with the lock, for a loop that needs the lock for its last update") {
    FRESH(struct broadcasts, b);
    b.mended = mended;
    b.updates = chan_make(int, 1);
    b.done = chan_make(int);
    conc_wg_go(&b.wg, broadcasts_coalesce, &b);
    chan_send(b.updates, 1);
    conc_wg_go(&b.wg, broadcasts_stop, &b);
    conc_wg_wait(&b.wg);
}

/* A balancer tells its watcher which addresses to use; the watcher takes connections down, which the balancer wants to know. */
struct balancer { conc_mutex mu; chan(int) notify; conc_wg wg; bool closed, mended; };
static void balancer_up(struct balancer *b) {
    conc_mutex_lock(&b->mu);
    bool tell = !b->closed;
    if (b->mended) conc_mutex_unlock(&b->mu);
    if (tell) chan_send(b->notify, 1);
    if (!b->mended) conc_mutex_unlock(&b->mu);
}
static void balancer_down(struct balancer *b) { pass(&b->mu); }
static void balancer_watcher(struct balancer *b) {
    chan_range(a, b->notify)
        if (a > 0) balancer_down(b);
}
static void balancer_close(struct balancer *b) {
    conc_mutex_lock(&b->mu);
    b->closed = true;
    conc_mutex_unlock(&b->mu);
}
BLOCKING(etcd_7443, "channel and lock", DEADLOCK, "up sends with the lock to a watcher that is taking down the last one, which locks") {
    FRESH(struct balancer, b);
    conc_wg watcher = CONC_WG_INIT;
    b.mended = mended;
    b.notify = chan_make(int);
    conc_wg_go(&watcher, balancer_watcher, &b);
    for (int i = 0; i < 2; i++) conc_wg_go(&b.wg, balancer_up, &b);
    conc_wg_go(&b.wg, balancer_close, &b);
    conc_wg_wait(&b.wg);
    chan_close(b.notify);
    conc_wg_wait(&watcher);
}

struct keeper { conc_mutex mu; chan(int) add, stop; bool mended; conc_wg wg; };
static void keeper_run(struct keeper *k) {
    conc_ticker *ticker = conc_ticker_new(CONC_SEC);
    for (bool on = true; on;) chan_select {
        on_recv(v, k->add) {}
        on_recv(t, conc_ticker_chan(ticker)) pass(&k->mu); /* old tokens are deleted */
        on_recv(v, k->stop) on = false;
    }
    conc_ticker_free(ticker);
}
static void keeper_assign(struct keeper *k) {
    conc_mutex_lock(&k->mu);
    if (k->mended) conc_mutex_unlock(&k->mu);
    chan_send(k->add, 1);
    if (!k->mended) conc_mutex_unlock(&k->mu);
}
BLOCKING(etcd_7492, "channel and lock", DEADLOCK, "a token is added, with the lock, by a loop that locks at each tick to delete old ones") {
    FRESH(struct keeper, k);
    k.mended = mended;
    k.add = chan_make(int);
    k.stop = chan_make(int);
    go(keeper_run, &k);
    for (int i = 0; i < 3; i++) conc_wg_go(&k.wg, keeper_assign, &k);
    conc_wg_wait(&k.wg);
    chan_close(k.stop);
}

struct election { conc_mutex mu; chan(int) next; bool mended; conc_wg wg; };
static void election_round(struct election *e, bool leader) {
    pass(&e->mu); /* validate */
    if (!e->mended) conc_mutex_lock(&e->mu);
    if (leader) chan_close(e->next);
    else chan_recv(e->next);
    if (!e->mended) conc_mutex_unlock(&e->mu);
}
BLOCKING(etcd_7902, "channel and lock", DEADLOCK, "a follower waits for the leader with the lock that the leader needs to go on") {
    FRESH(struct election, e);
    e.mended = mended;
    e.next = chan_make(int);
    for (int i = 0; i < 3; i++) conc_wg_go(&e.wg, election_round, &e, i == 0);
    conc_wg_wait(&e.wg);
}

/* The latest addresses are what counts: room for one, and the one before is taken back. */
struct robin { conc_mutex mu; chan(int) addresses; bool mended; conc_wg wg; };
static void robin_update(struct robin *r) {
    for (int i = 0, old; i < 2; i++) {
        conc_mutex_lock(&r->mu);
        if (r->mended) (void)chan_try_recv(r->addresses, &old);
        chan_send(r->addresses, i);
        conc_mutex_unlock(&r->mu);
    }
    chan_close(r->addresses);
}
static void robin_watch(struct robin *r) {
    chan_range(a, r->addresses) pass(&r->mu); /* one that has gone is taken down */
}
BLOCKING(grpc_1353, "channel and lock", DEADLOCK, "an update is sent with the lock that the reader needs for the update before") {
    FRESH(struct robin, r);
    r.mended = mended;
    r.addresses = mended ? chan_make(int, 1) : chan_make(int);
    conc_wg_go(&r.wg, robin_watch, &r);
    conc_wg_go(&r.wg, robin_update, &r);
    conc_wg_wait(&r.wg);
}

struct transport { conc_mutex mu; chan(int) awaken; int streams; bool dormant, mended; conc_wg wg; };
static void transport_keepalive(struct transport *t) {
    conc_mutex_lock(&t->mu);
    t->dormant = t->streams == 0;
    bool sleep = t->dormant;
    if (t->mended) conc_mutex_unlock(&t->mu);
    if (sleep) chan_recv(t->awaken);
    if (!t->mended) conc_mutex_unlock(&t->mu);
}
static void transport_new_stream(struct transport *t) {
    conc_mutex_lock(&t->mu);
    t->streams++;
    if (t->dormant) chan_send(t->awaken, 1);
    conc_mutex_unlock(&t->mu);
}
BLOCKING(grpc_1460, "channel and lock", DEADLOCK, "a keepalive goes to sleep with the lock that waking it needs") {
    FRESH(struct transport, t);
    t.mended = mended;
    t.awaken = chan_make(int, 1);
    conc_wg_go(&t.wg, transport_keepalive, &t);
    conc_wg_go(&t.wg, transport_new_stream, &t);
    conc_wg_wait(&t.wg);
}

struct controller { conc_mutex mu; chan(int) events; bool mended; conc_wg wg; };
static void controller_apply(struct controller *c) {
    conc_mutex_lock(&c->mu);
    if (c->mended) conc_mutex_unlock(&c->mu);
    chan_send(c->events, 1);
    if (!c->mended) conc_mutex_unlock(&c->mu);
}
static void controller_handle(struct controller *c) {
    pass(&c->mu);
    chan_recv(c->events);
}
BLOCKING(istio_16224, "channel and lock", DEADLOCK, "an event is sent with the lock that its reader takes first") {
    FRESH(struct controller, c);
    c.mended = mended;
    c.events = chan_make(int);
    conc_wg_go(&c.wg, controller_apply, &c);
    conc_wg_go(&c.wg, controller_handle, &c);
    conc_wg_wait(&c.wg);
}

struct statuses { conc_mutex mu; chan(int) updates; bool mended; conc_wg wg; };
static void statuses_set(struct statuses *s) {
    conc_mutex_lock(&s->mu);
    if (s->mended) conc_mutex_unlock(&s->mu);
    chan_send(s->updates, 1);
    if (!s->mended) conc_mutex_unlock(&s->mu);
}
static void statuses_sync(struct statuses *s) {
    for (int i = 0; i < 2; i++) {
        chan_recv(s->updates);
        pass(&s->mu); /* the pod is gone: its status is deleted */
    }
}
BLOCKING(kubernetes_10182, "channel and lock", DEADLOCK, "a status is sent with the lock that its reader takes between two") {
    FRESH(struct statuses, s);
    s.mended = mended;
    s.updates = chan_make(int);
    conc_wg_go(&s.wg, statuses_sync, &s);
    for (int i = 0; i < 2; i++) conc_wg_go(&s.wg, statuses_set, &s);
    conc_wg_wait(&s.wg);
}

struct mux { conc_mutex mu; chan(int) result, stopped; bool closed, mended; conc_wg wg; };
static void mux_distribute(struct mux *m) {
    conc_mutex_lock(&m->mu);
    if (m->closed) {}
    else if (!m->mended) chan_send(m->result, 1);
    else chan_select {
        on_send(m->result, 1) {}
        on_recv(v, m->stopped) {}
    }
    conc_mutex_unlock(&m->mu);
}
static void mux_stop_watching(struct mux *m) {
    if (m->mended) chan_close(m->stopped);
    conc_mutex_lock(&m->mu);
    m->closed = true;
    chan_close(m->result);
    conc_mutex_unlock(&m->mu);
}
BLOCKING(kubernetes_1321, "channel and lock", DEADLOCK, "a watcher that stops must lock, but an event is being sent to it with the lock") {
    FRESH(struct mux, m);
    m.mended = mended;
    m.result = chan_make(int);
    m.stopped = chan_make(int);
    conc_wg_go(&m.wg, mux_distribute, &m);
    conc_wg_go(&m.wg, mux_stop_watching, &m);
    conc_wg_wait(&m.wg);
}

struct listener { conc_mutex mu; chan(int) next; int pending; bool mended; conc_wg wg; };
static void listener_add(struct listener *l) {
    conc_mutex_lock(&l->mu);
    l->pending++;
    conc_mutex_unlock(&l->mu);
}
static void listener_pop(struct listener *l) {
    conc_mutex_lock(&l->mu);
    bool some = l->pending > 0;
    if (l->mended) conc_mutex_unlock(&l->mu);
    if (some) chan_send(l->next, 1);
    if (!l->mended) conc_mutex_unlock(&l->mu);
    chan_close(l->next);
}
static void listener_run(struct listener *l) {
    listener_add(l); /* what a handler did made another notification */
    chan_range(n, l->next) {}
}
BLOCKING(kubernetes_26980, "channel and lock", DEADLOCK, "a notification is handed over with the lock under which the handler adds others") {
    FRESH(struct listener, l);
    l.mended = mended;
    l.next = chan_make(int);
    listener_add(&l);
    conc_wg_go(&l.wg, listener_pop, &l);
    conc_wg_go(&l.wg, listener_run, &l);
    conc_wg_wait(&l.wg);
}

struct spdy { conc_mutex write; chan(int) reset, closed; bool mended; conc_wg wg; };
static void spdy_write_frame(struct spdy *s) {
    conc_mutex_lock(&s->write);
    if (s->mended) conc_mutex_unlock(&s->write);
    (void)chan_send(s->reset, 1);
    if (!s->mended) conc_mutex_unlock(&s->write);
}
static void spdy_monitor(struct spdy *s) {
    chan_select {
        on_recv(v, s->closed) {
            pass(&s->write); /* resetting ends under the lock */
            chan_recv(s->reset);
        }
        on_recv(v, s->reset) {}
    }
}
BLOCKING(kubernetes_6632, "channel and lock", DEADLOCK, "a frame waits, with the write lock, for room that the monitor makes after locking") {
    FRESH(struct spdy, s);
    s.mended = mended;
    s.reset = chan_make(int);
    s.closed = chan_make(int);
    conc_wg_go(&s.wg, spdy_monitor, &s);
    conc_wg_go(&s.wg, spdy_write_frame, &s);
    chan_close(s.closed);
    conc_wg_wait(&s.wg);
}

struct container { conc_mutex mu; chan(int) stop; bool mended; conc_wg wg; };
static void container_monitor(struct container *c) {
    for (int probe = 0; probe < 2; probe++) {
        bool stopped = false;
        chan_select {
            on_recv(v, c->stop) stopped = true;
            on_default pass(&c->mu); /* a probe's result is noted */
        }
        if (stopped) return;
    }
    chan_recv(c->stop);
}
static void container_changed(struct container *c) {
    conc_mutex_lock(&c->mu);
    if (c->mended) chan_close(c->stop);
    else chan_send(c->stop, 1);
    conc_mutex_unlock(&c->mu);
}
BLOCKING(moby_28462, "channel and lock", DEADLOCK, "a monitor is told to stop with the lock that it needs to note a result") {
    FRESH(struct container, c);
    c.mended = mended;
    c.stop = chan_make(int);
    conc_wg_go(&c.wg, container_monitor, &c);
    conc_wg_go(&c.wg, container_changed, &c);
    conc_wg_wait(&c.wg);
}

/* A breaker lets one request run at a time. A test starts two that wait for locks of its own, and lets them go one by one. */
enum { REQUESTS = 2 };
struct breaker { conc_mutex hold[REQUESTS]; chan(int) active, accepted[REQUESTS]; conc_wg wg; };
static void breaker_maybe(struct breaker *b, int i) {
    chan_send(b->active, 1);
    pass(&b->hold[i]); /* the request */
    chan_recv(b->active);
    chan_send(b->accepted[i], 1);
}
BLOCKING(serving_2137, "channel and lock", DEADLOCK, "requests are let go in another order than the one in which they were let in") {
    FRESH(struct breaker, b);
    b.active = chan_make(int, 1);
    for (int i = 0; i < REQUESTS; i++) {
        b.accepted[i] = chan_make(int, 1);
        conc_mutex_lock(&b.hold[i]);
        conc_wg_go(&b.wg, breaker_maybe, &b, i);
    }
    for (int i = 0; i < REQUESTS; i++) {
        conc_mutex_unlock(&b.hold[i]);
        if (!mended) chan_recv(b.accepted[i]);
    }
    for (int i = 0; i < REQUESTS && mended; i++) chan_recv(b.accepted[i]);
    conc_wg_wait(&b.wg);
}

/* ---- a channel and a wait group, wait groups ---- */
struct stopper { conc_mutex mu; bool draining, mended; conc_wg drain, stop; chan(int) stopping; };
static void stopper_worker(struct stopper *s) {
    conc_mutex_lock(&s->mu);
    bool task = !s->draining;
    if (task) conc_wg_add(&s->drain, 1);
    conc_mutex_unlock(&s->mu);
    if (task && s->mended) conc_wg_done(&s->drain);
    chan_recv(s->stopping);
    if (task && !s->mended) conc_wg_done(&s->drain);
}
static void stopper_stop(struct stopper *s) {
    conc_mutex_lock(&s->mu);
    s->draining = true;
    conc_mutex_unlock(&s->mu);
    conc_wg_wait(&s->drain);
    chan_close(s->stopping);
    conc_wg_wait(&s->stop);
}
BLOCKING(cockroach_1055, "channel and wait group", DEADLOCK, "tasks end when the stopper stops, and the stopper stops when the tasks have ended") {
    enum { STOPPERS = 3 };
    static struct stopper s[STOPPERS];
    memset(s, 0, sizeof s);
    for (int i = 0; i < STOPPERS; i++) {
        s[i].mended = mended;
        s[i].stopping = chan_make(int);
        conc_wg_go(&s[i].stop, stopper_worker, &s[i]);
    }
    for (int i = 0; i < STOPPERS; i++) stopper_stop(&s[i]);
}

struct intercept { chan(int) events, stopping; conc_wg wg; bool mended; };
static void intercept_send(struct intercept *t) {
    for (int i = 0; i < 3; i++) {
        bool stopped = false;
        if (!t->mended) chan_select {
            on_recv(v, t->stopping) stopped = true;
            on_default chan_send(t->events, i);
        } else chan_select {
            on_recv(v, t->stopping) stopped = true;
            on_send(t->events, i) {}
        }
        if (stopped) return;
    }
}
static void intercept_process(struct intercept *t) {
    for (bool on = true; on;) chan_select {
        on_recv(v, t->events) {}
        on_recv(v, t->stopping) on = false;
    }
}
BLOCKING(cockroach_1462, "channel and wait group", DEADLOCK, "who takes events stops, and who sends them looked for the stop before sending") {
    FRESH(struct intercept, t);
    t.mended = mended;
    t.events = chan_make(int);
    t.stopping = chan_make(int);
    conc_wg_go(&t.wg, intercept_send, &t);
    conc_wg_go(&t.wg, intercept_process, &t);
    chan_close(t.stopping);
    conc_wg_wait(&t.wg);
}

static void plugin_restore(conc_wg *wg) { conc_wg_done(wg); }
BLOCKING(moby_25384, "wait group", DEADLOCK, "a group of all is waited for in the loop that starts them one by one") {
    enum { PLUGINS = 2 };
    FRESH(conc_wg, wg);
    conc_wg_add(&wg, PLUGINS);
    for (int i = 0; i < PLUGINS; i++) {
        go(plugin_restore, &wg);
        if (!mended) conc_wg_wait(&wg);
    }
    if (mended) conc_wg_wait(&wg);
}
