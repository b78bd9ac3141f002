#include "restore/schedule.h"

#include <stdlib.h>
#include <string.h>

static const bool CONFLICTS[HF_LOCK_MODES][HF_LOCK_MODES] = {
    [HF_LOCK_READ] = {[HF_LOCK_EXCLUSIVE] = true},
    [HF_LOCK_WRITE] = {[HF_LOCK_SHARE] = true, [HF_LOCK_CHANGE] = true, [HF_LOCK_EXCLUSIVE] = true},
    [HF_LOCK_SHARE] = {[HF_LOCK_WRITE] = true, [HF_LOCK_CHANGE] = true, [HF_LOCK_EXCLUSIVE] = true},
    [HF_LOCK_CHANGE] =
        {[HF_LOCK_WRITE] = true, [HF_LOCK_SHARE] = true, [HF_LOCK_CHANGE] = true, [HF_LOCK_EXCLUSIVE] = true},
    [HF_LOCK_EXCLUSIVE] = {true, true, true, true, true},
};

void hf_schedule_done(hf_schedule *schedule)
{
    for (size_t i = 0; i < schedule->tasks.count; i++) {
        free(schedule->tasks.items[i].successors.items);
        free(schedule->tasks.items[i].locks.items);
    }
    free(schedule->tasks.items);
    free(schedule->ready.items);
    free(schedule->held.items);
    *schedule = (hf_schedule){0};
}

size_t hf_schedule_add(hf_schedule *schedule, int kind, size_t subject, size_t part, uint64_t cost)
{
    hf_task *task = HF_APPEND_NEW(&schedule->tasks);
    task->kind = kind;
    task->subject = subject;
    task->part = part;
    task->cost = cost;
    return schedule->tasks.count - 1;
}

void hf_schedule_after(hf_schedule *schedule, size_t task, size_t other)
{
    HF_PUSH(&schedule->tasks.items[other].successors, task);
    schedule->tasks.items[task].waits_for++;
}

void hf_schedule_lock(hf_schedule *schedule, size_t task_number, uint32_t table, hf_lock_mode mode)
{
    hf_task *task = &schedule->tasks.items[task_number];
    for (size_t i = 0; i < task->locks.count; i++)
        if (task->locks.items[i].table == table) {
            if (mode > task->locks.items[i].mode)
                task->locks.items[i].mode = mode;
            return;
        }
    HF_PUSH(&task->locks, ((hf_task_lock){.table = table, .mode = mode}));
    while (schedule->held.count < ((size_t) table + 1) * HF_LOCK_MODES)
        HF_PUSH(&schedule->held, 0);
}

static bool goes_before(const hf_schedule *schedule, size_t a, size_t b)
{
    const hf_task *tasks = schedule->tasks.items;
    return tasks[a].rank != tasks[b].rank ? tasks[a].rank > tasks[b].rank : a < b;
}

static void heap_push(hf_schedule *schedule, size_t task)
{
    HF_PUSH(&schedule->ready, task);
    size_t *heap = schedule->ready.items;
    size_t at = schedule->ready.count - 1;
    while (at > 0 && goes_before(schedule, heap[at], heap[(at - 1) / 2])) {
        size_t above = (at - 1) / 2, moved = heap[at];
        heap[at] = heap[above];
        heap[above] = moved;
        at = above;
    }
}

static size_t heap_pop(hf_schedule *schedule)
{
    size_t *heap = schedule->ready.items;
    size_t best = heap[0], count = --schedule->ready.count, at = 0;
    heap[0] = heap[count];
    for (;;) {
        size_t first = at, left = 2 * at + 1, right = left + 1;
        if (left < count && goes_before(schedule, heap[left], heap[first]))
            first = left;
        if (right < count && goes_before(schedule, heap[right], heap[first]))
            first = right;
        if (first == at)
            return best;
        size_t moved = heap[at];
        heap[at] = heap[first];
        heap[first] = moved;
        at = first;
    }
}

