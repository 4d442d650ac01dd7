/* test_load.c - the example file loads as it stands, and everything but regions has a default.
 */
#include "config/config.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define EXAMPLE  "router/sluice.example.json"
#define SMALLEST "{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://h/v1/\"}]}"

static struct config *parse(const char *text)
{
    struct err err = {0};
    struct config *c = config_parse("x.json", str_of(text), &err);

    cr_assert_not_null(c, "%s", err.msg);
    return c;
}

Test(load, the_example_file)
{
    struct err err = {0};

    setenv("US_EAST_KEY", "hs_us_secret", 1);
    struct config *c = config_load(EXAMPLE, &err);

    cr_assert_not_null(c, "%s", err.msg);
    cr_expect_str_eq(c->path, EXAMPLE);
    cr_expect_str_eq(c->fleet, "demo");
    cr_expect(c->redis.enabled);
    cr_expect_str_eq(c->redis.url, "redis://127.0.0.1:6390/0");
    cr_assert_eq(c->n_regions, 2u);
    cr_expect_str_eq(c->regions[0].api_key, "hs_us_secret");
    cr_expect_str_eq(c->regions[0].base_url, "http://127.0.0.1:9101/v1");
    cr_expect_eq(c->regions[1].priority, 2);
    cr_assert_eq(c->n_models, 2u);
    cr_expect_str_eq(c->models[0].name, "gpt-4.1");
    cr_assert_eq(c->models[0].n_targets, 2u);
    cr_expect_null(c->models[0].targets[0].model);
    cr_expect_str_eq(c->models[0].targets[1].model, "gpt-4.1-eu");
    cr_expect_eq(c->models[0].targets[1].region, 1u);
    cr_expect_eq(c->models[0].targets[1].priority, 2);
    cr_assert_eq(c->models[0].n_fallbacks, 1u);
    cr_expect_eq(c->models[0].fallbacks[0], 1u);
    cr_expect_eq(c->models[1].context_window, 128000);
    cr_expect_eq(c->models[1].targets[0].context_window, 128000);
    cr_expect_eq(c->timeouts.total_ms, 300000);
    config_free(c);
}

Test(load, only_regions_is_needed)
{
    struct config *c = parse(SMALLEST);

    cr_expect_str_eq(c->fleet, "default");
    cr_expect_str_eq(c->listen, "127.0.0.1:8080");
    cr_expect_str_eq(c->admin_listen, "127.0.0.1:9090");
    cr_expect_not(c->redis.enabled);
    cr_expect_str_eq(c->redis.url, "redis://127.0.0.1:6379/0");
    cr_expect_null(c->redis.subscribe_url);
    cr_expect_eq(c->redis.command_timeout_ms, 50);
    cr_expect_eq(c->redis.connect_timeout_ms, 1000);
    cr_expect_eq(c->redis.sync_ms, 1000);
    cr_expect_eq(c->redis.start_wait_ms, 1000);
    cr_expect_str_eq(c->regions[0].base_url, "http://h/v1", "the slash at the end goes");
    cr_expect_str_eq(c->regions[0].api_key, "");
    cr_expect_str_eq(c->regions[0].auth_header, "Authorization");
    cr_expect_str_eq(c->regions[0].x_region, "");
    cr_expect_eq(c->regions[0].priority, 1);
    cr_expect_eq(c->n_models, 0u);
    cr_expect_eq(c->breaker.rule.failure_threshold, 5);
    cr_expect_eq(c->breaker.rule.failure_rate, 50);
    cr_expect_eq(c->breaker.rule.minimum_requests, 20);
    cr_expect_eq(c->breaker.rule.slow_rate, 0);
    cr_expect_eq(c->breaker.rule.window_ms, 10000);
    cr_expect_eq(c->breaker.rule.recovery_ms, 5000);
    cr_expect_eq(c->breaker.rule.recovery_max_ms, 30000);
    cr_expect_eq(c->breaker.rule.forgive_ms, 60000);
    cr_expect_eq(c->breaker.rule.half_open_max_calls, 3);
    cr_expect_eq(c->breaker.rule.success_threshold, 2);
    cr_expect_eq(c->breaker.probe_lease_ms, 10000);
    cr_expect_eq(c->breaker.recovery_ramp_ms, 10000);
    cr_expect(c->last_resort);
    cr_expect_eq(c->retry.num_retries, 2);
    cr_expect_eq(c->retry.backoff_ms, 100);
    cr_expect_eq(c->retry.backoff_max_ms, 5000);
    cr_expect_eq(c->retry.wait_ms, 0);
    cr_expect_eq(c->timeouts.connect_ms, 5000);
    cr_expect_eq(c->timeouts.first_byte_ms, 120000);
    cr_expect_eq(c->timeouts.first_content_ms, 120000);
    cr_expect_eq(c->timeouts.idle_ms, 30000);
    cr_expect_eq(c->timeouts.answer_ms, 120000);
    cr_expect_eq(c->timeouts.total_ms, 300000);
    cr_expect_eq(c->stream.recover, CONFIG_RECOVER_ALWAYS);
    cr_expect_eq(c->stream.commit_ms, 10000);
    cr_expect_eq(c->stream.heartbeat_ms, 15000);
    cr_expect_eq(c->stream.event_max_bytes, 16777216u);
    config_free(c);
}

