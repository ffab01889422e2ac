import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { getJob, type Endpoint, type ErrorReply, type InputOf, type Job, type ReplyOf } from '@atelier/sdk/contracts';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import { io, type Socket } from 'socket.io-client';
import type { z } from 'zod';
import { root } from './repository.js';

type AnyEndpoint = Endpoint<z.ZodType, z.ZodType, z.ZodType, z.ZodType>;

export interface ServerWishes {
  /** Files to offer, by name; `tiny` alone when none are named. */
  checkpoints?: Record<string, string>;
  /** Folders of extensions to install. */
  extensions?: string[];
  args?: string[];
  env?: NodeJS.ProcessEnv;
  /** Where everything lies; a new folder when it is not given. */
  home?: string;
  outputsDir?: string;
}

/** The built server as a process of its own, with folders of its own. */
export interface TestServer {
  url: string;
  pid: number;
  home: string;
  folders: { data: string; outputs: string; models: string; extensions: string };
  /** Calls an endpoint; throws when it refuses. */
  call<E extends AnyEndpoint>(endpoint: E, input?: InputOf<E>): Promise<ReplyOf<E>>;
  /** Calls an endpoint that must refuse. */
  refusal<E extends AnyEndpoint>(endpoint: E, input?: unknown): Promise<ErrorReply & { status: number }>;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  post(path: string, body?: unknown): Promise<Response>;
  socket(headers?: Record<string, string>): Socket;
  /** Waits until the engine takes jobs. */
  ready(): Promise<void>;
  /** Waits until the job is as wanted; by default, until it has ended. */
  job(id: string, isAsWanted?: (job: Job) => boolean): Promise<Job>;
  /** Processes below this one: the engine, and below it the device. */
  children(): { engine: number; device: number | undefined };
  /** Ends the server the hard way, as `kill -9` does. The folders stay. */
  kill(): Promise<void>;
  /** Ends it in good order; answers the exit code. */
  stop(): Promise<number | null>;
}

const running = new Set<ChildProcess>();
const homes = new Set<string>();

/** Starts `main.js serve` on a free port and resolves when it listens. Rejects with what it said when it ends instead. */
export async function startServer(wishes: ServerWishes = {}): Promise<TestServer> {
  const home = wishes.home ?? mkdtempSync(path.join(os.tmpdir(), 'atelier-server-'));
  homes.add(home);
  const folders = {
    data: path.join(home, 'data'),
    outputs: wishes.outputsDir ?? path.join(home, 'outputs'),
    models: path.join(home, 'models'),
    extensions: path.join(home, 'extensions'),
  };
  furnish(folders, wishes);
  const child = fork(
    path.join(root, 'backend/dist/main.js'),
    [
      'serve',
      '--port=0',
      '--no-browser',
      `--data-dir=${folders.data}`,
      `--outputs-dir=${folders.outputs}`,
      `--models-dir=${folders.models}`,
      `--extensions-dir=${folders.extensions}`,
      ...(wishes.args ?? []),
    ],
    { silent: true, env: { ...process.env, ...wishes.env }, execArgv: [] },
  );
  running.add(child);
  child.once('exit', () => running.delete(child));
  let said = '';
  child.stdout!.on('data', (text: Buffer) => (said += text.toString()));
  child.stderr!.on('data', (text: Buffer) => (said += text.toString()));
  const url = await addressFrom(child, () => said);
  return serverAt(url, child, home, folders);
}

/** What the socket hears next under that name. */
export function heard<Payload>(socket: Socket, event: string): Promise<Payload> {
  return new Promise((resolve) => socket.once(event, resolve));
}

/** Ends every server that a test left behind and removes its folders. For `afterEach`. */
export async function endServers(): Promise<void> {
  await Promise.all([...running].map(async (child) => (child.kill('SIGKILL'), await once(child, 'exit'))));
  await pause(100); // engines and devices end with their server
  for (const home of homes) rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  homes.clear();
  tiny = undefined;
}

let tiny: string | undefined;

/** One tiny checkpoint for all servers until `endServers`. */
export function tinyFile(): string {
  if (tiny) return tiny;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'atelier-tiny-'));
  homes.add(folder);
  return (tiny = tinyCheckpoint('sd15', { folder, name: 'tiny' }));
}

