/* GoKer, blocking, resource deadlocks: a lock taken twice, two locks in two orders, a read lock taken again past a waiting writer. */
#include "bugs.h"

/* ---- taken twice ---- */
struct gossip { conc_mutex mu; bool closed; conc_wg wg; };
static void gossip_bootstrap(struct gossip *g, bool mended) {
    for (;;) {
        conc_mutex_lock(&g->mu);
        if (g->closed) {
            if (mended) conc_mutex_unlock(&g->mu);
            break;
        }
        conc_mutex_unlock(&g->mu);
    }
    pass(&g->mu); /* what comes after the loop: manage() */
}
BLOCKING(cockroach_584, "double lock", DEADLOCK, "a loop is left by break with the lock held") {
    FRESH(struct gossip, g);
    g.closed = true;
    conc_wg_go(&g.wg, gossip_bootstrap, &g, mended);
    conc_wg_wait(&g.wg);
}

static void log_exit(conc_mutex *mu) { pass(mu); }
static void log_entry(conc_mutex *mu, bool mended) {
    conc_mutex_lock(mu);
    bool written = conc_choose(2);
    if (!written) {
        if (mended) conc_mutex_unlock(mu);
        log_exit(mu);
        if (mended) return;
    }
    conc_mutex_unlock(mu);
}
BLOCKING(cockroach_9935, "double lock", DEADLOCK, "the error path of a logger locks what it holds") {
    conc_mutex mu = CONC_MUTEX_INIT;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, log_entry, &mu, mended);
    conc_wg_wait(&wg);
}

/* A configuration is read under a cond's lock, which is the read half of the same lock that the reader then takes by its other name. */
static void config_exec(conc_rwmutex *config, bool mended) {
    conc_rwmutex_rlock(config);
    if (!mended) pass_read(config);
    conc_rwmutex_runlock(config);
}
BLOCKING(cockroach_16167, "read lock again", DEADLOCK, "one lock under two names is read-locked twice, past a writer") {
    conc_rwmutex config = CONC_RWMUTEX_INIT;
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, pass_write, &config);
    conc_wg_go(&wg, config_exec, &config, mended);
    conc_wg_wait(&wg);
}

struct lessor { conc_rwmutex mu; int checkpoints; };
static void lessor_checkpoint(struct lessor *l) {
    conc_rwmutex_lock(&l->mu);
    l->checkpoints++;
    conc_rwmutex_unlock(&l->mu);
}
BLOCKING(etcd_10492, "double lock", DEADLOCK, "a renewal calls its checkpointer, which locks, with the lock held") {
    FRESH(struct lessor, l);
    conc_rwmutex_lock(&l.mu);
    if (!mended) lessor_checkpoint(&l);
    conc_rwmutex_unlock(&l.mu);
    if (mended) lessor_checkpoint(&l);
}

struct client_5509 { conc_rwmutex mu; bool closed; conc_wg wg; };
static bool client_acquire(struct client_5509 *c, bool mended) { /* true: with the read lock held */
    conc_rwmutex_rlock(&c->mu);
    if (!c->closed) return true;
    if (mended) conc_rwmutex_runlock(&c->mu);
    return false;
}
static void client_request(struct client_5509 *c, bool mended) {
    if (client_acquire(c, mended)) conc_rwmutex_runlock(&c->mu);
}
static void client_close(struct client_5509 *c) {
    conc_rwmutex_lock(&c->mu);
    c->closed = true;
    conc_rwmutex_unlock(&c->mu);
}
BLOCKING(etcd_5509, "double lock", DEADLOCK, "acquire fails with the read lock held, and close never gets it") {
    FRESH(struct client_5509, c);
    conc_wg_go(&c.wg, client_request, &c, mended);
    client_close(&c);
    client_close(&c); /* the owner, and the test's clean-up */
    conc_wg_wait(&c.wg);
}

