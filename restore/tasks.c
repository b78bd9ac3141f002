/*
 * The schedule of a restore.
 *
 *     schema (archive order, one session, before all this)
 *       rows of each table --+-- its indexes and constraints -- foreign keys, triggers, ... by the archive's dependencies
 *                            +-- its verification
 *       sequences
 *     all of it -- ACL -- materialized views by dependency; statistics
 *     event triggers (one session, after all this)
 *
 * pg_dump's entries depend on the TABLE entry, not on its rows; here an entry of the post-data section that depends on a
 * table waits for the table's rows.  What depends on a table without rows of its own (a partitioned one) waits until all
 * rows are in, because its partitions are not among the dependencies.
 */
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/text.h"
#include "restore/job.h"

/* Costs, relative to reading one byte back. */
#define COST_LOAD 3
#define COST_CONSTRAINT 2
#define COST_INDEX 2
#define COST_FOREIGN_KEY 1
#define COST_LEAST 4096

#define SPLIT_MIN (16u << 20)
#define SOURCE_STATISTICS_VERSION 180000
#define ANALYZE_BATCH 64
#define EMPTY_BATCH 500
#define ANALYZE_ALONE (64u << 20)

/* A relation's entry by its quoted, qualified name. */
typedef struct relation {
    char *key;
    size_t entry;
    UT_hash_handle hh;
} relation;

static void free_relations(relation **relations)
{
    relation *item, *next;
    HASH_ITER(hh, *relations, item, next)
    {
        HASH_DEL(*relations, item);
        free(item->key);
        free(item);
    }
}

static char *relation_key(const char *schema, const char *name)
{
    HF_AUTO_BUF key = HF_BUF_MAX(4096);
    hf_sql_qualified(&key, schema != NULL ? schema : "", name);
    return hf_strdup(hf_buf_text(&key));
}

static bool is_relation(const hf_entry *entry)
{
    return strcmp(entry->kind, "TABLE") == 0 || strcmp(entry->kind, "MATERIALIZED VIEW") == 0;
}

static relation *index_relations(const hf_archive *archive)
{
    relation *relations = NULL;
    for (size_t i = 0; i < archive->entries.count; i++) {
        const hf_entry *entry = &archive->entries.items[i];
        if (!is_relation(entry))
            continue;
        relation *item = hf_alloc(sizeof(*item));
        item->key = relation_key(entry->schema, entry->tag);
        item->entry = i;
        relation *same = NULL;
        HASH_FIND(hh, relations, item->key, strlen(item->key), same);
        if (same == NULL) {
            HASH_ADD_KEYPTR(hh, relations, item->key, strlen(item->key), item);
        } else {
            free(item->key);
            free(item);
        }
    }
    return relations;
}

static size_t find_relation(relation *relations, const char *schema, const char *name)
{
    HF_AUTO_STR key = relation_key(schema, name);
    relation *found = NULL;
    HASH_FIND(hh, relations, key, strlen(key), found);
    return found != NULL ? found->entry : SIZE_MAX;
}

void hf_job_init(hf_job *job, const hf_restore_options *options, const hf_archive *archive,
                 hf_restore_report *report)
{
    *job = (hf_job){.options = options,
                    .manifest = options->manifest,
                    .archive = archive,
                    .report = report,
                    .jobs = options->jobs > 0 ? options->jobs : 2};
    pthread_mutex_init(&job->mutex, NULL);
    pthread_cond_init(&job->changed, NULL);
    job->tables = hf_alloc((job->manifest->tables.count + 1) * sizeof(*job->tables));
    job->entries = hf_alloc((archive->entries.count + 1) * sizeof(*job->entries));
    bool is_before_data = true;
    for (size_t i = 0; i < archive->entries.count; i++) {
        const hf_entry *entry = &archive->entries.items[i];
        if (entry->section == HF_SECTION_DATA || entry->section == HF_SECTION_POST_DATA)
            is_before_data = false;
        job->entries[i].pass = hf_entry_pass(entry, is_before_data);
        job->entries[i].task = HF_NO_TASK;
    }
}

bool hf_task_is_load(const hf_task *task)
{
    return task->kind == HF_TASK_LOAD || task->kind == HF_TASK_CHUNK;
}

