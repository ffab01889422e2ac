import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { RunningTap } from '@atelier/sdk/contracts';

/** Room for one record; longer ids do not exist (manifest: 64 characters). */
const RECORD_BYTES = 512;

/**
 * Tells whose code is running, in a file that outlives this process: when the engine dies, the server reads who did it.
 * One positioned write of one block for each tap; the system keeps it even when the process is killed.
 */
export class RunningTapFile {
  private readonly descriptor: number;
  private readonly record = Buffer.alloc(RECORD_BYTES);

  constructor(file: string) {
    mkdirSync(path.dirname(file), { recursive: true });
    this.descriptor = openSync(file, 'w');
    this.write(null);
  }

  /** Before a tap: what runs. After it: null, or the tap that goes on. */
  write(running: RunningTap | null): void {
    this.record.fill(0x20);
    if (running) this.record.write(JSON.stringify(running));
    writeSync(this.descriptor, this.record, 0, RECORD_BYTES, 0);
  }

  close(): void {
    closeSync(this.descriptor);
  }
}
