/* crawl: a concurrent link checker. Follows the links of a site from a page on, and reports those that lead nowhere.

   A goroutine per page; main is the only one that knows what has been seen, so nothing of that needs a lock: visitors send it what they
   found, and it starts new ones. Politeness is per host: at most -c connections at a time, -d milliseconds between two requests, and what
   robots.txt disallows to everybody is left alone. Each page has a time limit and a size limit. Ctrl-C ends it with what it has found.

   usage: crawl [-vx] [-c connections] [-d delay_ms] [-t timeout_ms] [-n pages] http://host[:port]/path
   Only pages of the first one's host are followed; links to other hosts are looked at with -x, and not followed. Exit status 1: there
   are broken links.
   HTML is read by libxml2, HTTP by http-parser. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <err.h>
#include <errno.h>
#include <http_parser.h>
#include <libxml/HTMLparser.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STB_DS_IMPLEMENTATION
#include <stb/stb_ds.h>

enum { PAGE_MAX = 4 << 20, REDIRECTS = 5, URL_MAX = 2000, STACK = 256 << 10 };
struct host {
    char *name; /* "host:port" */
    conc_sem connections;
    conc_mutex turn; /* next */
    int64_t next;    /* when the next request may begin */
    conc_once robots_read;
    char **disallowed; /* beginnings of paths; after robots_read for reading */
};
struct page { /* a visit, and what came of it */
    char *url, *from;
    struct host *host;
    int hops;       /* redirects so far */
    int status;     /* HTTP's; 0: problem says what went wrong */
    const char *problem;
    char **links;   /* absolute */
};
static int64_t delay = 0, timeout = 10 * CONC_SEC;
static int64_t per_host = 4, most = 100000;
static bool verbose, others;
static const char CANCELLED[] = "cancelled"; /* its being fetched: it is not its fault */

static void *must(void *p) { return p ? p : (err(2, "memory"), (void *)NULL); }
static char *copy(const char *s, size_t n) {
    char *c = must(malloc(n + 1));
    memcpy(c, s, n), c[n] = 0;
    return c;
}

/* ---- addresses ---- */

/* Where a part of a parsed URL is, and how long. */
static const char *part(const char *url, const struct http_parser_url *u, int which, size_t *n) {
    *n = u->field_set & (1 << which) ? u->field_data[which].len : 0;
    return url + (*n ? u->field_data[which].off : 0);
}
static bool parse(const char *url, struct http_parser_url *u) {
    http_parser_url_init(u);
    return strncasecmp(url, "http://", 7) == 0 && http_parser_parse_url(url, strlen(url), 0, u) == 0;
}
/* "." and ".." of a path (RFC 3986, 5.2.4), in place. */
static void tidy(char *path) {
    char *out = path;
    for (char *p = path; *p;) {
        size_t n = 1 + strcspn(p + 1, "/"); /* a segment with its slash */
        bool last = !p[n];
        if (n == 2 && p[1] == '.') {
            if (last) *out++ = '/';
        } else if (n == 3 && p[1] == '.' && p[2] == '.') {
            while (out > path && *--out != '/') continue;
            if (last) *out++ = '/';
        } else memmove(out, p, n), out += n;
        p += n;
    }
    *out = 0;
}
/* link, as it stands in the page base, as an absolute URL without fragment; NULL: nothing to fetch. */
static char *resolve(const char *base, const char *link) {
    struct http_parser_url b, u;
    char out[URL_MAX + 8], query[URL_MAX + 1];
    size_t n = strcspn(link, "#"), host, path, colon = strcspn(link, ":/?#");
    if (!parse(base, &b) || n > URL_MAX / 2 || strlen(base) > URL_MAX / 2 || strcspn(link, " \t\r\n") < n) return NULL;
    const char *h = part(base, &b, UF_HOST, &host), *p = part(base, &b, UF_PATH, &path);
    size_t authority = (size_t)(h - base) + strcspn(h, "/?#"); /* "http://host:port" */
    if (link[colon] == ':') (void)snprintf(out, sizeof out, "%.*s", (int)n, link);
    else if (strncmp(link, "//", 2) == 0) (void)snprintf(out, sizeof out, "http:%.*s", (int)n, link);
    else if (link[0] == '/') (void)snprintf(out, sizeof out, "%.*s%.*s", (int)authority, base, (int)n, link);
    else if (n == 0) return NULL; /* a place in the page itself */
    else {
        while (link[0] != '?' && path > 0 && p[path - 1] != '/') path--;
        const char *slash = path == 0 && link[0] != '?' ? "/" : "";
        (void)snprintf(out, sizeof out, "%.*s%.*s%s%.*s", (int)authority, base, (int)path, p, slash, (int)n, link);
    }
    if (!parse(out, &u)) return NULL;
    char *where = out + 7 + strcspn(out + 7, "/?");
    (void)snprintf(query, sizeof query, "%s", where + strcspn(where, "?"));
    where[strcspn(where, "?")] = 0;
    if (where[0] == '/') tidy(where);
    else where[0] = '/', where[1] = 0;
    (void)strncat(out, query, sizeof out - strlen(out) - 1);
    return copy(out, strlen(out));
}