void hf_job_done(hf_job *job)
{
    hf_schedule_done(&job->schedule);
    free(job->empty.items);
    free(job->loads.parked.items);
    free(job->refreshes.parked.items);
    for (size_t i = 0; i < job->archive->entries.count; i++)
        free(job->entries[i].locked.items);
    free(job->entries);
    free(job->tables);
    pthread_mutex_destroy(&job->mutex);
    pthread_cond_destroy(&job->changed);
}

static uint32_t lock_of_table(const hf_job *job, size_t table)
{
    const hf_entry *entry = job->tables[table].entry;
    size_t number =
        entry != NULL ? (size_t) (entry - job->archive->entries.items) : job->archive->entries.count + table;
    return (uint32_t) number;
}

/* The rows of a partition with a root are in when those of all partitions of that root are. */
static void wait_for_partitions(hf_job *job, size_t first)
{
    const hf_table *table = job->tables[first].table;
    size_t all = HF_NO_TASK;
    for (size_t i = first; i < job->manifest->tables.count; i++) {
        hf_table_state *state = &job->tables[i];
        if (state->left_out || state->waits_for_root ||
            !hf_streq(state->table->root_name, table->root_name) ||
            !hf_streq(state->table->root_schema, table->root_schema))
            continue;
        if (all == HF_NO_TASK)
            all = hf_schedule_add(&job->schedule, HF_TASK_BARRIER, SIZE_MAX, 0, 0);
        if (state->loaded != HF_NO_TASK)
            hf_schedule_after(&job->schedule, all, state->loaded);
        state->loaded = all;
        state->waits_for_root = true;
    }
}

/* Several workers share a table only if one alone would still be busy with it when all others are done. */
static void plan_loads(hf_job *job, size_t loaded_barrier)
{
    uint64_t total = hf_manifest_raw_bytes(job->manifest);
    for (size_t i = 0; i < job->manifest->tables.count; i++) {
        hf_table_state *state = &job->tables[i];
        const hf_table *table = state->table;
        state->loaded = HF_NO_TASK;
        if (state->left_out || (table->chunks.count == 0 && table->condition == NULL))
            continue;
        state->whole = table->condition != NULL || job->jobs == 1 || table->chunks.count == 1 ||
                       table->raw_bytes < SPLIT_MIN || table->raw_bytes <= total / job->jobs;
        if (state->whole) {
            state->loaded = hf_schedule_add(&job->schedule, HF_TASK_LOAD, i, 0,
                                            COST_LOAD * table->raw_bytes + COST_LEAST);
        } else {
            state->loaded = hf_schedule_add(&job->schedule, HF_TASK_BARRIER, SIZE_MAX, 0, 0);
            for (size_t chunk = 0; chunk < table->chunks.count; chunk++) {
                size_t task = hf_schedule_add(&job->schedule, HF_TASK_CHUNK, i, chunk,
                                              COST_LOAD * table->chunks.items[chunk].object.raw_bytes);
                hf_schedule_after(&job->schedule, state->loaded, task);
            }
        }
        hf_schedule_after(&job->schedule, loaded_barrier, state->loaded);
    }
    for (size_t i = 0; i < job->manifest->tables.count; i++)
        if (job->tables[i].table->root_name != NULL && !job->tables[i].left_out)
            wait_for_partitions(job, i);
}

/* Each range of large objects: its chunks, then reading it back. */
static void plan_large_objects(hf_job *job, size_t loaded_barrier, size_t built_barrier)
{
    const hf_table *pieces = &job->manifest->large_objects.pieces;
    for (size_t first = 0, end; first < pieces->chunks.count; first = end) {
        uint64_t bytes = 0;
        for (end = first; end < pieces->chunks.count &&
                          pieces->chunks.items[end].first_page == pieces->chunks.items[first].first_page;
             end++)
            bytes += pieces->chunks.items[end].object.raw_bytes;
        size_t back = hf_schedule_add(&job->schedule, HF_TASK_LARGE_READ, first, 0, bytes + COST_LEAST / 2);
        hf_schedule_after(&job->schedule, built_barrier, back);
        for (size_t chunk = first; chunk < end; chunk++) {
            size_t task =
                hf_schedule_add(&job->schedule, HF_TASK_LARGE, chunk, 0,
                                COST_LOAD * pieces->chunks.items[chunk].object.raw_bytes + COST_LEAST);
            hf_schedule_after(&job->schedule, back, task);
            hf_schedule_after(&job->schedule, loaded_barrier, task);
        }
    }
}

