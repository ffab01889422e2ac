import { reportOf } from '@atelier/sdk';
import { ToEngine, type FromEngine } from '@atelier/sdk/contracts';
import type { Options } from '../command-line.js';
import { Engine } from './engine.js';

/** What `main.js engine` runs: an engine that speaks with the server over its IPC channel, and ends with it. */
export function runEngine(options: Options): void {
  let engine: Promise<Engine> | undefined;
  const emit = (message: FromEngine): void => {
    if (process.connected) process.send?.(message);
  };

  async function receive(message: ToEngine): Promise<void> {
    if (message.type === 'ping') return emit({ type: 'pong' });
    if (message.type === 'start') {
      engine = Engine.start({ options, emit, settings: message.settings, suspects: message.suspects });
      return (await engine).watchModels();
    }
    const started = await engine!; // `start` comes first
    switch (message.type) {
      case 'run':
        return await started.run(message.jobId, message.request, message.firstBatch);
      case 'cancel':
        return started.cancel(message.jobId, message.mode);
      case 'stop-now':
        return await started.stopNow(message.jobId);
      case 'ask':
        return emit({ type: 'answer', id: message.id, result: await answer(started, message.question, message.input) });
      case 'shutdown':
        await started.stop(message.reason);
        process.exit(0);
    }
  }

  process.on('message', (message) => void receive(ToEngine.parse(message)));
  process.on('disconnect', () => process.exit(0)); // the server is gone; the device goes the same way
}

type Answer = Extract<FromEngine, { type: 'answer' }>['result'];

async function answer(engine: Engine, question: string, input: unknown): Promise<Answer> {
  try {
    return { ok: true, value: await engine.ask(question, input) };
  } catch (error) {
    return { ok: false, error: reportOf(error) };
  }
}
