//! One suite for the adapters of all runtimes, over real sockets on loopback.
//!
//! A scenario is a plain function over [`Adapter`], with its own adapter or a [`Peer`](peer::Peer), which does its
//! handshakes and frames by hand, at the other end. `scenarios!` makes a test of each. Adding a runtime is one file here,
//! with its implementation of the traits in [`adapter`], and a line in `tests/`.

#![allow(missing_docs, reason = "the name of a scenario is the rule that it checks")]
#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

pub mod adapter;
pub mod clients;
pub mod ends;
pub mod memory;
pub mod nowhere;
pub mod peer;
pub mod relay;
pub mod tls;
pub mod watch;
pub mod witness;
pub mod work;
pub mod zlib;

pub mod async_io;
pub mod asynchronous;
pub mod blocking;
pub mod tokio;

pub mod closing;
pub mod closing_replies;
pub mod compressed;
pub mod faults;
pub mod halves;
pub mod inflated;
pub mod keepalive;
pub mod leaks;
pub mod limits;
pub mod messages;
pub mod open_client;
pub mod open_server;
pub mod parts;
pub mod pressure;
pub mod proxied;
pub mod secure;
pub mod secure_failures;
pub mod sharing;
pub mod shutdown;
pub mod sockets;
pub mod statistics;
pub mod streams;

pub use adapter::Adapter;
pub use ws_testkit::wire;