Test(load, bounds_of_clients_and_regions_have_defaults)
{
    struct config *c = parse(SMALLEST);

    cr_expect_eq(c->http.head_max_bytes, 32768u);
    cr_expect_eq(c->http.target_max_bytes, 8192u);
    cr_expect_eq(c->http.fields_max, 100u);
    cr_expect_eq(c->http.body_max_bytes, 33554432u);
    cr_expect_eq(c->http.json_depth_max, 64u);
    cr_expect_eq(c->http.chunk_ext_max_bytes, 256u);
    cr_expect_eq(c->http.output_max_bytes, 262144u);
    cr_expect_eq(c->http.connections_max, 10000);
    cr_expect_eq(c->http.keepalive_requests, 1000);
    cr_expect_eq(c->http.header_timeout_ms, 10000);
    cr_expect_eq(c->http.body_timeout_ms, 60000);
    cr_expect_eq(c->http.idle_timeout_ms, 75000);
    cr_expect_eq(c->http.write_timeout_ms, 30000);
    cr_expect_eq(c->requests_max, 4000);
    cr_expect_eq(c->upstream.pool_connections, 100);
    cr_expect_eq(c->upstream.max_connections, 0);
    cr_expect_eq(c->upstream.max_connections_per_host, 0);
    cr_expect_eq(c->upstream.dns_cache_ms, 300000);
    cr_expect_eq(c->upstream.keepalive_ms, 30000);
    cr_expect_eq(c->upstream.answer_max_bytes, 16777216u);
    cr_expect_null(c->upstream.trust.ca_file);
    cr_expect_null(c->upstream.trust.extra_ca_file);
    cr_expect_eq(c->drain_delay_ms, 0);
    cr_expect_eq(c->drain_timeout_ms, 600000);
    cr_expect_eq(c->workers, 1);
    cr_expect_str_eq(c->log_level, "info");
    config_free(c);
}

Test(load, a_redis_section_without_url_uses_the_local_one)
{
    struct config *c =
        parse("{\"redis\":{},\"regions\":[{\"name\":\"a\",\"base_url\":\"http://h\"}]}");

    cr_expect(c->redis.enabled);
    cr_expect_str_eq(c->redis.url, "redis://127.0.0.1:6379/0");
    config_free(c);
}

/* The model's own, else the region's, else the config's; a fallback has its own model's. */
Test(load, limits_of_models_and_regions)
{
    struct config *c =
        parse("{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://a\","
              "\"timeouts\":{\"connect\":\"1s\",\"first_byte\":\"2s\",\"idle\":\"3s\"}},"
              "{\"name\":\"b\",\"base_url\":\"http://b\"}],"
              "\"models\":{\"thinks\":{\"targets\":[{\"region\":\"a\"},{\"region\":\"b\"}],"
              "\"timeouts\":{\"first_byte\":\"9m\",\"answer\":\"0s\",\"total\":\"20m\"}},"
              "\"m\":{\"targets\":[{\"region\":\"a\"}]}},"
              "\"timeouts\":{\"idle\":\"20s\",\"answer\":\"40s\",\"first_content\":\"50s\"}}");
    const struct config_timeouts *a = &c->models[0].targets[0].timeouts,
                                 *b = &c->models[0].targets[1].timeouts,
                                 *m = &c->models[1].targets[0].timeouts;

    cr_expect(c->regions[0].timeouts.first_byte_ms == 2000 &&
              c->regions[0].timeouts.first_content_ms == 50000);
    cr_expect_eq(c->regions[1].timeouts.idle_ms, 20000);
    cr_expect(c->models[0].timeouts.total_ms == 1200000 &&
              c->models[1].timeouts.total_ms == -1);
    cr_expect(a->connect_ms == 1000 && b->connect_ms == 5000 && m->connect_ms == 1000);
    cr_expect(a->first_byte_ms == 540000 && b->first_byte_ms == 540000 &&
              m->first_byte_ms == 2000);
    cr_expect(a->first_content_ms == 50000 && m->first_content_ms == 50000);
    cr_expect(a->idle_ms == 3000 && b->idle_ms == 20000 && m->idle_ms == 3000);
    cr_expect(a->answer_ms == 0 && b->answer_ms == 0 && m->answer_ms == 40000);
    config_free(c);
}
