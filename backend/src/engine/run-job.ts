import { randomUUID } from 'node:crypto';
import {
  isInterruption,
  reportOf,
  type BatchContext,
  type JobInfo,
  type RgbImage,
  type StepReport,
  type Txt2ImgRequest,
} from '@atelier/sdk';
import type { ErrorReport, FromEngine, Loading, Picture, PreviewMethod, Progress, Settings } from '@atelier/sdk/contracts';
import type { Bus } from '../hooks/index.js';
import { pictureName } from '../images/picture-name.js';
import { encodePng } from '../images/png.js';
import { savePicture, writeNamedPicture } from '../images/save-picture.js';
import { DeviceEnded } from '../inference/errors.js';
import type { ModelLibrary } from '../library/model-library.js';
import type { FinishedImage, JobContext } from '../pipeline/job-context.js';
import type { JobControl } from '../pipeline/job-control.js';
import { ProgressMeter } from '../pipeline/progress-meter.js';
import type { Shelves } from '../pipeline/shelves.js';
import { txt2img } from '../pipeline/txt2img.js';
import { factsOf } from './picture-facts.js';

/** A tap that runs longer than this is named to the person who waits. */
const PATIENCE_MS = 10_000;

/** What running a job takes, beside the job. */
export interface JobSurroundings {
  bus: Bus;
  library: ModelLibrary;
  shelves: Shelves;
  outputsDir: string;
  /** What files are called. */
  output: Settings['output'];
  livePreviews: boolean;
  previewMethod: PreviewMethod;
  /** The file that a picture of the job is written to; without it, a free name in the outputs folder. */
  fileOf?: (index: number) => string;
  emit: (message: FromEngine) => void;
  /** Batches before it are on disk already. */
  firstBatch: number;
}

/** Runs one job to its end, whatever that is, and says so last. Never throws. */
export async function runJob(info: JobInfo, control: JobControl, surroundings: JobSurroundings): Promise<void> {
  const { bus, emit } = surroundings;
  const log = bus.openJob(info.id);
  const teller = new ProgressTeller(info, surroundings);
  const warned = new Set<string>(); // an observer that fails in one step fails in all of them
  const faults = bus.onFault(({ fault, jobId, outcome }) => {
    const place = `${fault.extension} ${fault.hook}`;
    if (jobId !== info.id || outcome !== 'noted' || warned.has(place)) return;
    warned.add(place);
    emit({ type: 'warning', jobId, warning: fault.toReport() });
  });
  const openings = surroundings.library.onOpening((loading) => teller.opening(loading));
  const { outcome, error } = await log.run(() => makePictures(info, control, teller, surroundings));
  teller.stop();
  openings[Symbol.dispose]();
  faults[Symbol.dispose]();
  emit({ type: 'finished', jobId: info.id, outcome, error, hookTimings: log.timings() });
}

interface JobEnd {
  outcome: 'done' | 'cancelled' | 'failed';
  error: ErrorReport | null;
}

async function makePictures(
  info: JobInfo,
  control: JobControl,
  report: JobContext['report'],
  surroundings: JobSurroundings,
): Promise<JobEnd> {
  const { bus, library, shelves, livePreviews, previewMethod, emit } = surroundings;
  const pictures: Picture[] = [];
  const startedAt = new Date();
  const end = await (async (): Promise<JobEnd> => {
    try {
      await bus.points.onJobStarted.call(info);
      const shown = livePreviews ? previewMethod : 'auto'; // where nobody looks, no file is asked for
      const job: JobContext = { info, hooks: bus.points, library, shelves, control, previewMethod: shown, report };
      for await (const finished of txt2img(info.request, job, surroundings.firstBatch)) {
        const picture = await save(finished, info, startedAt, surroundings);
        pictures.push(picture);
        emit({ type: 'picture', jobId: info.id, picture });
        await bus.points.onImageSaved.call({ job: info, picture });
      }
      return { outcome: control.isEnding ? 'cancelled' : 'done', error: null };
    } catch (error) {
      // a device that was ended because someone pressed "Stop now" is no fault
      if (control.caused(error) || control.isStopped) return { outcome: 'cancelled', error: null };
      return { outcome: 'failed', error: reportOf(error) };
    }
  })();
  await bus.points.onJobFinished.call({ job: info, phase: end.outcome, pictures });
  return end;
}

