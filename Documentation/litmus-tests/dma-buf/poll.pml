/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Model of poll() on a dma-buf, for the model checker spin: see README
 *
 * FENCES fences are in the buffer, or are added at any time. They signal at any
 * later time, or never. WAITERS waiters poll the buffer in different ways, for
 * different events. Then the file is released.
 *
 * Assertions check for these errors:
 *
 *  - untrue_wakeup: a wake-up carries an event that is blocked by a fence that
 *    the buffer had when the waiter polled it.
 *  - untrue_report: dma_buf_file_poll() returns such an event.
 *  - needless_wakeup: a callback wakes for the same event twice, and no waiter
 *    has found the buffer busy in between.
 *  - used_after_free: the polling state is used after it was freed.
 *  - left_behind: a callback or a count is left when it is freed.
 *
 * A lost wake-up is an "invalid end state", in which a process is stuck. A
 * waiter that may sleep indefinitely, because each of its events is blocked,
 * leaves at any time. Thus only one that should be woken, or the release, can
 * be stuck. Fences may choose never to signal, so no later wake-up helps. All
 * loops end: processes that are not stuck terminate.
 *
 * A section under the lock of the wait queue is one step. This loses nothing:
 * all that other processes can do inside of it is to read a count, and that
 * read gives the same event, or finds the wake-up, if it is done after the
 * section. A section under the lock of a fence is one step as well, and the
 * callback is another. The lock is not held in between, so there are more
 * orders of steps than in the code. Memory accesses are not reordered: the
 * litmus tests are for that. Each FAULT_... changes one step.
 */

#ifndef FENCES
#define FENCES	2
#endif
#ifndef PRESENT
#define PRESENT	1	/* how many of them are in the buffer from the start */
#endif
#ifndef WAITERS
#define WAITERS	2
#endif

#define IN	1	/* EPOLLIN */
#define OUT	2	/* EPOLLOUT */

#define LEVEL	0	/* epoll, level-triggered: polls again after an event */
#define POLL	1	/* poll(): sleeps until there is an event */
#define EDGE	2	/* epoll, edge-triggered: only after a wake-up */
#define REQUEST	3	/* one shot of io_uring or aio: believes the wake-up */
#define QUERY	4	/* poll() with a timeout of zero: is not queued */

/* The first and the last of these kinds that waiters may be */
#ifdef ONLY
#define FIRST	ONLY
#define LAST	ONLY
#endif
#ifndef FIRST
#define FIRST	LEVEL
#endif
#ifndef LAST
#define LAST	QUERY
#endif
/* How often epoll reports an event. Once, both kinds of epoll are the same. */
#ifndef ROUNDS
#define ROUNDS	1
#endif

#define bit(n)	(1 << (n))

/* Sets of fences, with one bit for each */
byte writers;			/* block both events, others EPOLLOUT only */
byte present = bit(PRESENT) - 1;	/* in the buffer */
byte signaled;			/* has DMA_FENCE_FLAG_SIGNALED_BIT */
byte callback;			/* a callback is added */

/* The polling state */
byte armed;			/* fences that have a watch */
byte armed_in, armed_out;	/* those that it is counted for */
byte pending_in, pending_out;	/* the counts */
bool freed;

/* The waiters */
byte kind[WAITERS], events[WAITERS];
bool queued[WAITERS], woken[WAITERS];
byte had[WAITERS];		/* fences of the buffer when it last polled */
byte users = WAITERS;		/* references to the file */
byte due;			/* events found busy since their last wake-up */

/* The release, which sleeps on the same queue */
bool release_queued, release_woken;

hidden byte untrue_wakeup, untrue_report, needless_wakeup, used_after_free;
hidden byte left_behind;

hidden byte key;		/* an argument, used in the same step */

/* dma_buf_poll_idle_events() */
#define idle_in		(pending_in == 0 -> IN : 0)
#define idle_out	(pending_out == 0 -> OUT : 0)
#define idle_events	(idle_in | idle_out)

#define pending		(present & ~signaled)