static void set_endpoints(conc_rwmutex *mu) { pass_write(mu); }
BLOCKING(etcd_6708, "double lock", DEADLOCK, "sync read-locks, and sets the endpoints under the write lock") {
    conc_rwmutex mu = CONC_RWMUTEX_INIT;
    conc_rwmutex_rlock(&mu);
    if (mended) conc_rwmutex_runlock(&mu);
    set_endpoints(&mu);
    if (!mended) conc_rwmutex_runlock(&mu);
}

static void server_stop(conc_mutex *mu, bool *draining, bool mended) {
    conc_mutex_lock(mu);
    if (*draining) {
        if (mended) conc_mutex_unlock(mu);
        return;
    }
    *draining = true;
    conc_mutex_unlock(mu);
}
BLOCKING(grpc_795, "double lock", DEADLOCK, "a second graceful stop returns with the lock held") {
    conc_mutex mu = CONC_MUTEX_INIT;
    bool draining = false;
    for (int i = 0; i < 2; i++) server_stop(&mu, &draining, mended);
    pass(&mu);
}

/* A connection that is given up is deleted after a while, unless it is wanted again before that. */
struct cache_3017 { conc_mutex mu; conc_timer *timer; bool abort, mended; conc_wg deletions; };
static void cache_expire(void *arg) {
    struct cache_3017 *c = (struct cache_3017 *)arg;
    conc_mutex_lock(&c->mu);
    if (!c->abort || c->mended) conc_mutex_unlock(&c->mu);
    conc_wg_done(&c->deletions);
}
static void cache_give_up(struct cache_3017 *c) {
    conc_mutex_lock(&c->mu);
    c->abort = false;
    conc_wg_add(&c->deletions, 1);
    c->timer = conc_after_func(CONC_SEC, cache_expire, c);
    conc_mutex_unlock(&c->mu);
}
static void cache_want(struct cache_3017 *c) {
    conc_mutex_lock(&c->mu);
    if (conc_timer_stop(c->timer)) conc_wg_done(&c->deletions);
    else c->abort = true;
    conc_mutex_unlock(&c->mu);
}
BLOCKING(grpc_3017, "double lock", DEADLOCK, "a deletion that is called off too late returns with the lock held") {
    FRESH(struct cache_3017, c);
    c.mended = mended;
    for (int i = 0; i < 2; i++) {
        cache_give_up(&c);
        cache_want(&c);
    }
    conc_wg_wait(&c.deletions);
    pass(&c.mu);
}

static void page_init(conc_mutex *mu, int depth, bool mended) {
    bool nested = depth > 0;
    if (!nested || !mended) conc_mutex_lock(mu);
    if (depth < 1) page_init(mu, depth + 1, mended); /* a short code asks for the page's own content */
    if (!nested || !mended) conc_mutex_unlock(mu);
}
BLOCKING(hugo_5379, "double lock", DEADLOCK, "rendering a page's content initialises its content again") {
    FRESH(conc_mutex, mu);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, page_init, &mu, 0, mended);
    conc_wg_wait(&wg);
}

struct devices { conc_mutex mu; int deleted; };
static void devices_clean(struct devices *d, bool mended) {
    conc_mutex_lock(&d->mu);
    if (d->deleted == 0) {
        if (mended) conc_mutex_unlock(&d->mu);
        return;
    }
    d->deleted = 0;
    conc_mutex_unlock(&d->mu);
}
BLOCKING(moby_17176, "double lock", DEADLOCK, "nothing to delete: returned with the lock held") {
    FRESH(struct devices, d);
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, devices_clean, &d, mended);
    conc_wg_wait(&wg);
}

static void vm_remove(conc_mutex *mu, bool locked) {
    if (!locked) conc_mutex_lock(mu);
    if (!locked) conc_mutex_unlock(mu);
}
static void vm_add(conc_mutex *mu, bool mended) {
    conc_mutex_lock(mu);
    bool added = false;
    if (!added) vm_remove(mu, mended); /* what was added so far goes again */
    conc_mutex_unlock(mu);
}
BLOCKING(moby_36114, "double lock", DEADLOCK, "hot-adding fails and hot-removes, which locks, with the lock held") {
    FRESH(conc_mutex, mu);
    vm_add(&mu, mended);
}

