/* subscription: two diaries that are looked into now and then. Both repeat what they had, one cannot be opened at first; each entry comes
   once, and of each diary in order. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "subscription.h"

#include <stdio.h>
#include <string.h>

struct entry { const char *diary; int day; };
struct diary { const char *of; int days, fails; };

static int look(conc_ctx *ctx, struct diary *d, subscription_list(struct entry) list, int64_t *next) {
    (void)ctx;
    if (d->fails-- > 0) return -2;
    d->days += 2; /* two more days have been written */
    for (int day = d->days > 4 ? d->days - 3 : 1; day <= d->days; day++) { /* the last four are open */
        char key[16];
        const struct entry e = { d->of, day };
        snprintf(key, sizeof key, "%d", day);
        if (subscription_add(list, key, e) != CONC_OK) return -12;
    }
    *next = d->days < 8 ? CONC_MS : CONC_FOREVER; /* that was the last */
    return 0;
}

int main(void) {
    struct diary anns = { "Ann", 0, 0 }, bobs = { "Bob", 0, 3 };
    subscription(struct entry) each[] = { subscription_make(struct entry, 2, CONC_MS, look, &anns),
                                          subscription_make(struct entry, 2, CONC_MS, look, &bobs) };
    subscription(struct entry) all = subscription_merge(struct entry, each, 2);
    if (all == NULL) return 1;
    char of_ann[100] = "", of_bob[100] = "";
    chan_range(e, subscription_updates(all)) {
        char *to = strcmp(e.diary, "Ann") == 0 ? of_ann : of_bob; /* whose entry comes first is not known */
        snprintf(to + strlen(to), 16, " %d", e.day);
    }
    printf("Ann:%s\nBob:%s\n", of_ann, of_bob);
    struct subscription_stats n = subscription_get_stats(all);
    printf("looked %zu times, %zu times in vain; %zu entries, seen again %zu\n", n.fetches, n.failures, n.items, n.repeated);
    subscription_free(all);

    struct diary endless = { "Eve", -1000000, 0 }; /* and one that is closed in the middle of everything */
    subscription(struct entry) eves = subscription_make(struct entry, 100, CONC_HOUR, look, &endless);
    if (eves == NULL) return 1;
    printf("closed with %d\n", subscription_close(eves));
    subscription_free(eves);
}
