/* Every public form of the patterns that cancel, share and survive; see patterns.c. */
#include "errgroup.h"
#include "singleflight.h"
#include "any.h"
#include "replicate.h"
#include "retry.h"
#include "breaker.h"
#include "fault.h"
#include "errgroup.h"
#include "singleflight.h"
#include "any.h"
#include "replicate.h"
#include "retry.h"
#include "breaker.h"
#include "fault.h"
#include <stdio.h>

#define CHECK(x) ((x) ? (void)0 : (fprintf(stderr, "patterns_cancel.c:%d: %s\n", __LINE__, #x), abort()))

struct counter { int n; };
static int bump(conc_ctx *ctx, struct counter *c) { return (void)ctx, c->n++, 0; }
static int look(conc_ctx *ctx, const struct counter *c) { return (void)ctx, c->n > 0 ? 0 : -1; }
static int any_arg(conc_ctx *ctx, void *p) { return (void)ctx, p == NULL ? -3 : 0; }

static void use_errgroup(void) {
    struct counter c = { 0 }, many[2] = { { 0 }, { 0 } };
    struct errgroup g;
    CHECK(errgroup_init(&g, conc_ctx_background()) == CONC_OK && errgroup_ctx(&g) != NULL);
    errgroup_set_limit(&g, 1);
    errgroup_go(&g, bump, &c);
    errgroup_go(&g, &look, &c);
    errgroup_go(&g, bump, many);
    CHECK(errgroup_wait(&g) == 0 && c.n == 1);
    CHECK(errgroup_try_go(&g, any_arg, NULL));
    CHECK(errgroup_wait(&g) == -3);
    errgroup_free(&g);
}

struct point { int x, y; };
struct size_of { long area; };
static int load_text(conc_ctx *ctx, struct counter *c, const char *key, struct size_of *out) { return (void)ctx, c->n++, out->area = key[0], 0; }
static int load_point(conc_ctx *ctx, const int *factor, const struct point *p, long *out) { return (void)ctx, *out = (long)*factor * p->x * p->y, 0; }
static int load_void(conc_ctx *ctx, void *none, const void *key, void *out) { return (void)ctx, (void)none, (void)key, (void)out, -4; }
struct answer { struct size_of value; int err; bool shared; };
typedef singleflight(char, struct size_of) sizes;
struct cache { singleflight(struct point, long) areas; };

static void use_singleflight(void) {
    struct counter c = { 0 };
    const int factor = 10;
    const struct point p = { 2, 3 };
    struct size_of v;
    long area;
    bool shared;
    sizes s = singleflight_make(char, struct size_of, load_text, &c);
    struct cache k = { singleflight_make(struct point, long, load_point, &factor) };
    CHECK(s != NULL && k.areas != NULL);
    CHECK(singleflight_do(s, NULL, "a", &v, &shared) == 0 && v.area == 'a' && !shared);
    CHECK(singleflight_do(k.areas, conc_ctx_background(), &p, &area, NULL) == 0 && area == 60);
    singleflight_forget(s, "a");
    conc_recv_chan(struct answer) r = singleflight_do_chan(s, "b", struct answer);
    struct answer a = conc_chan_recv(r);
    CHECK(a.err == 0 && a.value.area == 'b' && c.n == 2);
    conc_chan_free(r);
    singleflight_free(s), singleflight_free(k.areas);
#ifndef __cplusplus /* C++ wants the exact types */
    sizes n = singleflight_make(char, struct size_of, load_void, NULL);
    CHECK(singleflight_do(n, NULL, "a", &v, NULL) == -4);
    singleflight_free(n);
#else
    (void)load_void;
#endif
}

