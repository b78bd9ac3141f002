#include "deploy/way.h"

#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/text.h"
#include "deploy/sql.h"
#include "restore/in_place.h"

#define CLONE_MAX_BYTES                                                                                      \
    (UINT64_C(4) << 30) /* copying more takes longer than a deploy should stand still for */
#define SHOWN_MAX 3

static const struct {
    const char *name;
    hf_rollback_way way;
} ways[] = {
    {"swap", HF_WAY_SWAP}, {"clone", HF_WAY_CLONE}, {"in-place", HF_WAY_IN_PLACE}, {"auto", HF_WAY_AUTO}};

const char *hf_way_name(hf_rollback_way way)
{
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (ways[i].way == way)
            return ways[i].name;
    return "unknown";
}

bool hf_way_parse(const char *name, hf_rollback_way *ret_way)
{
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        if (hf_streq(ways[i].name, name)) {
            *ret_way = ways[i].way;
            return true;
        }
    return false;
}

hf_rollback_way hf_way_choose(const hf_way_facts *facts, const char **ret_why)
{
    if (!facts->may_create || !facts->is_owner || facts->is_barred) {
        *ret_why = !facts->is_owner     ? "the role does not own the database"
                   : !facts->may_create ? "the role may not create databases"
                                        : "the role may not create databases in this one's tablespace";
        return HF_WAY_IN_PLACE;
    }
    if (facts->bytes > CLONE_MAX_BYTES)
        *ret_why = "copying a database of this size before each deploy would take long";
    else if (facts->other_sessions > 0 && !facts->is_fenced)
        *ret_why = "clients are connected, and a clone needs a moment without them";
    else if (!facts->is_room_known)
        *ret_why = "the server's free space is not known, and a clone needs as much as the database has";
    else if (facts->free_bytes / 2 < facts->bytes)
        *ret_why = "the server has little free space, and a swap needs some only if the deploy fails";
    else {
        *ret_why = "nobody is kept waiting by a copy, there is room for it, and it makes the way back fast";
        return HF_WAY_CLONE;
    }
    return HF_WAY_SWAP;
}

static hf_way_facts facts_of(const hf_rows *seen)
{
    const bool is_superuser = hf_rows_bool(seen, 0, "is_superuser");
    const char *folder = hf_rows_text(seen, 0, "folder");
    struct statvfs space;
    hf_way_facts facts = {.may_create = is_superuser || hf_rows_bool(seen, 0, "may_create"),
                          .is_owner = is_superuser || hf_rows_bool(seen, 0, "is_owner"),
                          .bytes = (uint64_t) hf_rows_int(seen, 0, "bytes"),
                          .other_sessions = hf_rows_int(seen, 0, "other_sessions"),
                          .is_barred = hf_rows_text(seen, 0, "barred_home") != NULL};

    if (folder != NULL && statvfs(folder, &space) == 0) {
        facts.is_room_known = true;
        facts.free_bytes = (uint64_t) space.f_bavail * space.f_frsize;
    }
    return facts;
}

static void bad(hf_preflight *preflight, const char *what, char *seen, const char *remedy)
{
    hf_preflight_add(preflight, what, HF_FINDING_BAD, seen, remedy);
}

static bool cannot_signal(const hf_rows *seen)
{
    return hf_rows_int(seen, 0, "foreign_sessions") > 0 && !hf_rows_bool(seen, 0, "may_signal") &&
           !hf_rows_bool(seen, 0, "is_superuser");
}

/* Owner and CREATEDB: CREATE DATABASE beside, RENAME of both. */
static void look_at_exchange(const char *user, const hf_rows *seen, const hf_way_facts *facts,
                             hf_preflight *preflight)
{
    if (!facts->may_create) {
        HF_AUTO_STR remedy = hf_format("ALTER ROLE \"%s\" CREATEDB; or deploy.rollback.way: in-place", user);
        bad(preflight, "privileges",
            hf_format("role \"%s\" may not create databases, and the way back needs one beside", user),
            remedy);
    } else if (!facts->is_owner) {
        HF_AUTO_STR remedy =
            hf_format("connect as \"%s\", or GRANT \"%s\" TO \"%s\"; or deploy.rollback.way: in-place",
                      hf_rows_text(seen, 0, "owner"), hf_rows_text(seen, 0, "owner"), user);
        bad(preflight, "privileges",
            hf_format("role \"%s\" does not own the database, and only its owner may rename it", user),
            remedy);
    } else if (cannot_signal(seen)) {
        HF_AUTO_STR remedy = hf_format("GRANT pg_signal_backend TO \"%s\"", user);
        bad(preflight, "privileges",
            hf_format("role \"%s\" may not end the sessions of other roles, which a swap must", user),
            remedy);
    } else if (hf_rows_bool(seen, 0, "is_superuser")) {
        hf_preflight_add(preflight, "privileges", HF_FINDING_GOOD,
                         hf_format("role \"%s\" is a superuser", user), NULL);
    } else {
        hf_preflight_add(preflight, "privileges", HF_FINDING_GOOD,
                         hf_format("role \"%s\" owns the database and may create databases", user), NULL);
    }
    if (hf_rows_text(seen, 0, "subscriptions") != NULL)
        hf_preflight_add(preflight, "subscriptions", HF_FINDING_WARNING,
                         hf_format("these go on in the failed database after a way back: %s",
                                   hf_rows_text(seen, 0, "subscriptions")),
                         "the restored ones are disabled: drop the old ones and enable those");
    if (hf_rows_text(seen, 0, "publications") != NULL)
        hf_preflight_add(
            preflight, "publications", HF_FINDING_WARNING,
            hf_format("these are put back, but their subscribers' slots stay with the failed database: %s",
                      hf_rows_text(seen, 0, "publications")),
            "their subscribers would have to start anew");
}