static void proxy_run(conc_mutex *track, bool mended) {
    for (int packet = 0; packet < 2; packet++) {
        bool dialled = packet > 0;
        conc_mutex_lock(track);
        if (!dialled) {
            if (mended) conc_mutex_unlock(track);
            continue;
        }
        conc_mutex_unlock(track);
    }
}
BLOCKING(moby_7559, "double lock", DEADLOCK, "a loop continues with the lock held") {
    FRESH(conc_mutex, track);
    proxy_run(&track, mended);
}

static void mapping_notify(conc_rwmutex *mu) { pass_read(mu); }
BLOCKING(syncthing_4829, "double lock", DEADLOCK, "addresses are cleared under the lock that telling of it reads under") {
    FRESH(conc_rwmutex, mu);
    conc_rwmutex_lock(&mu);
    if (!mended) mapping_notify(&mu);
    conc_rwmutex_unlock(&mu);
    if (mended) mapping_notify(&mu);
}

/* ---- two locks in two orders ---- */
static void first_second(conc_mutex *first, conc_mutex *second) {
    conc_mutex_lock(first);
    pass(second);
    conc_mutex_unlock(first);
}
struct store_10214 { conc_mutex coalesced, raft, replica; conc_wg wg; };
static void store_heartbeats(struct store_10214 *s, bool mended) {
    if (mended) {
        pass(&s->coalesced);
        pass(&s->raft);
    } else first_second(&s->coalesced, &s->raft);
}
static void store_tick(struct store_10214 *s) {
    conc_mutex_lock(&s->raft);
    conc_mutex_lock(&s->replica);
    pass(&s->coalesced); /* an idle replica's heartbeat is coalesced with the others */
    conc_mutex_unlock(&s->replica);
    conc_mutex_unlock(&s->raft);
}
BLOCKING(cockroach_10214, "AB-BA", DEADLOCK, "heartbeats lock coalesced then raft, a tick raft then coalesced") {
    FRESH(struct store_10214, s);
    conc_wg_go(&s.wg, store_heartbeats, &s, mended);
    conc_wg_go(&s.wg, store_tick, &s);
    conc_wg_wait(&s.wg);
}

struct leases { conc_mutex table, names, lease; conc_wg wg; };
static void lease_by_name(struct leases *l) { first_second(&l->names, &l->lease); }
static void lease_release(struct leases *l, bool mended) {
    conc_mutex_lock(&l->table);
    conc_mutex_lock(&l->lease);
    if (mended) conc_mutex_unlock(&l->lease);
    pass(&l->names); /* the name goes from the cache */
    if (!mended) conc_mutex_unlock(&l->lease);
    conc_mutex_unlock(&l->table);
}
BLOCKING(cockroach_7504, "AB-BA", DEADLOCK, "by name: names then lease; release: lease then names") {
    FRESH(struct leases, l);
    conc_wg_go(&l.wg, lease_by_name, &l);
    conc_wg_go(&l.wg, lease_release, &l, mended);
    conc_wg_wait(&l.wg);
}

/* A cacher is locked until its cache is filled for the first time; filling unlocks it, under the cache's own lock. Later fillings find it
   locked by those who start again. */