function furnish({ models, extensions }: TestServer['folders'], wishes: ServerWishes): void {
  const checkpoints = path.join(models, 'checkpoints');
  if (existsSync(checkpoints)) return; // a home that is used again
  mkdirSync(checkpoints, { recursive: true });
  mkdirSync(extensions, { recursive: true });
  for (const [name, file] of Object.entries(wishes.checkpoints ?? { tiny: tinyFile() }))
    symlinkSync(file, path.join(checkpoints, `${name}.safetensors`));
  for (const folder of wishes.extensions ?? []) symlinkSync(folder, path.join(extensions, path.basename(folder)));
}

async function addressFrom(child: ChildProcess, said: () => string): Promise<string> {
  for (;;) {
    const [, address] = /Atelier is at (http:\S+)/.exec(said()) ?? [];
    if (address) return address;
    if (child.exitCode !== null || child.signalCode !== null) throw new ServerEnded(child.exitCode, said());
    await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')]);
  }
}

/** The server ended before it listened. */
export class ServerEnded extends Error {
  constructor(
    readonly exitCode: number | null,
    readonly said: string,
  ) {
    super(`The server ended with exit code ${exitCode}: ${said}`);
  }
}

function serverAt(url: string, child: ChildProcess, home: string, folders: TestServer['folders']): TestServer {
  const sockets: Socket[] = [];
  const fetchFrom = (address: string, init?: RequestInit): Promise<Response> => fetch(url + address, init);
  const send = async (endpoint: AnyEndpoint, input: unknown): Promise<{ status: number; body: unknown }> => {
    const { address, body } = addressed(endpoint, { ...(input as Record<string, unknown>) });
    const reply = await fetchFrom(address, {
      method: endpoint.method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
    return { status: reply.status, body: await reply.json() };
  };
  const server: TestServer = {
    url,
    pid: child.pid!,
    home,
    folders,
    fetch: fetchFrom,
    async call<E extends AnyEndpoint>(endpoint: E, input?: InputOf<E>) {
      const { status, body } = await send(endpoint, input);
      if (status !== (endpoint.status ?? 200)) throw new Error(`${endpoint.path} answered ${status}: ${JSON.stringify(body)}`);
      return endpoint.reply.parse(body) as ReplyOf<E>;
    },
    async refusal(endpoint, input) {
      const { status, body } = await send(endpoint, input);
      if (status < 400) throw new Error(`${endpoint.path} should have refused, and answered ${JSON.stringify(body)}`);
      return { status, ...(body as ErrorReply) };
    },
    post: (address, body) =>
      fetchFrom(address, {
        method: 'POST',
        ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      }),
    socket(extraHeaders) {
      const socket = io(url, { extraHeaders, reconnection: false });
      sockets.push(socket);
      return socket;
    },
    async ready() {
      await fetchFrom('/sdapi/v1/refresh-checkpoints', { method: 'POST' }); // answered by an engine that is up
    },
    async job(id, isAsWanted = ({ phase }) => phase !== 'queued' && phase !== 'running') {
      for (;;) {
        const job = await server.call(getJob, { id });
        if (isAsWanted(job)) return job;
        await pause(20);
      }
    },
    children() {
      const [engine] = childrenOf(child.pid!);
      const [device] = childrenOf(engine);
      return { engine, device };
    },
    async kill() {
      for (const socket of sockets) socket.disconnect();
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
    },
    async stop() {
      for (const socket of sockets) socket.disconnect();
      child.kill('SIGTERM');
      const [code] = (await once(child, 'exit')) as [number | null];
      return code;
    },
  };
  return server;
}

/** Path parameters and query go into the address, the rest into the body. */
function addressed(endpoint: AnyEndpoint, rest: Record<string, unknown>): { address: string; body: object | undefined } {
  const take = (name: string): unknown => {
    const value = rest[name];
    delete rest[name];
    return value;
  };
  const address = endpoint.path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(String(take(name))));
  const names = endpoint.query && 'shape' in endpoint.query ? Object.keys(endpoint.query.shape as object) : [];
  const query = new URLSearchParams(names.filter((name) => rest[name] !== undefined).map((name) => [name, String(take(name))]));
  return { address: query.size > 0 ? `${address}?${query}` : address, body: endpoint.method === 'GET' ? undefined : rest };
}

/** Linux keeps the list of a process's children. */
function childrenOf(pid: number): number[] {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return list === '' ? [] : list.split(' ').map(Number);
}