/* Thousands of tables may have no rows: these are looked at together, when all rows are in. */
static void plan_empty_tables(hf_job *job, size_t loaded_barrier, size_t built_barrier)
{
    for (size_t first = 0; first < job->empty.count; first += EMPTY_BATCH) {
        size_t count = job->empty.count - first < EMPTY_BATCH ? job->empty.count - first : EMPTY_BATCH;
        size_t task = hf_schedule_add(&job->schedule, HF_TASK_EMPTY, first, count, COST_LEAST);
        hf_schedule_after(&job->schedule, task, loaded_barrier);
        hf_schedule_after(&job->schedule, built_barrier, task);
        for (size_t i = first; i < first + count; i++) {
            job->tables[job->empty.items[i]].verify = task;
            job->tables[job->empty.items[i]].verify_parts = 1;
        }
    }
}

static void plan_verification(hf_job *job, size_t loaded_barrier, size_t built_barrier)
{
    for (size_t i = 0; i < job->manifest->tables.count; i++) {
        hf_table_state *state = &job->tables[i];
        if (state->left_out)
            continue;
        if (state->table->chunks.count == 0 && state->table->condition == NULL) {
            HF_PUSH(&job->empty, i);
            continue;
        }
        state->verify_parts = state->table->condition != NULL
                                  ? 1
                                  : hf_verify_parts(job->server_version, state->table->raw_bytes);
        for (size_t part = 0; part < state->verify_parts; part++) {
            size_t task = hf_schedule_add(&job->schedule, HF_TASK_VERIFY, i, part,
                                          state->table->raw_bytes / state->verify_parts + COST_LEAST / 2);
            hf_schedule_lock(&job->schedule, task, lock_of_table(job, i), HF_LOCK_READ);
            if (part == 0)
                state->verify = task;
            if (state->loaded != HF_NO_TASK)
                hf_schedule_after(&job->schedule, task, state->loaded);
            hf_schedule_after(&job->schedule, built_barrier, task);
        }
    }
    plan_empty_tables(job, loaded_barrier, built_barrier);
}

static uint64_t entry_cost(const hf_job *job, size_t number)
{
    const hf_entry *entry = &job->archive->entries.items[number];
    uint64_t factor = 0;
    if (strcmp(entry->kind, "INDEX") == 0)
        factor = COST_INDEX;
    else if (strcmp(entry->kind, "CONSTRAINT") == 0)
        factor = COST_CONSTRAINT;
    else if (strcmp(entry->kind, "FK CONSTRAINT") == 0 || strcmp(entry->kind, "CHECK CONSTRAINT") == 0)
        factor = COST_FOREIGN_KEY;
    uint64_t largest = 0;
    for (size_t i = 0; i < job->entries[number].locked.count; i++) {
        size_t table = job->entries[job->entries[number].locked.items[i]].table;
        if (table > 0 && job->tables[table - 1].table->raw_bytes > largest)
            largest = job->tables[table - 1].table->raw_bytes;
    }
    return factor * largest + COST_LEAST;
}

static void add_lock(hf_entry_state *state, uint32_t entry)
{
    for (size_t i = 0; i < state->locked.count; i++)
        if (state->locked.items[i] == entry)
            return;
    HF_PUSH(&state->locked, entry);
}

bool hf_entry_may_read_tables(const hf_entry *entry)
{
    static const char *const KINDS[] = {"FUNCTION", "DOMAIN", "OPERATOR CLASS", "OPERATOR FAMILY", NULL};
    for (const char *const *kind = KINDS; *kind != NULL; kind++)
        if (strcmp(entry->kind, *kind) == 0)
            return true;
    return false;
}

/* From then on the table's own owner may not see all rows. */
static void wait_until_verified(hf_job *job, size_t task, const hf_table_state *table)
{
    for (size_t part = 0; !table->left_out && part < table->verify_parts; part++)
        hf_schedule_after(&job->schedule, task, table->verify + part);
}