/// Makes a test of every scenario, for one adapter.
#[macro_export]
macro_rules! scenarios {
    ($adapter:ty) => {
        $crate::scenarios! { $adapter:
            open_client {
                the_request_and_the_response_come_as_they_were_sent
                every_connection_has_a_key_of_its_own
                bytes_behind_the_response_belong_to_the_connection
                redirects_are_followed_as_the_hook_decides
                a_refusal_hands_over_status_headers_and_body
                a_response_that_is_no_handshake_says_what_is_wrong
                a_silent_server_costs_open_timeout
                a_refused_connection_says_to_which_address
                a_name_that_does_not_resolve_fails_while_resolving
                the_local_address_is_the_one_that_was_asked_for
                an_invalid_value_of_a_setter_is_an_error_of_connect
                a_given_address_stands_in_for_the_name
            }
            open_server {
                the_request_comes_as_it_was_sent
                the_response_says_what_was_accepted
                a_refusal_reaches_the_client_whole
                a_request_that_is_no_handshake_is_answered_as_fits
                a_silent_client_is_told_408
                a_client_that_leaves_is_an_unexpected_end
                frames_behind_the_request_belong_to_the_connection
                both_ends_of_one_handshake_agree
                a_foreign_page_is_refused_before_the_program_sees_its_request
            }
            messages {
                an_echo_of_every_length_form
                every_common_type_is_sent
                values_pass_as_json
                a_ping_between_fragments_is_answered_at_once
                a_visitor_is_borrowed_messages_and_replies
                borrowing_that_ends_with_the_connection_says_so
                after_a_violation_the_peer_knows_and_the_user_gets_one_error
                nothing_comes_after_closed
            }
            streams {
                a_message_of_64_mib_passes_in_chunks_with_flat_memory
                a_writer_that_is_dropped_closes_with_1011
                a_reader_that_is_dropped_passes_the_rest_over
                a_message_that_is_cut_off_does_not_look_whole_to_its_reader
                text_may_be_cut_within_a_character
                a_text_that_ends_within_a_character_is_not_finished
                a_received_text_that_ends_within_a_character_is_1007
                no_message_comes_between_the_fragments_of_another
                a_message_passes_as_bytes
            }
            closing {
                closing_by_us
                each_form_of_close_is_sent_as_it_is_given
                closing_by_the_peer
                closing_without_a_code
                the_server_ends_tcp_first
                the_client_leaves_the_end_of_tcp_to_the_server
                crossing_close_frames
                what_is_queued_goes_out_before_close
                messages_that_come_while_we_close_are_delivered
                what_is_queued_goes_out_before_the_answer_to_a_close
                a_close_that_comes_while_we_write_wins_over_the_reset
                an_end_without_close_is_an_error_and_1006
                a_silent_peer_costs_close_timeout
                a_dropped_socket_shows_its_end_to_the_peer
                a_message_for_a_closing_connection_is_handed_back
            }
            closing_replies {
                replies_and_pongs_leave_before_the_answer_to_a_close_of_the_same_read
            }
            keepalive {
                pings_leave_on_schedule
                a_missing_pong_ends_the_connection
                trickling_bytes_answer_pings
                empty_pongs_answer_pings
                a_busy_application_does_not_kill_a_healthy_peer
                a_peer_that_takes_nothing_costs_write_timeout
                a_peer_that_takes_too_little_costs_write_timeout
                a_peer_that_takes_little_at_a_time_is_alive
                a_message_that_trickles_in_is_ended_with_1008
                a_message_that_makes_progress_is_received
                a_pong_is_not_late_while_the_peer_takes_no_answers
                a_ping_is_answered_with_its_payload
                a_pong_brings_the_round_trip_time
            }
            pressure {
                both_ends_over_the_mark_at_once_do_not_lock_up
                feed_queues_and_flush_sends
                waiting_to_receive_sends_what_is_queued
                over_the_mark_a_message_is_handed_back
                a_flood_of_pings_is_survived
                a_flood_of_empty_fragments_is_survived
                a_flood_of_small_messages_comes_in_order
                a_slow_reader_gets_everything
                a_slow_writer_is_waited_for
            }
            halves {
                ten_thousand_messages_each_way
                a_dropped_receiver_stands_in_nobodys_way
                a_dropped_sender_leaves_the_receiver_going
                both_halves_dropped_end_the_connection
                a_close_from_the_sender_bounds_the_waiting_receiver
                a_ping_from_the_sender_bounds_the_waiting_receiver
                what_the_sender_queues_leaves_while_the_receiver_waits
                streamed_messages_pass_through_halves
                a_fragment_waits_for_room_though_the_receiver_takes_it_for_a_pong
                a_writer_that_is_dropped_is_noticed_by_the_waiting_receiver
                a_close_wins_over_the_reset_at_both_halves
                a_sender_that_is_stuck_and_a_receiver_that_waits_end_together
                the_receiver_borrows
                halves_are_reunited
            }
            parts {
                frames_behind_the_last_message_are_handed_out
                a_frame_that_has_come_in_part_is_handed_out_as_it_came
                messages_that_are_not_written_are_handed_out_as_frames
                bytes_behind_the_close_frame_are_not_handed_out
                a_transport_that_was_reset_is_not_handed_out
                over_tls_no_bytes_are_handed_out
                a_connection_is_taken_apart_while_its_bytes_leave_in_the_background
            }
            sharing {
                a_visitor_receives_while_the_other_half_feeds
                a_visitor_of_a_half_hears_that_there_is_no_room
                what_is_tried_leaves_at_once_while_the_receiver_waits
                what_is_fed_leaves_while_the_receiver_waits
                a_part_leaves_while_the_receiver_waits
                what_is_tried_leaves_at_once
                a_sender_reads_on_when_the_receiver_has_made_room
                room_after_a_part_of_a_write_is_told_to_those_who_wait
                nothing_is_accepted_after_a_shutdown
            }
            shutdown {
                every_connection_is_closed_with_1001
                a_peer_that_does_not_answer_is_broken_off
                a_client_within_its_handshake_does_not_hold_it_up
                a_client_whose_request_is_looked_at_is_not_accepted_once_the_listener_stops
                a_client_that_is_only_held_is_not_accepted_once_the_listener_stops
                a_client_whose_request_is_awaited_is_dropped_when_the_listener_stops
                a_waiting_accept_learns_of_the_shutdown
                a_listener_goes_on_after_a_client_that_speaks_no_http
            }
            sockets {
                a_dead_peer_that_reads_late_gets_a_reset_and_no_old_messages
                a_peer_that_misses_close_timeout_gets_what_was_sent
                an_attempt_that_fails_is_reset
                a_port_that_is_set_is_had_again
                a_port_that_a_connection_to_the_same_server_has_is_named_by_the_error
                each_socket_has_its_options_and_goes_through_the_hook
                each_accepted_socket_has_its_options
            }
            faults {
                the_same_fault_gives_the_same_error
                the_same_fault_of_a_name_of_tls_or_of_a_proxy_gives_the_same_error
            }
            limits {
                a_client_at_its_limit_gets_503_and_stands_in_nobodys_way
                over_tls_a_client_at_its_limit_is_disconnected
                the_hook_tells_which_client_an_address_belongs_to
                behind_a_trusted_proxy_the_client_counts_and_not_the_proxy
                a_request_tells_the_address_of_its_client
                a_handshake_counts_for_its_client_until_it_is_over
                a_decision_has_a_time_of_its_own
                a_client_that_does_not_take_the_answer_costs_open_timeout
            }
            work {
                a_peer_that_sends_more_than_max_message_rate_gets_1008
                a_message_beyond_max_inflate_ratio_is_ended_with_1008
            }
            statistics {
                both_ends_and_both_halves_count_the_same
            }
            leaks {
                two_hundred_connections_leave_nothing_behind
            }
            compressed {
                both_ends_hold_to_the_same
                a_response_that_is_no_answer_to_the_offer_is_an_error
                an_echo_of_every_size_with_every_setting
                streamed_messages_are_compressed_and_inflated_in_chunks
                both_halves_compress_at_once
                messages_are_compressed_or_not_at_will
                what_is_queued_is_compressed_and_goes_out_before_close
            }
            inflated {
                a_visitor_is_borrowed_inflated_messages_and_replies
                a_bomb_ends_with_1009_and_flat_memory
                a_bomb_in_chunks_passes_with_flat_memory
                what_does_not_inflate_is_1007_and_an_illegal_rsv1_is_1002
                messages_of_every_form_come_out_right
                bytes_may_come_one_by_one
            }
            secure {
                a_secure_echo_of_every_size
                a_certificate_for_an_address_is_one_for_no_other
                a_certificate_that_is_wrong_is_an_error_that_says_how
                a_certificate_that_is_given_as_ca_may_be_the_servers_own
                a_certificate_given_as_client_ca_is_trusted_as_the_clients_own
                a_client_certificate_is_shown_where_it_is_asked_for
                a_listener_speaks_tls_and_stops
                halves_are_full_duplex_over_tls
                a_running_listener_shows_a_replaced_certificate_to_new_connections
            }
            secure_failures {
                plain_text_where_tls_was_expected_is_an_error_that_says_so
                tls_where_plain_text_was_expected_is_an_error_that_says_so
                a_failure_of_tls_names_the_server
                a_peer_that_stalls_in_the_tls_handshake_costs_open_timeout
                a_stream_that_is_cut_is_an_error_in_every_phase
            }
            proxied {
                ws_and_wss_pass_through_every_kind_of_proxy
                a_name_that_only_the_proxy_knows
                a_proxy_that_is_no_help_is_an_error_that_says_why
                a_proxy_that_is_not_there_is_an_error_of_connecting
                a_silent_proxy_costs_open_timeout
            }
        }
        mod over_tls {
            $crate::scenarios! { $crate::tls::Wss<$adapter>:
                halves {
                    ten_thousand_messages_each_way
                    streamed_messages_pass_through_halves
                }
                messages {
                    an_echo_of_every_length_form
                }
                pressure {
                    both_ends_over_the_mark_at_once_do_not_lock_up
                }
                sockets {
                    a_dead_peer_that_reads_late_gets_a_reset_and_no_old_messages
                    a_peer_that_misses_close_timeout_gets_what_was_sent
                }
                streams {
                    a_message_of_64_mib_passes_in_chunks_with_flat_memory
                    text_may_be_cut_within_a_character
                    no_message_comes_between_the_fragments_of_another
                }
                compressed {
                    an_echo_of_every_size_with_every_setting
                    streamed_messages_are_compressed_and_inflated_in_chunks
                    both_halves_compress_at_once
                }
                statistics {
                    both_ends_and_both_halves_count_the_same
                }
                leaks {
                    two_hundred_connections_leave_nothing_behind
                }
            }
        }
    };
    ($adapter:ty: $($topic:ident { $($scenario:ident)* })*) => {
        $(mod $topic {
            $(#[test]
            fn $scenario() {
                $crate::watch::bounded($crate::$topic::$scenario::<$adapter>);
            })*
        })*
    };
}