async function save(finished: FinishedImage, info: JobInfo, startedAt: Date, surroundings: JobSurroundings): Promise<Picture> {
  const { bus, outputsDir, output, shelves, fileOf } = surroundings;
  const { image, index, seed, parameters } = finished;
  const createdAt = new Date();
  const facts = factsOf(finished, info, { startedAt, now: createdAt }, shelves, output.maxPromptWords);
  const wanted = await bus.points.transformImageFile.call(
    { name: `txt2img-images/${pictureName(facts, output)}`, format: 'png', metadata: { parameters } },
    { job: info, index, seed },
  );
  const png = await encodePng(image, wanted.metadata);
  const file = fileOf
    ? await writeNamedPicture(fileOf(index), png)
    : await savePicture(outputsDir, wanted.name, wanted.format, png, output);
  const { width, height } = image;
  return {
    id: randomUUID(),
    jobId: info.id,
    index,
    seed,
    width,
    height,
    file,
    parameters: wanted.metadata.parameters ?? '',
    createdAt: createdAt.toISOString(),
  };
}

/** Tells the server what a job is doing: progress, previews, and whom it waits for. */
class ProgressTeller {
  private meter: ProgressMeter;
  private last: Progress | undefined;
  private readonly warned = new Set<string>();
  private isPreviewing = false;
  private isOver = false;
  private readonly watch: NodeJS.Timeout;

  constructor(
    private readonly info: JobInfo,
    private readonly surroundings: JobSurroundings,
  ) {
    this.meter = new ProgressMeter(info.request);
    this.watch = setInterval(() => this.tellWhomItWaitsFor(), 1000);
  }

  stop(): void {
    this.isOver = true;
    clearInterval(this.watch);
  }

  request = (asked: Txt2ImgRequest): void => {
    this.meter = new ProgressMeter(asked);
  };

  stage = (stage: Progress['stage']): void => this.tell(this.meter.enter(stage));

  warning = (warning: ErrorReport): void => {
    if (this.warned.has(warning.message)) return; // every batch has the same to say
    this.warned.add(warning.message);
    this.surroundings.emit({ type: 'warning', jobId: this.info.id, warning });
  };

  opening = (loading: Loading | null): void => this.tell(this.meter.opening(loading));

  batch = ({ firstIndex }: BatchContext): void => this.meter.beginBatch(firstIndex);

  step: JobContext['report']['step'] = (report, preview) => {
    this.tell(this.meter.stepDone(report.step, report.steps));
    if (this.surroundings.livePreviews && !this.isPreviewing) void this.sendPreview(report, preview);
  };

  /** The newest wins: while one is being made, others are left out. */
  private async sendPreview({ step, firstIndex }: StepReport, preview: () => Promise<RgbImage>): Promise<void> {
    this.isPreviewing = true;
    try {
      const png = new Uint8Array(await encodePng(await preview()));
      if (!this.isOver) this.surroundings.emit({ type: 'preview', preview: { jobId: this.info.id, picture: firstIndex, step, png } });
    } catch (error) {
      // when the device is gone, or someone ended the calls on it, the job itself says so
      if (!(error instanceof DeviceEnded) && !isInterruption(error))
        this.surroundings.emit({ type: 'warning', jobId: this.info.id, warning: reportOf(error) });
    } finally {
      this.isPreviewing = false;
    }
  }

  private tell(progress: Progress): void {
    this.last = progress;
    this.surroundings.emit({ type: 'progress', jobId: this.info.id, progress });
  }

  private tellWhomItWaitsFor(): void {
    const now = Date.now();
    const slow = this.surroundings.bus.pending().find(({ since }) => now - since > PATIENCE_MS);
    if (!slow || !this.last) return;
    const { extension, hook, since } = slow;
    const waitingFor = { extension, hook, seconds: Math.round((now - since) / 1000) };
    this.surroundings.emit({ type: 'progress', jobId: this.info.id, progress: { ...this.last, waitingFor } });
  }
}
