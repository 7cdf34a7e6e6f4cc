/* singleflight.h - one computation for all who ask for the same thing at the same time. For conc.h; copy this file beside it.

   Problem: an entry of a cache expires, and a thousand requests that need it go to the database at once, for the same row.

       singleflight_do "a" ----.
       singleflight_do "a" ----+---- flight "a": load(ctx, arg, "a", &value)     one goroutine for each key under way
       singleflight_do_chan ---'        |
              ^                         |
              '------- 0 and a copy of the value, or the error, for everybody who still waits

     static int load(conc_ctx *ctx, struct db *db, const char *id, struct user *out) { ... }  // 0 and *out, or an error of its own

     singleflight(char, struct user) users = singleflight_make(char, struct user, load, &db);  // char: the keys are texts
     struct user u;
     bool shared;
     int err = singleflight_do(users, ctx, "alice", &u, &shared);     // ctx ends: this caller has given up, the others go on
     singleflight_free(users);

   When the goroutines stop: each when its load returns. The load's context ends when the last who waits for it has given up, or by
   singleflight_free, which waits for all loads.

   Cancel: a caller's context ends that caller's waiting, at once, and nothing else. The load runs under a context of its own, which has the
   values of the first caller's context but neither its cancellation nor its deadline: one impatient caller does not spoil the
   answer of the others. Error: the load's error goes to all; a load that ends its goroutine by conc_exit has failed with
   CONC_CANCELED. Nothing is remembered: who asks after the load has returned starts the next one. A consumer that walks away
   from singleflight_do_chan frees the channel, or not even looks: it has room for the one answer.

   Who owns what: keys are copied, and values by assignment. What a value points to is thus shared by all who get it (*shared says whether
   there are others): make it immutable, or count references. What arg points to is yours and must outlive singleflight_free.

   Source: golang.org/x/sync/singleflight. There the function comes with each call and runs in the first caller's goroutine, under whatever
   context that caller had; here it belongs to the group, so no caller's memory is used after that caller has left. */
#ifndef SINGLEFLIGHT_H
#define SINGLEFLIGHT_H

#include "conc.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct singleflight__how { /* a channel's answer: struct { V value; int err; bool shared; ... }, in any order */
    conc_case send;        /* a send to such a channel; where and what are set when it is done */
    size_t value, err, shared;
};
struct singleflight__watch { /* one singleflight_do_chan */
    struct singleflight__watch *next;
    struct singleflight__how how;
    conc_chan(char) chan; /* really one of answers; a reference of ours */
    void *answer;         /* room for one, after this struct */
};

struct singleflight__flight {
    struct singleflight *group;
    struct singleflight__flight *next; /* in its bucket, from its start to the end of load */
    size_t size;                       /* of the key */
    void *key, *value;                 /* after this struct */
    conc_ctx *ctx;
    conc_chan(char) done; /* closed at the end */
    /* the rest is guarded by the group's mutex */
    size_t refs, wanted; /* who may look at it; who waits for it */
    bool open, finished; /* may be joined; load has ended: err, shared and value do not change any more */
    bool shared;
    int err;
    struct singleflight__watch *watches;
};

enum { SINGLEFLIGHT__BUCKETS = 64 }; /* of flights under way, which are few: what takes long enough to be shared is bounded elsewhere */
struct singleflight {
    void (*singleflight__load)(void); /* int (conc_ctx *, A *, const K *, V *) */
    void *singleflight__arg;
    size_t singleflight__key, singleflight__value; /* sizes; key 0: a text */
    conc_mutex singleflight__mutex;                /* not held while a load runs or a caller waits */
    conc_wg singleflight__running;
    struct singleflight__flight *singleflight__at[SINGLEFLIGHT__BUCKETS];
};

