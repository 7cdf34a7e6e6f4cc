/* kv: an in-memory key-value server that speaks Redis's protocol (RESP2), for redis-cli, redis-benchmark and Redis's client libraries.

       accept ---> serve (a goroutine per connection): read what is there, run every whole request in it, write all replies at once
       sweep  ---> drops keys whose time has passed and that nobody asks for
       SIGINT or SIGTERM ends both, by their context; then main has each connection answer what it has read, and waits for all

   The keys are spread by their hash over 64 shards, each a map of stb_ds under a conc_mutex. A command runs with the shards of all its
   keys locked, in ascending order, so every command is atomic, MSET too. No lock is held while a goroutine waits for a client.

   Memory: a connection owns two buffers that grow with its requests and replies and shrink again; arguments point into the input.
   A command allocates nothing but what it stores.

   Usage: kv [HOST:PORT], default 127.0.0.1:6380; port 0: any free one. Exit status: 0; 1: cannot listen; 2: wrong usage. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <ctype.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

static void *xrealloc(void *p, size_t n) {
    p = realloc(p, n);
    if (p == NULL) fputs("kv: out of memory\n", stderr), exit(1);
    return p;
}
#define STB_DS_IMPLEMENTATION
#define typeof __typeof__ /* stb_ds uses it with gcc, which does not know it with -std=c11 */
#define STBDS_REALLOC(context, p, n) xrealloc(p, n)
#define STBDS_FREE(context, p) free(p)
#include CONC_STB_DS /* where conc.h found stb_ds.h */

enum { /* Redis's limits */
    MAX_LINE = 64 << 10, /* an inline request, or a line with a length */
    MAX_ARGS = 1 << 20,
    MAX_BULK = 512 << 20,
    MAX_REQUEST = 1 << 30
};
enum { SHARDS = 64 }; /* the bits of a uint64_t: a set of shards is one */
enum { INPUT = 16 << 10, OUTPUT = 4 << 10, KEEP = 64 << 10, SWEEP_STEP = 256, SHOWN = 128 };
#define NEVER INT64_MAX
#define WRONG_TYPE "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
#define NOT_INTEGER "-ERR value is not an integer or out of range\r\n"
#define SYNTAX "-ERR syntax error\r\n"
#define OK "+OK\r\n"
#define NIL "$-1\r\n"

/* ---- numbers as text ---- */

/* The decimal number that is all of p[0..n), in the one way a number is written: no sign but '-', no leading zeros. */
static bool to_number(const char *p, size_t n, int64_t *out) {
    bool minus = n > 0 && *p == '-';
    int64_t v = 0;
    size_t i = minus;
    if (i == n || (p[i] == '0' && n > 1)) return false;
    for (; i < n; i++) {
        if (p[i] < '0' || p[i] > '9' || __builtin_mul_overflow(v, 10, &v)) return false;
        if (minus ? __builtin_sub_overflow(v, p[i] - '0', &v) : __builtin_add_overflow(v, p[i] - '0', &v)) return false;
    }
    *out = v;
    return true;
}

enum { DIGITS = 20 }; /* of the longest number, with its sign */

static size_t from_number(char *to, int64_t v) {
    char text[DIGITS], *p = text + DIGITS;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0) *--p = '-';
    size_t n = (size_t)(text + DIGITS - p);
    memcpy(to, p, n);
    return n;
}

/* ---- a connection and its replies ---- */

typedef struct arg {
    const char *p;
    size_t n, at;  /* at: its place in the request, while that is being read */
    uint64_t hash; /* if it is a key */
} arg;

typedef struct conn {
    int fd;
    bool closing; /* after the replies are written */
    int64_t id;
    struct conn *next, **link; /* in the list of all */

    char *in; /* start..end is what has not been answered yet; at: how far it has been parsed */
    size_t start, at, end, in_room;
    arg *args;
    size_t n, want, args_room; /* arguments there, and to come in this request (0: not known yet) */
    int64_t bulk;              /* length of the next argument, -1: not known yet */

    char *out;
    size_t out_n, out_room;
} conn;

/* Room for n more bytes of replies. */
static char *reserve(conn *c, size_t n) {
    if (c->out_room - c->out_n < n) {
        while (c->out_room - c->out_n < n) c->out_room = c->out_room ? 2 * c->out_room : OUTPUT;
        c->out = xrealloc(c->out, c->out_room);
    }
    return c->out + c->out_n;
}

static void reply(conn *c, const char *text) {
    size_t n = strlen(text);
    memcpy(reserve(c, n), text, n);
    c->out_n += n;
}

