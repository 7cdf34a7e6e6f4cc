/* feeds [-t seconds] [file...]: a reader of RSS and Atom feeds, in the shape of the talk "Advanced Go Concurrency Patterns": each feed is a
   subscription, all of them are merged, and what is new is printed once.

   Files are read again every so many seconds (-t, 60) until SIGINT or SIGTERM. A file that cannot be read or is no feed is tried again
   later, and later each time. Without files it reads three small feeds of its own that change while they are read, one of which is broken
   at first, and prints all items in the order of their dates in the end. Exit status 0; 1: out of memory; 2: wrong usage. */
#define CONC_IMPLEMENTATION
#include "conc.h"
#include "patterns/subscription.h"
#include <err.h>
#include <expat.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT = 200, MANY = 100 };
struct item { char feed[TEXT], title[TEXT], date[40], key[TEXT]; };

struct source {
    const char *path;           /* a file */
    const char *const *versions; /* or these, one at each fetch, and then it is over; NULL at the end */
    size_t fetched;
    int64_t period;
};

/* ---- parsing: expat calls these; the text of an element is collected until its end ---- */

struct parser {
    subscription_list(struct item) list;
    struct item item;
    char title[TEXT], text[TEXT];
    size_t n;     /* of text */
    int inside;   /* an item, or an entry */
    bool is_feed, no_memory;
};

static void start_element(void *arg, const char *name, const char **attributes) {
    struct parser *p = arg;
    (void)attributes;
    p->n = 0, p->text[0] = '\0';
    if (!strcmp(name, "rss") || !strcmp(name, "feed")) p->is_feed = true;
    if (strcmp(name, "item") && strcmp(name, "entry")) return;
    p->inside++;
    memset(&p->item, 0, sizeof p->item);
    memcpy(p->item.feed, p->title, sizeof p->title);
}
static void add_text(void *arg, const char *s, int n) {
    struct parser *p = arg;
    for (int i = 0; i < n && p->n < TEXT - 1; i++) p->text[p->n++] = (unsigned char)s[i] < ' ' ? ' ' : s[i];
    p->text[p->n] = '\0';
}
static void end_item(struct parser *p) {
    p->inside--;
    const char *key = p->item.key[0] ? p->item.key : p->item.title;
    if (subscription_add(p->list, key, p->item) != CONC_OK) p->no_memory = true;
}
static void end_element(void *arg, const char *name) {
    struct parser *p = arg;
    if (!strcmp(name, "item") || !strcmp(name, "entry")) end_item(p);
    else if (!p->inside && !strcmp(name, "title")) memcpy(p->title, p->text, sizeof p->title);
    else if (!p->inside) return;
    else if (!strcmp(name, "title")) memcpy(p->item.title, p->text, sizeof p->item.title);
    else if (!strcmp(name, "guid") || !strcmp(name, "id")) memcpy(p->item.key, p->text, sizeof p->item.key);
    else if (!strcmp(name, "dc:date") || !strcmp(name, "updated") || !strcmp(name, "pubDate"))
        (void)snprintf(p->item.date, sizeof p->item.date, "%.39s", p->text);
    p->n = 0, p->text[0] = '\0';
}
static void set_up(XML_Parser xml, struct parser *p) {
    XML_SetUserData(xml, p);
    XML_SetElementHandler(xml, start_element, end_element);
    XML_SetCharacterDataHandler(xml, add_text);
}

/* ---- fetching ---- */

/* 0; or -errno: what was good before the mistake has been added. */
static int parse_file(conc_ctx *ctx, XML_Parser xml, const char *path) {
    char buf[4096];
    int fd = conc_open(path, O_RDONLY, 0), err = fd < 0 ? -errno : 0;
    for (ssize_t n = 1; err == 0 && n > 0;) {
        n = conc_read_ctx(ctx, fd, buf, sizeof buf);
        if (n < 0) err = -errno;
        else if (XML_Parse(xml, buf, (int)n, n == 0) == XML_STATUS_ERROR) err = -EINVAL;
    }
    if (fd >= 0) (void)conc_close(fd);
    return err;
}
static int fetch(conc_ctx *ctx, struct source *s, subscription_list(struct item) list, int64_t *next) {
    struct parser p = { .list = list };
    XML_Parser xml = XML_ParserCreate(NULL);
    if (!xml) return -ENOMEM;
    set_up(xml, &p);
    int result;
    if (s->path) {
        result = parse_file(ctx, xml, s->path);
        *next = s->period;
    } else {
        const char *text = s->versions[s->fetched];
        bool more = s->versions[s->fetched + 1] != NULL;
        result = XML_Parse(xml, text, (int)strlen(text), 1) == XML_STATUS_ERROR ? -EINVAL : 0;
        *next = more ? s->period : CONC_FOREVER;
        s->fetched += more;
    }
    XML_ParserFree(xml);
    return result != 0 ? result : p.no_memory ? -ENOMEM : p.is_feed ? 0 : -EINVAL;
}