static inline struct singleflight *singleflight__make(size_t key, size_t value, void (*load)(void), void *arg) {
    const conc_mutex mutex = CONC_MUTEX_INIT;
    const conc_wg wg = CONC_WG_INIT;
    struct singleflight *g = (struct singleflight *)malloc(sizeof *g);
    if (g == NULL) return NULL;
    g->singleflight__load = load;
    g->singleflight__arg = arg;
    g->singleflight__key = key;
    g->singleflight__value = value;
    g->singleflight__mutex = mutex;
    g->singleflight__running = wg;
    for (int i = 0; i < SINGLEFLIGHT__BUCKETS; i++) g->singleflight__at[i] = NULL;
    return g;
}

static inline size_t singleflight__size(const struct singleflight *g, const void *key) {
    return g->singleflight__key != 0 ? g->singleflight__key : strlen((const char *)key) + 1;
}

static inline struct singleflight__flight **singleflight__bucket(struct singleflight *g, const void *key, size_t size) {
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < size; i++) h = (h ^ ((const unsigned char *)key)[i]) * 16777619u;
    return &g->singleflight__at[(h ^ h >> 16) % SINGLEFLIGHT__BUCKETS];
}

static inline struct singleflight__flight *singleflight__find(struct singleflight *g, const void *key, size_t size) {
    struct singleflight__flight *f = *singleflight__bucket(g, key, size);
    while (f != NULL && !(f->open && f->size == size && memcmp(f->key, key, size) == 0)) f = f->next;
    return f;
}

/* With the mutex. The last reference frees. */
static inline void singleflight__unref(struct singleflight__flight *f) {
    if (--f->refs != 0) return;
    conc_chan_free(f->done);
    conc_ctx_free(f->ctx);
    free(f);
}

/* A context with ctx's values alone. */
static inline conc_ctx *singleflight__ctx(conc_ctx *ctx) {
    conc_ctx *values = conc_ctx_without_cancel(ctx != NULL ? ctx : conc_ctx_background());
    conc_ctx *own = values != NULL ? conc_ctx_with_cancel(values) : NULL;
    conc_ctx_unref(values);
    return own;
}

static inline struct singleflight__flight *singleflight__new(struct singleflight *g, conc_ctx *ctx, const void *key, size_t size) {
    const size_t align = __BIGGEST_ALIGNMENT__;
    size_t value = (sizeof(struct singleflight__flight) + align - 1) / align * align;
    size_t keys = (value + g->singleflight__value + align - 1) / align * align;
    struct singleflight__flight *f = (struct singleflight__flight *)calloc(1, keys + size);
    if (f == NULL) return NULL;
    f->group = g;
    f->size = size;
    f->value = (char *)f + value;
    f->key = memcpy((char *)f + keys, key, size);
    f->refs = 1; /* the goroutine's */
    f->open = true;
    f->err = CONC_CANCELED; /* unless load returns */
    f->done = conc_chan_make(char);
    f->ctx = singleflight__ctx(ctx);
    if (f->done == NULL || f->ctx == NULL) return singleflight__unref(f), (struct singleflight__flight *)NULL;
    struct singleflight__flight **at = singleflight__bucket(g, key, size);
    f->next = *at;
    *at = f;
    return f;
}

static inline void singleflight__answer(struct singleflight__watch *w, const struct singleflight__flight *f) {
    char *answer = (char *)w->answer;
    if (f->err == 0) memcpy(answer + w->how.value, f->value, f->group->singleflight__value);
    memcpy(answer + w->how.err, &f->err, sizeof f->err);
    memcpy(answer + w->how.shared, &f->shared, sizeof f->shared);
    w->how.send.ch = w->chan;
    w->how.send.val = answer;
    (void)conc_select_n(&w->how.send, 1); /* there is room */
    conc_chan_free(w->chan);
    free(w);
}

static inline void singleflight__land(void *arg) { /* at the end of the goroutine, also by conc_exit in load */
    struct singleflight__flight *f = (struct singleflight__flight *)arg, **at;
    struct singleflight *g = f->group;
    conc_mutex_lock(&g->singleflight__mutex);
    for (at = singleflight__bucket(g, f->key, f->size); *at != f; at = &(*at)->next) {}
    *at = f->next;
    f->open = false;
    f->finished = true;
    f->shared = f->wanted > 1;
    conc_mutex_unlock(&g->singleflight__mutex);
    conc_chan_close(f->done);
    for (struct singleflight__watch *w = f->watches, *next; w != NULL; w = next) next = w->next, singleflight__answer(w, f);
    conc_mutex_lock(&g->singleflight__mutex);
    singleflight__unref(f);
    conc_mutex_unlock(&g->singleflight__mutex);
}

