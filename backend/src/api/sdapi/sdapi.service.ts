import { Injectable } from '@nestjs/common';
import { ReportedError } from '@atelier/sdk';
import type { CheckpointEntry, Job } from '@atelier/sdk/contracts';
import { CatalogueShelf } from '../../jobs/catalogue-shelf.js';
import { JobAlreadyFinished, JobNotRunning } from '../../jobs/errors.js';
import { JobDispatcher } from '../../jobs/job-dispatcher.js';
import { JobLedger } from '../../jobs/job-ledger.js';
import { JobService } from '../../jobs/job.service.js';
import { SettingsStore } from '../../settings/settings-store.js';
import { PictureFiles } from '../picture-files.js';
import { SettingsService } from '../settings.service.js';
import { fixedOptions, isFixedAt } from './options.js';
import { outputOptions, takeOutput } from './output-options.js';
import { pngInfo } from './png-info.js';
import { infoOf, progressOf } from './reply.js';
import { checkpointNamed, titleOf } from './resolve-names.js';
import { theirVaeName } from './resolve-parts.js';
import { takeChoices } from './standing-choices.js';
import { FieldNotBuilt, ignoredFields, type SdapiTxt2ImgRequest, toTxt2ImgRequest } from './txt2img-request.js';

/** A1111 makes pictures while the caller waits, and speaks of "the" job; both are translated here. */
@Injectable()
export class SdapiService {
  /** What was last asked of which job; A1111 shows it until the next job begins. */
  private asked: { jobId: string; what: 'skipped' | 'interrupted' } | undefined;

  constructor(
    private readonly jobs: JobService,
    private readonly ledger: JobLedger,
    private readonly dispatcher: JobDispatcher,
    private readonly catalogue: CatalogueShelf,
    private readonly settings: SettingsService,
    private readonly store: SettingsStore,
    private readonly files: PictureFiles,
  ) {}

  /** Makes pictures and answers with them. When the caller goes away, the job goes on. */
  async txt2img(request: SdapiTxt2ImgRequest) {
    const wanted = toTxt2ImgRequest(request, await this.catalogue.getFresh(), this.store.current.sdapi);
    const { id } = await this.jobs.create(wanted);
    const job = await this.jobs.whenEnded(id);
    if (job.phase === 'failed') throw new ReportedError(job.error);
    const ignored = ignoredFields(request);
    const images = request.send_images === false ? [] : await Promise.all(job.pictures.map((picture) => this.files.read(picture)));
    return {
      images: images.map((png) => png.toString('base64')),
      parameters: Object.fromEntries(Object.entries(request).filter(([name]) => !ignored.includes(name))),
      info: infoOf(job, job.pictures, await this.catalogue.get(), ignored),
    };
  }

  async pngInfo(image: string) {
    const { checkpoints } = await this.catalogue.get();
    const chosen = chosenOf(checkpoints, this.store.current.checkpoint);
    return await pngInfo(image, chosen && titleOf(chosen));
  }

  async progress(withImage: boolean) {
    const job = await this.running();
    const asked = job !== undefined && this.asked?.jobId === job.id ? this.asked.what : undefined;
    const preview = withImage ? this.dispatcher.preview : undefined;
    return progressOf(job, preview, { skipped: asked === 'skipped', interrupted: asked === 'interrupted' }, Date.now());
  }

  /** Ends the running job with what it has, as A1111 does. Nothing to do when none runs. */
  async interrupt(): Promise<void> {
    await this.tell('interrupted', (id) => this.jobs.cancel(id, true));
  }

  async skip(): Promise<void> {
    await this.tell('skipped', (id) => this.jobs.skip(id));
  }

  async options() {
    const catalogue = await this.catalogue.get();
    const { checkpoints } = catalogue;
    const { checkpoint, sdapi } = this.store.current;
    const chosen = chosenOf(checkpoints, checkpoint);
    return {
      ...fixedOptions,
      ...outputOptions(this.store.current.output),
      sd_vae: theirVaeName(catalogue, sdapi.vae),
      forge_additional_modules: sdapi.modules,
      CLIP_stop_at_last_layers: sdapi.clipSkip,
      sd_model_checkpoint: chosen ? titleOf(chosen) : null,
      sd_checkpoint_hash: chosen?.sha256 ?? '',
      live_previews_enable: this.store.current.livePreviews,
    };
  }

  async setOptions(options: Record<string, unknown>): Promise<void> {
    const catalogue = await this.catalogue.getFresh();
    const { checkpoints } = catalogue;
    const { sd_model_checkpoint: wanted, live_previews_enable: livePreviews, ...rest } = options;
    const { output, others: further } = takeOutput(rest, this.store.current.output);
    const { chosen, others } = takeChoices(further, catalogue, this.store.current.sdapi);
    for (const [name, value] of Object.entries(others)) {
      if (value !== null && !isFixedAt(name, value)) throw new FieldNotBuilt(name, value);
    }
    await this.settings.change({
      sdapi: chosen,
      output,
      ...(wanted !== undefined && { checkpoint: wanted === null ? null : checkpointNamed(checkpoints, String(wanted)) }),
      ...(typeof livePreviews === 'boolean' && { livePreviews }),
    });
  }

  private async running(): Promise<Job | undefined> {
    const [job] = await this.ledger.list({ limit: 1, phase: 'running' });
    return job;
  }

  private async tell(what: 'skipped' | 'interrupted', order: (id: string) => Promise<Job>): Promise<void> {
    const job = await this.running();
    if (!job) return;
    this.asked = { jobId: job.id, what };
    try {
      await order(job.id);
    } catch (error) {
      const hasJustEnded = error instanceof JobAlreadyFinished || error instanceof JobNotRunning;
      if (!hasJustEnded) throw error;
    }
  }
}

/** The checkpoint that pictures are made with when a request names none. */
function chosenOf(checkpoints: readonly CheckpointEntry[], chosen: string | null): CheckpointEntry | undefined {
  if (chosen !== null) return checkpoints.find(({ name }) => name === chosen);
  const usable = checkpoints.filter(({ problem }) => problem === null);
  return usable.length === 1 ? usable[0] : undefined;
}
