/* remote_work.h - a work queue for several machines: the worker pattern's submit and consume, over Redis Streams. For conc.h and hiredis
   (Debian: libhiredis-dev, link with -lhiredis); copy this file beside conc.h.

   Problem: the work outgrows one machine, or must survive the process that runs it. Jobs are kept by a server; consumers on any number of
   machines take them; a job whose consumer dies is given to another.

       submit ---.                 .--- consume (process 1): n goroutines, each with a connection
       submit --- stream "jobs" ------- consume (process 2)            done: acknowledged, and gone from the stream
       submit ---'  capacity       '--- ...                           failed, or its consumer died: again, after a while
                                                                      too often: to the stream "jobs:dead"

     static int convert(conc_ctx *ctx, const struct remote_job *job, struct tools *t) { ... }  // 0: done; else: try again later

     const struct remote_opts opts = { "queue.example.org:6379", NULL, "images", 0, 0, 0, NULL };  // 0, NULL: the defaults
     struct remote_work w;
     int err = remote_work_init(&w, &opts, ctx);
     err = remote_work_submit(&w, ctx, path, strlen(path));           // returns when the server has it; waits while the queue is full
     err = remote_work_consume(&w, ctx, 8, convert, &tools);          // eight at a time, until remote_work_stop or the end of ctx
     remote_work_free(&w);

   When the goroutines stop: remote_work_consume starts them and has joined them all when it returns. Nothing else starts any.

   Delivery. A job is acknowledged when its task has returned 0, in one step with its removal (XACK and XDEL in a script), so what has
   been acknowledged is never run again. Until then it belongs to a consumer that gives a sign of life three times per redeliver. When
   it has given none for so long, because it died or the network is gone, another consumer takes the job over: so a job is run at least
   once, and twice if its consumer died between the last effect and the acknowledgement, or was only presumed dead. Make tasks that may
   be repeated.
   Errors: a task that returns another number than 0 gets its job back after redeliver, here or elsewhere, at most max_tries times in all;
   then the job is put into the stream NAME:dead, with the number. One that kills its process each time ends there, too.
   Cancel: a task's context ends with the ctx given to remote_work_consume. remote_work_stop lets tasks finish. What a consumer has taken but
   not acknowledged when it returns is given back at once.
   Connections that break are made again, by consumers with growing pauses until ctx ends; submit returns the error. If the connection
   broke after the job was sent (-ECONNRESET, -EPIPE), nobody knows whether it is in the queue: submit it again if twice is better than
   never.
   Back-pressure: jobs that wait and jobs that run count against capacity; submit waits, asking again with pauses of 1 to 100 ms.

   Who owns what: the strings of opts must live as long as the queue object; job->data lives until the task returns. Any goroutine or thread
   may call everything here but remote_work_init and remote_work_free.

   Sources: XREADGROUP, XAUTOCLAIM (Redis 6.2 or later) and their use in Redis' documentation of streams. hiredis makes and reads the
   messages (its formatter and its reader); conc_read and conc_write carry them and park the goroutine. hiredis' adapters for event
   loops are not used: they make callbacks of what a goroutine simply waits for, and its own writes may raise SIGPIPE. */
#ifndef REMOTE_WORK_H
#define REMOTE_WORK_H

#include "conc.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

struct remote_opts {
    const char *address;  /* "host:port", or the path of a Unix socket (it contains a slash) */
    const char *password; /* NULL: none */
    const char *name;     /* of the queue: the key of the stream; consumers of one queue share the work */
    int64_t redeliver;    /* a job is taken from a consumer that gave no sign of life for so long; 0: 30 s; at least 10 ms */
    int max_tries;        /* 0: 5 */
    size_t capacity;      /* jobs in the queue, waiting and running; 0: 10,000 */
    const char *consumer; /* NULL: host name, process and a number; else no two at the same time may have the same */
};
struct remote_job {
    const char *id; /* unique in the queue */
    const char *data;
    size_t size;    /* data[size] is 0 */
    int tries;      /* 1: the first time */
};
struct remote_stats { /* of this object */
    size_t submitted, begun, acknowledged, failed, redelivered, dead;
};

