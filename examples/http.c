/* http: a small HTTP/1.1 server: files below a directory, GET /stats and POST /echo in JSON.

       accept_all ---- go ----> connection x N: next_request -> answer -> next_request ...
           ^                         ^
           '---- stop (a context)    '---- hang_up: shutdown(2) of those that wait for a request
                     serve: waits for SIGINT or SIGTERM

   One goroutine per connection, written as if it were alone: it reads, feeds the parser (libhttp-parser), answers, and has a
   time limit for each thing that it waits for. A client that is slow costs a parked goroutine and nothing else.

   A connection waits with a deadline, never with a context as well: that makes every wait as cheap as it can be. Instead
   serve knows all connections (a list), and shutdown(2) of the socket makes the waiting read end with "end of file".

   What leaves the root directory is not served: openat2 resolves paths, and refuses ".." and symbolic links that lead out.
   Exit status: 0; 1 if the server could not start or had to leave requests unfinished; 2 for wrong usage. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <ctype.h>
#include <fcntl.h>
#include <http_parser.h>
#include <jansson.h>
#include <linux/openat2.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_LIMIT = 8 * 1024, BODY_LIMIT = 1024 * 1024, FILE_BLOCK = 256 * 1024, DATE_SIZE = 32, JSON_STACK = 1024 * 1024 };

typedef struct server {
    int listener, root; /* descriptors */
    bool verbose;
    int64_t head_time, body_time, idle_time, grace; /* nanoseconds */
    int64_t started;
    int failed;
    conc_ctx *stop; /* cancelled: no new connections, no request after the present one */
    conc_wg accepting, serving;
    conc_atomic(int64_t) requests, connections;
    conc_mutex lock; /* for the list of connections */
    struct conn *conns;
} server;

typedef struct text { /* the beginning of a header's name or value: all that matter are short */
    char s[64];
    size_t n;
} text;

typedef struct conn {
    server *srv;
    struct conn *prev, *next;
    int fd;
    conc_atomic(bool) idle; /* waits for the first byte of a request */
    int64_t deadline;       /* of what it waits for now */
    http_parser parser;
    size_t at, end; /* what is in buf and not yet parsed: more than one request may come at once */
    char buf[HEAD_LIMIT];

    /* the request */
    int64_t began;
    bool head_only, keep, in_value, in_body, complete;
    int status; /* why the parser was stopped, else 0 */
    int hosts;
    text name, expect, encoding, since, ignored, *value; /* value: the one that the header goes to */
    char url[HEAD_LIMIT + 1];
    size_t url_size;
    char *body;
    size_t body_size, body_room;

    int answered; /* for the log: the status, or 0 */
    size_t answer_size;
} conn;

/* ---- answers ---- */

static void http_date(time_t t, char out[DATE_SIZE]) {
    struct tm tm;
    strftime(out, DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&t, &tm));
}

/* Send the status line, the headers and, unless it is NULL, the body; `name: value` is one more header (NULL: none). Without a body
   its `size` bytes are the caller's to send. The connection is not kept after a failure. */
static bool respond(conn *c, int status, const char *type, const void *body, size_t size, const char *name, const char *value) {
    char head[HEAD_LIMIT + 512], date[DATE_SIZE]; /* the value may be a URL */
    conc_atomic_fetch_add(&c->srv->requests, 1);
    if (conc_ctx_err(c->srv->stop) != CONC_OK) c->keep = false;
    http_date(time(NULL), date);
    int n = snprintf(head, sizeof head, "HTTP/1.1 %d %s\r\nDate: %s\r\nConnection: %s\r\n", status,
        http_status_str((enum http_status)status), date, c->keep ? "keep-alive" : "close");
    if (status != 304) n += snprintf(head + n, sizeof head - (size_t)n, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, size);
    if (name) n += snprintf(head + n, sizeof head - (size_t)n, "%s: %s\r\n", name, value);
    n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");

    bool with_body = size && !c->head_only && status != 304;
    struct iovec parts[2] = { { head, (size_t)n }, { (void *)(uintptr_t)body, size } };
    struct msghdr msg = { .msg_iov = parts, .msg_iovlen = with_body && body ? 2 : 1 };
    ssize_t want = n + (ssize_t)(with_body && body ? size : 0);
    int more = with_body && !body ? MSG_MORE : 0; /* lets the head share a packet with what follows */
    if (conc_sendmsg_until(c->fd, &msg, more, conc_now() + c->srv->body_time) != want) c->keep = false, with_body = false;
    c->answered = status, c->answer_size = with_body ? size : 0;
    return with_body;
}

