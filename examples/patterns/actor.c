/* actor: an account that only its own goroutine touches, and what becomes of it and of its neighbour when something goes wrong. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "actor.h"

#include <stdio.h>

struct account { const char *owner; int cents, opened; };
enum what { DEPOSIT, WITHDRAW, AUDIT };
struct order { enum what what; int cents; };

static int open_account(conc_ctx *ctx, struct account *a) {
    (void)ctx;
    a->cents = 0, a->opened++; /* each life begins with an empty account */
    return 0;
}
static int handle(conc_ctx *ctx, struct account *a, const struct order *o, int *balance) {
    (void)ctx;
    if (o->what == AUDIT) return -5; /* finds something: a failure, and another life */
    if (o->what == DEPOSIT) a->cents += o->cents;
    if (o->what == WITHDRAW && o->cents <= a->cents) a->cents -= o->cents; /* too much is an answer, not a failure */
    *balance = a->cents;
    return 0;
}

static void ask(actor(struct order, int) a, const char *whose, enum what what, int cents) {
    static const char *const name[] = { "deposit", "withdraw", "audit" };
    const struct order o = { what, cents };
    int balance, err = actor_ask(a, NULL, &balance, o);
    if (err == 0) printf("%s, %s %d: balance %d\n", whose, name[what], cents, balance);
    else printf("%s, %s: %s\n", whose, name[what], err > 0 ? conc_strerror((conc_status)err) : "an error was found");
}

static void bank(enum actor_strategy strategy) {
    struct account anns = { "Ann", 0, 0 }, bobs = { "Bob", 0, 0 };
    struct actor_group group;
    if (actor_group_init(&group, strategy, 2, CONC_HOUR) != CONC_OK) return; /* two failures an hour, no more */
    actor(struct order, int) ann = actor_make(struct order, int, &group, 8, open_account, handle, &anns);
    actor(struct order, int) bob = actor_make(struct order, int, &group, 8, open_account, handle, &bobs);
    if (ann == NULL || bob == NULL) return;
    ask(ann, "Ann", DEPOSIT, 100), ask(bob, "Bob", DEPOSIT, 70), ask(bob, "Bob", WITHDRAW, 80);
    ask(ann, "Ann", AUDIT, 0); /* she begins anew, and with ACTOR_ALL_FOR_ONE so does Bob */
    ask(ann, "Ann", DEPOSIT, 1), ask(bob, "Bob", DEPOSIT, 1);
    ask(bob, "Bob", AUDIT, 0), ask(ann, "Ann", DEPOSIT, 1);
    ask(bob, "Bob", AUDIT, 0); /* one too many: the group gives up */
    (void)actor_wait(ann, NULL), (void)actor_wait(bob, NULL);
    ask(ann, "Ann", DEPOSIT, 1);
    printf("%s opened %d times, %s %d times; the group: %d\n", anns.owner, anns.opened, bobs.owner, bobs.opened, actor_group_error(&group));
    actor_free(ann), actor_free(bob), actor_group_free(&group);
}

int main(void) {
    printf("one for one\n"), bank(ACTOR_ONE_FOR_ONE);
    printf("all for one\n"), bank(ACTOR_ALL_FOR_ONE);
}