/* What is restored goes where it was; in place the database itself is there already. */
static void look_at_tablespaces(const char *user, const hf_rows *seen, hf_preflight *preflight)
{
    const char *barred[] = {preflight->way != HF_WAY_IN_PLACE ? hf_rows_text(seen, 0, "barred_home") : NULL,
                            hf_rows_text(seen, 0, "barred")};

    for (size_t i = 0; i < sizeof(barred) / sizeof(barred[0]); i++) {
        if (barred[i] == NULL)
            continue;
        HF_AUTO_STR remedy = hf_format("GRANT CREATE ON TABLESPACE %s TO \"%s\"", barred[i], user);
        bad(preflight, "privileges",
            hf_format("role \"%s\" may create nothing in tablespace %s, where the way back has to", user,
                      barred[i]),
            remedy);
    }
}

static void look_at_room(hf_rollback_way way, const hf_way_facts *facts, hf_preflight *preflight)
{
    char room[32], need[32];

    if (!facts->is_room_known || facts->free_bytes >= facts->bytes + facts->bytes / 10)
        return;
    (void) hf_show_size(facts->free_bytes, room);
    (void) hf_show_size(facts->bytes, need);
    hf_preflight_add(
        preflight, "server's space", way == HF_WAY_CLONE ? HF_FINDING_BAD : HF_FINDING_WARNING,
        hf_format("%s are free on the server, and a second copy of the database may take %s", room, need),
        "make room, or the way back may fail for want of it");
}

static void look_in_place(const char *user, hf_pg *pg, const hf_rows *seen, hf_preflight *preflight)
{
    HF_AUTO(hf_strings_done) hf_strings obstacles = {0};
    hf_error error;

    if (hf_in_place_obstacles(pg, &obstacles, &error) != HF_OK) {
        bad(preflight, "in place", hf_strdup(error.message), error.hint);
        return;
    }
    for (size_t i = 0; i < obstacles.count && i < SHOWN_MAX; i++)
        bad(preflight, "in place", hf_strdup(obstacles.items[i]),
            "remove what is in the way, or give the role CREATEDB and use another deploy.rollback.way");
    if (!hf_rows_bool(seen, 0, "may_make_schemas")) {
        HF_AUTO_STR remedy = hf_format("GRANT CREATE ON DATABASE ... TO \"%s\"", user);
        bad(preflight, "privileges", hf_format("role \"%s\" may not make schemas again that it drops", user),
            remedy);
    } else if (hf_rows_int(seen, 0, "own_relations") == 0) {
        hf_preflight_add(preflight, "privileges", HF_FINDING_WARNING,
                         hf_format("role \"%s\" owns nothing here, so there is nothing to put back", user),
                         "connect as the owner of the tables");
    } else if (cannot_signal(seen)) {
        HF_AUTO_STR remedy = hf_format("GRANT pg_signal_backend TO \"%s\"", user);
        bad(preflight, "privileges",
            hf_format("role \"%s\" may not end the sessions of other roles, which hold its tables", user),
            remedy);
    } else {
        hf_preflight_add(preflight, "privileges", HF_FINDING_GOOD,
                         hf_format("role \"%s\" may empty and fill what it owns", user), NULL);
    }
}

void hf_way_look(const hf_deploy_options *options, hf_pg *pg, hf_preflight *preflight)
{
    HF_AUTO_ROWS seen = NULL;
    hf_error error;
    const char *why = "as configured";

    preflight->way = options->target->deploy.way;
    if (hf_pg_query(pg, hf_sql_way, 0, NULL, &seen, &error) != HF_OK) {
        bad(preflight, "way back", hf_strdup(error.message), error.hint);
        return;
    }
    hf_way_facts facts = facts_of(seen);
    facts.is_fenced = options->target->deploy.fence.kind == HF_FENCE_CONNECTIONS;
    if (preflight->way == HF_WAY_AUTO)
        preflight->way = hf_way_choose(&facts, &why);
    free(preflight->way_why);
    preflight->way_why = hf_strdup(why);
    hf_preflight_add(preflight, "way back", HF_FINDING_GOOD,
                     hf_format("%s: %s", hf_way_name(preflight->way), why), NULL);
    if (preflight->way == HF_WAY_IN_PLACE)
        look_in_place(hf_pg_user(pg), pg, seen, preflight);
    else
        look_at_exchange(hf_pg_user(pg), seen, &facts, preflight);
    look_at_tablespaces(hf_pg_user(pg), seen, preflight);
    look_at_room(preflight->way, &facts, preflight);
}