enum { REMOTE__NAME_MAX = 256 };
struct remote__conn {
    redisReader *reader; /* NULL: not connected */
    int fd;
    conc_mutex mutex;    /* one exchange at a time */
};
struct remote__run { /* a job that is being run */
    struct remote__run *next;
    char id[48];
};
struct remote_work {
    /* all private */
    struct remote_opts remote__opts;
    char remote__name[128];            /* the consumer's */
    char remote__dead[REMOTE__NAME_MAX]; /* the key of the dead letters */
    struct remote__conn remote__shared; /* for everything but waiting for jobs */
    conc_mutex remote__mutex;          /* what follows */
    struct remote__run *remote__runs;
    struct remote_stats remote__stats;
    int64_t remote__claimed;           /* when somebody here last looked for jobs of dead consumers */
    char remote__message[256];         /* the server's last complaint */
    conc_ctx *remote__stop;            /* ends: take no more jobs */
};

/* ---- connections ---- */

static inline void remote__hang_up(struct remote__conn *c) {
    if (c->reader == NULL) return;
    (void)conc_close(c->fd);
    redisReaderFree(c->reader);
    c->reader = NULL;
}
/* The connection is of no use any more: a reply may be under way on it. *err: why, a conc_status or -errno. */
static inline redisReply *remote__lost(struct remote__conn *c, int why, int *err) {
    remote__hang_up(c);
    *err = why;
    return NULL;
}
static inline int remote__why(conc_ctx *ctx) { /* errno as an error; the context's own, if that was it */
    bool done = errno == ECANCELED || errno == ETIMEDOUT;
    return done && conc_ctx_err(ctx) != CONC_OK ? (int)conc_ctx_err(ctx) : -errno;
}
static inline bool remote__send(struct remote__conn *c, conc_ctx *ctx, int *err, int argc, const char **argv, const size_t *len) {
    char *command;
    int n = redisFormatCommandArgv(&command, argc, argv, len);
    if (n < 0) return remote__lost(c, CONC_NO_MEMORY, err), false;
    bool sent = conc_write_ctx(ctx, c->fd, command, (size_t)n) == n;
    if (!sent) (void)remote__lost(c, remote__why(ctx), err);
    redisFreeCommand(command);
    return sent;
}
/* Sends the command and waits for its reply, with the connection's mutex (or on a connection of the goroutine's own). */
static inline redisReply *remote__exchange(struct remote__conn *c, conc_ctx *ctx, int *err, int argc, const char **argv, const size_t *len) {
    char buf[4096];
    void *reply = NULL;
    if (!remote__send(c, ctx, err, argc, argv, len)) return NULL;
    for (;;) {
        if (redisReaderGetReply(c->reader, &reply) != REDIS_OK) return remote__lost(c, -EPROTO, err);
        if (reply != NULL) return (redisReply *)reply;
        ssize_t n = conc_read_ctx(ctx, c->fd, buf, sizeof buf);
        if (n <= 0) return remote__lost(c, n == 0 ? -ECONNRESET : remote__why(ctx), err);
        if (redisReaderFeed(c->reader, buf, (size_t)n) != REDIS_OK) return remote__lost(c, CONC_NO_MEMORY, err);
    }
}

