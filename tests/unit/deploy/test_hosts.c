#include "unit.h"

#include "deploy/hosts.h"

/* The service and whether it is in a deploy's way, of each habit that a host has. */
static void test_hosts__are_known_by_name_and_port(void **state)
{
    static const struct {
        const char *host;
        int port;
        const char *service;
        bool is_obstacle;
        const char *remedy;
    } cases[] = {
        {"postgres.railway.internal", 5432, "Railway", true, "DATABASE_PUBLIC_URL"},
        {"roundhouse.proxy.rlwy.net", 41234, "Railway", false, "inside of the project"},
        {"aws-0-eu-west-3.pooler.supabase.com", 6543, "Supabase", true, "5432"},
        {"aws-0-eu-west-3.pooler.supabase.com", 5432, "Supabase", false, "pool's size"},
        {"db.abcdefgh.supabase.co", 5432, "Supabase", false, "IPv6"},
        {"db.abcdefgh.supabase.co", 6543, "Supabase", true, "5432"},
        {"ep-cool-sun-123-pooler.eu-central-1.aws.neon.tech", 5432, "Neon", true, "-pooler"},
        {"ep-cool-sun-123.eu-central-1.aws.neon.tech", 5432, "Neon", false, "waking"},
        {"dpg-abc123-a", 5432, "Render", true, "external URL"},
        {"dpg-abc123-a.frankfurt-postgres.render.com", 5432, "Render", false, "in-place"},
        {"shop.proxy-abc.eu-west-1.rds.amazonaws.com", 5432, "Amazon RDS", true, "endpoint"},
        {"shop.cluster-ro-abc.eu-west-1.rds.amazonaws.com", 5432, "Amazon RDS", true, "writer"},
        {"shop.abc.eu-west-1.rds.amazonaws.com", 5432, "Amazon RDS", false, "pg_signal_backend"},
        {"ec2-1-2-3-4.compute-1.amazonaws.com", 5432, "Heroku", false, "in-place"},
        {"shop-db.flycast", 5432, "Fly", true, "fly proxy"},
        {"shop-db.internal", 5433, "Fly", false, "5432"},
        {"shop.postgres.database.azure.com", 6432, "Azure", true, "5432"},
        {"shop.db.ondigitalocean.com", 25061, "DigitalOcean", true, "25060"},
        {"db.example.org", 6432, "PgBouncer", false, "5432"},
    };

    (void) state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const hf_host_habit *habit = hf_host_habit_next(cases[i].host, cases[i].port, NULL);

        if (habit == NULL)
            fail_msg("%s is not known", cases[i].host);
        if (strcmp(habit->service, cases[i].service) != 0 || habit->is_obstacle != cases[i].is_obstacle ||
            (strstr(habit->remedy, cases[i].remedy) == NULL && strstr(habit->seen, cases[i].remedy) == NULL))
            fail_msg("%s:%d is taken for: %s, %s", cases[i].host, cases[i].port, habit->service, habit->seen);
    }
    assert_null(hf_host_habit_next("db.example.org", 5432, NULL));
    assert_null(hf_host_habit_next("localhost", 5432, NULL));
    assert_null(hf_host_habit_next("railway.internal.example.org", 5432, NULL));
}

static void test_hosts__one_may_have_several(void **state)
{
    const hf_host_habit *first = hf_host_habit_next("db.abc.supabase.co", 5432, NULL);

    (void) state;
    const hf_host_habit *second = hf_host_habit_next("db.abc.supabase.co", 5432, first);
    assert_non_null(second);
    assert_non_null(strstr(second->seen, "no superuser"));
    assert_null(hf_host_habit_next("db.abc.supabase.co", 5432, second));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts__are_known_by_name_and_port),
        cmocka_unit_test(test_hosts__one_may_have_several),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
