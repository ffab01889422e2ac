import { existsSync, readdirSync } from 'node:fs';
import type { DeviceChoice, Provider } from '@atelier/sdk/contracts';
import type { ProviderTrial } from './try-provider.js';

/** Where models are to run, and why: `because` completes "It runs there because …". */
export interface ChosenProvider {
  provider: Provider;
  because: string;
}

/** What `auto` tries, fastest kind first. The others are taken by name only: they prepare each model for minutes, or run parts of it. */
const candidates: Partial<Record<NodeJS.Platform, readonly Provider[]>> = {
  linux: ['cuda', 'webgpu'],
  win32: ['dml', 'webgpu'],
  darwin: ['webgpu'],
};

/**
 * Chooses where models run. By name, the choice is taken literally. `auto` takes a graphics card that works and is faster than the CPU;
 * a software adapter works, and is slower than the CPU by far.
 *
 * @param tryOut starts a device with a provider; see `tryProvider`.
 */
export async function chooseProvider(
  choice: DeviceChoice,
  tryOut: (provider: Provider) => Promise<ProviderTrial>,
  mayHaveGraphicsCard = hasGraphicsCard(),
): Promise<ChosenProvider> {
  if (choice !== 'auto') return { provider: choice, because: 'it was asked for by name' };
  const tried = candidates[process.platform] ?? [];
  if (!mayHaveGraphicsCard || tried.length === 0) return { provider: 'cpu', because: 'this machine shows no graphics card' };
  const trials: ProviderTrial[] = [];
  for (const provider of tried) trials.push(await tryOut(provider));
  const working = trials.filter((trial) => trial.works);
  if (working.length === 0) return { provider: 'cpu', because: describe(trials) };
  const cpu = await tryOut('cpu');
  return fastest(trials, cpu);
}

/** The first provider that works and is faster than the CPU, else the CPU. */
function fastest(trials: readonly ProviderTrial[], cpu: ProviderTrial): ChosenProvider {
  const cpuSeconds = cpu.works ? cpu.seconds : Infinity;
  const winner = trials.find((trial) => trial.works && trial.seconds < cpuSeconds);
  if (!winner?.works) return { provider: 'cpu', because: describe(trials, cpuSeconds) };
  return {
    provider: winner.provider,
    because: `it works, and multiplies matrices ${times(cpuSeconds / winner.seconds)} as fast as the CPU`,
  };
}

/** Why none of them was taken. */
function describe(trials: readonly ProviderTrial[], cpuSeconds = Infinity): string {
  const reasons = trials.map((trial) =>
    trial.works
      ? `${trial.provider} takes ${times(trial.seconds / cpuSeconds)} as long, so it is no graphics card or a slow one`
      : `${trial.provider} does not work (${trial.problem.message})`,
  );
  return reasons.join('; ');
}

function times(factor: number): string {
  return `${factor < 10 ? factor.toFixed(1) : Math.round(factor)} times`;
}

/**
 * Whether the system shows a graphics card that programs may use. Linux has a device file for each (`/dev/dxg` within Windows);
 * elsewhere trying is the only way to know.
 */
function hasGraphicsCard(): boolean {
  if (process.platform !== 'linux') return true;
  if (existsSync('/dev/nvidia0') || existsSync('/dev/dxg')) return true;
  return existsSync('/dev/dri') && readdirSync('/dev/dri').some((name) => name.startsWith('renderD'));
}
