/* The mutex of conc.h (>>sync-impl). N users lock, perhaps giving up and trying again, count themselves off and unlock; the last one frees
   it. Over all interleavings: mutual exclusion, nobody touches the freed mutex, and no wake-up is lost (a user that waits for ever is an
   invalid end state). L, S, C are state's bits; woken, the queue and the spin lock are the code's. An atomic block is one atomic
   operation of the code, or plain steps under the spin lock; a CAS loop that computes the new state from the old one is one step.

   Each line below is an edit (sed) that must make the checker find an error.
mutant: s/qn == 0 && L ->/qn == 0 ->/                                    the last waiter to give up ends an unlock's call
mutant: s/:: was_woken -> woken = false/:: was_woken -> skip/            woken is never dropped
mutant: s/:: OPEN -> L = true; marked(qn > 0)/:: OPEN -> L = true/       who takes it leaves no call for those in the queue
mutant: s/:: OPEN -> L = true; marked/:: !L -> L = true; marked/         a barger takes it before the unlock has opened it
mutant: s/:: else -> L = true; again_ = true/:: else -> freed_later = true/  an unlock that finds nobody opens it and goes on touching it
*/
#ifndef N
#define N 4
#endif
#define touch assert(!freed)
bool L, S, C, woken, spin_, freed;
byte users = N, inside;
byte q[N], qn;                 /* the waiters, guarded by the spin lock */
bool queued[N], handed[N], ready[N];

inline spin_lock() { atomic { (!spin_); touch; spin_ = true } }
inline spin_unlock() { atomic { touch; spin_ = false } }
inline put(first_) { /* at the head, or at the tail */
    i = qn;
    if
    :: first_ -> do :: i > 0 -> q[i] = q[i - 1]; i-- :: else -> break od
    :: else
    fi;
    q[i] = me; qn++; i = 0
}
inline take(x) { /* out of wherever it is */
    i = 0;
    do :: i < qn && q[i] != x -> i++ :: else -> break od;
    assert(i < qn);
    do :: i + 1 < qn -> q[i] = q[i + 1]; i++ :: else -> break od;
    qn--; q[qn] = 0; i = 0
}
#define OPEN (!L && !S && !C)
/* marked: the right C and S for a queue with waiters w */
inline marked(w) {
    if
    :: !(w) -> C = false; S = false
    :: (w) && woken && !S -> C = false
    :: else -> C = true
    fi
}
/* The queue and woken change only under the spin lock, the state also by CAS on 0, by the unlocks' subtraction and by ~S: a CAS loop that
   computes a new state from the old one is one step here. */
active [N] proctype user() {
    byte me = _pid, w, i;
    bool first, was_woken, since, timed;
    bool neg, found, again_, freed_later;
again:
    since = false; was_woken = false;
    if :: timed = true :: timed = false fi;
    atomic { touch;
        if
        :: OPEN -> L = true; goto got
        :: else
        fi
    }
slow:
    spin_lock();
    atomic { touch;
        if :: was_woken -> woken = false :: else fi;
        if
        :: OPEN -> L = true; marked(qn > 0); found = true
        :: else ->
            found = false;
            if :: since -> S = true :: true fi;
            marked(true)
        fi
    }
    if
    :: found -> spin_unlock(); goto got
    :: else
    fi;
    atomic { touch;
        queued[me] = true; ready[me] = false; handed[me] = false;
        put(since);
        since = true; w = 0; found = false
    }
    spin_unlock();
    if
    :: atomic { ready[me] -> ready[me] = false }
    :: timed -> /* the time limit: under the spin lock, if it is still queued */
        spin_lock();
        atomic { touch;
            if
            :: queued[me] ->
                take(me); queued[me] = false; found = true;
                if :: qn == 0 && L -> marked(false) :: else fi
            :: else -> found = false
            fi
        }
        spin_unlock();
        if
        :: found -> found = false; goto again
        :: else -> atomic { ready[me] -> ready[me] = false }
        fi
    fi;
    if
    :: handed[me] ->
        atomic { touch; if :: S = false :: true fi };
        goto got
    :: else -> was_woken = true; goto slow
    fi;
got:
    atomic { touch; inside++; assert(inside == 1); assert(L) }
    atomic { users--; found = (users == 0); inside-- }
    first = found; found = false;
unlock:
    atomic { touch; assert(L); L = false; neg = C; }
    if
    :: !neg -> goto done
    :: else
    fi;
    spin_lock();
    atomic { touch; assert(C && !L);
        if
        :: qn > 0 -> w = q[0]; take(w); queued[w] = false; handed[w] = S; if :: S -> L = true :: else -> woken = true fi; found = true
        :: else -> L = true; again_ = true
        fi;
        marked(qn > 0)
    }
    spin_unlock();
    if
    :: found -> found = false; ready[w] = true; w = 0
    :: again_ -> again_ = false; goto unlock
    :: else
    fi;
done:
    if :: first -> freed = true :: else fi;
    first = false
}
