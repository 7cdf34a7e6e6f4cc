/* semaphore: fan out a goroutine for each of twenty images, but let those at work hold no more than 100 MB together. An image of 90 MB
   is not starved by the small ones: whoever waits is served in order. The limit is a weighted conc_sem; nothing else is needed. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include <stdio.h>

enum { IMAGES = 20, MEGABYTES = 100 };

struct studio {
    conc_sem memory;
    conc_atomic(int) in_use, most, at_once, crowd;
};

static void raise_to(conc_atomic(int) *most, int now) {
    int was = conc_atomic_load(most);
    while (now > was && !conc_atomic_compare_exchange(most, &was, now)) {}
}

static int convert(struct studio *s, int megabytes, conc_ctx *ctx) {
    conc_status err = conc_sem_acquire_ctx(&s->memory, megabytes, ctx);
    if (err != CONC_OK) return (int)err; /* nothing was taken */
    raise_to(&s->most, conc_atomic_fetch_add(&s->in_use, megabytes) + megabytes);
    raise_to(&s->crowd, conc_atomic_fetch_add(&s->at_once, 1) + 1);
    conc_sleep(CONC_MS / 5); /* the work */
    conc_atomic_fetch_sub(&s->at_once, 1);
    conc_atomic_fetch_sub(&s->in_use, megabytes);
    conc_sem_release(&s->memory, megabytes);
    return 0;
}

int main(void) {
    static struct studio studio;
    conc_sem_init(&studio.memory, MEGABYTES);
    conc_ctx *ctx = conc_ctx_with_timeout(conc_ctx_background(), CONC_MIN);
    if (ctx == NULL) return 1;
    conc_wg wg = CONC_WG_INIT;
    for (int i = 0; i < IMAGES; i++) conc_wg_go(&wg, convert, &studio, i == 5 ? 90 : 10 + i % 3 * 10, ctx);
    conc_wg_wait(&wg);
    printf("%d images, never above %d MB: %s\n", IMAGES, MEGABYTES, conc_atomic_load(&studio.most) <= MEGABYTES ? "yes" : "no");
    printf("the big one was served: %s\n", conc_atomic_load(&studio.most) >= 90 ? "yes" : "no");
    printf("never more than ten at once: %s\n", conc_atomic_load(&studio.crowd) <= MEGABYTES / 10 ? "yes" : "no");

    conc_ctx_cancel(ctx);
    printf("an image after the end: %s\n", conc_strerror((conc_status)convert(&studio, 10, ctx)));
    printf("all memory is free again: %s\n", conc_sem_try_acquire(&studio.memory, MEGABYTES) ? "yes" : "no");
    conc_ctx_free(ctx);
}