struct cacher_13135 { conc_mutex mu; conc_rwmutex cache; conc_once filled; conc_wg wg; bool mended; };
static void cacher_unlock(void *arg) { conc_mutex_unlock(&((struct cacher_13135 *)arg)->mu); }
static void cacher_replace(struct cacher_13135 *c) {
    conc_rwmutex_lock(&c->cache);
    conc_once_do(&c->filled, cacher_unlock, c);
    conc_rwmutex_unlock(&c->cache);
}
static void cacher_add(struct cacher_13135 *c) { /* an event goes to the watchers, who are the cacher's */
    conc_rwmutex_lock(&c->cache);
    if (!c->mended) pass(&c->mu);
    conc_rwmutex_unlock(&c->cache);
    if (c->mended) pass(&c->mu);
}
static void cacher_start(struct cacher_13135 *c) {
    for (int i = 0; i < 2; i++) {
        if (i > 0) conc_mutex_lock(&c->mu);
        cacher_replace(c);
        if (i > 0) conc_mutex_unlock(&c->mu);
    }
}
BLOCKING(kubernetes_13135, "AB-BA", DEADLOCK, "starting again locks the cacher then the cache, an event the cache then the cacher") {
    FRESH(struct cacher_13135, c);
    c.mended = mended;
    conc_mutex_lock(&c.mu);
    conc_wg_go(&c.wg, cacher_start, &c);
    conc_wg_go(&c.wg, cacher_add, &c);
    conc_wg_wait(&c.wg);
}

struct informer { conc_mutex mu; conc_rwmutex queue; chan(int) stop; bool mended; conc_wg wg; };
static void informer_deliver(struct informer *f) { /* its handler asks the informer for the clusters that are ready */
    chan_select {
        on_recv(v, f->stop) {}
        on_default {
            conc_rwmutex_rlock(&f->queue);
            pass(&f->mu);
            conc_rwmutex_runlock(&f->queue);
        }
    }
}
static void informer_stop(struct informer *f) {
    conc_mutex_lock(&f->mu);
    chan_close(f->stop);
    if (f->mended) conc_mutex_unlock(&f->mu);
    pass_write(&f->queue);
    if (!f->mended) conc_mutex_unlock(&f->mu);
}
BLOCKING(kubernetes_30872, "AB-BA", DEADLOCK, "stop holds the informer's lock for the queue's, a delivery the queue's for the informer's") {
    FRESH(struct informer, f);
    f.mended = mended;
    f.stop = chan_make(int);
    conc_wg_go(&f.wg, informer_deliver, &f);
    conc_wg_go(&f.wg, informer_stop, &f);
    conc_wg_wait(&f.wg);
}

struct device_4951 { conc_mutex all, one; conc_wg wg; bool mended; };
static void device_delete(struct device_4951 *d) { /* waits, with its own lock, for the device to be idle, giving up the lock of all meanwhile */
    conc_mutex_lock(d->mended ? &d->all : &d->one);
    conc_mutex_lock(d->mended ? &d->one : &d->all);
    conc_mutex_unlock(&d->all);
    conc_sleep(CONC_MS);
    if (d->mended) conc_mutex_unlock(&d->one);
    conc_mutex_lock(&d->all);
    if (!d->mended) conc_mutex_unlock(&d->one);
    conc_mutex_unlock(&d->all);
}
BLOCKING(moby_4951, "AB-BA", DEADLOCK, "a device's lock is held while the lock of all devices is taken again") {
    FRESH(struct device_4951, d);
    d.mended = mended;
    conc_wg_go(&d.wg, device_delete, &d);
    conc_wg_go(&d.wg, first_second, &d.all, &d.one);
    conc_wg_wait(&d.wg);
}

/* One lock for the map of locks, one for each address. */
struct remotes { conc_rwmutex map; conc_mutex url; conc_wg wg; bool mended; };
static void remote_get(struct remotes *r) {
    conc_rwmutex_lock(&r->map);
    if (r->mended) conc_rwmutex_unlock(&r->map);
    conc_mutex_lock(&r->url);
    if (!r->mended) conc_rwmutex_unlock(&r->map);
    conc_rwmutex_rlock(&r->map); /* to find the address's lock again */
    conc_mutex_unlock(&r->url);
    conc_rwmutex_runlock(&r->map);
}
BLOCKING(hugo_3251, "AB-BA", DEADLOCK, "an address is waited for under the lock that giving it back has to read under") {
    FRESH(struct remotes, r);
    r.mended = mended;
    for (int i = 0; i < 3; i++) conc_wg_go(&r.wg, remote_get, &r);
    conc_wg_wait(&r.wg);
}

