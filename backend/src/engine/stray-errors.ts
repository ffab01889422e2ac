import { fail } from '@atelier/sdk';
import type { Bus } from '../hooks/index.js';

/** Compiled extensions lie in `data/cache/extensions/<id>/<hash>/`, so their id stands in the stack of what they throw. */
const extensionInStack = /[\\/]cache[\\/]extensions[\\/]([a-z0-9-]+)[\\/]/;

/**
 * Errors that reach nobody: a promise that was never awaited, a timer's callback that throws. One out of an extension's
 * code becomes its fault and the engine goes on; one of ours ends the engine, as Node does by itself.
 */
export function blameStrayErrors(bus: Bus): void {
  const blame = (error: unknown): void => {
    const [, extension] = extensionInStack.exec(error instanceof Error ? (error.stack ?? '') : '') ?? [];
    if (extension === undefined) {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      process.exit(1); // the server sees it, says so and starts another engine
    }
    try {
      bus.visit(extension, 'something that nobody waited for').run(() => fail(error as Error));
    } catch {
      // whoever listens for faults has noted it; there is no one else to tell
    }
  };
  process.on('unhandledRejection', blame);
  process.on('uncaughtException', blame);
}