/* Unsignalled fences that block at least one event of @e */
#define blockers(e) \
	((((e) & IN) -> (pending & writers) : 0) | \
	 (((e) & OUT) -> (pending) : 0))

/* No event of @w is ready, so it may sleep indefinitely, or leave. */
#define may_sleep(w) \
	((!(events[w] & IN) || blockers(IN)) && \
	 (!(events[w] & OUT) || blockers(OUT)))

#if WAITERS == 3
#define any_queued	(queued[0] || queued[1] || queued[2])
#else
#define any_queued	(queued[0] || queued[1])
#endif

/* The wake function of a waiter: io_uring and aio dequeue the request. */
inline wake_waiter(v)
{
	if
	:: queued[v] && (events[v] & key) ->
		untrue_wakeup = blockers(events[v] & key) & had[v];
		assert(!untrue_wakeup);
		woken[v] = 1;
		queued[v] = (kind[v] != REQUEST)
	:: else
	fi
}

/* wake_up_locked_poll() with @key. wait_event() does not look at the events. */
inline wake()
{
	wake_waiter(0);
	wake_waiter(1);
#if WAITERS == 3
	wake_waiter(2);
#endif
	release_woken = release_woken | release_queued
}

/* dma_buf_poll_count() for @key */
inline count(step)
{
	pending_in = pending_in + ((key & IN) -> step : 0);
	pending_out = pending_out + ((key & OUT) -> step : 0)
}

#define watch_events(f) \
	(((armed_in & bit(f)) -> IN : 0) | ((armed_out & bit(f)) -> OUT : 0))

inline watch_erase(f)
{
	armed = armed & ~bit(f);
	armed_in = armed_in & ~bit(f);
	armed_out = armed_out & ~bit(f)
}

/* The end of that section: wake the waiters with @ready. */
inline disarm_wake()
{
	used_after_free = freed;
	assert(!used_after_free);
	key = ready;
	ready = 0;
#ifndef FAULT_NO_WAKE
	if
	:: key ->
#ifndef FAULT_STALE_MASK	/* which causes this as well */
		needless_wakeup = key & ~due;
		assert(!needless_wakeup);
#endif
		due = due & ~key;
		wake()
	:: else
	fi
#endif
}

/*
 * dma_buf_poll_disarm(): one section. The idle watches are left out: there is
 * one for each fence. The reference to the fence is left out as well.
 */
inline disarm(f)
{
#ifdef FAULT_STALE_MASK	/* the mask is computed before the lock is taken */
	d_step {
		ready = watch_events(f) &
			((pending_in == 1 -> IN : 0) |
			 (pending_out == 1 -> OUT : 0))
	}
#endif
	d_step {
		used_after_free = freed || !(armed & bit(f));
		assert(!used_after_free);
		key = watch_events(f);
		count(-1);
#ifdef FAULT_STALE_MASK
#elif defined(FAULT_WAKE_EACH)
		ready = key;
#elif defined(FAULT_WAKE_ALL)
		ready = idle_events;
#else
		ready = key & idle_events;
#endif
		watch_erase(f);
#ifdef FAULT_WAKE_UNLOCKED
	}
	d_step {
#endif
		disarm_wake()
	}
}

/* The unsignalled fences that are visited: without EPOLLOUT only writers */
#ifdef FAULT_NO_EVENTS
#define visits_any	true
#else
#define visits_any	events[w]
#endif
#define visited \
	(visits_any && \
	 (now & pending & bit(i) & ((events[w] & OUT) -> present : writers)))

#define blocked \
	(events[w] & ((writers & bit(i)) -> IN | OUT : OUT))

/*
 * Go to the next fence: dma_resv_for_each_fence_unlocked(). It restarts if the
 * list was replaced for a fence that was added meanwhile. A fence that is added
 * to the same list is not visited.
 */
inline next()
{
	if
	:: present != now ->
		if
		:: now = present; busy = 0; i = 0
		:: skip
		fi
	:: else
	fi;
	do
	:: i < FENCES && !visited -> i++
	:: else -> break
	od
}

