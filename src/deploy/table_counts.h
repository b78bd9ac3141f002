/* How many rows the tables have, for the report of a cycle: counted where that is cheap, estimated elsewhere. */
#ifndef HF_DEPLOY_TABLE_COUNTS_H
#define HF_DEPLOY_TABLE_COUNTS_H

#include <jansson.h>

/*
 * {tables: [{schema, name, bytes, rows (null: not known), exact}], more}: the 500 largest; `more`: there may be others.  Takes a few
 * seconds at most and waits for no lock.  NULL if the database does not tell: no report is worth a cycle.  The caller owns it.
 */
json_t *hf_table_counts(const char *url);

#endif
