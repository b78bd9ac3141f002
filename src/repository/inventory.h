/*
 * The inventory: which snapshots there are, to be read by key, because a listing may be stale or leave something out.
 *
 * It is a row of documents, inventory/1.json, inventory/2.json, ...: each holds all that the one before it held and one
 * more, and the newest counts.  A snapshot is in it before its pointer is put, and one whose pointer is gone was removed.  A
 * gc, beside which nobody writes, puts what it found into inventory/1.json, with the number that the row goes on with,
 * and removes the others.  What holds from the beginning on is that their numbers have no gap.
 *
 * It may lack some at any time: whoever writes without reading, or with an earlier version, adds nothing.  So it tells what a
 * listing leaves out, but not that there is nothing more: for that a gc reads what it is about to remove.
 */
#ifndef HF_REPOSITORY_INVENTORY_H
#define HF_REPOSITORY_INVENTORY_H

#include "repository/repository.h"

typedef struct hf_snapshot_name {
    char *target;
    char *id;
} hf_snapshot_name;

typedef struct hf_inventory {
    HF_VECTOR(hf_snapshot_name) snapshots;
    uint64_t next; /* the number that the row goes on with */
} hf_inventory;

/* An empty one where there is none or it is damaged: it only helps to see more than a listing shows. */
HF_MUST_CHECK hf_status hf_inventory_read(hf_repository *repository, hf_inventory *ret_inventory,
                                          hf_error *error);
void hf_inventory_done(hf_inventory *inventory);

bool hf_inventory_has(const hf_inventory *inventory, const char *target, const char *id);

/* Before the pointer is put; nothing with keys that may not read. */
HF_MUST_CHECK hf_status hf_inventory_add(hf_repository *repository, const char *target, const char *id,
                                         hf_error *error);

/* These are the snapshots that there are: begin the row anew.  For a gc. */
HF_MUST_CHECK hf_status hf_inventory_renew(hf_repository *repository, const hf_snapshot_list *snapshots,
                                           hf_error *error);

#endif
