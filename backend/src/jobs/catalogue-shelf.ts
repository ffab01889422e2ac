import { EventEmitter, once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Logger } from '@nestjs/common';
import { Catalogue } from '@atelier/sdk/contracts';
import { EngineStarting } from './errors.js';

/** So long a request waits for the first catalogue of an engine that is starting. */
const PATIENCE_MS = 30_000;

/** What the engine has to offer, by its last word; kept on disk, so that the page opens before the engine is up. */
export class CatalogueShelf {
  private readonly log = new Logger('catalogue');
  private readonly events = new EventEmitter<{ changed: [Catalogue] }>();
  private latest: Catalogue | undefined;
  private isFromThisEngine = false;
  private writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly file: string,
    private readonly patienceMs = PATIENCE_MS,
  ) {
    this.events.setMaxListeners(0); // one for each request that waits
    // a copy of an older version, or half of one, is no more than no copy
    if (existsSync(file)) this.latest = Catalogue.safeParse(jsonOrNull(readFileSync(file, 'utf8'))).data;
  }

  /** The last catalogue, of this engine or of the one before; waits for the very first. */
  async get(): Promise<Catalogue> {
    return this.latest ?? (await this.getFresh());
  }

  /** The catalogue of the engine that runs now; waits until it has told one. */
  async getFresh(): Promise<Catalogue> {
    if (this.latest && this.isFromThisEngine) return this.latest;
    try {
      const [catalogue] = await once(this.events, 'changed', { signal: AbortSignal.timeout(this.patienceMs) });
      return catalogue as Catalogue;
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'AbortError') throw new EngineStarting('what it offers');
      throw cause;
    }
  }

  /** The engine told what it offers. */
  receive(catalogue: Catalogue): void {
    this.latest = catalogue;
    this.isFromThisEngine = true;
    this.events.emit('changed', catalogue);
    this.writing = this.writing.then(() => this.write(catalogue)).catch((error: unknown) => this.log.warn(error)); // the next one is tried again
  }

  /** Another engine is being started; what the last one said may be out of date. */
  expectNew(): void {
    this.isFromThisEngine = false;
  }

  onChange(listener: (catalogue: Catalogue) => void): void {
    this.events.on('changed', listener);
  }

  /** Resolves when what was received is on disk. */
  async settled(): Promise<void> {
    await this.writing;
  }

  private async write(catalogue: Catalogue): Promise<void> {
    const temporary = `${this.file}.partial`;
    await mkdir(path.dirname(this.file), { recursive: true });
    await writeFile(temporary, JSON.stringify(catalogue));
    await rename(temporary, this.file);
  }
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
