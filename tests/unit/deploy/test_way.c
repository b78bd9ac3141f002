#include "deploy/way.h"
#include "unit.h"

#define GIB (UINT64_C(1) << 30)

static void test_way__names_go_both_ways(void **state)
{
    (void) state;
    static const hf_rollback_way ways[] = {HF_WAY_SWAP, HF_WAY_CLONE, HF_WAY_IN_PLACE, HF_WAY_AUTO};

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        hf_rollback_way way = HF_WAY_AUTO;
        assert_true(hf_way_parse(hf_way_name(ways[i]), &way));
        assert_int_equal(way, ways[i]);
    }
    hf_rollback_way way = HF_WAY_CLONE;
    assert_false(hf_way_parse(NULL, &way));
    assert_false(hf_way_parse("sideways", &way));
    assert_int_equal(way, HF_WAY_CLONE);
}

static void test_way__auto_picks_by_role_size_and_room(void **state)
{
    (void) state;
    static const struct {
        hf_way_facts facts;
        hf_rollback_way way;
        const char *why;
    } cases[] = {
        {{.may_create = false, .is_owner = true}, HF_WAY_IN_PLACE, "may not create databases"},
        {{.may_create = true, .is_owner = false}, HF_WAY_IN_PLACE, "does not own the database"},
        {{.may_create = true, .is_owner = true, .is_barred = true}, HF_WAY_IN_PLACE, "tablespace"},
        {{true, true, 5 * GIB, true, 100 * GIB, 0, false, false}, HF_WAY_SWAP, "of this size"},
        {{true, true, GIB, true, 100 * GIB, 3, false, false}, HF_WAY_SWAP, "clients are connected"},
        {{true, true, GIB, true, 100 * GIB, 3, true, false}, HF_WAY_CLONE, "there is room"},
        {{true, true, GIB, false, 0, 0, false, false}, HF_WAY_SWAP, "not known"},
        {{true, true, GIB, true, GIB, 0, false, false}, HF_WAY_SWAP, "little free space"},
        {{true, true, GIB, true, 3 * GIB, 0, false, false}, HF_WAY_CLONE, "there is room"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *why = NULL;
        assert_int_equal(hf_way_choose(&cases[i].facts, &why), cases[i].way);
        assert_non_null(strstr(why, cases[i].why));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_way__names_go_both_ways),
        cmocka_unit_test(test_way__auto_picks_by_role_size_and_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
