/* metrics_table.c - a row per metric; metrics_table.h has the contract. */
#include "router/metrics_table.h"

const int64_t metrics_bounds_us[METRICS_BUCKETS - 1] = {
    100, 500, 1000, 5000, 25000, 100000, 500000, 1000000, 5000000, 15000000, 60000000};

const char *metrics_request_name(int result)
{
#define REQUEST_NAME(id, name) [METRICS_REQ_##id] = (name),
    static const char *const names[METRICS_N_REQ] = {METRICS_REQUESTS(REQUEST_NAME)};

    return names[result];
}

static const char *outcome_name(int o)
{
    return outcome_traits((enum outcome)o)->name;
}

static const char *check_name(int i)
{
    return i == 0 ? "ok" : "fail";
}

_Static_assert(offsetof(struct metrics_region, checks_failed) ==
                   offsetof(struct metrics_region, checks_ok) + sizeof(uint64_t),
               "sluice_region_checks_total has both");

#define BLOCK(field)  METRICS_OWN, offsetof(struct metrics_block, field)
#define STORE(field)  METRICS_FLEET, offsetof(struct fleet_counters, field)
#define REGION(field) METRICS_OWN, offsetof(struct metrics_region, field)
#define SLOT(field)   METRICS_FLEET, offsetof(struct fleet_slot_counters, field)
#define ONE           NULL, NULL, 1

#define COUNTER   METRICS_COUNTER
#define GAUGE     METRICS_GAUGE
#define HISTOGRAM METRICS_HISTOGRAM
#define SUM       METRICS_SUM
#define HIGHEST   METRICS_HIGHEST
#define LOWEST    METRICS_LOWEST