#ifdef __clang__
__attribute__((no_sanitize("function"))) /* T * and void * are passed alike; the macros below have checked T */
#endif
static inline int singleflight__call(const struct singleflight__flight *f) {
    int (*load)(conc_ctx *, void *, const void *, void *) = (int (*)(conc_ctx *, void *, const void *, void *))f->group->singleflight__load;
    return load(f->ctx, f->group->singleflight__arg, f->key, f->value);
}
static inline void singleflight__fly(struct singleflight__flight *f) {
    bool watched = conc_on_exit(singleflight__land, f) == CONC_OK;
    int err = singleflight__call(f);
    f->err = err;
    if (!watched) singleflight__land(f); /* there was no memory for the handler: a conc_exit would have lost the flight */
}

/* With the mutex: the flight of this key, under way or started, with one more who waits for it; NULL: no memory. */
static inline struct singleflight__flight *singleflight__join(struct singleflight *g, conc_ctx *ctx, const void *key) {
    size_t size = singleflight__size(g, key);
    struct singleflight__flight *f = singleflight__find(g, key, size);
    bool fresh = f == NULL;
    if (fresh) f = singleflight__new(g, ctx, key, size);
    if (f == NULL) return NULL;
    f->wanted++;
    if (fresh) conc_wg_go(&g->singleflight__running, singleflight__fly, f);
    return f;
}

static inline int singleflight__do(struct singleflight *g, conc_ctx *ctx, const void *key, void *value, bool *shared) {
    char none;
    if (shared != NULL) *shared = false;
    if (conc_ctx_err(ctx) != CONC_OK) return (int)conc_ctx_err(ctx);
    conc_mutex_lock(&g->singleflight__mutex);
    struct singleflight__flight *f = singleflight__join(g, ctx, key);
    if (f != NULL) f->refs++;
    conc_mutex_unlock(&g->singleflight__mutex);
    if (f == NULL) return CONC_NO_MEMORY;

    int err = (int)conc_chan_recv_ctx(f->done, &none, ctx);
    conc_mutex_lock(&g->singleflight__mutex);
    if (f->finished) { /* even if ctx has ended as well */
        err = f->err;
        if (err == 0) memcpy(value, f->value, g->singleflight__value);
        if (shared != NULL) *shared = f->shared;
    } else if (--f->wanted == 0) { /* nobody is left: the next who asks must not join it */
        f->open = false;
        conc_ctx_cancel(f->ctx);
    }
    singleflight__unref(f);
    conc_mutex_unlock(&g->singleflight__mutex);
    return err;
}

/* chan: a new one of answers, with room for one and two references, of which one becomes ours. */
static inline bool singleflight__do_chan(struct singleflight *g, const void *key, conc_chan(char) chan, struct singleflight__how how) {
    const size_t align = __BIGGEST_ALIGNMENT__;
    size_t head = (sizeof(struct singleflight__watch) + align - 1) / align * align;
    struct singleflight__watch *w = (struct singleflight__watch *)calloc(1, head + how.send.size);
    if (w == NULL) return false;
    w->how = how;
    w->chan = chan;
    w->answer = (char *)w + head;
    conc_mutex_lock(&g->singleflight__mutex);
    struct singleflight__flight *f = singleflight__join(g, NULL, key);
    if (f != NULL) w->next = f->watches, f->watches = w;
    conc_mutex_unlock(&g->singleflight__mutex);
    if (f == NULL) free(w);
    return f != NULL;
}

