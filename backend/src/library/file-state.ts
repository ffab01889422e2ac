import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** What tells that a model is still the same: its size and when it last changed. */
export interface FileState {
  sizeBytes: number;
  changedMs: number;
}

/** Of a file, or of all files below a folder together. What is not there, or closed to us, has neither: whoever opens it knows what to say. */
export async function stateOf(file: string): Promise<FileState> {
  const status = await stat(file).catch(() => null);
  if (!status?.isDirectory()) return { sizeBytes: status?.size ?? 0, changedMs: status?.mtimeMs ?? 0 };
  const entries = await readdir(file, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => !entry.isDirectory()).map((entry) => path.join(entry.parentPath, entry.name));
  const statuses = await Promise.all(files.map((each) => stat(each).catch(() => ({ size: 0, mtimeMs: 0 }))));
  return {
    sizeBytes: statuses.reduce((sum, { size }) => sum + size, 0),
    changedMs: Math.max(status.mtimeMs, ...statuses.map(({ mtimeMs }) => mtimeMs)),
  };
}