/* A type and a number: ':' an integer, '$' the length of a string that follows, '*' how many replies follow. */
static const char *reply_number(conn *c, char type, int64_t v) {
    char *p = reserve(c, DIGITS + 3);
    size_t n = 1 + from_number(p + 1, v);
    p[0] = type, p[n] = '\r', p[n + 1] = '\n';
    c->out_n += n + 2;
    return NULL;
}

static const char *reply_bulk(conn *c, const char *p, size_t n) {
    reply_number(c, '$', (int64_t)n);
    char *to = reserve(c, n + 2);
    memcpy(to, p, n);
    to[n] = '\r', to[n + 1] = '\n';
    c->out_n += n + 2;
    return NULL;
}

/* An error that may show text of the client's; its line ends would end the reply, and become spaces. */
__attribute__((format(printf, 2, 3))) static const char *reply_error(conn *c, const char *format, ...) {
    enum { LONGEST = 512 };
    char *p = reserve(c, LONGEST + 3);
    va_list list;
    va_start(list, format);
    int n = vsnprintf(p, LONGEST + 1, format, list);
    va_end(list);
    size_t length = n < 0 ? 0 : n < LONGEST ? (size_t)n : LONGEST;
    for (size_t i = 0; i < length; i++)
        if (p[i] == '\r' || p[i] == '\n') p[i] = ' ';
    p[length] = '\r', p[length + 1] = '\n';
    c->out_n += length + 2;
    return NULL;
}
static int shown(const arg *a) { return a->n < SHOWN ? (int)a->n : SHOWN; } /* how much of it such an error shows */

static bool flush(conn *c) {
    bool ok = c->out_n == 0 || conc_write(c->fd, c->out, c->out_n) == (ssize_t)c->out_n;
    c->out_n = 0;
    if (c->out_room > KEEP) free(c->out), c->out = NULL, c->out_room = 0;
    return ok;
}

/* ---- the store: keys and what they hold ---- */

typedef struct blob { size_t n, room; char p[]; } blob;
typedef struct list { blob **ring; size_t room, first, n; } list; /* room: a power of two */
typedef struct entry {
    struct entry *next; /* another key with the same hash */
    int64_t expires;    /* in milliseconds; NEVER */
    bool is_list;
    union { blob *string; list list; };
    size_t n;
    char key[];
} entry;
typedef struct slot { uint64_t key; entry *value; } slot; /* key: the hash; the names are stb_ds's */
typedef struct shard {
    _Alignas(64) conc_mutex lock;
    slot *map;
    size_t n, expiring, swept; /* keys, those that expire, and how far sweep has come */
} shard;

static shard shards[SHARDS];
static size_t seed; /* random, so that nobody can choose keys that all fall together */

static shard *shard_of(uint64_t hash) { return &shards[hash % SHARDS]; }
static int64_t now_ms(void) { return conc_now() / CONC_MS; }

/* A blob of these bytes, in old's place if they fit there without much waste. */
static blob *blob_set(blob *old, const char *p, size_t n) {
    if (old == NULL || n > old->room || n < old->room / 4) {
        free(old);
        old = xrealloc(NULL, sizeof *old + n);
        old->room = n;
    }
    memcpy(old->p, p, old->n = n);
    return old;
}

static blob **list_at(const list *l, size_t i) { return &l->ring[(l->first + i) & (l->room - 1)]; }

static void list_push(list *l, blob *b, bool front) {
    if (l->n == l->room) {
        list old = *l;
        *l = (list){ xrealloc(NULL, (2 * old.room + 4) * sizeof *l->ring), old.room ? 2 * old.room : 4, 0, old.n };
        for (size_t i = 0; i < l->n; i++) l->ring[i] = *list_at(&old, i);
        free(old.ring);
    }
    if (front) l->first--;
    *list_at(l, front ? 0 : l->n) = b;
    l->n++;
}

static blob *list_pop(list *l, bool front) {
    blob *b = *list_at(l, front ? 0 : l->n - 1);
    if (front) l->first++;
    l->n--;
    return b;
}

static void free_value(entry *e) {
    if (!e->is_list) free(e->string);
    else {
        while (e->list.n) free(list_pop(&e->list, true));
        free(e->list.ring);
    }
}

/* All that follows is called with the key's shard locked. */

static void set_expiry(uint64_t hash, entry *e, int64_t when) {
    shard_of(hash)->expiring += (size_t)(when != NEVER) - (size_t)(e->expires != NEVER);
    e->expires = when;
}

static void discard(uint64_t hash, entry *e) {
    shard *s = shard_of(hash);
    slot *i = hmgetp(s->map, hash);
    entry **at = &i->value;
    while (*at != e) at = &(*at)->next;
    *at = e->next;
    if (i->value == NULL) (void)hmdel(s->map, hash);
    set_expiry(hash, e, NEVER);
    s->n--;
    free_value(e);
    free(e);
}