/* ---- fetching ---- */

struct answer { char *body, *location; bool html, moved, done, in_location, in_type; int status; };
static int on_name(http_parser *p, const char *s, size_t n) {
    struct answer *a = p->data;
    a->in_location = n == 8 && strncasecmp(s, "location", 8) == 0;
    a->in_type = n == 12 && strncasecmp(s, "content-type", 12) == 0;
    return 0;
}
static int on_value(http_parser *p, const char *s, size_t n) {
    struct answer *a = p->data;
    if (a->in_location) memcpy(arraddnptr(a->location, n), s, n);
    if (a->in_type) a->html = n >= 9 && strncasecmp(s, "text/html", 9) == 0;
    return arrlen(a->location) > URL_MAX;
}
static int on_body(http_parser *p, const char *s, size_t n) {
    struct answer *a = p->data;
    if (arrlen(a->body) + (ptrdiff_t)n > PAGE_MAX) return 1;
    memcpy(arraddnptr(a->body, n), s, n);
    return 0;
}
static int on_complete(http_parser *p) {
    struct answer *a = p->data;
    a->done = true, a->status = (int)p->status_code;
    return 0;
}
static const http_parser_settings callbacks = { .on_header_field = on_name, .on_header_value = on_value, .on_body = on_body,
                                                .on_message_complete = on_complete };
/* One request and its answer; NULL, or what went wrong. */
static const char *exchange(conc_ctx *ctx, int fd, const char *request, size_t n, struct answer *a) {
    char buf[16384];
    http_parser parser;
    http_parser_init(&parser, HTTP_RESPONSE);
    parser.data = a;
    if (conc_write_ctx(ctx, fd, request, n) != (ssize_t)n) return conc_ctx_err(ctx) ? "time is up" : "connection lost";
    while (!a->done) {
        ssize_t got = conc_read_ctx(ctx, fd, buf, sizeof buf);
        if (got < 0) return conc_ctx_err(ctx) ? "time is up" : "connection lost";
        size_t used = http_parser_execute(&parser, &callbacks, buf, (size_t)got); /* 0 bytes: the end, which may complete it */
        if (!a->done && (used != (size_t)got || got == 0)) return arrlen(a->body) > PAGE_MAX / 2 ? "page too large" : "bad answer";
    }
    return NULL;
}
/* The host's turn: not more than so many at a time, not faster than so. */
static conc_status wait_turn(conc_ctx *ctx, struct host *h) {
    conc_status st = conc_mutex_lock_ctx(&h->turn, ctx);
    if (st != CONC_OK) return st;
    int64_t now = conc_now(), at = h->next > now ? h->next : now;
    h->next = at + delay;
    conc_mutex_unlock(&h->turn);
    return conc_sleep_ctx(ctx, at - now);
}
static const char *get(conc_ctx *parent, struct host *h, const char *url, struct answer *a) {
    char request[URL_MAX + 200];
    const char *path = url + 7 + strcspn(url + 7, "/");
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: crawl\r\nConnection: close\r\n\r\n", path,
                     (int)(path - url - 7), url + 7);
    if (conc_sem_acquire_ctx(&h->connections, 1, parent) != CONC_OK) return CANCELLED;
    const char *problem = wait_turn(parent, h) == CONC_OK ? NULL : CANCELLED;
    conc_ctx *ctx = conc_ctx_with_timeout(parent, timeout); /* from here on: waiting for one's turn is nobody's fault */
    int fd = problem || !ctx ? -1 : conc_dial_tcp(ctx, h->name);
    if (fd >= 0) problem = exchange(ctx, fd, request, (size_t)n, a), (void)conc_close(fd);
    else if (!problem) problem = conc_ctx_err(ctx) ? "time is up" : "no connection";
    conc_ctx_free(ctx), conc_sem_release(&h->connections, 1);
    return problem;
}

