/* pqueue: a hospital's waiting room. Patients come as they come; the two doctors always call the most urgent, and of those equally
   urgent the one who has waited longest. The room has ten chairs: who finds none is sent elsewhere. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "pqueue.h"

#include <stdio.h>

struct patient {
    const char *name;
    int urgency; /* 1 is the highest */
};
static bool before(const struct patient *a, const struct patient *b) { return a->urgency < b->urgency; }

static void doctor(pqueue(struct patient) room, chan(struct patient) seen) {
    struct patient p;
    while (pqueue_take(room, NULL, &p) == CONC_OK) chan_send(seen, p);
}
static void close_after(conc_wg *doctors, chan(struct patient) seen) {
    conc_wg_wait(doctors);
    chan_close(seen);
}

int main(void) {
    static const struct patient coming[] = { { "Ada", 3 }, { "Brian", 2 }, { "Carla", 3 }, { "Dennis", 1 }, { "Edith", 2 }, { "Fred", 3 },
        { "Grace", 1 }, { "Hoare", 2 }, { "Ivan", 3 }, { "Jean", 1 }, { "Ken", 2 } };
    pqueue(struct patient) room = pqueue_make(struct patient, 10, before);
    chan(struct patient) seen = chan_make(struct patient);
    if (room == NULL || seen == NULL) return 1;

    for (size_t i = 0; i < sizeof coming / sizeof *coming; i++)
        if (pqueue_try_put(room, coming[i]) != CONC_OK) printf("no chair left for %s\n", coming[i].name);
    printf("%zu are waiting\n", pqueue_len(room));

    struct patient first;
    if (pqueue_take(room, NULL, &first) != CONC_OK) return 1;
    printf("the first is %s (%d)\n", first.name, first.urgency);
    struct patient late = { "Linus", 1 };
    if (pqueue_put(room, NULL, late) != CONC_OK) return 1; /* behind those as urgent, before all others */
    pqueue_close(room);                                    /* nobody comes any more; who is in is still seen */

    int count[4] = { 0, 0, 0, 0 }, highest = 1;
    conc_wg doctors = CONC_WG_INIT;
    for (int i = 0; i < 2; i++) conc_wg_go(&doctors, doctor, room, seen);
    go(close_after, &doctors, seen);
    chan_range(p, seen) {
        if (p.urgency > highest + 1) printf("%s was called too early\n", p.name); /* two doctors: neighbours may change places */
        if (p.urgency > highest) highest = p.urgency;
        count[p.urgency]++;
    }
    printf("seen: %d of urgency 1, %d of 2, %d of 3\n", count[1], count[2], count[3]);
    chan_free(seen);
    pqueue_free(room);
}
