#include "unit.h"

#include "deploy/machine.h"

/* Follow every transition from a state until nothing new is reached; is there a final state among what is? */
static bool reaches_an_end(hf_cycle_state from)
{
    bool reached[HF_CYCLE_STATES] = {false};

    reached[from] = true;
    for (int round = 0; round < HF_CYCLE_STATES; round++)
        for (size_t i = 0; i < hf_transition_count; i++)
            if (reached[hf_transitions[i].state])
                reached[hf_transitions[i].next] = true;
    return reached[HF_CYCLE_DEPLOYED] || reached[HF_CYCLE_ROLLED_BACK] || reached[HF_CYCLE_REFUSED];
}

static void test_machine__each_state_reaches_an_end(void **state)
{
    (void) state;
    for (int s = 0; s < HF_CYCLE_STATES; s++)
        assert_true(hf_cycle_is_final((hf_cycle_state) s) || reaches_an_end((hf_cycle_state) s));
}

static void test_machine__each_state_under_way_can_be_resumed(void **state)
{
    (void) state;
    for (int s = 0; s < HF_CYCLE_STATES; s++) {
        bool resumable = hf_transition_find((hf_cycle_state) s, HF_EVENT_INTERRUPTED) != NULL;
        bool ended = hf_cycle_is_final((hf_cycle_state) s) && s != HF_CYCLE_STUCK;

        assert_int_equal(resumable, !ended);
    }
}

static void test_machine__no_pair_stands_twice(void **state)
{
    (void) state;
    for (size_t i = 0; i < hf_transition_count; i++)
        assert_ptr_equal(hf_transition_find(hf_transitions[i].state, hf_transitions[i].event),
                         &hf_transitions[i]);
}

/* P1: the one way into MIGRATING leads from a sealed snapshot. */
static void test_machine__migrating_comes_only_after_a_snapshot(void **state)
{
    (void) state;
    for (size_t i = 0; i < hf_transition_count; i++)
        if (hf_transitions[i].next == HF_CYCLE_MIGRATING) {
            assert_true(hf_transitions[i].state == HF_CYCLE_SNAPSHOT ||
                        hf_transitions[i].state == HF_CYCLE_FENCED ||
                        hf_transitions[i].state == HF_CYCLE_CLONING);
            assert_int_equal(hf_transitions[i].event, HF_EVENT_DONE);
        }
}

/* What is stuck is settled by somebody's word alone, and nothing else is. */
static void test_machine__settled_is_what_was_stuck(void **state)
{
    (void) state;
    for (size_t i = 0; i < hf_transition_count; i++) {
        const bool settles = hf_transitions[i].next == HF_CYCLE_SETTLED;

        assert_int_equal(settles, hf_transitions[i].event == HF_EVENT_SETTLED);
        assert_true(!settles || hf_transitions[i].state == HF_CYCLE_STUCK);
    }
}

/* Once a statement may have run, "refused: nothing touched" would be a lie. */
static void test_machine__nothing_is_refused_after_migrating(void **state)
{
    (void) state;
    for (size_t i = 0; i < hf_transition_count; i++)
        if (hf_transitions[i].state >= HF_CYCLE_MIGRATING && hf_transitions[i].next == HF_CYCLE_REFUSED)
            assert_int_equal(hf_transitions[i].event, HF_EVENT_UNCHANGED);
}

/* Rolled back means swapped in after verification, nothing less. */
static void test_machine__rolled_back_comes_only_after_verification(void **state)
{
    (void) state;
    for (size_t i = 0; i < hf_transition_count; i++) {
        if (hf_transitions[i].next == HF_CYCLE_ROLLED_BACK)
            assert_true(hf_transitions[i].state == HF_CYCLE_SWAPPING ||
                        (hf_transitions[i].state == HF_CYCLE_VERIFYING_RESTORE &&
                         hf_transitions[i].event == HF_EVENT_IN_PLACE));
        if (hf_transitions[i].next == HF_CYCLE_SWAPPING)
            assert_true(hf_transitions[i].state == HF_CYCLE_VERIFYING_RESTORE ||
                        hf_transitions[i].state == HF_CYCLE_SWAPPING ||
                        /* resume found the names exchanged, which only SWAPPING does */
                        hf_transitions[i].event == HF_EVENT_SWAPPED);
    }
}

/* From MIGRATING on the walk goes on though entries cannot be stored, so the swap may have been made in each state that the journal tells. */
static void test_machine__a_swap_that_was_made_is_finished_from_each_state(void **state)
{
    (void) state;
    for (int s = 0; s < HF_CYCLE_STATES; s++) {
        const hf_transition *next = hf_transition_find((hf_cycle_state) s, HF_EVENT_SWAPPED);
        bool resumable = hf_transition_find((hf_cycle_state) s, HF_EVENT_INTERRUPTED) != NULL;

        assert_int_equal(next != NULL, s >= HF_CYCLE_MIGRATING && resumable && s != HF_CYCLE_SWAPPING);
        if (next != NULL)
            assert_int_equal(next->next, HF_CYCLE_SWAPPING);
    }
}

static void test_machine__what_is_held_is_not_final(void **state)
{
    (void) state;
    for (int s = 0; s < HF_CYCLE_STATES; s++)
        assert_int_equal(hf_cycle_is_held((hf_cycle_state) s), s == HF_CYCLE_HELD || s == HF_CYCLE_WAITING);
}

static void test_machine__names_are_read_back(void **state)
{
    (void) state;
    for (int s = 0; s < HF_CYCLE_STATES; s++) {
        hf_cycle_state parsed = HF_CYCLE_STATES;

        assert_true(hf_cycle_state_parse(hf_cycle_state_name((hf_cycle_state) s), &parsed));
        assert_int_equal(parsed, s);
    }
    hf_cycle_state untouched = HF_CYCLE_STUCK;
    assert_false(hf_cycle_state_parse("finished", &untouched));
    assert_int_equal(untouched, HF_CYCLE_STUCK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_machine__each_state_reaches_an_end),
        cmocka_unit_test(test_machine__each_state_under_way_can_be_resumed),
        cmocka_unit_test(test_machine__no_pair_stands_twice),
        cmocka_unit_test(test_machine__migrating_comes_only_after_a_snapshot),
        cmocka_unit_test(test_machine__settled_is_what_was_stuck),
        cmocka_unit_test(test_machine__nothing_is_refused_after_migrating),
        cmocka_unit_test(test_machine__rolled_back_comes_only_after_verification),
        cmocka_unit_test(test_machine__a_swap_that_was_made_is_finished_from_each_state),
        cmocka_unit_test(test_machine__what_is_held_is_not_final),
        cmocka_unit_test(test_machine__names_are_read_back),
    };

    return cmocka_run_group_tests_name("deploy/machine", tests, NULL, NULL);
}
