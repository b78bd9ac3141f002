/*
 * Which way back a cycle takes if it fails, decided in the preflight and proved to be possible there: swap (restore beside,
 * exchange), clone (a copy made before the migrations takes its place), in-place (one transaction in the live database).
 */
#ifndef HF_DEPLOY_WAY_H
#define HF_DEPLOY_WAY_H

#include "deploy/preflight.h"

typedef struct hf_way_facts {
    bool may_create, is_owner; /* databases; of this one.  Both of a superuser */
    uint64_t bytes;            /* of the database */
    bool is_room_known;        /* holdfast runs on the server's machine and may ask */
    uint64_t free_bytes;
    int64_t other_sessions; /* of clients in the database */
    bool is_fenced;         /* clients are kept out while the copy is made */
    bool is_barred;         /* the role may create nothing in the database's tablespace */
} hf_way_facts;

/* What `auto` means here; *ret_why is one of a few texts, borrowed. */
hf_rollback_way hf_way_choose(const hf_way_facts *facts, const char **ret_why);

const char *hf_way_name(hf_rollback_way way);                  /* "in-place" */
bool hf_way_parse(const char *name, hf_rollback_way *ret_way); /* NULL or unknown: false */

/* Look at what the configured way needs; fills preflight->way and way_why, and adds findings. */
void hf_way_look(const hf_deploy_options *options, hf_pg *pg, hf_preflight *preflight);

#endif