/* ---- a visit ---- */

static void on_element(void *user, const xmlChar *name, const xmlChar **attributes) {
    struct page *page = user;
    (void)name;
    for (; attributes && *attributes; attributes += 2) {
        const char *key = (const char *)attributes[0], *value = (const char *)attributes[1];
        if (!value || (strcmp(key, "href") != 0 && strcmp(key, "src") != 0)) continue;
        char *url = resolve(page->url, value);
        if (url) arrput(page->links, url);
    }
}
static void find_links(struct page *page, const char *html, int n) {
    htmlSAXHandler handler = { .startElement = on_element };
    htmlParserCtxtPtr parser = htmlCreatePushParserCtxt(&handler, page, NULL, 0, NULL, XML_CHAR_ENCODING_NONE);
    if (!parser) return;
    (void)htmlCtxtUseOptions(parser, HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET);
    (void)htmlParseChunk(parser, html, n, 1);
    htmlFreeParserCtxt(parser);
}

struct robots { conc_ctx *ctx; struct host *host; };
/* The lines "Disallow: /path" below "User-agent: *". No such file: everything is allowed. */
static void read_robots(void *arg) {
    const struct robots *r = arg;
    struct answer a = { 0 };
    char url[URL_MAX];
    bool ours = false;
    (void)snprintf(url, sizeof url, "http://%s/robots.txt", r->host->name);
    if (!get(r->ctx, r->host, url, &a) && a.status == 200) {
        arrput(a.body, 0);
        for (char *rest = a.body, *line; (line = strsep(&rest, "\r\n")) != NULL;) {
            if (strncasecmp(line, "user-agent:", 11) == 0) ours = line[11 + strspn(line + 11, " ")] == '*';
            char *path = line + 9 + (strncasecmp(line, "disallow:", 9) == 0 ? strspn(line + 9, " ") : 0);
            if (ours && strncasecmp(line, "disallow:", 9) == 0 && *path) arrput(r->host->disallowed, copy(path, strcspn(path, " #")));
        }
    }
    arrfree(a.body), arrfree(a.location);
}
static bool allowed(conc_ctx *ctx, struct page *page) {
    struct robots r = { ctx, page->host };
    const char *path = page->url + 7 + strcspn(page->url + 7, "/");
    conc_once_do(&page->host->robots_read, read_robots, &r); /* the first visitor reads it, the others wait */
    for (int i = 0; i < arrlen(page->host->disallowed); i++)
        if (strncmp(path, page->host->disallowed[i], strlen(page->host->disallowed[i])) == 0) return false;
    return true;
}
static void visit(conc_ctx *ctx, struct page *page, bool follow, send_chan(struct page *) visited) {
    struct answer a = { 0 };
    if (allowed(ctx, page)) {
        page->problem = get(ctx, page->host, page->url, &a);
        if (!page->problem) page->status = a.status;
        if (page->status >= 300 && page->status < 400 && arrlen(a.location)) {
            arrput(a.location, 0);
            char *url = resolve(page->url, a.location);
            if (url) arrput(page->links, url);
            else page->problem = "redirected to nowhere";
        } else if (page->status == 200 && a.html && follow) find_links(page, a.body, (int)arrlen(a.body));
    } else page->status = 999;
    arrfree(a.body), arrfree(a.location);
    chan_send(visited, page); /* main receives until nobody is out there */
}

/* ---- main: what is known ---- */

static struct { char *key; struct page *value; } *seen;
static struct { char *key; struct host *value; } *hosts;
static conc_ctx *stop;
static chan(struct page *) visited;
static int out_there, links;