/* The server refused: its words are kept. */
static inline redisReply *remote__refused(struct remote_work *w, redisReply *reply, int *err) {
    conc_mutex_lock(&w->remote__mutex);
    (void)snprintf(w->remote__message, sizeof w->remote__message, "%s", reply->str);
    conc_mutex_unlock(&w->remote__mutex);
    freeReplyObject(reply);
    *err = -EPROTO;
    return NULL;
}
static inline int remote__dial(struct remote_work *w, struct remote__conn *c, conc_ctx *ctx) {
    const struct remote_opts *o = &w->remote__opts;
    int err = 0;
    c->fd = strchr(o->address, '/') != NULL ? conc_dial_unix(ctx, o->address) : conc_dial_tcp(ctx, o->address);
    if (c->fd < 0) return remote__why(ctx);
    c->reader = redisReaderCreate();
    if (c->reader == NULL) return (void)conc_close(c->fd), CONC_NO_MEMORY;
    if (o->password != NULL) {
        const char *argv[] = { "AUTH", o->password };
        redisReply *reply = remote__exchange(c, ctx, &err, 2, argv, NULL);
        if (reply != NULL && reply->type == REDIS_REPLY_ERROR) (void)remote__refused(w, reply, &err), remote__hang_up(c);
        else if (reply != NULL) freeReplyObject(reply);
    }
    return err;
}
/* A command on c, which is connected first if need be. The caller frees the reply; NULL: *err says why not. */
static inline redisReply *remote__command(struct remote_work *w, struct remote__conn *c, conc_ctx *ctx, int *err, int argc,
                                          const char **argv, const size_t *len) {
    *err = c->reader != NULL ? 0 : remote__dial(w, c, ctx);
    redisReply *reply = *err == 0 ? remote__exchange(c, ctx, err, argc, argv, len) : NULL;
    return reply != NULL && reply->type == REDIS_REPLY_ERROR ? remote__refused(w, reply, err) : reply;
}
/* The same on the shared connection. */
static inline redisReply *remote__call(struct remote_work *w, conc_ctx *ctx, int *err, int argc, const char **argv, const size_t *len) {
    *err = (int)conc_mutex_lock_ctx(&w->remote__shared.mutex, ctx);
    if (*err != 0) return NULL;
    redisReply *reply = remote__command(w, &w->remote__shared, ctx, err, argc, argv, len);
    conc_mutex_unlock(&w->remote__shared.mutex);
    return reply;
}
/* A command whose reply is a number, or nothing (-1). */
static inline long long remote__number(struct remote_work *w, conc_ctx *ctx, int *err, int argc, const char **argv, const size_t *len) {
    redisReply *reply = remote__call(w, ctx, err, argc, argv, len);
    long long n = reply != NULL && reply->type == REDIS_REPLY_INTEGER ? reply->integer : -1;
    if (reply != NULL) freeReplyObject(reply);
    return n;
}

/* ---- the queue ---- */

#define REMOTE__GROUP "workers"
enum { REMOTE__NUMBER = 24 }; /* room for a number's text */

static inline const char *remote__text(char *buf, int64_t n) {
    (void)snprintf(buf, REMOTE__NUMBER, "%lld", (long long)n);
    return buf;
}
static inline const char *remote__ms(char *buf, int64_t ns) { return remote__text(buf, ns / CONC_MS); }

static inline bool remote__valid(const struct remote_opts *o) {
    return o->address != NULL && o->name != NULL && o->name[0] != 0 && strlen(o->name) < REMOTE__NAME_MAX - sizeof ":dead" &&
           (o->redeliver == 0 || o->redeliver >= 10 * CONC_MS) && o->max_tries >= 0;
}

/* Connect, and make the queue if it is not there. 0; CONC_INVALID: opts; CONC_NO_MEMORY; CONC_CANCELED, CONC_TIMEOUT: ctx (NULL:
   never) has ended; -errno: no connection; -EPROTO: the server refused, remote_work_message has its words. Not 0: do not use it. */
