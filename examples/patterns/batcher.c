/* batcher: rows from four goroutines go to a database in transactions of up to 100. One that is not full waits until it is, until its
   first row has waited a minute, or until somebody flushes. The database breaks down in the end. */
#define CONC_IMPLEMENTATION
#include "conc.h"

#include "batcher.h"

#include <stdio.h>

struct row { int user, amount; };
struct db {
    int transactions, rows, disk; /* disk: room for so many rows */
    long balance;
};

static int insert(conc_ctx *ctx, struct db *db, const struct row *rows, size_t n) {
    (void)ctx; /* a real one would give it to its client */
    if (db->rows + (int)n > db->disk) return -ENOSPC;
    for (size_t i = 0; i < n; i++) db->balance += rows[i].amount;
    db->rows += (int)n;
    db->transactions++;
    return 0;
}

static void pay(batcher(struct row) ledger, int user, int rows) {
    for (int i = 0; i < rows; i++) {
        struct row r = { user, 5 };
        if (batcher_add(ledger, NULL, r) != 0) return; /* waits while 300 are queued */
    }
}

int main(void) {
    struct db db = { 0, 0, 1200, 0 };
    batcher(struct row) ledger = batcher_make(struct row, 100, CONC_MIN, 300, insert, &db);
    if (ledger == NULL) return 1;
    conc_wg users = CONC_WG_INIT;
    for (int i = 0; i < 4; i++) conc_wg_go(&users, pay, ledger, i, 260);
    conc_wg_wait(&users);

    int err = batcher_flush(ledger, NULL); /* the last forty, without waiting a minute */
    printf("%d rows in %d transactions, balance %ld: %s\n", db.rows, db.transactions, db.balance, err == 0 ? "ok" : "failed");

    conc_wg_go(&users, pay, ledger, 0, 500);
    conc_wg_wait(&users);
    err = batcher_close(ledger, NULL);
    struct batcher_stats s = batcher_get_stats(ledger);
    printf("the disk is full: %s; %d rows in, %zu of %zu calls were full batches\n", err == -ENOSPC ? "ENOSPC" : "no error", db.rows,
           s.full, s.batches);
    printf("and it stays so: %s\n", batcher_flush(ledger, NULL) == -ENOSPC ? "ENOSPC" : "no error");
    batcher_free(ledger);
}
