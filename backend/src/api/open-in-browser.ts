import { spawn } from 'node:child_process';

/** Opens the page where someone sits in front of a desktop; elsewhere does nothing. */
export function openInBrowser(address: string): void {
  const command = openerOf(process.platform, process.env);
  if (!command || !process.stdout.isTTY) return;
  const [program, ...args] = command;
  // a desktop without a browser is no fault of ours; the address is printed anyway
  spawn(program, [...args, address], { stdio: 'ignore', detached: true })
    .on('error', () => undefined)
    .unref();
}

/** The command that opens an address; undefined where there is no desktop. */
export function openerOf(platform: NodeJS.Platform, environment: NodeJS.ProcessEnv): string[] | undefined {
  if (platform === 'darwin') return ['open'];
  if (platform === 'win32') return ['cmd', '/c', 'start', ''];
  return environment.DISPLAY || environment.WAYLAND_DISPLAY ? ['xdg-open'] : undefined;
}