static inline int remote_work_init(struct remote_work *w, const struct remote_opts *opts, conc_ctx *ctx) {
    struct utsname host;
    int err;
    memset(w, 0, sizeof *w);
    if (!remote__valid(opts)) return CONC_INVALID;
    w->remote__opts = *opts;
    if (opts->redeliver == 0) w->remote__opts.redeliver = 30 * CONC_SEC;
    if (opts->max_tries == 0) w->remote__opts.max_tries = 5;
    if (opts->capacity == 0) w->remote__opts.capacity = 10000;
    (void)snprintf(w->remote__name, sizeof w->remote__name, "%.64s-%ld-%llx", uname(&host) == 0 ? host.nodename : "host", (long)getpid(),
                   (unsigned long long)(uintptr_t)w);
    if (opts->consumer != NULL) (void)snprintf(w->remote__name, sizeof w->remote__name, "%s", opts->consumer);
    (void)snprintf(w->remote__dead, sizeof w->remote__dead, "%s:dead", opts->name);
    w->remote__claimed = conc_now() - w->remote__opts.redeliver; /* the first worker looks at once */
    w->remote__stop = conc_ctx_with_cancel(conc_ctx_background());
    if (w->remote__stop == NULL) return CONC_NO_MEMORY;
    const char *make = "local r = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')"
                       " if r.err and string.sub(r.err, 1, 9) ~= 'BUSYGROUP' then return r end return 1";
    const char *argv[] = { "EVAL", make, "1", opts->name, REMOTE__GROUP };
    if (remote__number(w, ctx, &err, 5, argv, NULL) == 1) return 0;
    remote__hang_up(&w->remote__shared);
    conc_ctx_free(w->remote__stop);
    return err != 0 ? err : -EPROTO;
}

/* No other call may be under way, and none may follow. The queue stays where it is. */
static inline void remote_work_free(struct remote_work *w) {
    remote__hang_up(&w->remote__shared);
    conc_ctx_free(w->remote__stop);
}

/* The server's last words when a call returned -EPROTO, cut to n - 1 bytes, n > 0; "" if there were none. */
static inline void remote_work_message(struct remote_work *w, char *buf, size_t n) {
    conc_mutex_lock(&w->remote__mutex);
    size_t len = strlen(w->remote__message);
    if (len >= n) len = n - 1;
    memcpy(buf, w->remote__message, len);
    buf[len] = 0;
    conc_mutex_unlock(&w->remote__mutex);
}
static inline struct remote_stats remote_work_get_stats(struct remote_work *w) {
    conc_mutex_lock(&w->remote__mutex);
    struct remote_stats s = w->remote__stats;
    conc_mutex_unlock(&w->remote__mutex);
    return s;
}
static inline void remote__count(struct remote_work *w, size_t *counter) {
    conc_mutex_lock(&w->remote__mutex);
    ++*counter;
    conc_mutex_unlock(&w->remote__mutex);
}

/* Put a job of n bytes into the queue: 0 when the server has it. CONC_WOULD_BLOCK: the queue is full. Others as remote_work_init. */
static inline int remote_work_try_submit(struct remote_work *w, conc_ctx *ctx, const void *data, size_t n) {
    const char *add = "if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end"
                      " redis.call('XADD', KEYS[1], '*', 'd', ARGV[2]) return 1";
    char capacity[REMOTE__NUMBER];
    const char *argv[] = { "EVAL", add, "1", w->remote__opts.name, remote__text(capacity, (int64_t)w->remote__opts.capacity),
                           n > 0 ? (const char *)data : "" };
    size_t len[6];
    int err;
    for (int i = 0; i < 5; i++) len[i] = strlen(argv[i]);
    len[5] = n;
    long long added = remote__number(w, ctx, &err, 6, argv, len);
    if (added == 1) remote__count(w, &w->remote__stats.submitted);
    return added == 1 ? 0 : err != 0 ? err : added == 0 ? (int)CONC_WOULD_BLOCK : -EPROTO;
}
/* The same, but wait while the queue is full, until ctx ends. */
static inline int remote_work_submit(struct remote_work *w, conc_ctx *ctx, const void *data, size_t n) {
    for (int64_t pause = CONC_MS;; pause = 2 * pause < 100 * CONC_MS ? 2 * pause : 100 * CONC_MS) {
        int err = remote_work_try_submit(w, ctx, data, n);
        if (err != CONC_WOULD_BLOCK) return err;
        err = (int)conc_sleep_ctx(ctx, pause);
        if (err != 0) return err;
    }
}

