/* The wait group of conc.h (>>sync-impl). Goroutines count down, two wait, perhaps giving up and waiting again; the owner may add one more in
   between, and frees the group when both have seen the end. Over all interleavings: nobody touches the freed group, the counter is at
   zero when a wait ends, and no wake-up is lost. count and low are the halves of state; an atomic block is one atomic operation of the
   code, or plain steps under the spin lock.

   Each line below is an edit (sed) that must make the checker find an error.
mutant: s/:: c == 1 && l > 0 ->/:: false ->/                              who makes it zero does not look after the waiters
mutant: s/:: c == 1 && l > 0 ->/:: c == 1 \&\& l > 0 \&\& count == 1 -> count = 0;/   zero first, the queue then, as in Go
mutant: s/:: count == c && low == l -> count--/:: count > 0 -> count--/   a subtraction instead of a compare-and-swap
mutant: s/:: count == 0 -> over = true  \/\* under/:: false -> over = true  \/\* under/  a waiter does not look again under the spin lock
*/
#define touch assert(!freed)
byte count = 2, low, started = 2, returned;
bool spin_, freed, queued[2], ready[2];

inline spin_lock() { atomic { (!spin_); touch; spin_ = true } }
inline spin_unlock() { atomic { touch; spin_ = false } }

active [3] proctype doner() { /* the third runs when the owner has added it */
    byte c, l, woken;
    if
    :: _pid < 2
    :: else ->
end_unused: (started == 3) /* if nothing is added, the third never starts */
    fi;
again:
    atomic { touch; c = count; l = low }
decide:
    if
    :: c == 1 && l > 0 ->
        spin_lock();
        atomic { touch;
            if
            :: count == 1 && low > 0 ->
                count = 0; low = 0; woken = 4;
                if :: queued[0] -> queued[0] = false; woken = woken + 1 :: else fi;
                if :: queued[1] -> queued[1] = false; woken = woken + 2 :: else fi
            :: else
            fi
        }
        spin_unlock();
        if :: woken -> goto wake :: else -> goto again fi
    :: else ->
        atomic { touch;
            if
            :: count == c && low == l -> count--; goto wake
            :: else -> c = count; l = low
            fi
        }
        goto decide
    fi;
wake:
    if :: woken & 1 -> ready[0] = true :: else fi;
    if :: woken & 2 -> ready[1] = true :: else fi
}

active [2] proctype waiter() {
    byte me = _pid - 3;
    bool over, expired, timed;
again:
    if :: timed = true :: timed = false fi;
    atomic { touch; if :: count == 0 -> over = true :: else fi }
    if :: over -> goto done :: else fi;
    spin_lock();
    atomic { touch;
        if
        :: count == 0 -> over = true  /* under the lock */
        :: else -> low++; queued[me] = true
        fi
    }
    spin_unlock();
    if :: over -> goto done :: else fi;
    if
    :: ready[me] -> goto done
    :: timed -> /* its time is up */
        spin_lock();
        atomic { touch;
            if
            :: queued[me] -> queued[me] = false; low--; expired = true
            :: else -> expired = false
            fi
        }
        spin_unlock();
        if :: !expired -> (ready[me]); goto done :: else fi
    fi;
    atomic {
        if
        :: me == 0 && started == 2 && count > 0 -> touch; count++; started = 3
        :: true
        fi
    }
    goto again;
done:
    assert(count == 0 || (started == 3 && me == 1));
    atomic { returned++; if :: returned == 2 -> freed = true :: else fi }
}