static void respond_text(conn *c, int status, const char *name, const char *value) {
    char body[64];
    int n = snprintf(body, sizeof body, "%d %s\n", status, http_status_str((enum http_status)status));
    respond(c, status, "text/plain; charset=utf-8", body, (size_t)n, name, value);
}

static void respond_json(conn *c, int status, char *json) { /* frees json */
    if (json) respond(c, status, "application/json", json, strlen(json), NULL, NULL);
    else respond_text(c, 500, NULL, NULL);
    free(json);
}

/* ---- GET /stats, POST /echo ---- */

static void get_stats(conn *c) {
    server *s = c->srv;
    conc_stats now;
    conc_get_stats(&now);
    json_t *v = json_pack("{s:I, s:I, s:I, s:I, s:f}", "requests", (json_int_t)conc_atomic_load(&s->requests), "connections",
        (json_int_t)conc_atomic_load(&s->connections), "goroutines", (json_int_t)now.goroutines, "threads", (json_int_t)now.threads,
        "uptime", (double)(conc_now() - s->started) / 1e9);
    respond_json(c, 200, v ? json_dumps(v, JSON_REAL_PRECISION(9)) : NULL);
    json_decref(v);
}

typedef struct echo { const char *in; size_t size; int status; char *out; conc_wg done; } echo;