/* Jobs in the queue, waiting and running; and those given up. -1: *err says why. */
static inline long long remote_work_len(struct remote_work *w, conc_ctx *ctx, int *err) {
    const char *argv[] = { "XLEN", w->remote__opts.name };
    return remote__number(w, ctx, err, 2, argv, NULL);
}
static inline long long remote_work_dead_len(struct remote_work *w, conc_ctx *ctx, int *err) {
    const char *argv[] = { "XLEN", w->remote__dead };
    return remote__number(w, ctx, err, 2, argv, NULL);
}
/* Put all dead letters back into the queue, as new jobs (capacity or not): how many. */
static inline long long remote_work_revive(struct remote_work *w, conc_ctx *ctx, int *err) {
    const char *move = "local n = 0 for _, e in ipairs(redis.call('XRANGE', KEYS[2], '-', '+')) do for i = 1, #e[2], 2 do"
                       " if e[2][i] == 'd' then redis.call('XADD', KEYS[1], '*', 'd', e[2][i + 1]) n = n + 1 end end"
                       " redis.call('XDEL', KEYS[2], e[1]) end return n";
    const char *argv[] = { "EVAL", move, "2", w->remote__opts.name, w->remote__dead };
    return remote__number(w, ctx, err, 5, argv, NULL);
}

/* ---- running jobs ---- */

struct remote__task {
    struct remote_work *w;
    conc_ctx *ctx, *take; /* the tasks'; and the one that ends when no more jobs are taken: with ctx or remote_work_stop */
    void (*fn)(void);     /* really int (*)(conc_ctx *, const struct remote_job *, T *) */
    void *arg;
};
#ifdef __clang__
__attribute__((no_sanitize("function"))) /* T * and void * are passed alike; the macros below have checked T */
#endif
static inline int remote__call_task(const struct remote__task *t, const struct remote_job *job) {
    return ((int (*)(conc_ctx *, const struct remote_job *, void *))t->fn)(t->ctx, job, t->arg);
}

/* What a task has brought about is told the server even if ctx has ended in the meantime: each attempt has five seconds, and there is
   another while ctx has not ended. */
static inline long long remote__tell(const struct remote__task *t, int argc, const char **argv, const size_t *len) {
    for (int64_t pause = 10 * CONC_MS;; pause = pause < CONC_SEC ? 2 * pause : pause) {
        conc_ctx *patience = conc_ctx_with_timeout(conc_ctx_background(), 5 * CONC_SEC);
        int err = CONC_NO_MEMORY;
        long long n = patience != NULL ? remote__number(t->w, patience, &err, argc, argv, len) : -1;
        conc_ctx_free(patience);
        if (n >= 0 || err == -EPROTO || conc_sleep_ctx(t->ctx, pause) != CONC_OK) return n;
    }
}
/* Acknowledge: gone from the queue, unless somebody else has done so. */
static inline void remote__acknowledge(const struct remote__task *t, const struct remote_job *job) {
    const char *ack = "local n = redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) redis.call('XDEL', KEYS[1], ARGV[2]) return n";
    const char *argv[] = { "EVAL", ack, "1", t->w->remote__opts.name, REMOTE__GROUP, job->id };
    if (remote__tell(t, 6, argv, NULL) == 1) remote__count(t->w, &t->w->remote__stats.acknowledged);
}
/* Too often: to the dead letters with it, in one step. */
static inline void remote__bury(const struct remote__task *t, const struct remote_job *job, int error) {
    const char *bury = "if redis.call('XACK', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 0 end redis.call('XADD', KEYS[2], '*', 'd', ARGV[3],"
                       " 'id', ARGV[2], 'tries', ARGV[4], 'error', ARGV[5]) redis.call('XDEL', KEYS[1], ARGV[2]) return 1";
    char tries[REMOTE__NUMBER], number[REMOTE__NUMBER];
    const char *argv[] = { "EVAL", bury, "2", t->w->remote__opts.name, t->w->remote__dead, REMOTE__GROUP, job->id, job->data,
                           remote__text(tries, job->tries), remote__text(number, error) };
    size_t len[10];
    for (int i = 0; i < 10; i++) len[i] = strlen(argv[i]);
    len[7] = job->size;
    if (remote__tell(t, 10, argv, len) == 1) remote__count(t->w, &t->w->remote__stats.dead);
}

