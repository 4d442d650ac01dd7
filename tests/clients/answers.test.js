// What the official client library makes of odd answers that the router takes for answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';

import { hello, startFleet } from './fleet.js';

const json = { 'Content-Type': 'application/json' };
const call = (id, name) => ({ id, type: 'function', function: { name, arguments: '{"a":1}' } });
const completion = (message, finish_reason) => ({
  id: 'c1', object: 'chat.completion', created: 1, model: 'gpt-4.1',
  choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
});

test('a plain answer to a stream request is read as the stream it is played as', async (t) => {
  const { client, regions } = await startFleet(t, ['us-east']);
  await regions[0].fault({ status: 200, headers: json, body: completion({ content: 'hello' }, 'stop') });
  const said = await client.chat.completions.stream(
    hello({ stream_options: { include_usage: true } })).finalChatCompletion();
  assert.equal(said.choices[0].message.content, 'hello');
  assert.equal(said.choices[0].finish_reason, 'stop');
  assert.equal(said.usage.total_tokens, 5);
});

test('its tool calls stay apart', async (t) => {
  const { client, regions } = await startFleet(t, ['us-east']);
  const message = { content: null, tool_calls: [call('x', 'f'), call('y', 'g')] };
  await regions[0].fault({ status: 200, headers: json, body: completion(message, 'tool_calls') });
  const said = await client.chat.completions.stream(hello()).finalChatCompletion();
  const calls = said.choices[0].message.tool_calls;
  assert.deepEqual(calls.map((c) => [c.id, c.function.name, c.function.arguments]),
    [['x', 'f', '{"a":1}'], ['y', 'g', '{"a":1}']]);
  assert.equal(said.choices[0].finish_reason, 'tool_calls');
});

test('a 200 that is no answer is never handed out', async (t) => {
  const { client, regions } = await startFleet(t, ['us-east', 'eu-west']);
  await regions[0].fault({ status: 200, headers: json, body: { message: 'Service busy' } });
  const { data, response } = await client.chat.completions.create(hello()).withResponse();
  assert.equal(data.choices[0].message.content, 'Hello from eu-west: hello');
  assert.equal(response.headers.get('x-sluice-attempts'), '2');
});

test('a null finish reason and a byte order mark are read', async (t) => {
  const { client, regions } = await startFleet(t, ['us-east']);
  const body = '\ufeff' + JSON.stringify(completion({ content: 'hello' }, null));
  await regions[0].fault({ status: 200, headers: json, body });
  const data = await client.chat.completions.create(hello());
  assert.equal(data.choices[0].message.content, 'hello');
});

test('a rate limit everywhere is a RateLimitError in the vendor\'s words', async (t) => {
  const { client, regions } = await startFleet(t, ['us-east', 'eu-west']);
  for (const region of regions) await region.fault({ status: 429, headers: { 'Retry-After': '30' } });
  for (const attempts of ['2', null]) { // asked, then known to cool
    await assert.rejects(client.chat.completions.create(hello()), (error) => {
      assert.ok(error instanceof OpenAI.RateLimitError);
      assert.equal(error.code, 'rate_limit_exceeded');
      assert.ok(Number(error.headers.get('retry-after')) > 20);
      assert.equal(error.headers.get('x-sluice-attempts'), attempts);
      return true;
    });
  }
});
