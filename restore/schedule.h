/*
 * The order of a restore: tasks, what each waits for, and the tables it locks.
 *
 * Pure bookkeeping, no threads: the runner (run.c) calls it under its mutex.  A task is ready when everything it waits for
 * is done; of the ready ones the task with the longest remaining path goes first, so that the build of a large table
 * is not what everybody waits for at the end.  A ready task whose locks PostgreSQL would let wait for a running one stays
 * where it is and another is taken: a worker that waits for a lock is idle, and two that wait for each other deadlock.
 */
#ifndef HF_RESTORE_SCHEDULE_H
#define HF_RESTORE_SCHEDULE_H

#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

/* By what PostgreSQL's statements take: each with the ones it conflicts with in schedule.c. */
typedef enum hf_lock_mode {
    HF_LOCK_READ,  /* ACCESS SHARE: COPY TO */
    HF_LOCK_WRITE, /* ROW EXCLUSIVE: COPY FROM */
    HF_LOCK_SHARE, /* SHARE: CREATE INDEX */
    HF_LOCK_CHANGE, /* SHARE ROW EXCLUSIVE and SHARE UPDATE EXCLUSIVE: foreign keys, triggers, statistics, ANALYZE */
    HF_LOCK_EXCLUSIVE, /* ACCESS EXCLUSIVE: all else */
    HF_LOCK_MODES
} hf_lock_mode;

typedef struct hf_task_lock {
    uint32_t table; /* any number that stands for a table; small ones */
    hf_lock_mode mode;
} hf_task_lock;

typedef enum hf_task_state { HF_TASK_WAITING, HF_TASK_READY, HF_TASK_RUNNING, HF_TASK_DONE } hf_task_state;

typedef struct hf_task {
    int kind; /* the runner's */
    size_t subject;
    size_t part;
    uint64_t cost; /* in any unit, the same for all */
    uint64_t rank; /* cost of the longest path from here to the end; set by hf_schedule_prepare() */
    hf_task_state state;
    size_t waits_for; /* tasks not done yet */
    HF_VECTOR(size_t) successors;
    HF_VECTOR(hf_task_lock) locks; /* one a table, the strongest asked for */
} hf_task;

typedef struct hf_schedule {
    HF_VECTOR(hf_task) tasks;
    HF_VECTOR(size_t) ready;  /* a heap by rank, then by age */
    HF_VECTOR(uint32_t) held; /* running tasks by table and mode */
    size_t running;
    size_t done;
} hf_schedule;

void hf_schedule_done(hf_schedule *schedule);

/* The number of a new task; numbers count from 0. */
size_t hf_schedule_add(hf_schedule *schedule, int kind, size_t subject, size_t part, uint64_t cost);

/* `task` waits for `other`. */
void hf_schedule_after(hf_schedule *schedule, size_t task, size_t other);
void hf_schedule_lock(hf_schedule *schedule, size_t task, uint32_t table, hf_lock_mode mode);

/* Before the first hf_schedule_take(): computes ranks and what is ready.  HF_E_CORRUPT if tasks wait for each other. */
HF_MUST_CHECK hf_status hf_schedule_prepare(hf_schedule *schedule, hf_error *error);

/* Take the best task that may run now; false if there is none at this moment. */
bool hf_schedule_take(hf_schedule *schedule, size_t *ret_task);

/* A taken task has ended, well or not: releases its locks and what waits for it. */
void hf_schedule_end(hf_schedule *schedule, size_t task);

/* A taken task has not done its work: releases its locks, and it waits for hf_schedule_resume(). */
void hf_schedule_park(hf_schedule *schedule, size_t task);

/* A parked task is ready again. */
void hf_schedule_resume(hf_schedule *schedule, size_t task);

bool hf_schedule_is_finished(const hf_schedule *schedule);

#endif