static inline void remote__run_job(const struct remote__task *t, const struct remote_job *job) {
    struct remote_work *w = t->w;
    if (job->tries > w->remote__opts.max_tries) { /* the last ones did not even return */
        remote__bury(t, job, 0);
        return;
    }
    struct remote__run run;
    (void)snprintf(run.id, sizeof run.id, "%s", job->id);
    conc_mutex_lock(&w->remote__mutex);
    run.next = w->remote__runs;
    w->remote__runs = &run; /* remote__keep sends signs of life for it */
    w->remote__stats.begun++;
    if (job->tries > 1) w->remote__stats.redelivered++;
    conc_mutex_unlock(&w->remote__mutex);

    int error = remote__call_task(t, job);
    if (error == 0) remote__acknowledge(t, job);
    conc_mutex_lock(&w->remote__mutex);
    if (error != 0) w->remote__stats.failed++;
    struct remote__run **at = &w->remote__runs;
    while (*at != &run) at = &(*at)->next;
    *at = run.next;
    conc_mutex_unlock(&w->remote__mutex);
    if (error != 0 && job->tries >= w->remote__opts.max_tries) remote__bury(t, job, error);
}

static inline const redisReply *remote__at(const redisReply *r, size_t i) {
    return r != NULL && r->type == REDIS_REPLY_ARRAY && i < r->elements ? r->element[i] : NULL;
}
/* The entry of a stream, [id, [field, value ...]], as a job; false: it is gone, or none of ours. */
static inline bool remote__entry(const redisReply *e, struct remote_job *job) {
    const redisReply *id = remote__at(e, 0), *fields = remote__at(e, 1);
    if (id == NULL || id->type != REDIS_REPLY_STRING || fields == NULL || fields->type != REDIS_REPLY_ARRAY) return false;
    job->id = id->str;
    job->tries = 1;
    for (size_t i = 0; i + 1 < fields->elements; i += 2) {
        if (strcmp(fields->element[i]->str, "d") != 0) continue;
        job->data = fields->element[i + 1]->str;
        job->size = (size_t)fields->element[i + 1]->len;
        return true;
    }
    return false;
}