static bool expired(const entry *e) { return e->expires != NEVER && e->expires <= now_ms(); }

static entry *find(const arg *key) {
    slot *i = hmgetp_null(shard_of(key->hash)->map, key->hash);
    entry *e = i ? i->value : NULL;
    while (e && !(e->n == key->n && memcmp(e->key, key->p, key->n) == 0)) e = e->next;
    if (e == NULL || !expired(e)) return e;
    discard(key->hash, e);
    return NULL;
}

/* A new key, which holds nothing yet. */
static entry *add(const arg *key) {
    shard *s = shard_of(key->hash);
    slot *i = hmgetp_null(s->map, key->hash);
    entry *e = xrealloc(NULL, sizeof *e + key->n);
    *e = (entry){ .next = i ? i->value : NULL, .expires = NEVER, .n = key->n };
    memcpy(e->key, key->p, key->n);
    if (i) i->value = e;
    else hmput(s->map, key->hash, e);
    s->n++;
    return e;
}

static entry *set_string(const arg *key, const char *p, size_t n) {
    entry *e = find(key);
    if (e == NULL) e = add(key);
    if (e->is_list) free_value(e), e->is_list = false, e->string = NULL;
    e->string = blob_set(e->string, p, n);
    return e;
}

/* An empty map with a table. stb_ds draws each new table's seed from a variable of its own, so this is for one thread at a time: at
   the start, or with all shards locked. */
static void make(shard *s) {
    hmput(s->map, 0, NULL);
    (void)hmdel(s->map, 0);
}

static void clear(shard *s) {
    for (ptrdiff_t i = 0; i < hmlen(s->map); i++)
        for (entry *e = s->map[i].value, *next; e; e = next) next = e->next, free_value(e), free(e);
    hmfree(s->map);
    s->n = s->expiring = 0;
}

/* ---- the commands ---- */

/* a[0] is the name, a[n] the end. A command returns a reply, or NULL if it has made one, as the functions reply_... do. */

static bool is(const arg *a, const char *word) { return a->n == strlen(word) && strncasecmp(a->p, word, a->n) == 0; }
static bool get_number(const arg *a, int64_t *out) { return to_number(a->p, a->n, out); }
static bool is_list(const entry *e) { return e && e->is_list; }
static bool is_string(const entry *e) { return e && !e->is_list; }

static const char *wrong_arity(conn *c, const char *name) { return reply_error(c, "-ERR wrong number of arguments for '%s' command", name); }

static const char *cmd_ping(conn *c, arg *a, size_t n) {
    return n > 2 ? wrong_arity(c, "ping") : n == 2 ? reply_bulk(c, a[1].p, a[1].n) : "+PONG\r\n";
}

static const char *cmd_echo(conn *c, arg *a, size_t n) { return (void)n, reply_bulk(c, a[1].p, a[1].n); }

/* When a time to live of v units ends. false: out of range */
static bool expiry(int64_t v, int64_t unit_ms, int64_t *when) {
    return !__builtin_mul_overflow(v, unit_ms, &v) && !__builtin_add_overflow(v, now_ms(), when) && *when != NEVER;
}

static const char *cmd_set(conn *c, arg *a, size_t n) {
    bool nx = false, xx = false;
    const arg *ttl = NULL;
    int64_t unit = 0, when = NEVER, v;
    for (size_t i = 3; i < n; i++) {
        int64_t ms = is(&a[i], "ex") ? 1000 : is(&a[i], "px") ? 1 : 0;
        if (is(&a[i], "nx") && !xx) nx = true;
        else if (is(&a[i], "xx") && !nx) xx = true;
        else if (ms && (unit == 0 || unit == ms) && i + 1 < n) unit = ms, ttl = &a[++i];
        else return SYNTAX;
    }
    if (ttl && !get_number(ttl, &v)) return NOT_INTEGER;
    if (ttl && (v <= 0 || !expiry(v, unit, &when))) return reply_error(c, "-ERR invalid expire time in 'set' command");
    if ((nx || xx) && (find(&a[1]) != NULL) != xx) return NIL;
    set_expiry(a[1].hash, set_string(&a[1], a[2].p, a[2].n), when);
    return OK;
}

static const char *cmd_get(conn *c, arg *a, size_t n) {
    (void)n;
    const entry *e = find(&a[1]);
    if (e == NULL) return NIL;
    return e->is_list ? WRONG_TYPE : reply_bulk(c, e->string->p, e->string->n);
}

