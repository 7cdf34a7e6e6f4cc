/* map: every operation against a plain model, concurrent use, ranges, keys of every kind. */
#include "harness.h"

struct pt { int x, y; };

TEST(operations) {
    conc_map(int, long) m = conc_map_make(int, long);
    long v = 7;
    CHECK(!conc_map_load(m, 1, &v));
    CHECK_EQ(v, 0);
    conc_map_store(m, 1, 10);
    CHECK(conc_map_load(m, 1, &v));
    CHECK_EQ(v, 10);
    CHECK(conc_map_load_or_store(m, 1, 11, &v));
    CHECK_EQ(v, 10);
    CHECK(!conc_map_load_or_store(m, 2, 20, &v));
    CHECK_EQ(v, 20);
    CHECK(conc_map_swap(m, 2, 21, &v));
    CHECK_EQ(v, 20);
    CHECK(!conc_map_swap(m, 3, 30, &v));
    CHECK_EQ(v, 0);
    CHECK_EQ(conc_map_len(m), 3);
    CHECK(!conc_map_compare_and_swap(m, 2, 20, 22));
    CHECK(conc_map_compare_and_swap(m, 2, 21, 22));
    CHECK(!conc_map_compare_and_swap(m, 99, 0, 1)); /* TestCompareAndSwap_NonExistingKey */
    CHECK(!conc_map_load(m, 99, &v));
    CHECK(!conc_map_compare_and_delete(m, 2, 21));
    CHECK(!conc_map_compare_and_delete(m, 99, 0));
    CHECK(conc_map_compare_and_delete(m, 2, 22));
    CHECK(conc_map_load_and_delete(m, 1, &v));
    CHECK_EQ(v, 10);
    CHECK(!conc_map_load_and_delete(m, 1, &v));
    CHECK_EQ(v, 0);
    CHECK(conc_map_delete(m, 3));
    CHECK(!conc_map_delete(m, 3));
    CHECK_EQ(conc_map_len(m), 0);
    conc_map_clear(m);
    conc_map_free(m);
    conc_map(int, long) none = NULL;
    conc_map_free(none);
}

/* TestMapMatchesRWMutex: random operations give what a plain array gives. */
TEST(against_a_model) {
    enum { KEYS = 300 };
    struct rng r = rng_new(1);
    conc_map(uint16_t, int64_t) m = conc_map_make(uint16_t, int64_t);
    int64_t model[KEYS], got, v, old;
    bool has[KEYS] = { false };
    size_t n = 0;
    memset(model, 0, sizeof model);
    for (long i = 0, ops = scale(200000); i < ops; i++) {
        unsigned k = rng_below(&r, KEYS);
        v = (int64_t)rng_below(&r, 4);
        old = (int64_t)rng_below(&r, 4);
        bool was = has[k];
        int64_t now = was ? model[k] : 0;
        switch (rng_below(&r, 9)) {
        case 0: conc_map_store(m, (uint16_t)k, v); has[k] = true; model[k] = v; break;
        case 1: CHECK_EQ(conc_map_load(m, (uint16_t)k, &got), was); CHECK_EQ(got, now); break;
        case 2:
            CHECK_EQ(conc_map_load_or_store(m, (uint16_t)k, v, &got), was);
            CHECK_EQ(got, was ? now : v);
            if (!was) has[k] = true, model[k] = v;
            break;
        case 3: CHECK_EQ(conc_map_swap(m, (uint16_t)k, v, &got), was); CHECK_EQ(got, now); has[k] = true; model[k] = v; break;
        case 4: CHECK_EQ(conc_map_load_and_delete(m, (uint16_t)k, &got), was); CHECK_EQ(got, now); has[k] = false; break;
        case 5: CHECK_EQ(conc_map_delete(m, (uint16_t)k), was); has[k] = false; break;
        case 6:
            CHECK_EQ(conc_map_compare_and_swap(m, (uint16_t)k, old, v), was && now == old);
            if (was && now == old) model[k] = v;
            break;
        case 7:
            CHECK_EQ(conc_map_compare_and_delete(m, (uint16_t)k, old), was && now == old);
            if (was && now == old) has[k] = false;
            break;
        default:
            if (rng_below(&r, 2000) == 0) {
                conc_map_clear(m);
                memset(has, 0, sizeof has);
                n = 0;
                was = has[k];
            }
        }
        n += (size_t)has[k] - (size_t)was;
        CHECK_EQ(conc_map_len(m), n);
    }
    size_t seen = 0;
    conc_map_range(uint16_t, k, int64_t, x, m) {
        CHECK(has[k] && model[k] == x);
        seen++;
    }
    CHECK_EQ(seen, n);
    conc_map_free(m);
}

