/* GoKer, non-blocking: channels and wait groups misused, what comes too late, and data races. The races are on plain memory, which the
   explorer sees through conc_rd and conc_wr. */
#include "bugs.h"

/* ---- channels misused ---- */
struct writer_1687 { chan(int) writes, closed; bool mended; conc_wg wg; };
static void writer_do(struct writer_1687 *w) {
    bool closed = false;
    chan_select {
        on_recv(v, w->closed) closed = true;
        on_default {}
    }
    if (closed) return;
    chan_select {
        on_send(w->writes, 1) {}
        on_recv(v, w->closed) {}
    }
}
static void writer_status(struct writer_1687 *w) {
    writer_do(w);
    chan_close(w->closed);
    if (!w->mended) chan_close(w->writes); /* mended: who takes them looks for closed instead */
}
static void writer_serve(struct writer_1687 *w) {
    for (bool on = true; on;) chan_select {
        on_recv_ok(v, more, w->writes) on = more;
        on_recv(v, w->closed) on = false;
    }
}
NONBLOCKING(grpc_1687, "channel misuse", PANIC, "a response is written while its status closes the channel of writes") {
    FRESH(struct writer_1687, w);
    w.mended = mended;
    w.writes = chan_make(int);
    w.closed = chan_make(int);
    conc_wg_go(&w.wg, writer_serve, &w);
    conc_wg_go(&w.wg, writer_do, &w);
    conc_wg_go(&w.wg, writer_status, &w);
    conc_wg_wait(&w.wg);
}

struct client_2371 { conc_mutex mu; int *balancer; bool mended; conc_wg wg; };
static void client_config(struct client_2371 *c) { /* from the resolver: the addresses go to the balancer */
    conc_mutex_lock(&c->mu);
    if (c->balancer || !c->mended) conc_assert(c->balancer != NULL); /* it is dereferenced */
    conc_mutex_unlock(&c->mu);
}
static void client_addresses(struct client_2371 *c) {
    static int balancer;
    conc_mutex_lock(&c->mu);
    c->balancer = &balancer;
    conc_mutex_unlock(&c->mu);
}
NONBLOCKING(grpc_2371, "channel misuse", ASSERT, "a service's configuration comes before the first address, and there is no balancer yet") {
    FRESH(struct client_2371, c);
    c.mended = mended;
    conc_wg_go(&c.wg, client_config, &c);
    conc_wg_go(&c.wg, client_addresses, &c);
    conc_wg_wait(&c.wg);
}

struct pool_3068 { chan(int) work, done; bool mended; conc_wg wg; };
static void pool_3068_go(struct pool_3068 *p) {
    if (!p->mended) chan_send(p->work, 1);
    else chan_select {
        on_send(p->work, 1) {}
        on_recv(v, p->done) {}
    }
}
NONBLOCKING(serving_3068, "channel misuse", PANIC, "work is given to a pool that is being closed") {
    FRESH(struct pool_3068, p);
    p.mended = mended;
    p.work = chan_make(int, 2);
    p.done = chan_make(int);
    for (int i = 0; i < 2; i++) conc_wg_go(&p.wg, pool_3068_go, &p);
    chan_close(mended ? p.done : p.work);
    conc_wg_wait(&p.wg);
}

struct backends { chan(int) updates; conc_ctx *ctx; bool mended; conc_wg wg; };
static void backends_updated(struct backends *b) {
    for (int i = 0; i < 2; i++)
        if (!b->mended) chan_send(b->updates, i);
        else if (chan_send_ctx(b->updates, i, b->ctx) != CONC_OK) return;
}
static void backends_run(struct backends *b) {
    chan_select { on_done(b->ctx) {} }
    if (!b->mended) chan_close(b->updates);
}
NONBLOCKING(serving_5865, "channel misuse", PANIC, "an informer still tells of changes when its channel is closed") {
    FRESH(struct backends, b);
    b.mended = mended;
    b.updates = chan_make(int, 2);
    b.ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_wg_go(&b.wg, backends_updated, &b);
    conc_wg_go(&b.wg, backends_run, &b);
    conc_ctx_cancel(b.ctx);
    conc_wg_wait(&b.wg);
}