static const char *cmd_mset(conn *c, arg *a, size_t n) {
    if (n % 2 == 0) return wrong_arity(c, "mset");
    for (size_t i = 1; i < n; i += 2) set_expiry(a[i].hash, set_string(&a[i], a[i + 1].p, a[i + 1].n), NEVER);
    return OK;
}

static const char *cmd_mget(conn *c, arg *a, size_t n) {
    reply_number(c, '*', (int64_t)n - 1);
    for (size_t i = 1; i < n; i++) {
        const entry *e = find(&a[i]);
        if (is_string(e)) reply_bulk(c, e->string->p, e->string->n);
        else reply(c, NIL);
    }
    return NULL;
}

static const char *cmd_append(conn *c, arg *a, size_t n) {
    (void)n;
    entry *e = find(&a[1]);
    if (is_list(e)) return WRONG_TYPE;
    if (e == NULL) e = set_string(&a[1], "", 0);
    size_t length = e->string->n + a[2].n;
    if (length > MAX_BULK) return "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
    if (length > e->string->room) e->string = xrealloc(e->string, sizeof *e->string + 2 * length), e->string->room = 2 * length;
    memcpy(e->string->p + e->string->n, a[2].p, a[2].n);
    e->string->n = length;
    return reply_number(c, ':', (int64_t)length);
}

static const char *increase(conn *c, const arg *key, int64_t by) {
    const entry *e = find(key);
    int64_t v = 0;
    char text[DIGITS];
    if (is_list(e)) return WRONG_TYPE;
    if (e && !to_number(e->string->p, e->string->n, &v)) return NOT_INTEGER;
    if (__builtin_add_overflow(v, by, &v)) return "-ERR increment or decrement would overflow\r\n";
    (void)set_string(key, text, from_number(text, v)); /* keeps the time to live */
    return reply_number(c, ':', v);
}
static const char *cmd_incr(conn *c, arg *a, size_t n) { return (void)n, increase(c, &a[1], 1); }
static const char *cmd_decr(conn *c, arg *a, size_t n) { return (void)n, increase(c, &a[1], -1); }
static const char *cmd_incrby(conn *c, arg *a, size_t n) {
    int64_t by;
    return (void)n, get_number(&a[2], &by) ? increase(c, &a[1], by) : NOT_INTEGER;
}

static const char *cmd_del(conn *c, arg *a, size_t n) {
    int64_t count = 0;
    for (size_t i = 1; i < n; i++) {
        entry *e = find(&a[i]);
        if (e) discard(a[i].hash, e), count++;
    }
    return reply_number(c, ':', count);
}

static const char *cmd_exists(conn *c, arg *a, size_t n) {
    int64_t count = 0;
    for (size_t i = 1; i < n; i++) count += find(&a[i]) != NULL;
    return reply_number(c, ':', count);
}

static const char *cmd_type(conn *c, arg *a, size_t n) {
    (void)c, (void)n;
    const entry *e = find(&a[1]);
    return e == NULL ? "+none\r\n" : e->is_list ? "+list\r\n" : "+string\r\n";
}

static const char *cmd_expire(conn *c, arg *a, size_t n) {
    int64_t v, when;
    if (n > 3) return reply_error(c, "-ERR Unsupported option %.*s", shown(&a[3]), a[3].p);
    if (!get_number(&a[2], &v)) return NOT_INTEGER;
    if (!expiry(v, 1000, &when)) return reply_error(c, "-ERR invalid expire time in 'expire' command");
    entry *e = find(&a[1]);
    if (e) set_expiry(a[1].hash, e, when), (void)find(&a[1]); /* find drops it if that is past */
    return reply_number(c, ':', e != NULL);
}

static const char *cmd_ttl(conn *c, arg *a, size_t n) {
    (void)n;
    const entry *e = find(&a[1]);
    return reply_number(c, ':', e == NULL ? -2 : e->expires == NEVER ? -1 : (e->expires - now_ms() + 500) / 1000);
}

static const char *push(conn *c, arg *a, size_t n, bool front) {
    entry *e = find(&a[1]);
    if (is_string(e)) return WRONG_TYPE;
    if (e == NULL) e = add(&a[1]), e->is_list = true, e->list = (list){ 0 };
    for (size_t i = 2; i < n; i++) list_push(&e->list, blob_set(NULL, a[i].p, a[i].n), front);
    return reply_number(c, ':', (int64_t)e->list.n);
}
static const char *cmd_lpush(conn *c, arg *a, size_t n) { return push(c, a, n, true); }
static const char *cmd_rpush(conn *c, arg *a, size_t n) { return push(c, a, n, false); }

