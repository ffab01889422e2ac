// What Linux knows of processes. Elsewhere there is no /proc, and these fail.
import fs from 'node:fs';

const KIBIBYTE = 1024;
const LOOK_EVERY_MS = 10;
const TICKS_PER_SECOND = 100; // USER_HZ, the same on every Linux that Node runs on

/** The process ids of a server, the engine below it and the device below that; undefined for one that does not run. */
export function processesOf(serverPid) {
  const [engine] = childrenOf(serverPid);
  const [device] = engine === undefined ? [] : childrenOf(engine);
  return { server: serverPid, engine, device };
}

function childrenOf(pid) {
  const list = read(`/proc/${pid}/task/${pid}/children`)?.trim();
  return list ? list.split(' ').map(Number) : [];
}

/**
 * Bytes of a process. `own` is what nothing else can use: what it allocated, without the pages of mapped files, which the
 * system takes back when it needs them. `resident` is both together. 0 when it has ended.
 */
export function memoryOf(pid) {
  const status = read(`/proc/${pid}/status`) ?? '';
  const fact = (key) => Number(new RegExp(`^${key}:\\s*(\\d+)`, 'm').exec(status)?.[1] ?? 0) * KIBIBYTE;
  return { own: fact('RssAnon'), resident: fact('VmRSS') };
}

/** Processor seconds that a process has used, in itself and the system. */
export function cpuSecondsOf(pid) {
  const fields = read(`/proc/${pid}/stat`)?.split(') ').at(-1).split(' ');
  return fields ? (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND : 0;
}

/** Looks at a server's processes every few milliseconds, so that one can ask afterwards what they had at some moment. */
export class ProcessWatch {
  /** @type {{ at: number, own: number, resident: number, cpuSeconds: { server: number, engine: number, device: number } }[]} memory of the device */
  #looks = [];
  #timer;

  constructor(serverPid) {
    this.#timer = setInterval(() => {
      const { device, ...others } = processesOf(serverPid);
      const cpuSeconds = Object.fromEntries(Object.entries({ device, ...others }).map(([role, pid]) => [role, cpuSecondsOf(pid)]));
      this.#looks.push({ at: performance.timeOrigin + performance.now(), ...memoryOf(device), cpuSeconds });
    }, LOOK_EVERY_MS);
  }

  /** The most that the device held between two moments, in bytes. */
  peaks(from = -Infinity, to = Infinity) {
    const looks = this.#looks.filter(({ at }) => at >= from && at <= to);
    return { own: Math.max(0, ...looks.map(({ own }) => own)), resident: Math.max(0, ...looks.map(({ resident }) => resident)) };
  }

  /** Processor seconds that each process used between two moments. */
  cpuSecondsBetween(from, to) {
    const at = (moment) => this.#looks.findLast((look) => look.at <= moment)?.cpuSeconds ?? { server: 0, engine: 0, device: 0 };
    const [before, after] = [at(from), at(to)];
    return Object.fromEntries(Object.keys(after).map((role) => [role, after[role] - before[role]]));
  }

  stop() {
    clearInterval(this.#timer);
  }
}

/** Nothing when the process ended while we looked. */
function read(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(error.code)) return undefined;
    throw error;
  }
}