/* The name tells the unit where there is one; what only grows ends in _total. */
const struct metrics_row metrics_rows[] = {
    /* clang-format off */
    {"sluice_requests_total", "Requests by how they ended.", COUNTER, METRICS_WHOLE, BLOCK(requests), SUM, "result", metrics_request_name, METRICS_N_REQ},
    {"sluice_request_seconds", "Request to last byte.", HISTOGRAM, METRICS_WHOLE, BLOCK(duration), SUM, ONE},
    {"sluice_overhead_seconds", "Time spent in the router itself, waits between attempts included.", HISTOGRAM, METRICS_WHOLE, BLOCK(overhead), SUM, ONE},
    {"sluice_attempts_total", "Attempts at regions, every try counted.", COUNTER, METRICS_WHOLE, BLOCK(attempts), SUM, ONE},
    {"sluice_retries_total", "Attempts after the first of a request.", COUNTER, METRICS_WHOLE, BLOCK(retries), SUM, ONE},
    {"sluice_retries_refused_total", "Retries that retry.budget did not allow.", COUNTER, METRICS_WHOLE, BLOCK(retries_refused), SUM, ONE},
    {"sluice_hedges_total", "Second targets asked while the first was silent.", COUNTER, METRICS_WHOLE, BLOCK(hedges), SUM, ONE},
    {"sluice_client_bytes_total", "Answer bytes handed to clients.", COUNTER, METRICS_WHOLE, BLOCK(bytes_out), SUM, ONE},
    {"sluice_http_refused_total", "Requests refused by the HTTP layer.", COUNTER, METRICS_WHOLE, BLOCK(http_refused), SUM, ONE},
    {"sluice_store_commands_total", "Commands sent to Redis.", COUNTER, METRICS_WHOLE, STORE(store_commands), SUM, ONE},
    {"sluice_store_errors_total", "Commands Redis refused or lost.", COUNTER, METRICS_WHOLE, STORE(store_errors), SUM, ONE},
    {"sluice_store_pushes_total", "Verdicts pushed by the fleet.", COUNTER, METRICS_WHOLE, STORE(store_pushes), SUM, ONE},
    {"sluice_store_reconnects_total", "Connections to Redis made again.", COUNTER, METRICS_WHOLE, STORE(store_reconnects), SUM, ONE},
    {"sluice_requests_in_flight", "Requests being served.", GAUGE, METRICS_WHOLE, BLOCK(inflight), SUM, ONE},
    {"sluice_memory_held_bytes", "Held for clients and regions, of http.memory.", GAUGE, METRICS_WHOLE, BLOCK(memory_bytes), SUM, ONE},
    {"sluice_memory_budget_bytes", "What may be held before clients are refused and given up.", GAUGE, METRICS_WHOLE, BLOCK(memory_budget_bytes), SUM, ONE},
    {"sluice_clients_shed_total", "Clients given up because memory was short and they did not move.", COUNTER, METRICS_WHOLE, BLOCK(shed), SUM, ONE},
    {"sluice_client_connections", "Client connections open.", GAUGE, METRICS_WHOLE, BLOCK(connections), SUM, ONE},

    {"sluice_store_attached", "1 while the shared state is reachable.", GAUGE, METRICS_WORKER, STORE(store_attached), SUM, ONE},
    {"sluice_store_version", "Version of the shared state applied.", GAUGE, METRICS_WORKER, STORE(store_ver), SUM, ONE},
    {"sluice_draining", "1 while the worker finishes its last requests.", GAUGE, METRICS_WORKER, BLOCK(draining), SUM, ONE},

    {"sluice_region_attempts_total", "Attempts by outcome.", COUNTER, METRICS_REGION, SLOT(attempts), SUM, "outcome", outcome_name, N_OUTCOMES},
    {"sluice_region_checks_total", "Active checks; they are no attempts.", COUNTER, METRICS_REGION, REGION(checks_ok), SUM, "result", check_name, 2},
    {"sluice_region_probes_total", "Attempts made as probes of a half-open region.", COUNTER, METRICS_REGION, SLOT(probes), SUM, ONE},
    {"sluice_region_last_resorts_total", "Attempts at an open region, nothing better left.", COUNTER, METRICS_REGION, SLOT(last_resorts), SUM, ONE},
    {"sluice_region_in_flight", "Attempts under way.", GAUGE, METRICS_REGION, SLOT(inflight), SUM, ONE},
    {"sluice_region_breaker_state", "0 closed, 1 open, 2 half-open; the highest of its models' where they have breakers.", GAUGE, METRICS_REGION, SLOT(state), HIGHEST, ONE},
    {"sluice_region_health", "0 bad to 100 good, of the worker with the worst.", GAUGE, METRICS_REGION, SLOT(health), LOWEST, ONE},
    {"sluice_region_forced", "0 auto, 1 up, 2 down, 3 drain.", GAUGE, METRICS_REGION, SLOT(forced), HIGHEST, ONE},
    {"sluice_region_prompt_tokens_total", "Prompt tokens as vendors counted them.", COUNTER, METRICS_REGION, REGION(prompt_tokens), SUM, ONE},
    {"sluice_region_completion_tokens_total", "Completion tokens as vendors counted them.", COUNTER, METRICS_REGION, REGION(completion_tokens), SUM, ONE},
    {"sluice_region_partial_streams_total", "Streams that had content and did not end whole.", COUNTER, METRICS_REGION, REGION(partial_streams), SUM, ONE},
    {"sluice_region_partial_events_total", "Content events of such streams, about a token each.", COUNTER, METRICS_REGION, REGION(partial_events), SUM, ONE},
    {"sluice_region_first_byte_seconds", "Start of an attempt to the head of its answer.", HISTOGRAM, METRICS_REGION, REGION(first_byte), SUM, ONE},

    {"sluice_model_breaker_state", "0 closed, 1 open, 2 half-open.", GAUGE, METRICS_MODEL, SLOT(state), HIGHEST, ONE},
    /* clang-format on */
};
const size_t metrics_n_rows = ARRAY_LEN(metrics_rows);

size_t metrics_part_bytes(enum metrics_scope scope, enum metrics_part part)
{
    static const size_t bytes[METRICS_N_SCOPES][METRICS_N_PARTS] = {
        [METRICS_WHOLE] = {sizeof(struct metrics_block), sizeof(struct fleet_counters)},
        [METRICS_WORKER] = {sizeof(struct metrics_block), sizeof(struct fleet_counters)},
        [METRICS_REGION] = {sizeof(struct metrics_region), sizeof(struct fleet_slot_counters)},
        [METRICS_MODEL] = {0, sizeof(struct fleet_slot_counters)},
    };

    return bytes[scope][part];
}

size_t metrics_row_numbers(const struct metrics_row *row)
{
    return row->type == METRICS_HISTOGRAM ? sizeof(struct metrics_hist) / sizeof(uint64_t)
                                          : (size_t)row->n;
}
