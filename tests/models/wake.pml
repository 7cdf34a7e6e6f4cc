/* Who wakes whom (conc.h, >>sched): no work waits for ever behind goroutines that keep their processors. Two injectors (OS threads) bring
   a job each; a job may push another one, and then keeps its processor for ever, as does that. One P or two, threads enough, the monitor.
   Nothing but the rules for waking brings the jobs to a thread: when all is still, all must have begun.
   A region under sched.lock is an atomic block; the memory is sequentially consistent, as the light and heavy fences make it where it counts
   (push and inject against conc__monitor_sleep).

   Each line below is an edit (sed) that must make the checker find an error.
mutant: s/:: w -> wake_worker(); if :: woke -> goto out/:: w -> wake_worker(); if :: true -> goto out/   an injector whose idle P was taken tells nobody
mutant: s/:: attn -> attn = false; kick = true \/\* push/:: false -> skip \/\* push/    a push does not look whether the monitor sleeps
mutant: s/:: attn -> attn = false; kick = true \/\* inject/:: false -> skip \/\* inject/  nor does an injection
mutant: s/:: busy_work -> attn = false; goto tick/:: false -> goto tick/               the monitor does not look again after saying that it sleeps
mutant: s/:: q > 0 -> goto find  \/\* go_idle/:: false -> goto find  \/\* go_idle/     a thread goes idle without a last look at the common queue
*/
#define NP 2
#define NM 6
#define NONE 9
byte q;                 /* common queue: jobs that push another one */
byte loc[NP];           /* the Ps' own queues: jobs that push nothing */
bool p_idle[NP] = true;
bool m_idle[NM] = true, wake[NM], hog[NM];
byte held[NM] = NONE;   /* a thread's P */
byte nspin, begun, jobs = 2;
bool attn, kick;        /* ATTN_MONITOR; mon_wake */
#define IDLE_P (p_idle[0] || p_idle[1])

/* conc__p_run: x is P x's new thread, if there is an idle one */
inline give(p, x) {
    x = 0;
    do :: x < NM && !m_idle[x] -> x++ :: else -> break od;
    assert(x < NM);
    m_idle[x] = false; held[x] = p
}
inline wake_worker() {
    atomic {
        woke = false;
        if
        :: p_idle[0] -> p_idle[0] = false; woke = true; give(0, to)
        :: !p_idle[0] && p_idle[1] -> p_idle[1] = false; woke = true; give(1, to)
        :: else
        fi
    }
    if :: woke -> wake[to] = true :: else fi;
    to = 0
}
active [NM] proctype thread() {
    byte me = _pid, to, v;
    bool woke, got, pusher;
end_asleep:
    atomic { wake[me] -> wake[me] = false }
find:
    atomic {
        if
        :: loc[held[me]] > 0 -> loc[held[me]]--; got = true; pusher = false
        :: else
        fi
    }
    if :: got -> goto begin :: else fi;
    nspin++;
    do
    :: atomic { q > 0 -> q--; got = true; pusher = true }; break
    :: atomic { hog[0] && held[0] != NONE && loc[held[0]] > 0 -> loc[held[0]]--; got = true; pusher = false }; break
    :: atomic { hog[1] && held[1] != NONE && loc[held[1]] > 0 -> loc[held[1]]--; got = true; pusher = false }; break
    :: break
    od;
    nspin--;
    if
    :: got ->
        if :: q > 0 && IDLE_P -> wake_worker() :: else fi;
        goto begin
    :: else
    fi;
    atomic {
        if
        :: q > 0 -> goto find  /* go_idle: not with work in the common queue */
        :: else -> p_idle[held[me]] = true; held[me] = NONE; m_idle[me] = true; goto end_asleep
        fi
    }
begin:
    got = false; begun++;
    if
    :: pusher -> jobs++;
        loc[held[me]]++;
        if :: attn -> attn = false; kick = true /* push */ :: else fi
    :: true
    fi;
    hog[me] = true;
end_hog:
    false
}
active [2] proctype injector() {
    byte to;
    bool w, woke;
    atomic { q++; w = nspin == 0 && IDLE_P }
    if
    :: w -> wake_worker(); if :: woke -> goto out :: else fi
    :: else
    fi;
    if :: attn -> attn = false; kick = true /* inject */ :: else fi;
out:
    skip
}
/* The monitor's times are left out: it looks again at once while something waits, and goes to sleep as soon as nothing does. */
active proctype monitor() {
    byte i, to, p;
    bool woke, waiting, busy_work;
tick:
    kick = false; waiting = false; i = 0;
    do
    :: i < NM ->
        if
        :: held[i] != NONE && (q > 0 || loc[held[i]] > 0) ->
            waiting = true;
            if
            :: IDLE_P -> if :: nspin == 0 -> wake_worker() :: else fi
            :: else ->
                p = NONE;
                atomic { if :: hog[i] && held[i] != NONE -> p = held[i]; held[i] = NONE; give(p, to) :: else fi }
                if :: p != NONE -> wake[to] = true; to = 0 :: else fi
            fi
        :: else
        fi;
        i++
    :: else -> break
    od;
    if :: waiting -> goto tick :: else fi;
    attn = true;
    atomic { /* the look at the queues; no work is put where nobody has the P */
        busy_work = q > 0; i = 0;
        do
        :: i < NM -> if :: held[i] != NONE && loc[held[i]] > 0 -> busy_work = true :: else fi; i++
        :: else -> break
        od
    }
    if
    :: busy_work -> attn = false; goto tick
    :: else
    fi;
end_asleep:
    (kick);
    attn = false;
    goto tick
}
active proctype all_still() {
    atomic { if :: p_idle[1] -> p_idle[1] = false :: true fi } /* there is only one P */
end_still:
    timeout -> assert(begun == jobs)
}