static inline void singleflight__forget(struct singleflight *g, const void *key) {
    conc_mutex_lock(&g->singleflight__mutex);
    struct singleflight__flight *f = singleflight__find(g, key, singleflight__size(g, key));
    if (f != NULL) f->open = false;
    conc_mutex_unlock(&g->singleflight__mutex);
}

static inline void singleflight__free(struct singleflight *g) {
    if (g == NULL) return;
    conc_mutex_lock(&g->singleflight__mutex);
    for (int i = 0; i < SINGLEFLIGHT__BUCKETS; i++)
        for (struct singleflight__flight *f = g->singleflight__at[i]; f != NULL; f = f->next) conc_ctx_cancel(f->ctx);
    conc_mutex_unlock(&g->singleflight__mutex);
    conc_wg_wait(&g->singleflight__running);
    free(g);
}

/* singleflight(K, V)     a handle, as chan(T) is: copy it freely. (The word is a macro before a parenthesis only.) Keys of type K are compared
                          by their bytes (no padding, no pointers to what matters); K = char: keys are texts, ended by a NUL. All
                          operations may be called by any goroutine or thread
   singleflight_make(K, V, load, arg)
                          NULL: no memory. int load(conc_ctx *ctx, A *arg, const K *key, V *value): 0 and *value (zero before), or an error
   singleflight_do(g, ctx, &key, &value, &shared)
                          wait for the value of this key: of the load under way, else of one started now. 0: *value is written. Else it is
                          not: the load's error, CONC_NO_MEMORY, or conc_ctx_err(ctx). *shared (NULL is allowed): others got it, too
   singleflight_do_chan(g, &key, R)
                          -> recv_chan(R) with room for the one answer, of a struct type R of yours that has at least the members
                          V value (zero unless err is 0), int err and bool shared. Yours to chan_free, at any time; NULL: no
                          memory. Who asks in this way is taken to wait till the end: the load goes on without anybody else
   singleflight_forget(g, &key)   who asks from now on starts a load anew, even if one is under way (because what it loads has changed)
   singleflight_free(g)   end the contexts of the loads under way, wait for them, free. No other call may be under way. NULL is allowed */
#ifndef __cplusplus
#define singleflight(K, ...) __typeof__(int (**)(struct singleflight *, const __typeof__(K) *, __typeof__(__VA_ARGS__) *))
#define SINGLEFLIGHT__SAY(cond, text) ((void)sizeof(struct { _Static_assert(cond, text); int singleflight__; }))
#define SINGLEFLIGHT__IS(x, T) _Generic((x), T: 1, default: 0)
#define SINGLEFLIGHT__PTR(g) ((void)sizeof((**(g))(NULL, NULL, NULL)), (struct singleflight *)(void *)(g))
/* of the types of key and value: what a call of the function in the handle's type would say */
#define SINGLEFLIGHT__FITS(g, key, value) ((void)sizeof((**(g))((struct singleflight *)0, (key), (value))))
#define singleflight_make(K, V, load, ...) \
    (SINGLEFLIGHT__SAY(SINGLEFLIGHT__IS((load)((conc_ctx *)0, (__VA_ARGS__), (const __typeof__(K) *)0, (__typeof__(V) *)0), int), \
        "singleflight_make: load is  int load(conc_ctx *ctx, A *arg, const K *key, V *value)"), \
     (singleflight(K, V))(void *)singleflight__make(SINGLEFLIGHT__IS((__typeof__(K) *)0, char *) ? 0 : sizeof(K), sizeof(V), \
        (void (*)(void))(load), (void *)(uintptr_t)(__VA_ARGS__)))
#define singleflight_do(g, ctx, key, value, shared) \
    (SINGLEFLIGHT__FITS(g, key, value), singleflight__do(SINGLEFLIGHT__PTR(g), (ctx), (key), (value), (shared)))