/* A new job, waited for as long as half of redeliver, on the worker's own connection. -> 0: run, or none came */
static inline int remote__take_new(const struct remote__task *t, struct remote__conn *c) {
    struct remote_work *w = t->w;
    char block[REMOTE__NUMBER];
    struct remote_job job;
    int err;
    const char *argv[] = { "XREADGROUP", "GROUP", REMOTE__GROUP, w->remote__name, "COUNT", "1", "BLOCK",
                           remote__ms(block, w->remote__opts.redeliver / 2), "STREAMS", w->remote__opts.name, ">" };
    redisReply *reply = remote__command(w, c, t->take, &err, 11, argv, NULL);
    if (reply == NULL) return err;
    const redisReply *entry = remote__at(remote__at(remote__at(reply, 0), 1), 0); /* [[stream, [entry]]], or nil */
    if (entry != NULL && remote__entry(entry, &job)) remote__run_job(t, &job);
    freeReplyObject(reply);
    return 0;
}
/* How often has the job been delivered? */
static inline int remote__tries(const struct remote__task *t, struct remote__conn *c, const char *id, int *err) {
    const char *argv[] = { "XPENDING", t->w->remote__opts.name, REMOTE__GROUP, id, id, "1" };
    redisReply *reply = remote__command(t->w, c, t->take, err, 6, argv, NULL);
    const redisReply *n = remote__at(remote__at(reply, 0), 3); /* [[id, consumer, idle, deliveries]] */
    int tries = n != NULL && n->type == REDIS_REPLY_INTEGER ? (int)n->integer : 0;
    if (reply != NULL) freeReplyObject(reply);
    return tries;
}
/* A job whose consumer gives no sign of life. *found: there was one. */
static inline int remote__take_over(const struct remote__task *t, struct remote__conn *c, bool *found) {
    struct remote_work *w = t->w;
    char idle[REMOTE__NUMBER];
    struct remote_job job;
    int err;
    const char *argv[] = { "XAUTOCLAIM", w->remote__opts.name, REMOTE__GROUP, w->remote__name, remote__ms(idle, w->remote__opts.redeliver),
                           "0", "COUNT", "1" };
    redisReply *reply = remote__command(w, c, t->take, &err, 8, argv, NULL);
    if (reply == NULL) return err;
    const redisReply *entry = remote__at(remote__at(reply, 1), 0); /* [next, [entry], [deleted]] */
    if (entry != NULL && remote__entry(entry, &job)) {
        *found = true;
        job.tries = remote__tries(t, c, job.id, &err);
        if (job.tries > 0) remote__run_job(t, &job); /* 0: it has been acknowledged in between */
    }
    freeReplyObject(reply);
    return err;
}
/* Is it time to look for dead consumers' jobs? One worker looks, every half of redeliver, and goes on while it finds some. */
static inline bool remote__due(struct remote_work *w) {
    int64_t now = conc_now();
    conc_mutex_lock(&w->remote__mutex);
    bool due = now - w->remote__claimed >= w->remote__opts.redeliver / 2;
    if (due) w->remote__claimed = now;
    conc_mutex_unlock(&w->remote__mutex);
    return due;
}
static inline void remote__worker(struct remote__task *t) {
    struct remote__conn c = { NULL, -1, CONC_MUTEX_INIT };
    int64_t pause = 0;
    while (conc_ctx_err(t->take) == CONC_OK) {
        bool found = remote__due(t->w);
        int err = 0;
        while (found && err == 0 && conc_ctx_err(t->take) == CONC_OK) found = false, err = remote__take_over(t, &c, &found);
        if (err == 0) err = remote__take_new(t, &c);
        pause = err == 0 ? 0 : pause == 0 ? 50 * CONC_MS : 2 * pause < 5 * CONC_SEC ? 2 * pause : 5 * CONC_SEC;
        if (pause > 0) (void)conc_sleep_ctx(t->take, pause); /* the server is away, or refuses */
    }
    remote__hang_up(&c);
}

/* A sign of life for one job that is being run. JUSTID: it is no delivery. */
static inline void remote__touch(struct remote_work *w, conc_ctx *ctx, const char *id) {
    const char *argv[] = { "XCLAIM", w->remote__opts.name, REMOTE__GROUP, w->remote__name, "0", id, "JUSTID" };
    int err;
    redisReply *reply = remote__call(w, ctx, &err, 7, argv, NULL);
    if (reply != NULL) freeReplyObject(reply);
}
/* The n-th job that is being run; false: there are not so many. */
static inline bool remote__running(struct remote_work *w, size_t n, char *id) {
    conc_mutex_lock(&w->remote__mutex);
    const struct remote__run *run = w->remote__runs;
    while (run != NULL && n-- > 0) run = run->next;
    if (run != NULL) memcpy(id, run->id, sizeof run->id);
    conc_mutex_unlock(&w->remote__mutex);
    return run != NULL;
}
static inline void remote__keep(struct remote_work *w, conc_ctx *ctx) {
    char id[sizeof ((struct remote__run *)0)->id];
    while (conc_sleep_ctx(ctx, w->remote__opts.redeliver / 3) == CONC_OK)
        for (size_t i = 0; remote__running(w, i, id); i++) remote__touch(w, ctx, id);
}
/* At the end: what was taken and not acknowledged may be taken over at once, and the consumer's name goes. */
static inline void remote__give_back(struct remote_work *w) {
    const char *give = "for _, e in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1000, ARGV[2])) do"
                       " redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, e[1], 'IDLE', ARGV[3], 'JUSTID') end"
                       " if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then"
                       " redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2]) end return 1";
    char idle[REMOTE__NUMBER];
    const char *argv[] = { "EVAL", give, "1", w->remote__opts.name, REMOTE__GROUP, w->remote__name,
                           remote__ms(idle, w->remote__opts.redeliver) };
    conc_ctx *patience = conc_ctx_with_timeout(conc_ctx_background(), 2 * CONC_SEC); /* else they are taken over later */
    int err;
    if (patience == NULL) return;
    (void)remote__number(w, patience, &err, 7, argv, NULL);
    conc_ctx_free(patience);
}