/* ---- wait groups ---- */
struct stopper_4407 { conc_mutex mu; conc_wg workers, all; bool stopping, mended; };
static void stopper_run_worker(struct stopper_4407 *s) {
    if (s->mended) conc_mutex_lock(&s->mu);
    bool run = !s->mended || !s->stopping;
    if (run) conc_wg_add(&s->workers, 1);
    if (s->mended) conc_mutex_unlock(&s->mu);
    if (run) conc_wg_done(&s->workers);
}
static void stopper_halt(struct stopper_4407 *s) {
    conc_mutex_lock(&s->mu);
    s->stopping = true;
    conc_mutex_unlock(&s->mu);
    conc_wg_wait(&s->workers);
}
NONBLOCKING(cockroach_4407, "wait group", PANIC, "a worker is counted while the stopper waits for all") {
    FRESH(struct stopper_4407, s);
    s.mended = mended;
    conc_wg_go(&s.all, stopper_run_worker, &s);
    conc_wg_go(&s.all, stopper_halt, &s);
    conc_wg_wait(&s.all);
}

/* A test waits for a deletion of each of its things; the informer may tell of one twice. */
enum { THINGS = 2 };
struct informer_13058 { conc_wg deleted; bool seen[THINGS], mended; };
static void informer_tell(struct informer_13058 *f) {
    for (int i = 0; i < THINGS; i++)
        for (int times = 1 + conc_choose(2); times > 0; times--) {
            if (!f->mended || !f->seen[i]) conc_wg_done(&f->deleted);
            f->seen[i] = true;
        }
}
NONBLOCKING(kubernetes_13058, "wait group", PANIC, "done is called once for each event, and there are more events than things") {
    FRESH(struct informer_13058, f);
    conc_wg wg = CONC_WG_INIT;
    f.mended = mended;
    conc_wg_add(&f.deleted, THINGS);
    conc_wg_go(&wg, informer_tell, &f);
    conc_wg_wait(&f.deleted);
    conc_wg_wait(&wg);
}

/* ---- too late: a test's log is written to when the test has ended, which panics in Go ---- */
struct test_log { conc_mutex mu; bool ended; };
static void test_log_write(struct test_log *l) {
    conc_mutex_lock(&l->mu);
    conc_assert(!l->ended);
    conc_mutex_unlock(&l->mu);
}
static void test_log_end(struct test_log *l) {
    conc_mutex_lock(&l->mu);
    l->ended = true;
    conc_mutex_unlock(&l->mu);
}
static void revision_watch(struct test_log *l, conc_ctx *ctx) {
    if (conc_sleep_ctx(ctx, CONC_SEC) == CONC_OK) test_log_write(l);
}
NONBLOCKING(serving_4908, "testing library", ASSERT, "a watcher that probes once a second outlives its test, and logs") {
    FRESH(struct test_log, l);
    conc_wg wg = CONC_WG_INIT;
    conc_ctx *ctx = conc_ctx_with_cancel(conc_ctx_background());
    conc_wg_go(&wg, revision_watch, &l, ctx);
    conc_ctx_cancel(ctx);
    if (mended) conc_wg_wait(&wg);
    test_log_end(&l);
    conc_wg_wait(&wg);
}
NONBLOCKING(serving_6171, "testing library", ASSERT, "a reporter's goroutine outlives its test, and logs") {
    FRESH(struct test_log, l);
    conc_wg wg = CONC_WG_INIT;
    conc_wg_go(&wg, test_log_write, &l);
    if (mended) conc_wg_wait(&wg);
    test_log_end(&l);
    conc_wg_wait(&wg);
}