/* ---- the feeds of its own ---- */

#define RSS(title, items) "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>" title "</title>" items "</channel></rss>"
#define ITEM(id, date, title) "<item><title>" title "</title><guid>" id "</guid><dc:date>" date "</dc:date></item>"
#define ATOM(title, entries) "<feed xmlns=\"http://www.w3.org/2005/Atom\"><title>" title "</title>" entries "</feed>"
#define ENTRY(id, date, title) "<entry><id>" id "</id><updated>" date "</updated><title>" title "</title></entry>"
#define MOON1 ITEM("m1", "1969-07-16", "Lift-off at 13:32 UTC")
#define MOON2 ITEM("m2", "1969-07-20", "The Eagle has landed")
#define MOON3 ITEM("m3", "1969-07-24", "Splashdown")
#define TOUR1 ENTRY("urn:t1", "1969-07-17", "Stage 20: Merckx still in yellow")
#define TOUR2 ENTRY("urn:t2", "1969-07-20", "Merckx wins the Tour")
static const char *const moon[] = { RSS("Moon &amp; back", MOON1), RSS("Moon &amp; back", MOON2 MOON1), RSS("Moon &amp; back", MOON3 MOON2 MOON1), NULL };
static const char *const tour[] = { ATOM("Tour", TOUR1), ATOM("Tour", TOUR1), ATOM("Tour", TOUR2 TOUR1), NULL };
static const char *const broken[] = { "<html>503 busy</html>", RSS("Weather", ITEM("w1", "1969-07-21", "Fog at Cape Kenn")) "<",
                                      RSS("Weather", ITEM("w1", "1969-07-21", "Fog") ITEM("w2", "1969-07-23", "Sun")), NULL };

static int by_date(const void *a, const void *b) {
    const struct item *x = a, *y = b;
    int order = strcmp(x->date, y->date);
    return order != 0 ? order : strcmp(x->key, y->key);
}
static void print(const struct item *it) { printf("%s  %s: %s\n", it->date, it->feed, it->title); }

static subscription(struct item) all;
static void print_all(bool sorted) {
    static struct item items[MANY];
    size_t n = 0;
    chan_range(it, subscription_updates(all)) {
        if (sorted && n < MANY) items[n++] = it;
        else print(&it), fflush(stdout);
    }
    qsort(items, n, sizeof items[0], by_date);
    for (size_t i = 0; i < n; i++) print(&items[i]);
}

int main(int argc, char **argv) {
    char *end = "";
    double seconds = 60;
    int c;
    while ((c = getopt(argc, argv, "t:")) == 't') seconds = strtod(optarg, &end);
    if (c != -1 || *end || !(seconds > 0 && seconds < 1e9)) errx(2, "usage: feeds [-t seconds] [file...]");
    struct source own[] = { { NULL, moon, 0, CONC_MS }, { NULL, tour, 0, 2 * CONC_MS }, { NULL, broken, 0, CONC_MS } };
    size_t n = argc > optind ? (size_t)(argc - optind) : sizeof own / sizeof own[0];
    struct source *sources = calloc(n, sizeof *sources);
    subscription(struct item) *each = calloc(n, sizeof *each);
    conc_ctx *stop = conc_ctx_notify(conc_ctx_background(), SIGINT, SIGTERM);
    if (!sources || !each || !stop) err(1, "start");
    for (size_t i = 0; i < n; i++) {
        struct source file = { argc > optind ? argv[(size_t)optind + i] : NULL, NULL, 0, (int64_t)(seconds * 1e9) };
        sources[i] = file.path ? file : own[i];
        each[i] = subscription_make(struct item, 10, file.path ? 100 * CONC_MS : CONC_MS, fetch, &sources[i]);
    }
    if (!(all = subscription_merge(struct item, each, n))) err(1, "subscribe");

    conc_wg printing = CONC_WG_INIT;
    conc_wg_go(&printing, print_all, argc == optind);
    if (argc > optind) (void)chan_recv(conc_ctx_done(stop)), (void)subscription_close(all);
    conc_wg_wait(&printing);
    struct subscription_stats s = subscription_get_stats(all);
    printf("%zu fetches, %zu of them failed; %zu items, seen again %zu times\n", s.fetches, s.failures, s.items, s.repeated);
    subscription_free(all);
    conc_ctx_free(stop), free(each), free(sources);
}