static inline void remote__stop_taking(void *take) { /* has a reference of its own: it may come to run when remote__consume has returned */
    conc_ctx_cancel((conc_ctx *)take);
    conc_ctx_unref((conc_ctx *)take);
}
static inline int remote__consume(struct remote_work *w, conc_ctx *ctx, size_t n, void (*fn)(void), void *arg) {
    conc_ctx *all = conc_ctx_with_cancel(ctx != NULL ? ctx : conc_ctx_background());
    conc_ctx *take = all != NULL ? conc_ctx_with_cancel(all) : NULL;
    conc_ctx *alive = take != NULL ? conc_ctx_with_cancel(conc_ctx_background()) : NULL; /* tasks that ctx told to end are alive, too */
    conc_ctx_func *stop = alive != NULL ? conc_ctx_after_func(w->remote__stop, remote__stop_taking, conc_ctx_ref(take)) : NULL;
    if (stop != NULL) {
        struct remote__task t = { w, all, take, fn, arg };
        conc_wg workers = CONC_WG_INIT, keeper = CONC_WG_INIT;
        conc_wg_go(&keeper, remote__keep, w, alive);
        for (size_t i = 0; i < n; i++) conc_wg_go(&workers, remote__worker, &t);
        conc_wg_wait(&workers);
        conc_ctx_cancel(alive), conc_wg_wait(&keeper);
        remote__give_back(w);
    }
    if (alive != NULL && (stop == NULL || conc_ctx_func_stop(stop))) conc_ctx_unref(take); /* remote__stop_taking will not do it */
    int err = stop == NULL ? (int)CONC_NO_MEMORY : (int)conc_ctx_err(ctx);
    conc_ctx_free(alive), conc_ctx_free(take), conc_ctx_free(all);
    return err;
}

/* Let remote_work_consume return: take no more jobs, finish those that run. For good. From any goroutine or thread, also before. */
static inline void remote_work_stop(struct remote_work *w) { conc_ctx_cancel(w->remote__stop); }

/* remote_work_consume(w, ctx, n, task, arg)   run  int task(conc_ctx *ctx, const struct remote_job *job, T *arg)  for the jobs of the queue,
                           n at a time, until remote_work_stop (0) or the end of ctx (NULL: never; CONC_CANCELED, CONC_TIMEOUT). It
                           does not return before its tasks have. CONC_NO_MEMORY: nothing was begun. The server need not be there: it
                           is tried again. */
#ifndef __cplusplus
#define remote_work_consume(w, ctx, n, task, ...) \
    ((void)sizeof(struct { _Static_assert(_Generic((task)((conc_ctx *)0, (const struct remote_job *)0, (__VA_ARGS__)), int: 1, default: 0), \
        "remote_work_consume: a task is int task(conc_ctx *ctx, const struct remote_job *job, T *arg)"); int remote__; }), \
     remote__consume((w), (ctx), (n), (void (*)(void))(task), (void *)(uintptr_t)(__VA_ARGS__)))
#else
template <class T> struct remote__same { typedef T type; };
template <class T> static inline int remote_work_consume(struct remote_work *w, conc_ctx *ctx, size_t n,
    int (*task)(conc_ctx *, const struct remote_job *, T *), typename remote__same<T>::type *arg) {
    return remote__consume(w, ctx, n, reinterpret_cast<void (*)(void)>(task), const_cast<void *>(static_cast<const volatile void *>(arg)));
}
template <class W> static inline int remote_work_consume(W *, conc_ctx *, size_t, ...) {
    static_assert(sizeof(W) == 0, "remote_work_consume: a task is int task(conc_ctx *ctx, const struct remote_job *job, T *arg)");
    return 0;
}
#endif

#endif