TEST(keys) {
    long v;
    conc_map(struct pt, long) s = conc_map_make(struct pt, long);
    for (int i = 0; i < 1000; i++) conc_map_store(s, ((struct pt){ i, -i }), i);
    for (int i = 0; i < 1000; i++) CHECK(conc_map_load(s, ((struct pt){ i, -i }), &v) && v == i);
    CHECK(!conc_map_load(s, ((struct pt){ 1, 1 }), &v));
    conc_map_free(s);
    conc_map(uint64_t, long) u = conc_map_make(uint64_t, long);
    conc_map_store(u, -1, 5); /* converted as in a call */
    CHECK(conc_map_load(u, UINT64_MAX, &v) && v == 5);
    conc_map_free(u);
    conc_map(unsigned char, long) c = conc_map_make(unsigned char, long);
    for (int i = 0; i < 256; i++) conc_map_store(c, (unsigned char)i, i);
    CHECK_EQ(conc_map_len(c), 256);
    conc_map_free(c);
    conc_map(struct pt *, struct pt) p = conc_map_make(struct pt *, struct pt);
    static struct pt array[100];
    struct pt got;
    for (int i = 0; i < 100; i++) conc_map_store(p, &array[i], (struct pt){ i, i });
    for (int i = 0; i < 100; i++) CHECK(conc_map_load(p, &array[i], &got) && got.x == i);
    conc_map_free(p);
}

/* Texts: compared by content, copied. */
TEST(texts) {
    conc_map(const char *, int) m = conc_map_make(const char *, int);
    char key[32];
    int v, n = (int)scale(5000), sum = 0;
    for (int i = 0; i < n; i++) {
        snprintf(key, sizeof key, "key %d", i);
        conc_map_store(m, key, i);
    }
    memset(key, 0, sizeof key);
    conc_map_store(m, "", -1);
    CHECK(conc_map_load(m, key, &v) && v == -1);
    for (int i = 0; i < n; i++) {
        snprintf(key, sizeof key, "key %d", i);
        CHECK(conc_map_load(m, key, &v) && v == i);
    }
    CHECK(!conc_map_load(m, "key", &v));
    conc_map_range(const char *, k, int, x, m) {
        snprintf(key, sizeof key, "key %d", x);
        CHECK(strcmp(k, x < 0 ? "" : key) == 0);
        sum++;
        if (x % 2 == 0) CHECK(conc_map_delete(m, k)); /* the key is the loop's own */
    }
    CHECK_EQ(sum, n + 1);
    CHECK_EQ(conc_map_len(m), n / 2 + 1);
    conc_map_clear(m);
    conc_map_store(m, "again", 1);
    conc_map_free(m);
}

TEST(range_leaves) {
    conc_map(int, int) m = conc_map_make(int, int);
    for (int i = 0; i < 1000; i++) conc_map_store(m, i, i);
    int n = 0;
    conc_map_range(int, k, int, v, m) {
        if (k != v) continue;
        if (++n == 10) break;
    }
    CHECK_EQ(n, 10);
    n = 0;
    conc_map_range(int, k, int, v, m) { /* entries come and go meanwhile; no key twice */
        CHECK_EQ(k, v);
        conc_map_store(m, k + 1000000, v + 1000000);
        CHECK(conc_map_delete(m, k));
        if (k < 1000) n++;
    }
    CHECK_EQ(n, 1000);
    conc_map_free(m);
}

