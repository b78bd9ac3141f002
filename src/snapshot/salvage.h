/*
 * Reading what can still be read of a table with damaged pages: the range is halved down to single pages, a damaged page is read row by row,
 * and what cannot be had is listed.  A row is lost too if its TOAST pieces are.  Of large objects the range is halved down to
 * single ones, a damaged one is read page by page, and zeros take the place of what cannot be had.
 */
#ifndef HF_SNAPSHOT_SALVAGE_H
#define HF_SNAPSHOT_SALVAGE_H

#include "pg/connection.h"
#include "repository/manifest.h"

typedef HF_VECTOR(hf_lost) hf_lost_list;
void hf_lost_list_done(hf_lost_list *list);

typedef struct hf_salvage {
    hf_pg *pg;            /* whose transaction has failed */
    const char *exported; /* the snapshot to go on with */
    const hf_table *table;
    uint32_t block_size;
    hf_status (*on_row)(void *context, const char *row, size_t len,
                        hf_error *error); /* as of hf_pg_copy_out() */
    void *context;
    hf_lost_list *lost; /* is added to */
} hf_salvage;

/* Does the server say that its files are damaged? */
bool hf_salvage_is_damage(const hf_error *error);

/*
 * Read the pages [first, end), or the data of the large objects of such OIDs.  The transaction is a new one on the same snapshot afterwards.  Errors are those that have nothing to do with
 * damage: no connection, a stop request.
 */
HF_MUST_CHECK hf_status hf_salvage_pages(const hf_salvage *self, uint32_t first, uint32_t end,
                                         hf_error *error);
HF_MUST_CHECK hf_status hf_salvage_objects(const hf_salvage *self, uint32_t first, uint32_t end,
                                           hf_error *error);

/* ---- steps that both take ---- */

/* Begin the transaction anew, with the savepoint to which hf_salvage_undo() goes back. */
HF_MUST_CHECK hf_status hf_salvage_begin(const hf_salvage *self, hf_error *error);

/* Undo a try that failed with `why`.  HF_OK: it was for damage (or too much at once), and there may be another one. */
HF_MUST_CHECK hf_status hf_salvage_undo(const hf_salvage *self, const hf_error *why, hf_error *error);

/* One COPY of at most so many bytes; its rows go on if it ends well.  *ret_why is cleared then. */
HF_MUST_CHECK hf_status hf_salvage_copy(const hf_salvage *self, const hf_buf *sql, size_t max,
                                        hf_error *ret_why, hf_error *error);

/* More than a page is read in parts rather than gathered beyond so many bytes. */
#define HF_SALVAGE_PART (64u << 20)

#endif