/* A plain variable; what is done to it with its lock, and without. */
struct plain { conc_mutex mu; int x; conc_wg wg; };
static void bare_read(struct plain *p) { (void)conc_rd(p->x); }
static void bare_write(struct plain *p) { conc_wr(p->x, 1); }
static void bare_add(struct plain *p) { conc_wr(p->x, conc_rd(p->x) + 1); }
static void plain_read(struct plain *p, bool locked) {
    if (locked) conc_mutex_lock(&p->mu);
    bare_read(p);
    if (locked) conc_mutex_unlock(&p->mu);
}
static void plain_add(struct plain *p, bool locked) {
    if (locked) conc_mutex_lock(&p->mu);
    bare_add(p);
    if (locked) conc_mutex_unlock(&p->mu);
}
/* The most common of all: a writer that locks, a reader that does not. */
static void unlocked_reader(bool mended) {
    FRESH(struct plain, p);
    conc_wg_go(&p.wg, plain_add, &p, true);
    conc_wg_go(&p.wg, plain_read, &p, mended);
    conc_wg_wait(&p.wg);
}
/* Both sides without the lock. */
static void unlocked_writers(bool mended) {
    FRESH(struct plain, p);
    for (int i = 0; i < 2; i++) conc_wg_go(&p.wg, plain_add, &p, mended);
    conc_wg_wait(&p.wg);
}
/* A test sets a variable of the package for itself, while a goroutine that it has started reads it. */
static void set_while_running(bool mended) {
    FRESH(struct plain, p);
    if (mended) bare_write(&p);
    conc_wg_go(&p.wg, bare_read, &p);
    if (!mended) bare_write(&p);
    conc_wg_wait(&p.wg);
}

/* ---- anonymous functions: a variable of the loop belongs to all that it starts ---- */
static void loop_use(int *shared, int own, bool mended) {
    int v = mended ? own : conc_rd(*shared);
    conc_assert(v >= 0);
}
static void loop_start(bool mended, int n) {
    static int i;
    conc_wg wg = CONC_WG_INIT;
    for (conc_wr(i, 0); conc_rd(i) < n; conc_wr(i, conc_rd(i) + 1)) conc_wg_go(&wg, loop_use, &i, conc_rd(i), mended);
    conc_wg_wait(&wg);
}
NONBLOCKING(cockroach_35501, "anonymous function", RACE, "checks of a table, each started with the loop's own descriptor") {
    loop_start(mended, 2);
}
NONBLOCKING(moby_22941, "anonymous function", RACE, "requests of a test, each with the loop's own address") { loop_start(mended, 3); }
NONBLOCKING(moby_27037, "anonymous function", RACE, "statistics asked for concurrently, with the loop's own version") {
    loop_start(mended, 4);
}

static void priority_work(int *outer, bool mended) {
    int own, *result = mended ? &own : outer;
    conc_wr(*result, 1);
    conc_assert(conc_rd(*result) == 1);
}
NONBLOCKING(kubernetes_70892, "anonymous function", RACE, "parallel workers put their results into one variable of the function around them") {
    static int result;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&wg, priority_work, &result, mended);
    conc_wg_wait(&wg);
}

/* ---- channels misused: a channel is a variable, too ---- */
struct node_3077 { chan(int) applied; bool mended; conc_wg wg; };
static void node_3077_run(struct node_3077 *n) {
    if (!n->mended) conc_wr(n->applied, chan_make(int, 1));
    chan_send(n->applied, 1);
}
static void server_3077_run(struct node_3077 *n) {
    chan(int) applied = conc_rd(n->applied);
    if (applied) chan_recv(applied);
}
NONBLOCKING(etcd_3077, "channel misuse", RACE, "a node makes its channel when it runs, and the server reads the field meanwhile") {
    FRESH(struct node_3077, n);
    n.mended = mended;
    if (mended) conc_wr(n.applied, chan_make(int, 1));
    conc_wg_go(&n.wg, node_3077_run, &n);
    conc_wg_go(&n.wg, server_3077_run, &n);
    conc_wg_wait(&n.wg);
}

struct source_8967 { chan(int) done; conc_wg wg; };
static void source_run(struct source_8967 *s, chan(int) own) {
    chan(int) done = own ? own : conc_rd(s->done);
    if (done) chan_recv(done);
}
NONBLOCKING(istio_8967, "channel misuse", RACE, "stop closes a channel and sets its field to nil, which the loop still reads") {
    FRESH(struct source_8967, s);
    conc_wr(s.done, chan_make(int));
    conc_wg_go(&s.wg, source_run, &s, mended ? conc_rd(s.done) : NULL);
    chan_close(conc_rd(s.done));
    conc_wr(s.done, NULL);
    conc_wg_wait(&s.wg);
}