static void use_any(void) {
    conc_chan(char) c = conc_chan_make(char);
    conc_chan(long) l[2] = { conc_chan_make(long, 1), NULL };
    long v;
    bool ok;
    struct any a;
    CHECK(any_init(&a, NULL) == CONC_OK && any_add_ctx(&a, NULL) == CONC_OK && any_add_chan(&a, c) == CONC_OK);
    conc_chan_close(c);
    CHECK(any_wait(&a, NULL) == 1);
    conc_ctx *ctx = any_start(&a);
    (void)conc_chan_recv(conc_ctx_done(ctx));
    CHECK(any_which(&a) == 1);
    any_free(&a);
    conc_chan_send(l[0], 5);
    CHECK(any_recv(NULL, l, 2, &v, &ok) == 0 && v == 5 && ok);
    conc_recv_chan(long) one = l[0];
    conc_chan_close(l[0]);
    CHECK(any_recv(conc_ctx_background(), &one, 1, &v, NULL) == 0 && v == 0);
    conc_chan_free(c), conc_chan_free(l[0]);
}

static int ask(conc_ctx *ctx, const struct point *p, long *out) { return (void)ctx, *out = p->x, p->x > 0 ? 0 : -1; }
static int dropped;
static void drop(long *out) { (void)out, dropped++; }
static void use_replicate(void) {
    const struct point p[2] = { { 0, 0 }, { 7, 0 } };
    struct replicate r = REPLICATE_INIT;
    long v = 0;
    CHECK(replicate_ask(&r, NULL, ask, p, 2, &v) == 0 && v == 7 && r.winner == 1 && r.started == 2);
    CHECK(replicate_ask_drop(NULL, conc_ctx_background(), &ask, p + 1, 1, &v, drop) == 0 && dropped == 0);
}

static bool permanent(int err) { return err == -3; }
static void use_retry(void) {
    struct counter c = { 0 };
    struct retry r;
    retry_init(&r, 1, CONC_US);
    r.permanent = permanent;
    CHECK(retry_run(&r, NULL, bump, &c) == 0 && c.n == 1 && r.tries == 1);
    CHECK(retry_run(&r, conc_ctx_background(), any_arg, NULL) == -3 && r.end == RETRY_PERMANENT);
    int n = 0;
    retry_begin(&r);
    do n++;
    while (retry_again(&r, NULL, n < 3 ? -1 : 0));
    CHECK(n == 3 && retry_wait(&r) >= 0 && retry_strerror(r.end)[0] == 'o');
}

static void changed(const char *name, struct breaker_change c) { CHECK(name[0] == 'x' && c.from == BREAKER_CLOSED && c.to == BREAKER_OPEN); }
static void use_breaker(void) {
    struct counter c = { 0 };
    struct breaker b;
    breaker_init(&b);
    b.failures = 1;
    b.cooldown = CONC_HOUR;
    breaker_on_change(&b, changed, "x");
    CHECK(breaker_call(&b, NULL, bump, &c) == 0 && breaker_call(&b, conc_ctx_background(), &look, &c) == 0);
    struct breaker_pass pass = breaker_begin(&b);
    CHECK(pass.ok);
    breaker_end(&b, pass, BREAKER_FAILURE);
    CHECK(breaker_get_state(&b) == BREAKER_OPEN && breaker_get_counts(&b).passed == 0 && breaker_strstate(BREAKER_OPEN)[0] == 'o');
    CHECK(breaker_call(&b, NULL, any_arg, NULL) == BREAKER_REFUSED);
}

static struct fault *lower(bool fails) { return fails ? fault_new(-5, "lower") : NULL; }
static struct fault *upper(bool fails) { return fault_wrap(fault_wrap(lower(fails), CONC_TIMEOUT, "middle %d", 2), -7, "upper"); }
static void use_fault(void) {
    char line[80];
    CHECK(upper(false) == NULL && fault_code(NULL) == 0);
    struct fault *f = upper(true);
    CHECK(fault_code(f) == -7 && fault_is(f, -5) == fault_root(f) && fault_is(f, 99) == NULL);
    CHECK(fault_user(f, line, sizeof line)[0] == 'u');
    fault_log(f, -1);
    fault_free(f);
}

void PATTERNS_NAME(void);
void PATTERNS_NAME(void) { use_errgroup(), use_singleflight(), use_any(), use_replicate(), use_retry(), use_breaker(), use_fault(); }
#ifdef PATTERNS_MAIN
void PATTERNS_OTHER(void);
int main(void) { PATTERNS_NAME(), PATTERNS_OTHER(); }
#endif
