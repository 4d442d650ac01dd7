// What the official client library makes of the router's answers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';

import { hello, readStream, startFleet } from './fleet.js';

test('a chat completion', async (t) => {
  const { client, regions } = await startFleet(t, ['us-east']);
  const { data, response } = await client.chat.completions.create(hello()).withResponse();
  assert.equal(data.object, 'chat.completion');
  assert.equal(data.choices[0].message.content, 'Hello from us-east: hello');
  assert.equal(data.choices[0].finish_reason, 'stop');
  assert.ok(data.usage.total_tokens > 0);
  assert.equal(response.headers.get('x-sluice-region'), 'us-east');
  assert.ok(data._request_id, 'the library finds the request id');
  const [seen] = await regions[0].log();
  assert.ok(!JSON.stringify(seen.headers).includes('client-key'));
});

test('a stream, with its usage where asked for', async (t) => {
  const { client } = await startFleet(t, ['us-east']);
  const { text, chunks } = await readStream(await client.chat.completions.create(
    hello({ stream: true, stream_options: { include_usage: true } })));
  assert.equal(text, 'Hello from us-east: hello');
  assert.equal(chunks.at(-1).usage.completion_tokens, 4);
  const plain = await readStream(await client.chat.completions.create(hello({ stream: true })));
  assert.equal(plain.text, text);
  assert.ok(plain.chunks.every((c) => !c.usage));
});

test('the streaming helper', async (t) => {
  const { client } = await startFleet(t, ['us-east']);
  const stream = client.chat.completions.stream(hello());
  assert.equal((await stream.finalMessage()).content, 'Hello from us-east: hello');
});

test('embeddings, completions and models', async (t) => {
  const { client } = await startFleet(t, ['us-east', 'eu-west'], {
    config: { models: { 'gpt-4.1': { targets: [{ region: 'us-east' }] },
      small: { targets: [{ region: 'eu-west' }] } } },
  });
  const vectors = await client.embeddings.create({
    model: 'small', input: ['a', 'b'], encoding_format: 'float' });
  assert.deepEqual(vectors.data.map((d) => d.embedding.length), [8, 8]);
  const completion = await client.completions.create({ model: 'small', prompt: 'p' });
  assert.equal(completion.choices[0].text, 'Hello from eu-west: p');
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.deepEqual(ids.sort(), ['gpt-4.1', 'small']);
  assert.equal((await client.models.retrieve('small')).id, 'small');
  await assert.rejects(client.models.retrieve('large'), OpenAI.NotFoundError);
});

test('an unknown model is a NotFoundError', async (t) => {
  const { client, regions } = await startFleet(t, ['us-east'], {
    config: { models: { small: { targets: [{ region: 'us-east' }] } } },
  });
  await assert.rejects(client.chat.completions.create(hello()), (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.code, 'model_not_found');
    assert.equal(error.param, 'model');
    assert.match(error.message, /gpt-4\.1/);
    assert.equal(error.headers.get('x-sluice-error'), 'model_not_found');
    return true;
  });
  assert.equal(await regions[0].attempts(), 0);
});

test('a wrong request is a BadRequestError, ours or the vendor\'s', async (t) => {
  const { client, regions } = await startFleet(t, ['us-east', 'eu-west']);
  await assert.rejects(client.chat.completions.create({ model: 'm', messages: {} }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.type, 'invalid_request_error');
    assert.equal(error.param, 'messages');
    return true;
  });
  await regions[0].fault({ status: 400, body: { error: {
    message: 'no such voice', type: 'invalid_request_error', param: 'voice', code: 'x' } } });
  await assert.rejects(client.chat.completions.create(hello()), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.deepEqual([error.param, error.code], ['voice', 'x']);
    assert.equal(error.headers.get('x-sluice-error'), null);
    return true;
  });
  assert.equal(await regions[1].attempts(), 0);
});

test('all regions down is an InternalServerError that says when to return', async (t) => {
  const { client, regions } = await startFleet(t, ['us-east', 'eu-west']);
  for (const region of regions) await region.fault({ status: 503 });
  for (const stream of [false, true]) {
    await assert.rejects(client.chat.completions.create(hello({ stream })), (error) => {
      assert.ok(error instanceof OpenAI.InternalServerError);
      assert.equal(error.status, 503);
      assert.equal(error.code, 'no_region_available');
      assert.ok(Number(error.headers.get('retry-after')) >= 1);
      return true;
    });
  }
});

test('failover is invisible', async (t) => {
  const { client, regions } = await startFleet(t, ['us-east', 'eu-west']);
  for (const fault of [{ status: 503 }, { reset: 'before' }, { cut_at_event: 1 }, { refuse: true }]) {
    await regions[0].fault(fault);
    const { text } = await readStream(await client.chat.completions.create(hello({ stream: true })));
    assert.equal(text, 'Hello from eu-west: hello');
    const plain = await client.chat.completions.create(hello());
    assert.match(plain.choices[0].message.content, /^Hello from (eu-west|us-east): hello$/);
  }
});

for (const fault of [{ cut_at_event: 3 }, { cut_at_byte: 700 }, { error_event: 4 },
  { malformed_event: 3 }, { end_at_event: 3 }]) {
  test(`a broken stream throws: ${JSON.stringify(fault)}`, async (t) => {
    const { client, regions } = await startFleet(t, ['us-east'], {
      config: { stream: { recover: 'off' } }, flags: ['--text', 'seed', '--tokens', '12'] });
    await regions[0].fault(fault);
    const stream = await client.chat.completions.create(hello({ stream: true }));
    await assert.rejects(readStream(stream), OpenAI.APIError);
  });
}

test('a cut stream is made whole elsewhere', async (t) => {
  const { client, regions } = await startFleet(t, ['us-east', 'eu-west'], {
    config: { stream: { recover: 'auto' } }, flags: ['--text', 'seed', '--tokens', '12'] });
  const whole = (await client.chat.completions.create(hello())).choices[0].message.content;
  await regions[0].fault({ cut_at_event: 6 });
  const { text } = await readStream(
    await client.chat.completions.create(hello({ stream: true, temperature: 0 })));
  assert.equal(text, whole);
  assert.equal(await regions[1].attempts(), 1);
});

test('a stream that the client aborts is aborted upstream', async (t) => {
  const { client, regions } = await startFleet(t, ['us-east']);
  await regions[0].fault({ endless: true, delay_event_ms: 5 });
  const stream = await client.chat.completions.create(hello({ stream: true }));
  let n = 0;
  for await (const _ of stream) if (++n === 5) break;
  for (;;) {
    const [attempt] = await regions[0].log();
    if (attempt.ended === 'client_gone') break;
    assert.ok(attempt.ms < 30_000, 'it still runs');
  }
});

test('many at once over kept connections', async (t) => {
  const { client, regions } = await startFleet(t, ['us-east']);
  const answers = await Promise.all(Array.from({ length: 100 }, (_, i) =>
    client.chat.completions.create(hello({ messages: [{ role: 'user', content: `n${i}` }] }))));
  assert.deepEqual(answers.map((a) => a.choices[0].message.content),
    answers.map((_, i) => `Hello from us-east: n${i}`));
  assert.equal(await regions[0].attempts(), 100);
});
