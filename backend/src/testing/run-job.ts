import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { ModelFamily, Sampler, Scheduler, Txt2ImgInput } from '@atelier/sdk';
import { Txt2ImgRequest, type Stage } from '@atelier/sdk/contracts';
import { tinyCheckpoint } from '@atelier/sdk/testing';
import { samplers } from '../diffusion/samplers/index.js';
import { schedulers } from '../diffusion/schedulers/index.js';
import { createBus, type Bus, type Collected } from '../hooks/index.js';
import { families } from '../model-families/families.js';
import { CheckpointIndex } from '../library/checkpoint-index.js';
import { foldersIn } from '../library/model-folders.js';
import { ModelLibrary } from '../library/model-library.js';
import type { FinishedImage } from '../pipeline/job-context.js';
import { JobControl } from '../pipeline/job-control.js';
import { Shelves } from '../pipeline/shelves.js';
import { txt2img } from '../pipeline/txt2img.js';
import { InProcessDevice } from './in-process-device.js';

export interface RunOptions {
  /** `tiny` is a made-up model that takes milliseconds and paints noise; else the path of a checkpoint. */
  model: string;
  /** What acts in the job: an extension from `loadExtension()`, or a bus of the test's own. */
  extension?: { bus: Bus; samplers: readonly Sampler[]; schedulers: readonly Scheduler[]; modelFamilies?: readonly ModelFamily[] };
}

/** What a job made, and which stages it went through. */
export interface JobRun {
  images: FinishedImage[];
  stages: Stage[];
  steps: number;
}

/**
 * Runs a job through the real pipeline, models and ONNX Runtime, in this process.
 *
 * @throws what made the job fail.
 */
export async function runJob(request: Txt2ImgInput, { model, extension }: RunOptions): Promise<JobRun> {
  const home = await mkdtemp(path.join(os.tmpdir(), 'atelier-job-'));
  const folder = path.join(home, 'checkpoints');
  await mkdir(folder);
  if (model === 'tiny') tinyCheckpoint('sd15', { folder, name: 'model' });
  else await symlink(path.resolve(model), path.join(folder, 'model.safetensors'));
  const known = [...families, ...(extension?.modelFamilies ?? [])];
  const index = await CheckpointIndex.open(path.join(home, 'index.db'), foldersIn([home]), () => known);
  await index.refresh();
  const library = new ModelLibrary(
    index,
    new InProcessDevice(),
    () => known,
    () => ({ modelMemory: 'keep', prepack: false, weightCacheGb: 1 }),
    path.join(home, 'cache'),
  );
  const run: JobRun = { images: [], stages: [], steps: 0 };
  try {
    const asked = { ...Txt2ImgRequest.parse(request), checkpoint: 'model' };
    const job = {
      info: { id: 'test', request: asked },
      hooks: (extension?.bus ?? createBus()).points,
      library,
      shelves: new Shelves(together(samplers, extension?.samplers), together(schedulers, extension?.schedulers)),
      control: new JobControl(),
      previewMethod: 'auto' as const,
      report: {
        request: () => {},
        stage: (stage: Stage) => run.stages.push(stage),
        warning: () => {},
        batch: () => {},
        step: () => run.steps++,
      },
    };
    for await (const image of txt2img(asked, job)) run.images.push(image);
    return run;
  } finally {
    await library.close();
    await index.close();
    await rm(home, { recursive: true, force: true });
  }
}

function together<T extends { id: string }>(core: readonly T[], added: readonly T[] = []): Collected<T>[] {
  return [...core, ...added].map((item) => ({ id: item.id, item, extension: null }));
}
