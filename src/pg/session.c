/*
 * Which settings matter, and why.
 *
 * A snapshot is read and compared by several sessions, today and in years, on servers and roles with settings of their
 * own.  Whatever changes the text of a value, hides rows or ends a long statement is fixed here.  hf_pg_connect() sets them
 * with set_config() as its first statement, which wins over ALTER ROLE ... SET, and compares what it returns.  (Not in the
 * startup packet: poolers in session mode, which are fine otherwise, refuse `options`.)
 */
#include "pg/session.h"

const char *const hf_pg_exact_settings[] = {
    /* the text of values */
    "DateStyle=ISO, YMD",
    "IntervalStyle=postgres",
    "TimeZone=UTC",
    "extra_float_digits=3",
    "bytea_output=hex",
    "xmlbinary=base64",
    "lc_monetary=C",
    "quote_all_identifiers=off",
    "standard_conforming_strings=on",
    "escape_string_warning=off",
    "array_nulls=on",
    /* which rows are seen, and how */
    "row_security=off",
    "search_path=",
    "synchronize_seqscans=off",
    /* what would cut a long statement short */
    "statement_timeout=0",
    "lock_timeout=0",
    "idle_in_transaction_session_timeout=0",
    "idle_session_timeout=0",
    /* a restore writes, whatever the role's or the database's default */
    "default_transaction_read_only=off",
    /* compiling costs more than it saves for COPY, index builds and the queries of foreign keys */
    "jit=off",
    0,
};

const char *const hf_pg_steady_settings[] = {
    "statement_timeout=0",
    "lock_timeout=0",
    "idle_in_transaction_session_timeout=0",
    "idle_session_timeout=0",
    "default_transaction_read_only=off",
    0,
};

const char *const hf_pg_steady_settings_17[] = {"transaction_timeout=0", 0};
