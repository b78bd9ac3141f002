/* What hosting services do to connections and roles, known by the host name and port of a URL.  One table, hosts.c. */
#ifndef HF_DEPLOY_HOSTS_H
#define HF_DEPLOY_HOSTS_H

#include <stdbool.h>

typedef struct hf_host_habit {
    const char *service; /* "Supabase" */
    const char *host;    /* a pattern (hf_glob_match()) of the host name */
    int port;            /* 0: any */
    bool is_obstacle;    /* no deploy works through it */
    const char *seen;    /* what it is */
    const char *remedy;
} hf_host_habit;

/*
 * The next habit that fits, after `after` (NULL: the first), or NULL.  host and port as in the connection string; the port 0 where it
 * has none.
 */
const hf_host_habit *hf_host_habit_next(const char *host, int port, const hf_host_habit *after);

#endif