hf_status hf_schedule_prepare(hf_schedule *schedule, hf_error *error)
{
    size_t count = schedule->tasks.count;
    size_t *order = hf_alloc((count + 1) * sizeof(*order));
    size_t *waits = hf_alloc((count + 1) * sizeof(*waits));
    size_t sorted = 0;
    for (size_t i = 0; i < count; i++) {
        waits[i] = schedule->tasks.items[i].waits_for;
        if (waits[i] == 0)
            order[sorted++] = i;
    }
    for (size_t at = 0; at < sorted; at++) {
        const hf_task *task = &schedule->tasks.items[order[at]];
        for (size_t i = 0; i < task->successors.count; i++)
            if (--waits[task->successors.items[i]] == 0)
                order[sorted++] = task->successors.items[i];
    }
    for (size_t at = sorted; at > 0; at--) {
        hf_task *task = &schedule->tasks.items[order[at - 1]];
        uint64_t longest = 0;
        for (size_t i = 0; i < task->successors.count; i++) {
            uint64_t rank = schedule->tasks.items[task->successors.items[i]].rank;
            if (rank > longest)
                longest = rank;
        }
        task->rank = task->cost + longest;
    }
    free(order);
    free(waits);
    if (sorted < count)
        return hf_fail(error, HF_E_CORRUPT, "the schema's entries depend on each other in a circle");
    for (size_t i = 0; i < count; i++)
        if (schedule->tasks.items[i].waits_for == 0) {
            schedule->tasks.items[i].state = HF_TASK_READY;
            heap_push(schedule, i);
        }
    return HF_OK;
}

static bool is_blocked(const hf_schedule *schedule, const hf_task *task)
{
    for (size_t i = 0; i < task->locks.count; i++) {
        const uint32_t *held = &schedule->held.items[(size_t) task->locks.items[i].table * HF_LOCK_MODES];
        for (int mode = 0; mode < HF_LOCK_MODES; mode++)
            if (held[mode] > 0 && CONFLICTS[task->locks.items[i].mode][mode])
                return true;
    }
    return false;
}

bool hf_schedule_take(hf_schedule *schedule, size_t *ret_task)
{
    HF_VECTOR(size_t) blocked = {0};
    bool found = false;
    while (!found && schedule->ready.count > 0) {
        size_t number = heap_pop(schedule);
        hf_task *task = &schedule->tasks.items[number];
        if (is_blocked(schedule, task)) {
            HF_PUSH(&blocked, number);
            continue;
        }
        for (size_t i = 0; i < task->locks.count; i++)
            schedule->held
                .items[(size_t) task->locks.items[i].table * HF_LOCK_MODES + task->locks.items[i].mode]++;
        task->state = HF_TASK_RUNNING;
        schedule->running++;
        *ret_task = number;
        found = true;
    }
    for (size_t i = 0; i < blocked.count; i++)
        heap_push(schedule, blocked.items[i]);
    free(blocked.items);
    return found;
}

static void release(hf_schedule *schedule, hf_task *task)
{
    for (size_t i = 0; i < task->locks.count; i++)
        schedule->held
            .items[(size_t) task->locks.items[i].table * HF_LOCK_MODES + task->locks.items[i].mode]--;
    schedule->running--;
}

void hf_schedule_park(hf_schedule *schedule, size_t number)
{
    hf_task *task = &schedule->tasks.items[number];
    release(schedule, task);
    task->state = HF_TASK_WAITING;
}

void hf_schedule_resume(hf_schedule *schedule, size_t number)
{
    schedule->tasks.items[number].state = HF_TASK_READY;
    heap_push(schedule, number);
}

void hf_schedule_end(hf_schedule *schedule, size_t number)
{
    hf_task *task = &schedule->tasks.items[number];
    release(schedule, task);
    task->state = HF_TASK_DONE;
    schedule->done++;
    for (size_t i = 0; i < task->successors.count; i++) {
        hf_task *next = &schedule->tasks.items[task->successors.items[i]];
        if (--next->waits_for == 0) {
            next->state = HF_TASK_READY;
            heap_push(schedule, task->successors.items[i]);
        }
    }
}

bool hf_schedule_is_finished(const hf_schedule *schedule)
{
    return schedule->done == schedule->tasks.count;
}