static const char *pop(conn *c, arg *a, size_t n, bool front) {
    int64_t count = 1;
    if (n > 3) return wrong_arity(c, front ? "lpop" : "rpop");
    if (n == 3 && (!get_number(&a[2], &count) || count < 0)) return "-ERR value is out of range, must be positive\r\n";
    entry *e = find(&a[1]);
    if (e == NULL) return n == 3 ? "*-1\r\n" : NIL;
    if (!e->is_list) return WRONG_TYPE;
    if (count > (int64_t)e->list.n) count = (int64_t)e->list.n;
    if (n == 3) reply_number(c, '*', count);
    for (; count > 0; count--) {
        blob *b = list_pop(&e->list, front);
        reply_bulk(c, b->p, b->n);
        free(b);
    }
    if (e->list.n == 0) discard(a[1].hash, e); /* an empty list is no list */
    return NULL;
}
static const char *cmd_lpop(conn *c, arg *a, size_t n) { return pop(c, a, n, true); }
static const char *cmd_rpop(conn *c, arg *a, size_t n) { return pop(c, a, n, false); }

static const char *cmd_llen(conn *c, arg *a, size_t n) {
    (void)n;
    const entry *e = find(&a[1]);
    return is_string(e) ? WRONG_TYPE : reply_number(c, ':', e ? (int64_t)e->list.n : 0);
}

static const char *cmd_lrange(conn *c, arg *a, size_t n) {
    (void)n;
    int64_t from, to;
    if (!get_number(&a[2], &from) || !get_number(&a[3], &to)) return NOT_INTEGER;
    const entry *e = find(&a[1]);
    if (is_string(e)) return WRONG_TYPE;
    int64_t length = e ? (int64_t)e->list.n : 0;
    if (from < 0) from = from + length < 0 ? 0 : from + length; /* from the end */
    if (to < 0) to += length;
    if (to >= length) to = length - 1;
    reply_number(c, '*', from > to ? 0 : to - from + 1);
    for (int64_t i = from; i <= to; i++) {
        const blob *b = *list_at(&e->list, (size_t)i);
        reply_bulk(c, b->p, b->n);
    }
    return NULL;
}

static const char *cmd_dbsize(conn *c, arg *a, size_t n) {
    (void)a, (void)n;
    size_t sum = 0;
    for (int i = 0; i < SHARDS; i++) sum += shards[i].n;
    return reply_number(c, ':', (int64_t)sum);
}

static const char *cmd_flushall(conn *c, arg *a, size_t n) {
    (void)c;
    if (n > 2 || (n == 2 && !is(&a[1], "sync") && !is(&a[1], "async"))) return SYNTAX;
    for (int i = 0; i < SHARDS; i++) clear(&shards[i]), make(&shards[i]);
    return OK;
}

static const char *cmd_config(conn *c, arg *a, size_t n) { /* redis-benchmark asks for these two */
    if (!is(&a[1], "get")) return reply_error(c, "-ERR unknown subcommand '%.*s'. Try CONFIG HELP.", shown(&a[1]), a[1].p);
    if (n < 3) return wrong_arity(c, "config|get");
    bool save = false, appendonly = false;
    for (size_t i = 2; i < n; i++) save |= is(&a[i], "save"), appendonly |= is(&a[i], "appendonly");
    reply_number(c, '*', 2 * (save + appendonly));
    if (save) reply(c, "$4\r\nsave\r\n$0\r\n\r\n");
    if (appendonly) reply(c, "$10\r\nappendonly\r\n$2\r\nno\r\n");
    return NULL;
}

static const char *cmd_command(conn *c, arg *a, size_t n) { return (void)c, (void)a, (void)n, "*0\r\n"; }

static const char *cmd_select(conn *c, arg *a, size_t n) {
    (void)c, (void)n;
    int64_t db;
    if (!get_number(&a[1], &db)) return NOT_INTEGER;
    return db == 0 ? OK : "-ERR DB index is out of range\r\n";
}

static const char *cmd_hello(conn *c, arg *a, size_t n) {
    int64_t version = 2;
    if (n > 1 && !get_number(&a[1], &version)) return "-ERR Protocol version is not an integer or out of range\r\n";
    if (version != 2) return "-NOPROTO unsupported protocol version\r\n";
    if (n > 2) return reply_error(c, "-ERR Syntax error in HELLO option '%.*s'", shown(&a[2]), a[2].p);
    reply(c, "*14\r\n$6\r\nserver\r\n$2\r\nkv\r\n$7\r\nversion\r\n");
    reply_bulk(c, CONC_VERSION_STRING, sizeof CONC_VERSION_STRING - 1);
    reply(c, "$5\r\nproto\r\n:2\r\n$2\r\nid\r\n");
    reply_number(c, ':', c->id);
    return "$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n";
}