static struct host *host_of(const char *url) {
    size_t n = strcspn(url + 7, "/");
    char *name = copy(url + 7, n);
    if (!strchr(name, ':')) name = must(realloc(name, n + 4)), strcpy(name + n, ":80");
    struct host *h = shget(hosts, name);
    if (h) return free(name), h;
    h = must(calloc(1, sizeof *h));
    h->name = name;
    conc_sem_init(&h->connections, per_host);
    shput(hosts, name, h);
    return h;
}
static void go_to(char *url, char *from, int hops, const struct host *home) {
    struct page *page = shget(seen, url);
    links++;
    if (page && strcmp(from, page->from) < 0) page->from = from; /* the report does not depend on who was first */
    if (page || shlen(seen) >= most || conc_ctx_err(stop)) return;
    struct host *h = host_of(url);
    if (h != home && home && !others) return;
    page = must(calloc(1, sizeof *page));
    page->url = url, page->from = from, page->hops = hops, page->host = h;
    if (hops > REDIRECTS) page->problem = "too many redirects";
    shput(seen, url, page);
    if (page->problem) return;
    if (go_with(((conc_go_opts){ .stack = STACK }), visit, stop, page, h == home || !home, visited) != CONC_OK) err(2, "memory");
    out_there++;
}
static bool broken(const struct page *p) { return p->problem ? p->problem != CANCELLED : p->status >= 400 && p->status != 999; }
static int by_url(const void *a, const void *b) { return strcmp((*(struct page *const *)a)->url, (*(struct page *const *)b)->url); }
static int report(void) {
    struct page **all = NULL;
    int bad = 0;
    for (int i = 0; i < shlen(seen); i++) arrput(all, seen[i].value);
    if (arrlen(all)) qsort(all, arrlenu(all), sizeof *all, by_url);
    for (int i = 0; i < arrlen(all); i++) {
        const struct page *p = all[i];
        bad += broken(p);
        if (broken(p) && p->problem) printf("broken: %s (%s), linked from %s\n", p->url, p->problem, p->from);
        else if (broken(p)) printf("broken: %s (%d), linked from %s\n", p->url, p->status, p->from);
        else if (verbose) printf("%s: %s\n", p->problem ? p->problem : p->status == 999 ? "robots.txt" : "fine", p->url);
    }
    printf("%d links, %d pages, %d broken\n", links, (int)arrlen(all), bad);
    return bad > 0;
}

static int64_t number(const char *text, int64_t least) {
    char *end;
    long long n = strtoll(text, &end, 10);
    if (*end || n < least || n > 1000000000) errx(2, "%s: not a number of at least %lld", text, (long long)least);
    return n;
}
int main(int argc, char **argv) {
    for (int c; (c = getopt(argc, argv, "c:d:t:n:vx")) != -1;) switch (c) {
        case 'c': per_host = number(optarg, 1); break;
        case 'd': delay = number(optarg, 0) * CONC_MS; break;
        case 't': timeout = number(optarg, 1) * CONC_MS; break;
        case 'n': most = number(optarg, 1); break;
        case 'v': verbose = true; break;
        case 'x': others = true; break;
        default: errx(2, "usage: crawl [-vx] [-c connections] [-d delay_ms] [-t timeout_ms] [-n pages] http://host[:port]/path");
        }
    char *first = optind == argc - 1 ? resolve(argv[optind], argv[optind]) : NULL;
    if (!first) errx(2, "one address, http://host[:port]/path, is needed");
    visited = chan_make(struct page *), stop = conc_ctx_notify(conc_ctx_background(), SIGINT, SIGTERM);
    if (!visited || !stop) err(2, "start");
    xmlInitParser();

    const struct host *home = host_of(first);
    for (go_to(first, first, 0, NULL); out_there > 0; out_there--) {
        struct page *p = chan_recv(visited);
        bool moved = p->status >= 300 && p->status < 400;
        for (int i = 0; i < arrlen(p->links); i++)
            if (moved || p->host == home) go_to(p->links[i], p->url, moved ? p->hops + 1 : 0, home);
    }
    int status = report();
    return conc_ctx_err(stop) ? conc_ctx_cause(stop) : status;
}
