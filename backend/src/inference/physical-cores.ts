import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/**
 * How many cores this process may use, counting two threads of one core once: arithmetic gains nothing from the second.
 * Linux tells; elsewhere every processor that the system reports counts.
 */
export function physicalCores(): number {
  if (process.platform !== 'linux') return availableParallelism();
  const cores = new Set<string>();
  for (const processor of readFileSync('/proc/cpuinfo', 'utf8').split('\n\n')) {
    const socket = /^physical id\s*: (\d+)$/m.exec(processor)?.[1];
    const core = /^core id\s*: (\d+)$/m.exec(processor)?.[1];
    if (socket !== undefined && core !== undefined) cores.add(`${socket}.${core}`);
  }
  // ARM lists no cores; a container may be allowed fewer than the machine has
  return cores.size === 0 ? availableParallelism() : Math.min(cores.size, availableParallelism());
}