static const char *cmd_quit(conn *c, arg *a, size_t n) {
    (void)a, (void)n;
    c->closing = true;
    return OK;
}

/* ---- from a name to its command ---- */

enum { NO_KEY, ONE_KEY, EACH_KEY, PAIRS, EVERYTHING }; /* which arguments are keys: none, the first, all, every other; or lock it all */
static struct command {
    const char *name;
    const char *(*run)(conn *c, arg *a, size_t n);
    int arity; /* arguments with the name; -n: n or more */
    int keys;
    uint64_t word; /* the name as a number */
} commands[] = {
    { "get", cmd_get, 2, ONE_KEY, 0 }, { "set", cmd_set, -3, ONE_KEY, 0 }, { "del", cmd_del, -2, EACH_KEY, 0 },
    { "exists", cmd_exists, -2, EACH_KEY, 0 }, { "incr", cmd_incr, 2, ONE_KEY, 0 }, { "decr", cmd_decr, 2, ONE_KEY, 0 },
    { "incrby", cmd_incrby, 3, ONE_KEY, 0 }, { "append", cmd_append, 3, ONE_KEY, 0 }, { "mget", cmd_mget, -2, EACH_KEY, 0 },
    { "mset", cmd_mset, -3, PAIRS, 0 }, { "lpush", cmd_lpush, -3, ONE_KEY, 0 }, { "rpush", cmd_rpush, -3, ONE_KEY, 0 },
    { "lpop", cmd_lpop, -2, ONE_KEY, 0 }, { "rpop", cmd_rpop, -2, ONE_KEY, 0 }, { "lrange", cmd_lrange, 4, ONE_KEY, 0 },
    { "llen", cmd_llen, 2, ONE_KEY, 0 }, { "type", cmd_type, 2, ONE_KEY, 0 }, { "expire", cmd_expire, -3, ONE_KEY, 0 },
    { "ttl", cmd_ttl, 2, ONE_KEY, 0 }, { "ping", cmd_ping, -1, NO_KEY, 0 }, { "echo", cmd_echo, 2, NO_KEY, 0 },
    { "dbsize", cmd_dbsize, 1, EVERYTHING, 0 }, { "flushall", cmd_flushall, -1, EVERYTHING, 0 },
    { "config", cmd_config, -2, NO_KEY, 0 }, { "command", cmd_command, -1, NO_KEY, 0 }, { "select", cmd_select, 2, NO_KEY, 0 },
    { "hello", cmd_hello, -1, NO_KEY, 0 }, { "quit", cmd_quit, -1, NO_KEY, 0 }
};
enum { COMMANDS = sizeof commands / sizeof *commands };

/* The letters of a name in either case, as one number; 0: longer than any command. */
static uint64_t word_of(const char *p, size_t n) {
    uint64_t word = 0;
    if (n > sizeof word) return 0;
    for (size_t i = 0; i < n; i++) word = word << 8 | (unsigned char)(p[i] | 0x20);
    return word;
}

static const char *unknown_command(conn *c, const arg *a, size_t n) {
    char args[SHOWN + 4] = "";
    size_t length = 0;
    for (size_t i = 1; i < n && length < SHOWN; i++) {
        size_t room = SHOWN - length;
        length += (size_t)snprintf(args + length, sizeof args - length, "'%.*s' ", (int)(a[i].n < room ? a[i].n : room), a[i].p);
    }
    return reply_error(c, "-ERR unknown command '%.*s', with args beginning with: %s", shown(a), a->p, args);
}

static uint64_t lock_keys(arg *a, size_t n, int keys) {
    uint64_t locked = keys == EVERYTHING ? ~UINT64_C(0) : 0;
    if (keys == ONE_KEY) n = 2;
    if (keys == NO_KEY || keys == EVERYTHING) n = 0;
    for (size_t i = 1; i < n; i += keys == PAIRS ? 2 : 1) {
        a[i].hash = stbds_hash_bytes((void *)(uintptr_t)a[i].p, a[i].n, seed);
        locked |= UINT64_C(1) << a[i].hash % SHARDS;
    }
    for (uint64_t left = locked; left; left &= left - 1) conc_mutex_lock(&shards[__builtin_ctzll(left)].lock);
    return locked;
}