/* ---- a read lock taken again ---- */
struct ranges { conc_rwmutex mu; conc_wg wg; };
static void ranges_print(struct ranges *r) { pass_read(&r->mu); }
static void ranges_look_up(struct ranges *r, bool mended) {
    conc_rwmutex_rlock(&r->mu);
    if (!mended) ranges_print(r);
    conc_rwmutex_runlock(&r->mu);
    if (mended) ranges_print(r);
    pass_write(&r->mu); /* what was found is kept */
}
BLOCKING(cockroach_6181, "read lock again", DEADLOCK, "a cache prints itself, read-locked, while it is read-locked") {
    FRESH(struct ranges, r);
    for (int i = 0; i < 3; i++) conc_wg_go(&r.wg, ranges_look_up, &r, mended);
    conc_wg_wait(&r.wg);
}

static void raft_status(conc_rwmutex *mu) { pass_read(mu); }
static void raft_scan(conc_rwmutex *mu, bool mended) {
    conc_rwmutex_rlock(mu);
    if (!mended) raft_status(mu);
    conc_rwmutex_runlock(mu);
    if (mended) raft_status(mu);
}
BLOCKING(cockroach_3710, "read lock again", DEADLOCK, "a scan of the raft log asks for its status five calls below its own read lock") {
    FRESH(conc_rwmutex, mu);
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, raft_scan, &mu, mended);
    conc_wg_go(&wg, pass_write, &mu);
    conc_wg_wait(&wg);
}

static void cpu_set_or_default(conc_rwmutex *state, bool mended) {
    conc_rwmutex_rlock(state);
    if (!mended) pass_read(state); /* the set of one container */
    conc_rwmutex_runlock(state);
}
static void container_remove(conc_rwmutex *state) {
    pass_read(state);
    pass_write(state);
}
BLOCKING(kubernetes_62464, "read lock again", DEADLOCK, "the default CPU set is asked for through a getter that read-locks again") {
    FRESH(conc_rwmutex, state);
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, cpu_set_or_default, &state, mended);
    conc_wg_go(&wg, container_remove, &state);
    conc_wg_wait(&wg);
}

/* Two queues; whoever takes work holds the workers' read lock. What is taken from the second goes on to the first. */
struct quota { conc_rwmutex workers; conc_mutex mu[2]; conc_cond some[2]; int n[2]; conc_wg wg; bool mended; };
static void quota_put(struct quota *q, int which) {
    conc_mutex_lock(&q->mu[which]);
    q->n[which]++;
    conc_cond_signal(&q->some[which]);
    conc_mutex_unlock(&q->mu[which]);
}
static void quota_take(struct quota *q, int which) {
    if (!q->mended) conc_rwmutex_rlock(&q->workers);
    conc_mutex_lock(&q->mu[which]);
    while (q->n[which] == 0) conc_cond_wait(&q->some[which], &q->mu[which]);
    q->n[which]--;
    conc_mutex_unlock(&q->mu[which]);
    if (!q->mended) conc_rwmutex_runlock(&q->workers);
    if (which == 1) quota_put(q, 0);
}
BLOCKING(kubernetes_58107, "read lock again", DEADLOCK, "an idle worker waits with a read lock; a writer behind it keeps the busy one out") {
    FRESH(struct quota, q);
    q.mended = mended;
    q.n[1] = 1;
    conc_wg_go(&q.wg, quota_take, &q, 0);
    conc_wg_go(&q.wg, quota_take, &q, 1);
    conc_wg_go(&q.wg, pass_write, &q.workers);
    conc_wg_wait(&q.wg);
}