/* ---- order ---- */
static void command_copy(struct plain *output, chan(int) copied) {
    bare_write(output);
    chan_close(copied);
}
NONBLOCKING(moby_18412, "order violation", RACE, "the output of a command that took too long is read while it is still copied") {
    FRESH(struct plain, output);
    chan(int) copied = chan_make(int);
    bool killed = false;
    conc_wg_go(&output.wg, command_copy, &output, copied);
    chan_select {
        on_recv(v, copied) {}
        on_timeout(CONC_SEC) killed = true;
    }
    if (killed && mended) chan_recv(copied);
    bare_read(&output);
    conc_wg_wait(&output.wg);
}
/* A worker counts down (atomically, in the original) what the prober sets. */
NONBLOCKING(serving_6472, "order violation", RACE, "probes are queued before the number of those to come is set") {
    FRESH(struct plain, count);
    if (mended) bare_write(&count);
    conc_wg_go(&count.wg, plain_add, &count, true);
    if (!mended) bare_write(&count);
    conc_wg_wait(&count.wg);
}

/* ---- data races ---- */
NONBLOCKING(etcd_4876, "data race", RACE, "a test sets the interval of progress reports while a stream reads it") {
    set_while_running(mended);
}
NONBLOCKING(etcd_8194, "data race", RACE, "a test sets the rate of revocations while the lessor's loop reads it") {
    set_while_running(mended);
}
NONBLOCKING(grpc_1748, "data race", RACE, "a test sets the least time to connect while a connection is being made") {
    set_while_running(mended);
}

NONBLOCKING(etcd_9446, "data race", RACE, "a read transaction's buffer is reset by a writer, and read without the lock") {
    unlocked_reader(mended);
}
NONBLOCKING(istio_16742, "data race", RACE, "routes are built from a map of workloads that a discovery updates under its lock") {
    unlocked_reader(mended);
}
NONBLOCKING(istio_8214, "data race", RACE, "a cache's statistics are counted up safely, and read plainly") { unlocked_reader(mended); }
NONBLOCKING(kubernetes_79631, "data race", RACE, "a heap's items are popped with the queue's lock, and looked up without it") {
    unlocked_reader(mended);
}
NONBLOCKING(kubernetes_88331, "data race", RACE, "a heap's length is read for a metric without the lock it is popped with") {
    unlocked_reader(mended);
}

NONBLOCKING(istio_8144, "data race", RACE, "callbacks of an expiring cache count themselves in a recorder") { unlocked_writers(mended); }
NONBLOCKING(kubernetes_80284, "data race", RACE, "two transports are configured at once by one authenticator, which notes its dialler") {
    unlocked_writers(mended);
}
NONBLOCKING(kubernetes_81091, "data race", RACE, "a fake filter counts its calls, which come from parallel workers") {
    unlocked_writers(mended);
}

/* A resolver may call back before build has returned and its result is stored. */
struct resolver { conc_mutex mu; int resolver; bool mended; conc_wg wg; };
static void resolver_now(struct resolver *r) {
    if (r->mended) conc_mutex_lock(&r->mu);
    (void)conc_rd(r->resolver);
    if (r->mended) conc_mutex_unlock(&r->mu);
}
NONBLOCKING(grpc_3090, "data race", RACE, "a resolver reports an error while it is built, and is asked again before its field is set") {
    FRESH(struct resolver, r);
    r.mended = mended;
    if (mended) conc_mutex_lock(&r.mu);
    conc_wg_go(&r.wg, resolver_now, &r); /* from within build */
    conc_wr(r.resolver, 1);
    if (mended) conc_mutex_unlock(&r.mu);
    conc_wg_wait(&r.wg);
}

/* A handler of a server notes that it was called; the test looks at it when its client is served. */
static void handler_called(struct plain *called, chan(int) answered, bool mended) {
    if (mended) bare_write(called);
    chan_send(answered, 1);
    if (!mended) bare_write(called);
}
NONBLOCKING(kubernetes_49404, "data race", RACE, "a handler notes that it was called after its client was answered") {
    FRESH(struct plain, called);
    chan(int) answered = chan_make(int);
    conc_wg_go(&called.wg, handler_called, &called, answered, mended);
    chan_recv(answered);
    bare_read(&called);
    conc_wg_wait(&called.wg);
}

