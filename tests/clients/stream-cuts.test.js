// A stream cut at any byte: the official client library raises, or it has the whole text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI from 'openai';

import { hello, readStream, startFleet } from './fleet.js';

const FLAGS = ['--text', 'seed', '--tokens', '14'];
const CALM = { retry: { num_retries: 2, budget: 0, backoff: '0s', backoff_max: '0s' },
  breaker: { failure_threshold: 1000, failure_rate: 0 } };
const AT_ONCE = 16; // faults that a region keeps, told apart by the model's name

const model = (at) => `cut-${String(at).padStart(6, '0')}`;

/// What became of a request: its text when it ended well, or the error.
async function ask(client, at) {
  try {
    const stream = await client.chat.completions.create(hello({ model: model(at), stream: true }));
    return await readStream(stream);
  } catch (error) {
    return { error };
  }
}

async function cutEverywhere({ client, regions, port }, check) {
  const raw = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify(hello({ model: model(0), stream: true })) });
  const size = (await raw.text()).length + 64; // ids of later answers are longer
  assert.ok(size > 3000 && size < 6000, `${size} bytes`);
  for (let start = 0; start <= size; start += AT_ONCE) {
    const offsets = Array.from({ length: AT_ONCE }, (_, i) => start + i);
    await regions[0].fault(offsets.map((at) => ({ cut_at_byte: at, match: { model: model(at) } })));
    const results = await Promise.all(offsets.map((at) => ask(client, at)));
    results.forEach((result, i) => check(offsets[i], result));
  }
}

test('without recovery a cut raises, unless nothing but the end is missing', async (t) => {
  const fleet = await startFleet(t, ['us-east'],
    { config: { ...CALM, stream: { recover: 'off' } }, flags: FLAGS });
  const whole = (await fleet.client.chat.completions.create(hello())).choices[0].message.content;
  let raised = 0, well = 0;
  await cutEverywhere(fleet, (at, { text, chunks, error }) => {
    if (error) {
      assert.ok(error instanceof OpenAI.APIError, `${at}: ${error.stack}`);
      raised++;
    } else {
      assert.equal(text, whole, `cut at ${at}`);
      assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
      well++;
    }
  });
  assert.ok(raised > 3000 && well > 3, `${raised} raised, ${well} whole`);
});

test('with recovery every answer is whole', async (t) => {
  const fleet = await startFleet(t, ['us-east', 'eu-west'],
    { config: { ...CALM, stream: { recover: 'always' } }, flags: FLAGS });
  const whole = (await fleet.client.chat.completions.create(hello())).choices[0].message.content;
  await cutEverywhere(fleet, (at, { text, error }) => {
    assert.equal(error, undefined, `cut at ${at}: ${error?.message}`);
    assert.equal(text, whole, `cut at ${at}`);
  });
});

for (const fault of [{ hang_at_event: 5 }, { reset: 'mid' }, { no_finish: true },
  { no_finish: true, no_done: true }]) {
  test(`a stream that ends otherwise raises: ${JSON.stringify(fault)}`, async (t) => {
    const { client, regions } = await startFleet(t, ['us-east'],
      { config: { ...CALM, stream: { recover: 'off' }, timeouts: { idle: '300ms' } },
        flags: FLAGS });
    await regions[0].fault(fault);
    const { error } = await ask(client, 0);
    assert.ok(error instanceof OpenAI.APIError, String(error));
  });
}
