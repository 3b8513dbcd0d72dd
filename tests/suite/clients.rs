//! The client that stays connected, of every runtime, over sockets that break.
//!
//! A scenario is a plain function over [`ClientAdapter`], with a [`FaultRelay`](ws_testkit::FaultRelay) that does the breaking and a
//! [`Witness`](crate::witness::Witness) at the other end. `client_scenarios!` makes a test of each.

pub mod adapter;
pub mod asynchronous;
pub mod blocking;
pub mod watched;

pub mod addresses;
pub mod background;
pub mod blame;
pub mod compressed;
pub mod connectors;
pub mod cuts;
pub mod ending;
pub mod faults;
pub mod hand;
pub mod hooks;
pub mod opening;
pub mod outbox;
pub mod policies;
pub mod prepared;
pub mod redirects;
pub mod remains;
pub mod resets;
pub mod secure;
pub mod seeds;
pub mod supplied;

pub use adapter::{ClientAdapter, ClientHandle};
pub use watched::Watched;

/// Makes a test of every scenario, for the client of one runtime.
#[macro_export]
macro_rules! client_scenarios {
    ($client:ty) => {
        $crate::client_scenarios! { $client:
            faults {
                totals_outlive_a_connection
                an_end_within_the_handshake
                an_end_without_close
                a_reset_of_an_open_connection
                a_server_that_is_silent_after_connecting_costs_open_timeout
                a_half_open_connection_costs_pong_timeout
                bytes_one_by_one_and_late_are_no_fault
                a_connection_that_is_reset_at_once
                an_attempt_that_our_own_socket_fails_is_ended_by_us
                a_port_that_is_set_is_had_again_by_each_connection_to_the_same_server
                a_refused_connection_is_tried_again
                it_comes_back_after_a_close_of_the_server_if_it_always_does
            }
            cuts {
                at_most_once_on_the_way_to_the_server
                at_most_once_on_the_way_back
                confirmed_on_the_way_to_the_server
                confirmed_on_the_way_back
                at_most_once_on_the_way_to_the_server_compressed
                at_most_once_on_the_way_back_compressed
                confirmed_on_the_way_to_the_server_compressed
                confirmed_on_the_way_back_compressed
            }
            background {
                nobody_has_to_wait_for_a_client_in_the_background
                events_wait_for_the_program
                the_last_handle_ends_a_client_in_the_background
                a_closure_gets_each_event_to_the_end
                a_client_that_only_sends_drives_itself
            }
            hand {
                a_client_is_a_stream_of_events_to_its_end
                a_stream_and_next_event_hand_out_the_same_events
                handles_are_sinks_that_share_the_room
            }
            opening {
                on_open_comes_first_on_every_connection
                the_outbox_waits_for_release_on_every_connection
                on_open_runs_without_a_lock_and_its_panic_reaches_who_waits
            }
            outbox {
                what_is_sent_before_there_is_a_connection_comes_first
                handles_drive_the_client_too
                events_that_are_taken_let_a_handle_read_on
                several_may_wait_with_one_handle
                what_is_queued_leaves_while_another_thread_waits
                waiting_for_an_event_ends_in_time
                senders_wait_while_the_peer_takes_nothing
                a_writer_that_makes_no_progress_costs_write_timeout
                confirm_is_a_proof_or_an_error
                confirmed_messages_come_again_and_are_proven
                nothing_comes_while_reading_is_paused
                a_pause_outlasts_the_connection
            }
            policies {
                the_outbox_can_be_dropped_with_the_connection
                messages_can_be_refused_while_there_is_no_connection
                a_refusal_wakes_a_sender_that_waits_for_room
                a_message_expires_and_the_outbox_can_be_cleared
                a_feed_without_data_costs_idle_timeout
                a_heartbeat_is_a_message_that_the_outbox_does_not_hold_up
                a_check_ends_a_connection_that_does_not_answer
            }
            blame {
                a_message_that_is_given_up_is_told_to_who_waits_for_it
                a_stuck_message_can_be_skipped_while_others_wait
            }
            compressed {
                each_connection_negotiates_anew_and_begins_afresh
                a_server_that_does_not_compress_any_more_is_no_obstacle
                what_is_said_of_a_message_holds_for_it_on_every_connection
                the_memory_for_compressing_can_be_given_back
                a_bomb_ends_the_connection_and_the_client_does_not_come_back_for_more
            }
            ending {
                close_ends_at_once_what_is_not_open
                abort_ends_at_once_what_is_not_open
                a_handle_ends_the_client_at_once
                close_sends_what_waits_and_then_close
                a_peer_that_does_not_answer_close_costs_close_timeout
                close_ends_within_close_timeout_though_the_peer_takes_nothing
                abort_ends_an_open_connection_at_once
                abort_needs_nobody_who_waits
                what_is_cancelled_can_begin_anew
                reconnect_after_comes_sooner_than_the_policy
            }
            addresses {
                the_second_of_two_addresses_is_reached_past_a_black_hole
                an_address_that_does_not_answer_costs_open_timeout
                a_server_on_ipv4_alone_is_reached_by_name
                a_server_is_reached_past_an_address_that_does_not_answer
                a_server_on_ipv6
                what_cannot_be_a_server_is_refused_when_it_is_built
            }
            connectors {
                a_connector_supplies_the_transport_of_each_attempt
                tls_is_spoken_over_a_connector_unless_its_stream_is_secure
                an_error_of_a_connector_is_tried_again_unless_it_is_final
                a_connector_that_hangs_costs_open_timeout
                what_a_connector_waits_for_can_be_given_up
                a_transport_that_comes_too_late_is_dropped
                a_connector_may_use_the_client_and_its_panic_reaches_who_waits
                a_proxy_beside_a_connector_is_an_error
                a_redirect_asks_the_connector_again
                a_transport_of_a_connector_is_dropped_after_a_missed_pong
                a_client_in_the_background_connects_by_a_connector
            }
            redirects {
                a_redirect_is_followed_as_the_hook_decides_which_may_use_the_client
            }
            prepared {
                each_attempt_gets_a_token_of_its_own
                a_hook_that_takes_too_long_costs_the_attempt
                what_prepare_waits_for_can_be_ended_or_dropped
                a_handle_that_waits_prepares_too
                a_hook_that_waits_may_use_the_client_and_its_panic_reaches_who_waits
            }
            remains {
                a_hundred_reconnects_leave_nothing_behind
            }
            resets {
                a_server_that_misses_a_pong_gets_a_reset_and_no_old_messages
                a_server_that_takes_nothing_gets_a_reset_and_no_old_messages
                a_server_that_proves_nothing_gets_a_reset_and_no_old_messages
                an_aborted_connection_is_reset_and_sends_no_old_messages
            }
            secure {
                it_comes_back_over_tls_with_what_is_left
                a_cut_anywhere_in_tls_is_reported_once_and_tried_again
                a_certificate_error_ends_it
                a_server_that_was_revoked_meanwhile_is_refused
                the_session_of_tls_is_resumed
                it_comes_back_through_a_proxy
                a_proxy_that_refuses_ends_it_and_one_that_fails_does_not
            }
            seeds {
                clients_with_the_same_memory_send_different_keys_and_masks
            }
        }
    };
    ($client:ty: $($topic:ident { $($scenario:ident)* })*) => {
        $(mod $topic {
            $(#[test]
            fn $scenario() {
                $crate::watch::bounded($crate::clients::$topic::$scenario::<$client>);
            })*
        })*
    };
}