static const char *run(conn *c) {
    arg *a = c->args;
    size_t n = c->n;
    for (size_t i = 0; i < n; i++) a[i].p = c->in + c->start + a[i].at;
    uint64_t word = word_of(a->p, a->n);
    int k = 0;
    while (k < COMMANDS && commands[k].word != word) k++;
    if (k == COMMANDS) return unknown_command(c, a, n);
    const struct command *cmd = &commands[k];
    if (cmd->arity < 0 ? n < (size_t)-cmd->arity : n != (size_t)cmd->arity) return wrong_arity(c, cmd->name);
    uint64_t locked = lock_keys(a, n, cmd->keys);
    const char *said = cmd->run(c, a, n);
    for (; locked; locked &= locked - 1) conc_mutex_unlock(&shards[__builtin_ctzll(locked)].lock);
    return said;
}

/* ---- requests: "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", or a line of words as typed in nc ---- */

static void add_arg(conn *c, size_t at, size_t n) {
    if (c->n == c->args_room) c->args = xrealloc(c->args, (c->args_room = 2 * c->args_room + 8) * sizeof *c->args);
    c->args[c->n++] = (arg){ NULL, n, at - c->start, 0 };
}

enum parsed { PARSED, INCOMPLETE, INVALID };

static enum parsed invalid(conn *c, const char *why) {
    reply_error(c, "-ERR Protocol error: %s", why);
    return INVALID;
}

/* The words of a line, as typed in nc. Unlike Redis's they cannot be quoted. */
static enum parsed parse_inline(conn *c) {
    const char *p = c->in + c->at, *end = memchr(p, '\n', c->end - c->at);
    if (end == NULL) return c->end - c->at > MAX_LINE ? invalid(c, "too big inline request") : INCOMPLETE;
    c->at = (size_t)(end + 1 - c->in);
    for (;;) {
        while (p < end && isspace((unsigned char)*p)) p++;
        const char *word = p;
        while (p < end && !isspace((unsigned char)*p)) p++;
        if (p == word) return PARSED;
        add_arg(c, (size_t)(word - c->in), (size_t)(p - word));
    }
}

/* The line at c->at, without its end; NULL: it is not all there yet. */
static const char *get_line(conn *c, size_t *n) {
    const char *p = c->in + c->at, *end = memchr(p, '\r', c->end - c->at);
    if (end == NULL || end + 1 == c->in + c->end) return NULL;
    *n = (size_t)(end - p);
    c->at += *n + 2;
    return p;
}

/* Go on with the request at c->start. What has been parsed of it is not looked at again when more comes. */
static enum parsed parse(conn *c) {
    const char *p;
    size_t n;
    int64_t v;
    if (c->at == c->end) return INCOMPLETE;
    if (c->want == 0) {
        if (c->in[c->at] != '*') return parse_inline(c);
        if ((p = get_line(c, &n)) == NULL) return c->end - c->at > MAX_LINE ? invalid(c, "too big mbulk count string") : INCOMPLETE;
        if (!to_number(p + 1, n - 1, &v) || v > MAX_ARGS) return invalid(c, "invalid multibulk length");
        if (v <= 0) return PARSED;
        c->want = (size_t)v;
    }
    while (c->n < c->want) {
        if (c->bulk < 0) {
            if ((p = get_line(c, &n)) == NULL) return c->end - c->at > MAX_LINE ? invalid(c, "too big bulk count string") : INCOMPLETE;
            if (*p != '$') return reply_error(c, "-ERR Protocol error: expected '$', got '%c'", *p), INVALID;
            if (!to_number(p + 1, n - 1, &v) || v < 0 || v > MAX_BULK) return invalid(c, "invalid bulk length");
            c->bulk = v;
        }
        if (c->end - c->at < (size_t)c->bulk + 2) return INCOMPLETE;
        add_arg(c, c->at, (size_t)c->bulk);
        c->at += (size_t)c->bulk + 2;
        c->bulk = -1;
    }
    return PARSED;
}

/* Read what has come. false: the end, an error, or a request that is too long. */
static bool fill(conn *c) {
    if (c->start == c->end) c->start = c->at = c->end = 0;
    if (c->end == 0 && c->in_room > KEEP) free(c->in), c->in = NULL, c->in_room = 0;
    if (c->n == 0 && c->args_room > KEEP / sizeof *c->args) free(c->args), c->args = NULL, c->args_room = 0;
    if (c->in_room - c->end < INPUT / 2 && c->start > 0) {
        memmove(c->in, c->in + c->start, c->end - c->start);
        c->end -= c->start, c->at -= c->start, c->start = 0;
    }
    if (c->in_room - c->end < INPUT / 2) {
        if (c->in_room >= MAX_REQUEST) return false;
        c->in = xrealloc(c->in, c->in_room = c->in_room ? 2 * c->in_room : INPUT);
    }
    ssize_t n = conc_read(c->fd, c->in + c->end, c->in_room - c->end);
    if (n <= 0) return false;
    c->end += (size_t)n;
    return true;
}

