// A router in front of simulated regions, on free ports, for the length of one test.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import OpenAI from 'openai';

const build = path.resolve(process.env.SLUICE_BUILD ?? '../../build');
const PATIENCE_MS = 30_000;

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function waitFor(what, condition) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const result = await condition();
    if (result) return result;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${PATIENCE_MS} ms`);
    await pause(5);
  }
}

class Child {
  constructor(program, ...args) {
    this.output = '';
    this.process = spawn(path.join(build, program), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.process.stdout.on('data', (text) => (this.output += text));
    this.process.stderr.on('data', (text) => (this.output += text));
    this.ended = once(this.process, 'exit');
  }

  get alive() {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  said(pattern) {
    return waitFor(`"${pattern}" from ${this.process.spawnfile}`, () => {
      if (!this.alive) throw new Error(`it ended early: ${this.output}`);
      return this.output.match(pattern);
    });
  }

  async stop() {
    // Twice: the second signal does not wait for streams that a test left open.
    for (const patience of [500, 2000]) {
      if (!this.alive) return;
      this.process.kill('SIGTERM');
      await Promise.race([this.ended, pause(patience, undefined, { ref: false })]);
    }
    this.process.kill('SIGKILL');
    await this.ended;
  }
}

class Region {
  static async start(name, ...flags) {
    const region = new Region();
    region.name = name;
    region.child = new Child('sluice-region', '--listen', '127.0.0.1:0', '--control', '127.0.0.1:0',
      '--name', name, '--require-key', `key-${name}`, ...flags);
    region.port = Number((await region.child.said(/^listening on (\d+)$/m))[1]);
    region.control = Number((await region.child.said(/^control on (\d+)$/m))[1]);
    return region;
  }

  async #ask(method, what, body) {
    const answer = await fetch(`http://127.0.0.1:${this.control}/_region/${what}`, {
      method, body: body && JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json();
  }

  fault(members) {
    return this.#ask('POST', 'fault', members);
  }

  async attempts() {
    return (await this.#ask('GET', 'counts')).attempts;
  }

  log() {
    return this.#ask('GET', 'log');
  }
}

async function startRouter(folder, regions, config) {
  for (let tries = 0; tries < 10; tries++) {
    const [port, admin] = [await freePort(), await freePort()];
    const file = path.join(folder, 'router.json');
    writeFileSync(file, JSON.stringify({
      listen: `127.0.0.1:${port}`,
      admin_listen: `127.0.0.1:${admin}`,
      regions: regions.map((r, i) => ({
        name: r.name, base_url: `http://127.0.0.1:${r.port}/v1`, api_key: `key-${r.name}`,
        priority: i + 1,
      })),
      retry: { backoff: '1ms', backoff_max: '5ms' },
      ...config,
    }));
    const child = new Child('sluice-router', '-c', file);
    const ready = await waitFor('the router to be ready', async () => {
      if (!child.alive) return 'ended';
      return fetch(`http://127.0.0.1:${admin}/readyz`).then((a) => a.ok, () => false);
    });
    if (ready === true) return { child, port };
    if (!child.output.includes('in use')) throw new Error(child.output);
  }
  throw new Error('no free port for the router');
}

/// A fleet of regions ["us-east", ...] behind one router; t.after ends it.
export async function startFleet(t, names, { config = {}, flags = [] } = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-js-'));
  const children = [];
  t.after(async () => {
    for (const child of children.reverse()) await child.stop();
    rmSync(folder, { recursive: true });
  });
  const regions = [];
  for (const name of names) {
    regions.push(await Region.start(name, ...flags));
    children.push(regions.at(-1).child);
  }
  const router = await startRouter(folder, regions, config);
  children.push(router.child);
  const client = (more = {}) => new OpenAI({
    baseURL: `http://127.0.0.1:${router.port}/v1`, apiKey: 'client-key', maxRetries: 0, ...more,
  });
  return { regions, client: client(), newClient: client, port: router.port };
}

export const hello = (more = {}) => ({
  model: 'gpt-4.1', messages: [{ role: 'user', content: 'hello' }], ...more,
});

/// The whole text of a stream; throws what the stream throws.
export async function readStream(stream) {
  const out = { text: '', chunks: [] };
  for await (const chunk of stream) {
    out.chunks.push(chunk);
    out.text += chunk.choices[0]?.delta?.content ?? '';
  }
  return out;
}
