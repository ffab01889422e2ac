import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import type { Options } from '../command-line.js';
import { physicalCores } from '../inference/physical-cores.js';

/** A folder that is written to or read from, and the disk it is on. It may not exist yet; then its nearest parent counts. */
export interface FolderOnDisk {
  folder: string;
  freeBytes: number;
  isWritable: boolean;
}

/** What this machine has, as far as making pictures is concerned. */
export interface Machine {
  node: string;
  /** Null when it was not npm that started us. */
  npm: string | null;
  system: string;
  processor: string;
  physicalCores: number;
  /** Threads that one model call uses. */
  threads: number;
  memoryBytes: number;
  freeMemoryBytes: number;
  /** What a container allows; null without a limit below the machine's memory. */
  memoryLimitBytes: number | null;
  folders: FolderOnDisk[];
}

export async function describeMachine({ threads, dataDir, outputsDir, modelsDirs }: Options): Promise<Machine> {
  const limit = process.constrainedMemory();
  return {
    node: process.versions.node,
    npm: /^npm\/(\S+)/.exec(process.env.npm_config_user_agent ?? '')?.[1] ?? null,
    system: `${os.type()} ${os.release()} ${process.arch}`,
    processor: os.cpus().at(0)?.model.trim() || 'unknown',
    physicalCores: physicalCores(),
    threads: threads ?? physicalCores(),
    memoryBytes: os.totalmem(),
    freeMemoryBytes: process.availableMemory(),
    memoryLimitBytes: limit > 0 && limit < os.totalmem() ? limit : null,
    folders: await Promise.all([dataDir, outputsDir, ...modelsDirs].map(folderOnDisk)),
  };
}

async function folderOnDisk(folder: string): Promise<FolderOnDisk> {
  const existing = await nearestExisting(folder);
  const { bavail, bsize } = await statfs(existing);
  const isWritable = await access(existing, constants.W_OK).then(
    () => true,
    () => false, // that is what was asked
  );
  return { folder, freeBytes: bavail * bsize, isWritable };
}

async function nearestExisting(folder: string): Promise<string> {
  const isThere = await access(folder).then(
    () => true,
    () => false,
  );
  return isThere || path.dirname(folder) === folder ? folder : nearestExisting(path.dirname(folder));
}