/* Answer all whole requests in the input. */
static bool answer(conn *c) {
    while (!c->closing) {
        enum parsed got = parse(c);
        if (got == INCOMPLETE) break;
        if (got == INVALID) c->closing = true;
        else if (c->n) { /* none: an empty line */
            const char *said = run(c);
            if (said) reply(c, said);
        }
        c->start = c->at;
        c->n = c->want = 0;
        if (c->out_n > KEEP && !flush(c)) return false; /* a client that does not read its replies waits with its requests */
    }
    return flush(c);
}

/* ---- the server ---- */

static struct server {
    int listener;
    conc_mutex lock; /* of the list of connections */
    conn *all;
    int64_t ids;
    bool stopping;
    conc_wg wg; /* connections */
} server;

static void serve(int fd) {
    conn *c = xrealloc(NULL, sizeof *c);
    *c = (conn){ .fd = fd, .bulk = -1 };
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)); /* only makes it faster */
    conc_mutex_lock(&server.lock);
    bool welcome = !server.stopping;
    c->id = ++server.ids;
    c->next = server.all, c->link = &server.all;
    if (c->next) c->next->link = &c->next;
    server.all = c;
    conc_mutex_unlock(&server.lock);

    while (welcome && !c->closing && fill(c) && answer(c)) {}

    conc_mutex_lock(&server.lock);
    *c->link = c->next;
    if (c->next) c->next->link = c->link;
    conc_mutex_unlock(&server.lock);
    (void)conc_close(fd);
    free(c->in), free(c->out), free(c->args), free(c);
}

static void accept_all(conc_ctx *stop) {
    while (conc_ctx_err(stop) == CONC_OK) {
        int fd = conc_accept_ctx(stop, server.listener, NULL, NULL);
        if (fd >= 0) conc_wg_go(&server.wg, serve, fd);
        else (void)conc_sleep_ctx(stop, 10 * CONC_MS); /* no descriptor or memory left: until others close theirs */
    }
}

static void sweep(conc_ctx *stop) {
    while (conc_sleep_ctx(stop, 100 * CONC_MS) == CONC_OK)
        for (shard *s = shards; s < shards + SHARDS; s++) {
            conc_mutex_lock(&s->lock);
            for (int k = 0; k < SWEEP_STEP && s->expiring; k++) {
                if (s->swept >= hmlenu(s->map)) s->swept = 0;
                slot i = s->map[s->swept];
                entry *e = i.value;
                while (e && !expired(e)) e = e->next;
                if (e) discard(i.key, e); /* another slot may have come to this place */
                else s->swept++;
            }
            conc_mutex_unlock(&s->lock);
        }
}

/* End the reading or (SHUT_RDWR) everything on all connections. */
static void hang_up(int how) {
    conc_mutex_lock(&server.lock);
    server.stopping = true;
    for (conn *c = server.all; c; c = c->next) (void)shutdown(c->fd, how);
    conc_mutex_unlock(&server.lock);
}

int main(int argc, char **argv) {
    if (argc > 2 || (argc == 2 && argv[1][0] == '-')) return fputs("Usage: kv [HOST:PORT]   (127.0.0.1:6380)\n", stderr), 2;
    const char *address = argc == 2 ? argv[1] : "127.0.0.1:6380";
    for (int i = 0; i < COMMANDS; i++) commands[i].word = word_of(commands[i].name, strlen(commands[i].name));
    for (int i = 0; i < SHARDS; i++) make(&shards[i]);
    if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) return perror("kv: getrandom"), 1;
    server.listener = conc_listen_tcp(address);
    if (server.listener < 0) return fprintf(stderr, "kv: %s: %s\n", address, strerror(errno)), 1;

    conc_ctx *stop = conc_ctx_notify(conc_ctx_background(), SIGINT, SIGTERM);
    if (stop == NULL) return fputs("kv: out of memory\n", stderr), 1;
    printf("kv: port %d\n", conc_local_port(server.listener));
    fflush(stdout);

    conc_wg others = CONC_WG_INIT;
    conc_wg_go(&others, accept_all, stop);
    conc_wg_go(&others, sweep, stop);
    conc_wg_wait(&others);
    conc_ctx_free(stop); /* from here on a signal ends the program at once */
    (void)conc_close(server.listener);
    hang_up(SHUT_RD); /* each answers what it has read, and ends */
    if (conc_wg_wait_for(&server.wg, 5 * CONC_SEC) != CONC_OK) hang_up(SHUT_RDWR), conc_wg_wait(&server.wg);

    for (int i = 0; i < SHARDS; i++) clear(&shards[i]);
    return conc_shutdown() != 0;
}