/* What the entry waits for and locks; those it depends on come before it in the archive, and have their task already. */
static void plan_dependency(hf_job *job, size_t number, size_t needed, size_t loaded_barrier)
{
    const hf_entry *entry = &job->archive->entries.items[number];
    const hf_entry *other = &job->archive->entries.items[needed];
    hf_entry_state *state = &job->entries[number];
    hf_entry_state *before = &job->entries[needed];
    if (before->task != HF_NO_TASK)
        hf_schedule_after(&job->schedule, state->task, before->task);
    if (is_relation(other))
        add_lock(state, (uint32_t) needed);
    else
        for (size_t i = 0; i < before->locked.count; i++)
            add_lock(state, before->locked.items[i]);
    if (entry->section != HF_SECTION_POST_DATA)
        return;
    if (hf_entry_may_read_tables(other))
        hf_schedule_after(&job->schedule, state->task, loaded_barrier);
    if (strcmp(other->kind, "TABLE") != 0)
        return;
    if (before->table > 0 && strcmp(entry->kind, "ROW SECURITY") == 0)
        wait_until_verified(job, state->task, &job->tables[before->table - 1]);
    if (before->table == 0)
        hf_schedule_after(&job->schedule, state->task, loaded_barrier);
    else if (job->tables[before->table - 1].loaded != HF_NO_TASK)
        hf_schedule_after(&job->schedule, state->task, job->tables[before->table - 1].loaded);
}

static void plan_entries(hf_job *job, size_t loaded_barrier, size_t built_barrier)
{
    const hf_archive *archive = job->archive;
    for (size_t i = 0; i < archive->entries.count; i++) {
        hf_entry_state *state = &job->entries[i];
        if (state->pass != HF_PASS_PARALLEL)
            continue;
        state->task = hf_schedule_add(&job->schedule, HF_TASK_ENTRY, i, 0, 0);
        const hf_entry *entry = &archive->entries.items[i];
        for (size_t d = 0; d < entry->dependencies.count; d++) {
            const hf_entry *other = hf_archive_find(archive, entry->dependencies.items[d]);
            if (other != NULL && other < entry)
                plan_dependency(job, i, (size_t) (other - archive->entries.items), loaded_barrier);
        }
        for (size_t l = 0; l < state->locked.count; l++)
            hf_schedule_lock(&job->schedule, state->task, state->locked.items[l], hf_entry_lock(entry));
        job->schedule.tasks.items[state->task].cost = entry_cost(job, i);
        hf_schedule_after(&job->schedule, built_barrier, state->task);
    }
}

/* The refresh tasks of the materialized views that this one reads, through views and functions. */
static void wait_for_refreshes(hf_job *job, size_t task, size_t number, bool *visited,
                               const size_t *refreshes)
{
    const hf_entry *entry = &job->archive->entries.items[number];
    for (size_t i = 0; i < entry->dependencies.count; i++) {
        const hf_entry *other = hf_archive_find(job->archive, entry->dependencies.items[i]);
        if (other == NULL)
            continue;
        size_t needed = (size_t) (other - job->archive->entries.items);
        if (visited[needed])
            continue;
        visited[needed] = true;
        /* In a circle of views only the way that the archive goes counts. */
        if (refreshes[needed] != HF_NO_TASK && refreshes[needed] < task)
            hf_schedule_after(&job->schedule, task, refreshes[needed]);
        wait_for_refreshes(job, task, needed, visited, refreshes);
    }
}

static void plan_refreshes(hf_job *job, relation *relations, size_t after, size_t filled)
{
    size_t count = job->archive->entries.count;
    size_t *refreshes = hf_alloc((count + 1) * sizeof(*refreshes));
    bool *populated = hf_alloc(count + 1);
    for (size_t i = 0; i < count; i++)
        refreshes[i] = HF_NO_TASK;
    for (size_t i = 0; i < job->manifest->populated_matviews.count; i++) {
        const hf_relation_name *name = &job->manifest->populated_matviews.items[i];
        size_t entry = find_relation(relations, name->schema, name->name);
        if (entry != SIZE_MAX)
            populated[entry] = true;
    }
    bool *visited = hf_alloc(count + 1);
    for (size_t i = 0; i < count; i++) {
        if (!populated[i])
            continue;
        refreshes[i] = hf_schedule_add(&job->schedule, HF_TASK_REFRESH, i, 0, COST_LEAST);
        hf_schedule_after(&job->schedule, refreshes[i], after);
        hf_schedule_after(&job->schedule, filled, refreshes[i]);
        memset(visited, 0, count + 1);
        wait_for_refreshes(job, refreshes[i], i, visited, refreshes);
    }
    free(visited);
    free(populated);
    free(refreshes);
}