/*
 * dma_buf_poll_watch_add(): one section. Sets @adds if the caller is to add the
 * callback. Memory does not run out: dma_buf_poll_ensure() and
 * dma_buf_poll_watch_create() are left out.
 */
inline watch_add()
{
	used_after_free = freed;
	assert(!used_after_free);
	due = due | blocked;
	adds = !(armed & bit(i));
	if
#ifdef FAULT_EVENTS	/* the events of an armed watch are not extended */
	:: !adds
#endif
	:: else ->
		key = blocked & ~watch_events(i);
		count(1);
		armed = armed | bit(i);
		armed_in = armed_in | ((blocked & IN) -> bit(i) : 0);
		armed_out = armed_out | ((blocked & OUT) -> bit(i) : 0)
	fi;
	busy = busy | (adds -> 0 : blocked)
}

/* dma_fence_add_callback(): clears @adds if the fence has signalled. */
inline add_callback()
{
	adds = !(signaled & bit(i));
	callback = callback | (adds -> bit(i) : 0);
	busy = busy | (adds -> blocked : 0)
}

proctype waiter(byte w)
{
	byte i, now, busy, ready, rounds;
	bool queues, waits, adds;

	atomic {
		queues = (kind[w] != QUERY);
		rounds = ROUNDS;

		/* dma_buf_file_poll(), with a queue function if @queues */
poll:
		now = present;
#ifdef FAULT_NEVER_ARM_AGAIN
		waits = queues;
#else
		waits = queues || any_queued;
#endif
#ifdef FAULT_QUEUE_FIRST
		queued[w] = queued[w] || queues;
		had[w] = now;
#endif
		next()
	}

	/* dma_buf_poll_busy() */
	do
	:: i == FENCES -> break
	:: i < FENCES && !waits ->
		/* Signaling is always enabled. */
		atomic { busy = busy | blocked; i++; next() }
	:: i < FENCES && waits ->	/* dma_buf_poll_arm() */
		atomic { watch_add() }
		if
		:: adds ->
			atomic { add_callback() }
			if
			:: !adds ->
#ifndef FAULT_NO_DISARM
				disarm(i)
#endif
			:: else
			fi
		:: else
		fi;
		atomic { adds = 0; i++; next() }
	od;

	if
	:: queues ->
#ifdef FAULT_CHECK_FIRST
		d_step { ready = idle_events }
#endif
		/* poll_wait(): one section */
		d_step {
			queued[w] = 1;
			had[w] = now;
			i = 0
		}
#ifndef FAULT_CHECK_FIRST
		/* The counts are read without the lock, one after the other. */
		if
		:: busy == (IN | OUT) -> d_step { ready = idle_in }
		:: else
		fi
#endif
	:: else
	fi;

	atomic {
#ifndef FAULT_CHECK_FIRST
		ready = ready |
			(queues -> (busy == IN -> idle_in : idle_out) : 0);
#endif
		ready = (events[w] & ~busy) | (busy & ready);
		untrue_report = blockers(ready) & now;
		assert(!untrue_report);
		had[w] = (queued[w] -> now : 0);
		/* dma_buf_poll_wake(): one section */
#ifndef FAULT_NO_EDGE
		if
		:: waits && !queues ->
			key = ready & idle_events;
			if
			:: key -> wake()
			:: else
			fi
		:: else
		fi;
#endif
		busy = 0;
		now = 0;
		waits = 0;
		i = 0;

		if
		:: kind[w] == QUERY -> goto leave
		:: kind[w] != QUERY && !ready
		:: kind[w] != QUERY && ready ->
			rounds = rounds - !queues;
			if
			:: kind[w] == POLL || kind[w] == REQUEST -> goto leave
			:: rounds == 0 -> goto leave
			:: else
			fi;
			/* Adding it to epoll polls it again; so does level. */
			woken[w] = woken[w] || queues || kind[w] == LEVEL
		fi;
		ready = 0;
		queues = 0
	}

	/*
	 * Sleep. poll() and epoll poll again, which starts in the same step: a
	 * wake-up in between would be found by that poll, too.
	 */
	if
	:: atomic { woken[w] && kind[w] != REQUEST -> woken[w] = 0; goto poll }
	:: woken[w] && kind[w] == REQUEST
	:: !woken[w] && may_sleep(w)
	fi;
leave:
	atomic {
		queued[w] = 0;
		woken[w] = 0;
		had[w] = 0;
		users--
	}
}