static void parse_json(echo *e) {
    json_error_t err;
    json_t *v = json_loadb(e->in, e->size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &err);
    json_t *why = v ? NULL : json_pack("{s:s, s:i, s:i}", "error", err.text, "line", err.line, "column", err.column);
    e->status = v ? 200 : 400;
    e->out = v || why ? json_dumps(v ? v : why, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    json_decref(v), json_decref(why);
    conc_wg_done(&e->done);
}

/* The library recurses 2048 levels deep, for which it takes 600 KiB: more than a goroutine's stack, so it gets one that has them. */
static void post_echo(conn *c) {
    echo e = { .in = c->body ? c->body : "", .size = c->body_size };
    conc_wg_add(&e.done, 1);
    if (go_with(((conc_go_opts){ .stack = JSON_STACK }), parse_json, &e) != CONC_OK) {
        respond_text(c, 503, NULL, NULL);
        return;
    }
    conc_wg_wait(&e.done);
    respond_json(c, e.status, e.out);
}

/* ---- files ---- */

static const char *type_of(const char *path) {
    static const char *const types[][2] = { { ".html", "text/html; charset=utf-8" }, { ".css", "text/css; charset=utf-8" },
        { ".js", "text/javascript; charset=utf-8" }, { ".txt", "text/plain; charset=utf-8" }, { ".md", "text/markdown; charset=utf-8" },
        { ".json", "application/json" }, { ".xml", "application/xml" }, { ".pdf", "application/pdf" }, { ".wasm", "application/wasm" },
        { ".svg", "image/svg+xml" }, { ".png", "image/png" }, { ".jpg", "image/jpeg" }, { ".jpeg", "image/jpeg" },
        { ".gif", "image/gif" }, { ".webp", "image/webp" }, { ".ico", "image/vnd.microsoft.icon" }, { ".woff2", "font/woff2" } };
    const char *name = strrchr(path, '/'), *dot = strrchr(name ? name : path, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (!strcasecmp(dot, types[i][0])) return types[i][1];
    return "application/octet-stream";
}

/* Open what is below the directory root, and only that: the kernel checks each step, so nobody can swap a link in between.
   O_NONBLOCK: opening a named pipe does not wait for its other end. */
static int open_below(int root, const char *path) {
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* Send the file, as fast as the other side takes it. */
static bool send_file(conn *c, int file, off_t size) {
    for (off_t at = 0; at < size;) {
        size_t block = size - at < FILE_BLOCK ? (size_t)(size - at) : FILE_BLOCK;
        ssize_t n = sendfile(c->fd, file, &at, block); /* a slow disk blocks the thread: the scheduler goes on with another */
        if (n == 0) return false;                      /* the file is shorter than it was */
        if (n > 0) conc_yield();                       /* a fast client and a large file are no reason to keep others waiting */
        else if (errno == EAGAIN) {
            if (conc_wait_fd_until(c->fd, CONC_WRITE, conc_now() + c->srv->body_time) < 0) return false;
        } else if (errno != EINTR) return false;
    }
    return true;
}

/* path has room for "index.html". */
static void get_file(conn *c, char *path) {
    path += strspn(path, "/");
    if (*path == '\0' || path[strlen(path) - 1] == '/') strcat(path, "index.html");
    struct stat st;
    int fd = open_below(c->srv->root, path), err = errno;
    if (fd < 0 || fstat(fd, &st) != 0)
        respond_text(c, err == EXDEV || err == EACCES ? 403 : err == EMFILE || err == ENFILE || err == ENOMEM ? 503 : 404, NULL, NULL);
    else if (S_ISDIR(st.st_mode)) { /* without its '/': relative links in its index.html would go wrong */
        char to[HEAD_LIMIT + 4];
        size_t end = strcspn(c->url, "?#"), last = end;
        while (last > 0 && c->url[last - 1] != '/') last--;
        snprintf(to, sizeof to, "./%.*s/", (int)(end - last), c->url + last);
        respond_text(c, 301, "Location", to);
    } else if (!S_ISREG(st.st_mode)) respond_text(c, 403, NULL, NULL);
    else {
        char modified[DATE_SIZE];
        struct tm tm = { 0 };
        http_date(st.st_mtime, modified);
        const char *end = c->since.n ? strptime(c->since.s, "%a, %d %b %Y %H:%M:%S GMT", &tm) : NULL;
        int status = end && *end == '\0' && st.st_mtime <= timegm(&tm) ? 304 : 200;
        if (respond(c, status, type_of(path), NULL, (size_t)st.st_size, "Last-Modified", modified) && !send_file(c, fd, st.st_size))
            c->keep = false; /* the client counts on more bytes: only the end of the connection tells it */
    }
    if (fd >= 0) close(fd);
}

/* ---- a request ---- */

/* The path of the URL with %XX decoded, in out, which is large enough for a URL. False: it is not one, or has a zero byte. */
static bool decode_path(conn *c, char *out) {
    struct http_parser_url u;
    http_parser_url_init(&u);
    if (http_parser_parse_url(c->url, c->url_size, 0, &u) != 0 || !(u.field_set & 1 << UF_PATH)) return false;
    const char *p = c->url + u.field_data[UF_PATH].off, *end = p + u.field_data[UF_PATH].len;
    if (*p != '/') return false; /* "*" */
    for (; p < end; p++, out++) {
        *out = *p;
        if (*p != '%') continue;
        if (end - p < 3 || !isxdigit((unsigned char)p[1]) || !isxdigit((unsigned char)p[2])) return false;
        *out = (char)strtol((char[]){ p[1], p[2], '\0' }, NULL, 16);
        if (*out == '\0') return false;
        p += 2;
    }
    *out = '\0';
    return true;
}

static void answer(conn *c) {
    char path[HEAD_LIMIT + sizeof "index.html"];
    unsigned method = c->parser.method;
    bool get = method == HTTP_GET || method == HTTP_HEAD, post = method == HTTP_POST;
    if (!get && !post) respond_text(c, 501, NULL, NULL);
    else if (!decode_path(c, path)) respond_text(c, 400, NULL, NULL);
    else if (!strcmp(path, "/echo")) post ? post_echo(c) : respond_text(c, 405, "Allow", "POST");
    else if (!get) respond_text(c, 405, "Allow", "GET, HEAD");
    else if (!strcmp(path, "/stats")) get_stats(c);
    else get_file(c, path);
}

/* ---- the parser calls these; all pieces may come in pieces. They stop it by returning -1, with status set ---- */

static int stop_parser(conn *c, int status) { return c->status = status, -1; }

static int on_begin(http_parser *p) {
    conn *c = p->data;
    conc_atomic_store(&c->idle, false);
    c->began = conc_now();
    c->deadline = c->began + c->srv->head_time;
    c->head_only = c->in_value = c->in_body = false;
    c->hosts = c->status = c->answered = 0;
    c->name.n = c->expect.n = c->encoding.n = c->since.n = c->url_size = c->body_size = 0;
    return 0;
}

static int on_url(http_parser *p, const char *at, size_t n) {
    conn *c = p->data;
    if (n > HEAD_LIMIT - c->url_size) return stop_parser(c, 431);
    memcpy(c->url + c->url_size, at, n);
    c->url[c->url_size += n] = '\0';
    return 0;
}

static void append(text *t, const char *at, size_t n) {
    if (n > sizeof t->s - 1 - t->n) n = sizeof t->s - 1 - t->n;
    memcpy(t->s + t->n, at, n);
    t->s[t->n += n] = '\0';
}

static int on_name(http_parser *p, const char *at, size_t n) {
    conn *c = p->data;
    if (c->in_value) c->in_value = false, c->name.n = 0;
    append(&c->name, at, n);
    return 0;
}

static int on_value(http_parser *p, const char *at, size_t n) {
    conn *c = p->data;
    if (c->in_body) return 0; /* trailers of a chunked body */
    if (!c->in_value) {
        const char *name = c->name.s;
        c->in_value = true;
        c->hosts += !strcasecmp(name, "Host");
        c->value = !strcasecmp(name, "Expect") ? &c->expect
            : !strcasecmp(name, "Transfer-Encoding") ? &c->encoding
            : !strcasecmp(name, "If-Modified-Since") ? &c->since : &c->ignored;
        if (c->value == &c->ignored) c->ignored.n = 0;
    }
    append(c->value, at, n);
    return 0;
}

static int on_head(http_parser *p) {
    conn *c = p->data;
    c->head_only = p->method == HTTP_HEAD;
    if (p->http_major != 1) return stop_parser(c, 505);
    if (c->hosts != 1 && !(c->hosts == 0 && p->http_minor == 0)) return stop_parser(c, 400);
    if (c->encoding.n && strcasecmp(c->encoding.s, "chunked")) return stop_parser(c, 501);
    if (!(p->flags & F_CHUNKED) && p->content_length != ULLONG_MAX && p->content_length > BODY_LIMIT) return stop_parser(c, 413);
    c->in_body = true;
    c->deadline = conc_now() + c->srv->body_time;
    if (c->expect.n == 0 || p->http_minor == 0) return 0;
    if (strcasecmp(c->expect.s, "100-continue")) return stop_parser(c, 417);
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n"; /* waits in a callback, as a goroutine may anywhere */
    return conc_write_until(c->fd, go_on, sizeof go_on - 1, c->deadline) == sizeof go_on - 1 ? 0 : stop_parser(c, 408);
}

static int on_body(http_parser *p, const char *at, size_t n) {
    conn *c = p->data;
    if (n > BODY_LIMIT - c->body_size) return stop_parser(c, 413);
    if (n > c->body_room - c->body_size) {
        size_t room = 2 * (c->body_size + n);
        char *body = realloc(c->body, room);
        if (!body) return stop_parser(c, 503);
        c->body = body, c->body_room = room;
    }
    memcpy(c->body + c->body_size, at, n);
    c->body_size += n;
    return 0;
}

static int on_complete(http_parser *p) {
    conn *c = p->data;
    c->complete = true;
    c->keep = http_should_keep_alive(p);
    http_parser_pause(p, 1); /* what follows is the next request's */
    return 0;
}

static const http_parser_settings callbacks = { .on_message_begin = on_begin, .on_url = on_url, .on_header_field = on_name,
    .on_header_value = on_value, .on_headers_complete = on_head, .on_body = on_body, .on_message_complete = on_complete };

/* ---- a connection ---- */

static int parse_status(conn *c) { /* what to answer to a request that the parser could not take */
    if (c->status) return c->status;
    switch (HTTP_PARSER_ERRNO(&c->parser)) {
    case HPE_HEADER_OVERFLOW: return 431;
    case HPE_INVALID_METHOD: return 501;
    case HPE_INVALID_VERSION: return 505;
    default: return 400;
    }
}

/* Read until a request is complete. False: there is none, because the client is gone, too slow (408) or not understood. */
static bool next_request(conn *c) {
    c->complete = c->keep = false;
    http_parser_pause(&c->parser, 0);
    conc_atomic_store(&c->idle, true); /* before looking at stop: serve does it the other way round, so one sees the other */
    for (;;) {
        if (c->at < c->end) c->at += http_parser_execute(&c->parser, &callbacks, c->buf + c->at, c->end - c->at);
        if (c->complete) return true;
        bool idle = conc_atomic_load(&c->idle);
        if (HTTP_PARSER_ERRNO(&c->parser) != HPE_OK) {
            if (idle) on_begin(&c->parser); /* it was wrong from the first byte */
            respond_text(c, parse_status(c), NULL, NULL);
            return false;
        }
        if (idle && conc_ctx_err(c->srv->stop) != CONC_OK) return false;
        ssize_t n = conc_read_until(c->fd, c->buf, sizeof c->buf, c->deadline);
        if (n < 0 && errno == ETIMEDOUT && !idle) respond_text(c, 408, NULL, NULL);
        if (n <= 0) return false;
        c->at = 0, c->end = (size_t)n;
    }
}

/* Say that nothing more will be sent and wait a moment for the client to say the same: closed with unread data from the client, the
   socket would be reset, and the client might lose the answer. */
static void linger(conn *c) {
    int64_t deadline = conc_now() + CONC_SEC;
    if (shutdown(c->fd, SHUT_WR) != 0) return;
    while (conc_read_until(c->fd, c->buf, sizeof c->buf, deadline) > 0) {}
}

static void log_request(conn *c, const char *peer) {
    const char *method = c->url_size ? http_method_str((enum http_method)c->parser.method) : "-";
    printf("%s \"%s %s\" %d %zu %.3f ms\n", peer, method, c->url_size ? c->url : "-", c->answered, c->answer_size,
        (double)(conc_now() - c->began) / 1e6);
}

static void enter(server *s, conn *c) {
    conc_mutex_lock(&s->lock);
    if ((c->next = s->conns) != NULL) c->next->prev = c;
    s->conns = c;
    conc_mutex_unlock(&s->lock);
    conc_atomic_fetch_add(&s->connections, 1);
}

static void leave(server *s, conn *c) {
    conc_mutex_lock(&s->lock);
    if (c->next) c->next->prev = c->prev;
    *(c->prev ? &c->prev->next : &s->conns) = c->next;
    conc_mutex_unlock(&s->lock);
    conc_atomic_fetch_sub(&s->connections, 1);
}

static void connection(server *s, int fd) {
    conn c = { .srv = s, .fd = fd, .deadline = conc_now() + s->head_time };
    struct sockaddr_storage addr;
    socklen_t len = sizeof addr;
    char peer[INET6_ADDRSTRLEN + 16] = "-"; /* a link-local address has its interface's name too */
    if (s->verbose && getpeername(fd, (struct sockaddr *)&addr, &len) == 0)
        (void)getnameinfo((struct sockaddr *)&addr, len, peer, sizeof peer, NULL, 0, NI_NUMERICHOST);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    http_parser_init(&c.parser, HTTP_REQUEST);
    c.parser.data = &c;
    enter(s, &c);
    do {
        if (next_request(&c)) answer(&c);
        if (s->verbose && c.answered) log_request(&c, peer);
        free(c.body); /* an idle connection keeps nothing */
        c.body = NULL, c.body_room = 0, c.answered = 0;
        c.deadline = conc_now() + s->idle_time;
    } while (c.keep);
    linger(&c);
    leave(s, &c); /* before the descriptor's number may be another's */
    conc_close(fd);
}

/* ---- the server ---- */

static void accept_all(server *s) {
    int64_t pause = 0;
    for (;;) {
        int fd = conc_accept_ctx(s->stop, s->listener, NULL, NULL);
        if (fd >= 0) {
            pause = 0;
            conc_wg_go(&s->serving, connection, s, fd);
        } else if (conc_ctx_err(s->stop) != CONC_OK) return;
        else { /* no descriptors or no memory, as a rule: connections will end and free some */
            if (pause == 0) fprintf(stderr, "http: accept: %s; trying again\n", strerror(errno));
            pause = pause == 0 ? 5 * CONC_MS : pause < CONC_SEC / 2 ? 2 * pause : CONC_SEC;
            (void)conc_sleep_ctx(s->stop, pause);
        }
    }
}

static void hang_up(server *s, bool idle_only, int how) {
    conc_mutex_lock(&s->lock);
    for (conn *c = s->conns; c; c = c->next)
        if (!idle_only || conc_atomic_load(&c->idle)) shutdown(c->fd, how);
    conc_mutex_unlock(&s->lock);
}

static void serve(server *s) {
    chan(int) signals = chan_make(int, 1);
    conc_signal_ignore(SIGPIPE); /* sendfile(2) to a client that is gone */
    conc_signal_notify(signals, SIGINT, SIGTERM);
    conc_wg_go(&s->accepting, accept_all, s);
    fprintf(stderr, "http: listening on port %d\n", conc_local_port(s->listener));

    int sig = chan_recv(signals);
    conc_signal_stop(signals); /* a second signal ends the program at once */
    chan_free(signals);
    fprintf(stderr, "http: %s: finishing what is under way\n", strsignal(sig));
    conc_ctx_cancel(s->stop);
    conc_wg_wait(&s->accepting);
    conc_close(s->listener);
    hang_up(s, true, SHUT_RD);
    if (conc_wg_wait_for(&s->serving, s->grace) == CONC_OK) return;
    fputs("http: some requests were not finished in time\n", stderr);
    s->failed = 1;
    hang_up(s, false, SHUT_RDWR);
    conc_wg_wait(&s->serving);
}

int main(int argc, char **argv) {
    static server s;
    const char *root = ".", *address = "localhost:8080";
    bool wrong = false;
    double head = 10, body = 30, idle = 60, grace = 10;
    for (int o; (o = getopt(argc, argv, "d:t:v")) != -1;) {
        if (o == 'd') root = optarg;
        else if (o == 'v') s.verbose = true;
        else if (o != 't' || sscanf(optarg, "%lf,%lf,%lf,%lf", &head, &body, &idle, &grace) < 1) wrong = true;
    }
    if (optind < argc) address = argv[optind++];
    if (wrong || optind < argc) {
        fputs("Usage: http [-v] [-d ROOT] [-t HEAD,BODY,IDLE,GRACE] [HOST:PORT]\n"
              "Serve the files below ROOT (.) on HOST:PORT (localhost:8080); GET /stats and POST /echo speak JSON.\n\n"
              "  -v   print a line per request\n"
              "  -t   seconds for the head of a request (10), for its body and for each part of an answer (30),\n"
              "       between two requests (60), and for requests to finish after SIGINT or SIGTERM (10)\n", stderr);
        return 2;
    }
    s.head_time = (int64_t)(head * 1e9), s.body_time = (int64_t)(body * 1e9);
    s.idle_time = (int64_t)(idle * 1e9), s.grace = (int64_t)(grace * 1e9);
    setvbuf(stdout, NULL, _IOLBF, 0);
    json_object_seed(0); /* not safe later, when there are threads */
    http_parser_set_max_header_size(HEAD_LIMIT);

    s.started = conc_now();
    s.root = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (s.root < 0) return fprintf(stderr, "http: %s: %s\n", root, strerror(errno)), 1;
    int test = open_below(s.root, ".");
    if (test < 0) return fprintf(stderr, "http: %s: %s\n", root, errno == ENOSYS ? "needs Linux 5.6 or later" : strerror(errno)), 1;
    close(test);
    s.listener = conc_listen_tcp(address);
    if (s.listener < 0) return fprintf(stderr, "http: %s: %s\n", address, strerror(errno)), 1;
    s.stop = conc_ctx_with_cancel(conc_ctx_background());
    if (!s.stop) return fputs("http: out of memory\n", stderr), 1;

    conc_run(serve, &s);

    conc_ctx_free(s.stop);
    close(s.root);
    int64_t left = conc_shutdown();
    if (left) fprintf(stderr, "http: %lld goroutines were left behind\n", (long long)left), s.failed = 1;
    return s.failed;
}
