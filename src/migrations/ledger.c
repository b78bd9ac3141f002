#include "migrations/ledger.h"

#include "base/text.h"

#define ROWS_MAX 1000000u

void hf_ledger_done(hf_ledger *ledger)
{
    for (size_t i = 0; i < ledger->rows.count; i++) {
        free(ledger->rows.items[i].name);
        free(ledger->rows.items[i].checksum);
        free(ledger->rows.items[i].logs);
        free(ledger->rows.items[i].at);
    }
    free(ledger->rows.items);
    *ledger = (hf_ledger){0};
}

static hf_status select_rows(const hf_ledger_kind *kind, hf_pg *pg, hf_rows **ret_rows, hf_error *error)
{
    hf_status status = hf_pg_query(pg, kind->select, 0, NULL, ret_rows, error);

    if (status != HF_E_DATABASE)
        return status;
    (void) hf_prefix(error, "the ledger %s is not of the form that it must have", kind->table);
    return hf_hint(error, "somebody changed the table; compare it with one of another database");
}

static char *text_of(const hf_rows *rows, size_t row, const char *column)
{
    const char *text = hf_rows_text(rows, row, column);

    return hf_strdup(text != NULL ? text : "");
}

hf_status hf_ledger_read(const hf_ledger_kind *kind, hf_migrations_session *session, hf_ledger *ret_ledger,
                         hf_error *error)
{
    HF_AUTO(hf_ledger_done) hf_ledger ledger = {0};
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_migrations_session_has_table(session, kind->table, &ledger.exists, error));
    if (ledger.exists) {
        HF_TRY(select_rows(kind, session->ledger, &rows, error));
        if (hf_rows_count(rows) > ROWS_MAX)
            return hf_fail(error, HF_E_LIMIT, "the ledger %s has more than %u rows", kind->table, ROWS_MAX);
    }
    for (size_t i = 0; rows != NULL && i < hf_rows_count(rows); i++) {
        hf_ledger_row *row = HF_APPEND_NEW(&ledger.rows);

        row->name = text_of(rows, i, "name");
        row->checksum = text_of(rows, i, "checksum");
        row->logs = hf_strdup(hf_rows_text(rows, i, "logs"));
        row->at = hf_strdup(hf_rows_text(rows, i, "at"));
        row->finished = hf_rows_bool(rows, i, "finished");
        row->rolled_back = hf_rows_bool(rows, i, "rolled_back");
    }
    *ret_ledger = ledger;
    ledger = (hf_ledger){0};
    return HF_OK;
}

hf_migration_state hf_ledger_state(const hf_ledger *ledger, const char *name, const hf_ledger_row **ret_row)
{
    hf_migration_state state = HF_MIGRATION_PENDING;

    *ret_row = NULL;
    for (size_t i = 0; i < ledger->rows.count; i++) {
        const hf_ledger_row *row = &ledger->rows.items[i];

        if (!hf_streq(row->name, name))
            continue;
        if (row->rolled_back && state == HF_MIGRATION_APPLIED)
            continue;
        *ret_row = row;
        if (!row->finished && !row->rolled_back)
            return HF_MIGRATION_FAILED;
        state = row->rolled_back ? HF_MIGRATION_ROLLED_BACK : HF_MIGRATION_APPLIED;
    }
    return state;
}

hf_status hf_ledger_change_row(const hf_ledger_kind *kind, hf_pg *pg, const char *sql, int count,
                               const char *const *params, hf_error *error)
{
    HF_AUTO_ROWS rows = NULL;

    HF_TRY(hf_pg_query(pg, sql, count, params, &rows, error));
    if (hf_rows_count(rows) == 1)
        return HF_OK;
    (void) hf_fail(error, HF_E_MIGRATION, "the ledger %s did not keep a row of this deploy", kind->table);
    return hf_hint(error, "does the script, a trigger or a rule change the table?");
}