struct shared {
    conc_map(int, int64_t) m;
    conc_atomic(int) stop;
    int64_t n;
    conc_wg wg;
};
static void writer(struct shared *s, int id, int of) {
    for (int64_t round = 1; !atomic_load(&s->stop); round++)
        for (int k = id; k < s->n; k += of) {
            if (k % 2) conc_map_store(s->m, k, k * round); /* odd keys are always there */
            else if (round % 2) conc_map_store(s->m, k, k * round);
            else conc_map_delete(s->m, k);
        }
}
/* TestConcurrentRange: each key at most once, those that are always there are seen, values belong to their keys. */
TEST(concurrent_range) {
    struct shared s;
    memset(&s, 0, sizeof s);
    s.m = conc_map_make(int, int64_t);
    s.n = 1 << 10;
    unsigned char *seen = calloc((size_t)s.n, 1);
    for (int k = 0; k < s.n; k++) conc_map_store(s.m, k, k);
    for (int i = 0; i < 3; i++) conc_wg_go(&s.wg, writer, &s, i, 3);
    for (long i = 0, rounds = scale(200); i < rounds; i++) {
        int odd = 0;
        memset(seen, 0, (size_t)s.n);
        conc_map_range(int, k, int64_t, v, s.m) {
            CHECK(!seen[k]);
            seen[k] = 1;
            CHECK(k == 0 ? v == 0 : v % k == 0);
            odd += k % 2;
        }
        CHECK_EQ(odd, s.n / 2);
        conc_yield();
    }
    atomic_store(&s.stop, 1);
    conc_wg_wait(&s.wg);
    free(seen);
    conc_map_free(s.m);
}

static void counter(struct shared *s) {
    for (int64_t i = 0; i < s->n; i++) {
        int k = (int)(i % 17);
        for (int64_t v = 0;;) { /* add one by compare and swap */
            if (!conc_map_load_or_store(s->m, k, 1, &v)) break;
            if (conc_map_compare_and_swap(s->m, k, v, v + 1)) break;
        }
    }
}
static void *counter_thread(void *p) {
    counter(p);
    return NULL;
}
/* Atomic per key: counting by compare and swap loses nothing, goroutines and OS threads. */
TEST(counting) {
    struct shared s;
    memset(&s, 0, sizeof s);
    s.m = conc_map_make(int, int64_t);
    s.n = scale(30000);
    for (int i = 0; i < 8; i++) conc_wg_go(&s.wg, counter, &s);
    pthread_t t[2];
    for (int i = 0; i < 2; i++) t[i] = thread_start(counter_thread, &s);
    conc_wg_wait(&s.wg);
    for (int i = 0; i < 2; i++) thread_join(t[i]);
    int64_t sum = 0;
    conc_map_range(int, k, int64_t, v, s.m) sum += v + 0 * k;
    CHECK_EQ(sum, 10 * s.n);
    conc_map_free(s.m);
}

struct box { conc_map(int, struct pt *) m; long n; conc_wg wg; };
static void giver(struct box *b) {
    for (long i = 0; i < b->n; i++) {
        struct pt *p = malloc(sizeof *p), *old;
        p->x = p->y = (int)i;
        if (conc_map_swap(b->m, (int)(i % 8), p, &old)) free(old);
    }
}
static void taker(struct box *b) {
    for (long i = 0; i < b->n; i++) {
        struct pt *p;
        if (!conc_map_load_and_delete(b->m, (int)(i % 8), &p)) continue;
        CHECK_EQ(p->x, p->y); /* what was written before the store is seen */
        free(p);
    }
}
TEST(hand_over) {
    struct box b;
    memset(&b, 0, sizeof b);
    b.m = conc_map_make(int, struct pt *);
    b.n = scale(50000);
    for (int i = 0; i < 3; i++) conc_wg_go(&b.wg, giver, &b), conc_wg_go(&b.wg, taker, &b);
    conc_wg_wait(&b.wg);
    conc_map_range(int, k, struct pt *, p, b.m) {
        CHECK(k < 8);
        free(p);
    }
    conc_map_free(b.m);
}

CRASH(null_map, "panic: conc_map: operation on a NULL map") {
    conc_map(int, int) m = NULL;
    conc_map_store(m, 1, 1);
}
CRASH(null_text, "panic: conc_map: NULL is no text") {
    conc_map(const char *, int) m = conc_map_make(const char *, int);
    conc_map_store(m, NULL, 1);
}
