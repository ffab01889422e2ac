import { fork, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { Logger } from '@nestjs/common';
import { ReportedError } from '@atelier/sdk';
import {
  EngineQuestions,
  type EngineQuestion,
  type EngineStatus,
  type ErrorReport,
  FromEngine,
  type QuestionInput,
  type QuestionOutput,
  RunningTap,
  type Settings,
  type ToEngine,
} from '@atelier/sdk/contracts';
import { EngineEnded, EngineStarting, EngineTimeout } from './errors.js';

/** A sign of life is asked for so many times within the limit. */
const PINGS = 10;
/** An engine that says nothing for so long is ended. */
const SILENCE_MS = 30_000;
/** An engine that was up for so long died of something new, so it is started again at once. */
const STEADY_MS = 60_000;
const LONGEST_PAUSE_MS = 30_000;
/** So long a question waits for an engine that is starting. */
const START_PATIENCE_MS = 30_000;
const ANSWER_LIMIT_MS = 30_000;
/** So long an engine may take to end in good order. */
const FAREWELL_MS = 5_000;

/** How engines are started, and what they are told first. */
export interface EngineStart {
  /** The script and its arguments, as for `node`. */
  script: string;
  args: readonly string[];
  settings: () => Settings;
  /** `data/running-tap.json`, in which the engine says whose code it runs. */
  runningTapFile: string;
  silenceMs?: number;
}

interface EngineEvents {
  message: [FromEngine];
  /** The engine takes jobs. */
  ready: [];
  /** It ended, and is started again. */
  ended: [EngineEnded];
  status: [EngineStatus];
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/**
 * The engine, as a process of its own that is kept alive: it is started again when it ends, and ended when it no longer
 * answers. Speaks `ToEngine` and `FromEngine` over the IPC channel; ends with this process.
 */
export class EngineProcess extends EventEmitter<EngineEvents> {
  private readonly log = new Logger('engine');
  private child: ChildProcess | undefined;
  private state: EngineStatus['state'] = 'starting';
  /** What the engine last said: of its device, which the next engine will have too, and of its own memory, which goes with it. */
  private device: Pick<EngineStatus, 'device' | 'chosenBecause' | 'precision' | 'modelMemory' | 'guidance'> = {
    device: null,
    chosenBecause: null,
    precision: null,
    modelMemory: null,
    guidance: null,
  };
  private memory: Extract<FromEngine, { type: 'status' }>['memory'] | null = null;
  private lastIncident: ErrorReport | null = null;
  private readonly suspects = new Map<string, ErrorReport>();
  private readonly waiting = new Map<number, Waiting>();
  private lastQuestion = 0;
  private deaths = 0;
  private settingsTold: Settings | undefined;
  private isStopping = false;
  /** Why we ended it, when we did. */
  private endedBecause: { code: EngineEnded['code']; how: string } | undefined;
  private restart: NodeJS.Timeout | undefined;

  constructor(private readonly begin: EngineStart) {
    super();
    this.setMaxListeners(0); // one for each request that waits for `ready`
  }

  get isReady(): boolean {
    return this.state === 'ready';
  }

  get status(): EngineStatus {
    const memory = this.memory && { ...this.memory, serverBytes: process.memoryUsage.rss(), totalBytes: totalmem() };
    return { ...this.device, memory, state: this.state, lastIncident: this.lastIncident };
  }

  start(): void {
    // a variable of the environment, so that tests need not wait half a minute
    const silenceMs = this.begin.silenceMs ?? Number(process.env.ATELIER_HEARTBEAT_MS ?? SILENCE_MS);
    const child = fork(this.begin.script, this.begin.args, {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: process.platform !== 'win32', // Ctrl+C in the terminal is for the server, which ends the engine in good order
    });
    const startedAt = performance.now();
    const heartbeat = this.listenToHeart(child, silenceMs);
    this.child = child;
    this.endedBecause = undefined;
    const ended = (how: string): void => {
      if (this.child !== child) return; // told already
      heartbeat.stop();
      this.ended(how, performance.now() - startedAt);
    };
    child.on('message', (message) => {
      heartbeat.reset();
      const understood = FromEngine.safeParse(message);
      if (understood.success) this.receive(understood.data);
      else
        this.end(
          child,
          'engine-misspoke',
          `The engine said something that is not in the contract and was ended (${understood.error.message})`,
        );
    });
    child.once('error', (error) =>
      child.pid === undefined ? ended(`The engine could not be started (${error.message})`) : child.kill('SIGKILL'),
    );
    child.once('exit', (code, signal) => ended(`The engine ended unexpectedly (${signal ?? `exit code ${code}`})`));
    this.settingsTold = this.begin.settings();
    this.send({ type: 'start', settings: this.settingsTold, suspects: Object.fromEntries(this.suspects) });
  }

  /** Tells the engine something. It is lost when the engine is just ending; `ended` follows then. */
  send(message: ToEngine): void {
    if (this.child?.connected) this.child.send(message, () => undefined); // an error here is told by `exit`
  }

  /**
   * Asks the engine something and waits for the answer.
   *
   * @throws EngineStarting, EngineTimeout, EngineEnded, or what the engine answered instead.
   */
  async ask<Q extends EngineQuestion>(question: Q, input: QuestionInput<Q>, limitMs = ANSWER_LIMIT_MS): Promise<QuestionOutput<Q>> {
    await this.whenReady(`"${question}"`);
    const id = ++this.lastQuestion;
    let timer: NodeJS.Timeout | undefined;
    try {
      const value = await new Promise((resolve, reject) => {
        this.waiting.set(id, { resolve, reject });
        timer = setTimeout(() => reject(new EngineTimeout(question, limitMs)), limitMs);
        this.send({ type: 'ask', id, question, input });
      });
      return EngineQuestions[question].output.parse(value) as QuestionOutput<Q>;
    } finally {
      clearTimeout(timer);
      this.waiting.delete(id);
    }
  }

  /** The settings have changed: returns when the engine goes by them. One that is still starting gets them when it is up. */
  async applySettings(): Promise<void> {
    if (!this.isReady) return;
    this.settingsTold = this.begin.settings();
    await this.ask('apply-settings', this.settingsTold);
  }

  /** The person trusts the extension again; it is not held back at the next start. */
  clearSuspect(extension: string): void {
    this.suspects.delete(extension);
  }

  /** Ends the engine in good order, or the hard way when that takes too long. It is not started again. */
  async stop(reason: string): Promise<void> {
    this.isStopping = true;
    clearTimeout(this.restart);
    const child = this.child;
    if (!child) return;
    const gone = once(child, 'exit');
    this.send({ type: 'shutdown', reason });
    const patience = setTimeout(() => child.kill('SIGKILL'), FAREWELL_MS);
    await gone;
    clearTimeout(patience);
  }

  private async whenReady(purpose: string): Promise<void> {
    if (this.isReady) return;
    try {
      await once(this, 'ready', { signal: AbortSignal.timeout(START_PATIENCE_MS) });
    } catch {
      throw new EngineStarting(purpose);
    }
  }

  /** Ends the child when several pings in a row stay without any message. Counts pings, not time: a laptop may sleep. */
  private listenToHeart(child: ChildProcess, silenceMs: number): { reset(): void; stop(): void } {
    let unanswered = 0;
    const timer = setInterval(() => {
      if (unanswered >= PINGS) return this.end(child, 'engine-hung', 'The engine stopped answering and was ended');
      unanswered++;
      this.send({ type: 'ping' });
    }, silenceMs / PINGS);
    return { reset: () => (unanswered = 0), stop: () => clearInterval(timer) };
  }

  private receive(message: FromEngine): void {
    switch (message.type) {
      case 'pong':
        return;
      case 'ready':
        this.state = 'ready';
        // they may have changed while it was starting; should it end now, the next one gets them
        if (this.settingsTold !== this.begin.settings()) this.applySettings().catch((error: unknown) => this.log.warn(error));
        this.emit('ready');
        this.emit('status', this.status);
        return;
      case 'status': {
        const { type: _, memory, ...device } = message;
        this.device = device;
        this.memory = memory;
        this.emit('status', this.status);
        return;
      }
      case 'answer': {
        const { result } = message;
        const waiting = this.waiting.get(message.id); // gone when the answer came too late
        if (result.ok) waiting?.resolve(result.value);
        else waiting?.reject(new ReportedError(result.error));
        return;
      }
      default:
        this.emit('message', message);
    }
  }

  private end(child: ChildProcess, code: EngineEnded['code'], how: string): void {
    this.endedBecause ??= { code, how };
    child.kill('SIGKILL');
  }

  private ended(how: string, livedMs: number): void {
    this.child = undefined;
    const tap = readRunningTap(this.begin.runningTapFile);
    const incident = new EngineEnded(this.endedBecause?.how ?? how, tap, this.endedBecause?.code);
    for (const { reject } of this.waiting.values()) reject(incident);
    if (this.isStopping) return;
    this.lastIncident = incident.toReport();
    if (tap) this.suspects.set(tap.extension, this.lastIncident);
    this.deaths = livedMs < STEADY_MS ? this.deaths + 1 : 1;
    this.state = 'restarting';
    this.memory = null;
    this.emit('ended', incident);
    this.emit('status', this.status);
    const pauseMs = this.deaths === 1 ? 0 : Math.min(LONGEST_PAUSE_MS, 500 * 2 ** (this.deaths - 2));
    this.restart = setTimeout(() => this.start(), pauseMs);
  }
}

/** Whose code the engine was running when it ended; null when it was its own. */
function readRunningTap(file: string): RunningTap | null {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return text === '' ? null : RunningTap.parse(JSON.parse(text));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null; // it ended before its first tap
    throw cause;
  }
}
