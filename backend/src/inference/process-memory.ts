import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Bytes that a process has allocated, without the pages of mapped files; undefined when it is not there, and where the system does not tell. */
export function ownMemoryOf({ pid }: Pick<ChildProcess, 'pid'>): number | undefined {
  const [, kibibytes] = /^RssAnon:\s*(\d+)/m.exec(read(`/proc/${pid}/status`)) ?? [];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

/** How many processes the kernel has ended for lack of memory since it started; undefined where it does not tell. */
export function endedForMemory(): number | undefined {
  const [, count] = /^oom_kill (\d+)/m.exec(read('/proc/vmstat')) ?? [];
  return count === undefined ? undefined : Number(count);
}

/** Nothing where there is no such file. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}
