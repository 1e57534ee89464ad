//! The black-box suite; the crate's documentation says what is where.

mod cases;
mod command;
mod dev;
mod durability;
mod ending;
mod faults;
mod filled_tables;
mod gateway;
mod identity;
mod slow;
mod support;
mod telemetry;
mod tls;
mod usage;

use support::matrix::on_every_deployment;

on_every_deployment! {
    anywhere {
        article:
            own_profile_is_200,
            someone_elses_profile_is_403_whether_it_is_there_or_not,
            missing_profile_is_404_and_named,
            no_token_is_401_with_a_challenge,
            no_api_key_is_403;
        life_cycle:
            a_profile_is_created_replaced_and_deleted,
            head_is_get_without_the_body,
            me_is_the_callers_own_profile;
        conditions:
            a_read_is_conditional,
            a_write_is_conditional;
        bodies:
            a_profile_has_one_canonical_form,
            equal_tags_are_equal_contents,
            only_json_is_taken,
            what_some_store_could_not_keep_is_422_with_its_places,
            a_profile_of_256_kib_is_kept_and_a_larger_one_is_413;
        user_ids:
            a_user_id_is_decoded_exactly_once,
            ids_that_look_alike_are_different_users,
            what_cannot_be_a_user_id_is_400,
            an_empty_user_id_is_a_missing_parameter;
        routes:
            unknown_routes_are_404,
            wrong_methods_are_405_and_options_says_which_are_right,
            a_target_over_8_kib_is_413,
            health_needs_no_token,
            every_answer_has_a_request_id_of_its_own;
        patches:
            a_merge_patch_changes_what_it_names,
            a_json_patch_is_done_whole_or_not_at_all,
            a_patch_that_is_none_is_refused_with_its_places,
            a_patch_is_conditional,
            a_patch_that_grows_is_stopped;
        writers:
            of_64_writers_with_if_match_exactly_one_wins_each_round,
            every_patch_that_was_answered_200_is_in_the_result,
            clients_that_repeat_their_409s_all_get_through;
        pages:
            the_description_needs_no_token,
            the_page_brings_all_that_it_needs;
    }
    with_own_plans_and_tokens {
        tokens:
            a_token_that_is_not_for_us_is_401,
            an_expired_token_says_so,
            a_token_is_read_in_every_usual_spelling,
            two_authorization_headers_are_refused;
        limits:
            a_key_that_lets_nobody_in_is_403,
            a_limit_is_announced_and_none_is_not,
            a_burst_is_admitted_exactly_and_then_throttled,
            a_quota_is_admitted_exactly_and_then_exceeded,
            a_refused_request_is_charged_nothing,
            an_admitted_request_is_charged_whatever_follows;
        parity:
            transcript_is_the_same_everywhere;
    }
    under_strict_rules {
        strict:
            a_schema_is_applied_to_what_a_write_leaves,
            a_read_only_attribute_is_not_the_owners_to_make,
            a_grant_shows_and_changes_what_it_names,
            a_write_of_what_exists_needs_if_match,
            a_listed_origin_may_read_every_answer;
        parity:
            transcript_under_strict_rules_is_the_same_everywhere;
    }
}