#define singleflight_do_chan(g, key, ...) SINGLEFLIGHT__DO_CHAN(g, key, __typeof__(__VA_ARGS__))
#define SINGLEFLIGHT__DO_CHAN(g, key, R) __extension__({ \
    SINGLEFLIGHT__FITS(g, key, &((R *)0)->value); \
    SINGLEFLIGHT__SAY(SINGLEFLIGHT__IS(((R *)0)->err, int) && SINGLEFLIGHT__IS(((R *)0)->shared, bool), \
        "singleflight_do_chan: an answer has the members  V value, int err, bool shared"); \
    R singleflight__r; \
    memset(&singleflight__r, 0, sizeof singleflight__r); \
    conc_chan(R) singleflight__c = conc_chan_make(R, 1); \
    if (singleflight__c != NULL && !singleflight__do_chan(SINGLEFLIGHT__PTR(g), (key), (conc_chan(char))(void *)conc_chan_ref(singleflight__c), \
            (struct singleflight__how){ conc_case_send(singleflight__c, singleflight__r), offsetof(R, value), offsetof(R, err), \
                offsetof(R, shared) })) \
        conc_chan_free(singleflight__c), conc_chan_free(singleflight__c), singleflight__c = NULL; \
    (conc_recv_chan(R))singleflight__c; })
#define singleflight_forget(g, key) (SINGLEFLIGHT__FITS(g, key, NULL), singleflight__forget(SINGLEFLIGHT__PTR(g), (key)))
#else
template <class K, class V> using singleflight_of = int (**)(struct singleflight *, const K *, V *);
#define singleflight(K, ...) singleflight_of<K, __VA_ARGS__>
template <class T> struct singleflight__same { typedef T type; };
template <class K, class V> static inline struct singleflight *SINGLEFLIGHT__PTR(singleflight_of<K, V> g) {
    return (struct singleflight *)(void *)g;
}
template <class K, class V, class A>
static inline singleflight_of<K, V> singleflight__make_of(int (*load)(conc_ctx *, A *, const K *, V *), typename singleflight__same<A>::type *arg) {
    static_assert(std::is_trivially_copyable<K>::value && std::is_trivially_copyable<V>::value,
                  "singleflight_make: keys and values must be trivially copyable");
    return (singleflight_of<K, V>)(void *)singleflight__make(std::is_same<K, char>::value ? 0 : sizeof(K), sizeof(V),
        reinterpret_cast<void (*)(void)>(load), const_cast<void *>(static_cast<const volatile void *>(arg)));
}
#define singleflight_make(K, V, ...) singleflight__make_of<K, V>(__VA_ARGS__)
template <class K, class V>
static inline int singleflight_do(singleflight_of<K, V> g, conc_ctx *ctx, const typename singleflight__same<K>::type *key,
                                  typename singleflight__same<V>::type *value, bool *shared) {
    return singleflight__do(SINGLEFLIGHT__PTR<K, V>(g), ctx, key, value, shared);
}
template <class R, class K, class V>
static inline conc_recv_chan(R) singleflight__do_chan_of(singleflight_of<K, V> g, const typename singleflight__same<K>::type *key) {
    static_assert(std::is_same<decltype(R::value), V>::value && std::is_same<decltype(R::err), int>::value &&
                      std::is_same<decltype(R::shared), bool>::value,
                  "singleflight_do_chan: an answer has the members  V value, int err, bool shared");
    conc_chan(R) c = conc_chan_make(R, 1);
    if (c == nullptr) return nullptr;
    R none = R();
    struct singleflight__how how = { conc_case_send(c, none), offsetof(R, value), offsetof(R, err), offsetof(R, shared) };
    if (singleflight__do_chan(SINGLEFLIGHT__PTR<K, V>(g), key, (conc_chan(char))(void *)conc_chan_ref(c), how)) return c;
    conc_chan_free(c), conc_chan_free(c);
    return nullptr;
}
#define singleflight_do_chan(g, key, ...) singleflight__do_chan_of<__VA_ARGS__>((g), (key))
template <class K, class V> static inline void singleflight_forget(singleflight_of<K, V> g, const typename singleflight__same<K>::type *key) {
    singleflight__forget(SINGLEFLIGHT__PTR<K, V>(g), key);
}
#endif
#define singleflight_free(g) singleflight__free(SINGLEFLIGHT__PTR(g))

#endif
