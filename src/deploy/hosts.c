#include "deploy/hosts.h"

#include <stddef.h>

#include "base/text.h"

static const hf_host_habit habits[] = {
    {"Railway", "*.railway.internal", 0, true,
     "an internal name of Railway, which resolves only inside of the project",
     "outside of it use DATABASE_PUBLIC_URL (…proxy.rlwy.net); inside, run holdfast as a service of the "
     "project"},
    {"Railway", "*.proxy.rlwy.net", 0, false,
     "Railway's public proxy: it ends connections that are idle, and traffic through it costs",
     "for large databases run holdfast inside of the project, with DATABASE_URL"},
    {"Supabase", "*.pooler.supabase.com", 6543, true, "Supabase's pooler in transaction mode",
     "use port 5432 of the same host (session mode), or the direct connection, db.<project>.supabase.co"},
    {"Supabase", "*.supabase.co", 6543, true, "Supabase's pooler in transaction mode",
     "use port 5432 of the same host"},
    {"Supabase", "*.pooler.supabase.com", 5432, false,
     "Supabase's pooler in session mode: its connections are few",
     "keep snapshot.jobs below the pool's size"},
    {"Supabase", "db.*.supabase.co", 0, false,
     "a direct connection to Supabase: IPv6 only, unless the add-on for IPv4 is bought",
     "where IPv6 is missing (GitHub's runners), use the pooler in session mode, port 5432"},
    {"Supabase", "*.supabase.c*", 0, false,
     "on Supabase \"postgres\" is no superuser, and the services' roles (supabase_admin, authenticator) stay "
     "connected to "
     "the only database",
     "deploy.rollback.way: in-place needs neither a second database nor to end their sessions"},
    {"Neon", "*-pooler.*.neon.tech", 0, true, "Neon's pooler, which is in transaction mode",
     "take \"-pooler\" out of the host name"},
    {"Neon", "*.neon.tech", 0, false, "Neon suspends a compute that is idle, and ends its connections",
     "let deploy.timeouts and checks allow for its waking; set the suspension off while nightly backups run"},
    {"Render", "dpg-*-a", 0, true, "an internal name of Render, which resolves only inside of its region",
     "outside of it use the external URL (dpg-….<region>-postgres.render.com), with sslmode=require"},
    {"Render", "*-postgres.render.com", 0, false,
     "on Render the role owns its database and may not always create others",
     "if `privileges` is red: deploy.rollback.way: in-place"},
    {"Amazon RDS", "*.proxy-*.rds.amazonaws.com", 0, true, "RDS Proxy, which shares sessions between clients",
     "use the endpoint of the instance or the cluster's writer"},
    {"Amazon RDS", "*.cluster-ro-*.rds.amazonaws.com", 0, true, "the readers' endpoint of an Aurora cluster",
     "use the writer's (cluster-… without \"ro\")"},
    {"Amazon RDS", "*.rds.amazonaws.com", 0, false,
     "on RDS rds_superuser is no superuser: sessions of rdsadmin cannot be ended, and what is static in the "
     "parameter group "
     "needs a restart",
     "grant pg_signal_backend and pg_read_all_stats to the role; change parameters before the deploy, not "
     "with it"},
    {"Heroku", "*.compute-1.amazonaws.com", 0, false,
     "this looks like Heroku Postgres: one database, no CREATEDB, and credentials that are rotated",
     "deploy.rollback.way: in-place; database.url: {command: [heroku, config:get, DATABASE_URL, --app, "
     "APP]}"},
    {"Heroku", "ec2-*.amazonaws.com", 0, false,
     "this looks like Heroku Postgres, which asks for TLS with a certificate of its own",
     "add sslmode=require to the connection string"},
    {"Fly", "*.flycast", 0, true, "a private address of Fly, which only its network reaches",
     "outside of it: fly proxy 15432:5432 --app DB, and localhost:15432"},
    {"Fly", "*.internal", 5433, false,
     "Fly's port 5433 leads past the proxy to one instance, which may be a replica",
     "use port 5432, which leads to the primary"},
    {"Fly", "*.internal", 0, false,
     "an internal name, which only resolves inside of the network (Fly's is *.internal)",
     "outside of it use a proxy or a public name"},
    {"Azure", "*.postgres.database.azure.com", 6432, true, "Azure's built-in PgBouncer", "use port 5432"},
    {"DigitalOcean", "*.db.ondigitalocean.com", 25061, true, "DigitalOcean's connection pool",
     "use port 25060"},
    {"PgBouncer", "*", 6432, false,
     "port 6432 is PgBouncer's: in transaction mode no snapshot holds through it",
     "use the server's own port, mostly 5432"},
};

const hf_host_habit *hf_host_habit_next(const char *host, int port, const hf_host_habit *after)
{
    for (size_t i = after == NULL ? 0 : (size_t) (after - habits) + 1; i < sizeof(habits) / sizeof(habits[0]);
         i++)
        if (hf_glob_match(habits[i].host, host) && (habits[i].port == 0 || habits[i].port == port))
            return &habits[i];
    return NULL;
}