/* A cacher collects the watchers of an event before it dispatches it, in a list that is its own. */
struct dispatch { conc_mutex mu; int watchers; bool mended; conc_wg wg; };
static void dispatch_event(struct dispatch *d, bool lock_all) {
    conc_mutex_lock(&d->mu);
    conc_wr(d->watchers, 1);
    if (!d->mended) conc_mutex_unlock(&d->mu);
    if (lock_all || d->mended) (void)conc_rd(d->watchers);
    if (d->mended) conc_mutex_unlock(&d->mu);
}
static void dispatch_two(bool mended, bool both_read) {
    FRESH(struct dispatch, d);
    d.mended = mended;
    conc_wg_go(&d.wg, dispatch_event, &d, true);
    conc_wg_go(&d.wg, dispatch_event, &d, both_read);
    conc_wg_wait(&d.wg);
}
NONBLOCKING(kubernetes_77796, "data race", RACE, "bookmarks are dispatched beside events, with the same list of watchers") {
    dispatch_two(mended, true);
}
NONBLOCKING(kubernetes_89164, "data race", RACE, "the list of watchers is made under the lock, and gone through after it") {
    dispatch_two(mended, false);
}

struct pods { conc_rwmutex mu; int stamp; bool mended; conc_wg wg; };
static void pods_flush(struct pods *p) {
    conc_rwmutex_rlock(&p->mu);
    (void)conc_rd(p->stamp);
    conc_rwmutex_runlock(&p->mu);
}
static void pods_update(struct pods *p) {
    if (p->mended) conc_rwmutex_lock(&p->mu);
    conc_wr(p->stamp, 2);
    if (p->mended) conc_rwmutex_unlock(&p->mu);
}
NONBLOCKING(kubernetes_81148, "data race", RACE, "a pod's time stamp is set by the test while the queue's flush goes through the pods") {
    FRESH(struct pods, p);
    p.mended = mended;
    conc_wg_go(&p.wg, pods_flush, &p);
    pods_update(&p);
    conc_wg_wait(&p.wg);
}

struct volumes { int claims[2]; chan(int) synced, stop; bool mended; conc_wg wg; };
static void volumes_run(struct volumes *v) {
    chan_recv(v->stop);
    (void)conc_rd(v->claims[0]);
    chan_close(v->synced);
}
NONBLOCKING(kubernetes_82239, "data race", RACE, "the next case of a test is prepared while the controller of the last still runs") {
    FRESH(struct volumes, v);
    v.synced = chan_make(int);
    v.stop = chan_make(int);
    conc_wg_go(&v.wg, volumes_run, &v);
    chan_close(v.stop);
    if (mended) chan_recv(v.synced);
    conc_wr(v.claims[0], 1);
    conc_wg_wait(&v.wg);
}

struct lazy { conc_once once; int provider; bool mended; conc_wg wg; };
static void lazy_make(void *arg) { conc_wr(((struct lazy *)arg)->provider, 1); }
static void lazy_provide(struct lazy *l) {
    if (l->mended) conc_once_do(&l->once, lazy_make, l);
    else if (!conc_rd(l->provider)) lazy_make(l);
    conc_assert(conc_rd(l->provider) == 1);
}
NONBLOCKING(kubernetes_82550, "data race", RACE, "a provider of credentials is made by whoever needs it first") {
    FRESH(struct lazy, l);
    l.mended = mended;
    for (int i = 0; i < 2; i++) conc_wg_go(&l.wg, lazy_provide, &l);
    conc_wg_wait(&l.wg);
}

enum { MOST_REACTORS = 4 };
struct fake { conc_rwmutex mu; int reactors[MOST_REACTORS], n; bool mended; conc_wg wg; };
static void fake_invoke(struct fake *f) {
    conc_rwmutex_rlock(&f->mu);
    for (int i = 0; i < conc_rd(f->n); i++) (void)conc_rd(f->reactors[i]);
    conc_rwmutex_runlock(&f->mu);
}
static void fake_prepend(struct fake *f) {
    if (f->mended) conc_rwmutex_lock(&f->mu);
    conc_wr(f->reactors[conc_rd(f->n)], 1);
    conc_wr(f->n, conc_rd(f->n) + 1);
    if (f->mended) conc_rwmutex_unlock(&f->mu);
}
NONBLOCKING(serving_3148, "data race", RACE, "a fake client gets another reactor while it is called") {
    FRESH(struct fake, f);
    f.mended = mended;
    fake_prepend(&f);
    conc_wg_go(&f.wg, fake_invoke, &f);
    fake_prepend(&f);
    conc_wg_wait(&f.wg);
}
