import { workerData } from 'node:worker_threads';

/*
 * Runs beside the device. A model call blocks the main thread, which then cannot notice that the engine has gone; this
 * thread ends the process within a second, so that an orphan never keeps the cores for the minutes a call may take.
 */
const { parent } = workerData as { parent: number };

setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}, 1000);