/* Those of extended statistics are not among what pg_dump tells. */
static void mark_extended(hf_job *job)
{
    for (size_t i = 0; i < job->archive->entries.count; i++) {
        const hf_entry *entry = &job->archive->entries.items[i];
        if (strcmp(entry->kind, "STATISTICS") != 0)
            continue;
        for (size_t n = 0; n < entry->dependencies.count; n++) {
            const hf_entry *other = hf_archive_find(job->archive, entry->dependencies.items[n]);
            size_t table = other != NULL ? job->entries[other - job->archive->entries.items].table : 0;
            if (table > 0)
                job->tables[table - 1].has_statistics = false;
        }
    }
}

/* Those of the source, where the snapshot has them and the server can take them. */
static void plan_source_statistics(hf_job *job, relation *relations, size_t after)
{
    if (job->server_version < SOURCE_STATISTICS_VERSION)
        return;
    for (size_t i = 0; i < job->archive->entries.count; i++) {
        const hf_entry *entry = &job->archive->entries.items[i];
        /* A relation that was never analyzed has its size there, and nothing else. */
        if (strcmp(entry->kind, "STATISTICS DATA") != 0 ||
            strstr(entry->definition, "pg_restore_attribute_stats") == NULL)
            continue;
        size_t of = find_relation(relations, entry->schema, entry->tag);
        if (of != SIZE_MAX && job->entries[of].table > 0)
            job->tables[job->entries[of].table - 1].has_statistics = true;
        size_t task = hf_schedule_add(&job->schedule, HF_TASK_STATISTICS, i, 0, COST_LEAST);
        hf_schedule_after(&job->schedule, task, after);
    }
    mark_extended(job);
}

static void plan_statistics(hf_job *job, size_t after)
{
    size_t count = job->manifest->tables.count;
    for (size_t first = 0; first < count;) {
        size_t end = first + 1;
        uint64_t bytes = job->tables[first].table->raw_bytes;
        while (end < count && end - first < ANALYZE_BATCH && bytes < ANALYZE_ALONE)
            bytes += job->tables[end++].table->raw_bytes;
        size_t task =
            hf_schedule_add(&job->schedule, HF_TASK_ANALYZE, first, end - first, bytes / 4 + COST_LEAST);
        hf_schedule_after(&job->schedule, task, after);
        first = end;
    }
}

hf_status hf_job_plan(hf_job *job, hf_error *error)
{
    HF_AUTO(free_relations) relation *relations = index_relations(job->archive);
    for (size_t i = 0; i < job->manifest->tables.count; i++) {
        hf_table_state *state = &job->tables[i];
        state->table = &job->manifest->tables.items[i];
        state->left_out = state->table->data_excluded;
        size_t entry = find_relation(relations, state->table->schema, state->table->name);
        if (entry != SIZE_MAX) {
            state->entry = &job->archive->entries.items[entry];
            job->entries[entry].table = i + 1;
        }
    }
    size_t loaded = hf_schedule_add(&job->schedule, HF_TASK_BARRIER, HF_BARRIER_LOADED, 0, 0);
    size_t built = hf_schedule_add(&job->schedule, HF_TASK_BARRIER, HF_BARRIER_BUILT, 0, 0);
    hf_schedule_after(&job->schedule, built, loaded);
    plan_loads(job, loaded);
    plan_large_objects(job, loaded, built);
    plan_verification(job, loaded, built);
    plan_entries(job, loaded, built);
    size_t sequences = hf_schedule_add(&job->schedule, HF_TASK_SEQUENCES, 0, 0, COST_LEAST);
    hf_schedule_after(&job->schedule, built, sequences);
    size_t acl = hf_schedule_add(&job->schedule, HF_TASK_ACL, 0, 0, COST_LEAST);
    hf_schedule_after(&job->schedule, acl, built);
    size_t filled = hf_schedule_add(&job->schedule, HF_TASK_BARRIER, SIZE_MAX, 0, 0);
    hf_schedule_after(&job->schedule, filled, acl);
    plan_refreshes(job, relations, acl, filled);
    if (!job->options->no_analyze) {
        plan_source_statistics(job, relations, filled);
        plan_statistics(job, acl);
    }
    for (size_t i = 0; i < job->schedule.tasks.count; i++) {
        const hf_task *task = &job->schedule.tasks.items[i];
        job->loads.open += hf_task_is_load(task);
        job->refreshes.open += task->kind == HF_TASK_REFRESH;
    }
    return hf_schedule_prepare(&job->schedule, error);
}
