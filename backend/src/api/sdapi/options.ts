import path from 'node:path';
import { isLoopback, type Options } from '../../command-line.js';

/**
 * Options of A1111 that are here at one value only, that of its default: clients read them, and may set what is already so.
 */
export const fixedOptions: Readonly<Record<string, unknown>> = {
  samples_format: 'png',
  randn_source: 'NV',
  eta_noise_seed_delta: 0,
  return_grid: false,
};

/** Setting this changes nothing, because it is so already. */
export function isFixedAt(name: string, value: unknown): boolean {
  return name in fixedOptions && fixedOptions[name] === value;
}

/** How this server was started, in A1111's words. Secrets are not among them. */
export function cmdFlags({ host, port, dataDir, modelsDirs, safe }: Options): object {
  const [models] = modelsDirs;
  return {
    api: true,
    nowebui: false,
    listen: !isLoopback(host),
    port,
    data_dir: dataDir,
    models_dir: models,
    ckpt_dir: path.join(models, 'checkpoints'),
    disable_extra_extensions: safe,
  };
}