/* A driver that adds a fence and signals it, and the callback of the fence */
proctype fence(byte f)
{
	byte ready;

	if
	:: present & bit(f)
	:: else -> present = present | bit(f)
	fi;
	if
	:: goto out	/* never signals */
	:: atomic {	/* dma_fence_signal() */
			signaled = signaled | bit(f);
			if
			:: callback & bit(f) -> callback = callback & ~bit(f)
			:: else -> goto out
			fi
		}
	fi;
	/* dma_buf_poll_fence_cb() */
	disarm(f);
out:
	skip
}

/* dma_buf_poll_destroy(), when the last reference to the file is dropped */
proctype release()
{
	byte i, ready;
	bool removed;

	users == 0;
	do
	:: i < FENCES ->
		/* dma_buf_poll_cancel() */
		atomic {
#ifdef FAULT_CANCEL_SIGNALED	/* as if the callback was removed */
			removed = (armed & bit(i)) != 0;
#else
			removed = (callback & bit(i) & ~signaled) != 0;
#endif
			callback = callback & ~(removed -> bit(i) : 0)
		}
		if
		:: removed -> disarm(i); removed = 0
		:: else
		fi;
		i++
	:: else -> break
	od;
#ifndef FAULT_RELEASE_NO_WAIT
	/* wait_event() with dma_buf_poll_is_idle() */
	do
	:: atomic { release_queued = 1; release_woken = 0 }
		if
		:: armed -> release_woken
		:: else -> break
		fi
	od;
#endif
	atomic {
		release_queued = 0;
		freed = 1;
		left_behind = callback || pending_in || pending_out;
		assert(!left_behind)
	}
}

/* Waiters are interchangeable, so one order of them is enough. */
#define order(v)	(kind[v] * 4 + events[v])

inline choose_waiter(v)
{
	if
	:: FIRST <= POLL && POLL <= LAST -> kind[v] = POLL
	:: FIRST <= LEVEL && LEVEL <= LAST -> kind[v] = LEVEL
	:: FIRST <= EDGE && EDGE <= LAST -> kind[v] = EDGE
	:: FIRST <= REQUEST && REQUEST <= LAST -> kind[v] = REQUEST
	:: FIRST <= QUERY && QUERY <= LAST -> kind[v] = QUERY
	fi;
	/* For EPOLLOUT alone, each fence is as a writer is for EPOLLIN. */
	if
#ifdef NONE	/* other events, as POLLPRI, which are never reported */
	:: events[v] = 0
#endif
#ifndef BOTH	/* all waiters poll for both events */
	:: events[v] = IN
#endif
	:: events[v] = IN | OUT
	fi
}

init
{
	atomic {
		choose_waiter(0);
		choose_waiter(1);
		if
		:: order(0) <= order(1)
		:: else -> goto out
		fi;
#if WAITERS == 3
		choose_waiter(2);
		if
		:: order(1) <= order(2)
		:: else -> goto out
		fi;
#endif
		/* Readers alone are as writers alone for another event. */
		if
		:: writers = 1
		:: writers = 2
		:: writers = 3
#if FENCES == 3
		:: writers = 4
		:: writers = 5
		:: writers = 6
		:: writers = 7
#endif
		fi;
		run waiter(0);
		run waiter(1);
#if WAITERS == 3
		run waiter(2);
#endif
		run fence(0);
		run fence(1);
#if FENCES == 3
		run fence(2);
#endif
		run release()
	}
out:
	skip
}
