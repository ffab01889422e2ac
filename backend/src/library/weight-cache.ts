import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, utimes } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '@atelier/sdk';
import { stateOf } from './file-state.js';
import { gigabytes } from './memory-policy.js';

const UNFINISHED = '.unfinished';
/** After so long without a change, a file that was begun will not be finished by anyone. */
const ABANDONED_AFTER_MS = 3_600_000;

/** The disk did not take the copy. */
export class WeightCopyNotWritten extends AppError {
  readonly code = 'weight-copy-not-written';
  constructor(folder: string, bytes: number, cause: NodeJS.ErrnoException) {
    super(
      `The copy of the model's weights could not be written to "${folder}": the system says "${cause.code ?? cause.message}".`,
      `It takes ${gigabytes(bytes)} GB there. Make room, or ask for another precision.`,
      { cause },
    );
  }
}

/** A copy of weights that can be made again at any time. */
export interface WeightCopy {
  /** Says what is in it: the same name is the same content. */
  name: string;
  bytes: number;
  /** Whether a file with that name can be used. */
  isWhole(file: string): Promise<boolean>;
  /** Writes it to a new file and makes sure that it is on the disk. */
  write(file: string): Promise<void>;
}

/** Copies of weights in another form, kept in one folder that does not grow beyond a bound. Those that were not used for longest are deleted first. */
export class WeightCache {
  /** @param mostBytes asked whenever a copy is to be written. One that is larger alone is written nevertheless: it is needed. */
  constructor(
    private readonly folder: string,
    private readonly mostBytes: () => number,
  ) {}

  /**
   * The file with the copy. It stays until another copy is asked for that needs its room: by then whoever used it has closed it.
   *
   * @throws WeightCopyNotWritten, or what writing it throws.
   */
  async file(copy: WeightCopy): Promise<string> {
    const file = path.join(this.folder, `${copy.name}.safetensors`);
    if (!(await copy.isWhole(file))) {
      await this.writeAnew(copy, file).catch((error: unknown) => {
        throw isSystemError(error) ? new WeightCopyNotWritten(this.folder, copy.bytes, error) : error;
      });
    }
    const now = new Date();
    await utimes(file, now, now);
    return file;
  }

  /** Under a name of its own until it is whole, so that nobody meets a part of it. */
  private async writeAnew({ bytes, write }: WeightCopy, file: string): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await this.makeRoom(bytes, file);
    const unfinished = `${file}.${randomUUID()}${UNFINISHED}`;
    try {
      await write(unfinished);
      await rename(unfinished, file);
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
  }

  /** Deletes what was not used for longest, until there is room for a copy of `file`. */
  private async makeRoom(bytes: number, file: string): Promise<void> {
    const files = (await readdir(this.folder)).map((name) => path.join(this.folder, name)).filter((each) => each !== file);
    const states = await Promise.all(files.map(async (each) => ({ file: each, ...(await stateOf(each)) })));
    let total = states.reduce((sum, { sizeBytes }) => sum + sizeBytes, bytes);
    for (const { file: other, sizeBytes, changedMs } of states.sort((a, b) => a.changedMs - b.changedMs)) {
      const isUnfinished = other.endsWith(UNFINISHED); // another engine may be writing it
      const isLetGo = isUnfinished ? changedMs < Date.now() - ABANDONED_AFTER_MS : total > this.mostBytes();
      if (!isLetGo) continue;
      await rm(other, { force: true });
      total -= sizeBytes;
    }
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
